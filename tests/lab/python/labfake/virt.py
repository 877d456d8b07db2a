"""Nova's fake hypervisor, with what it lacks for longer use: it knows its
servers again after a restart, its snapshots reach Glance, and a port may be
attached a second time."""
import io

from nova.compute import task_states
import nova.conf
from nova.image import glance
from nova.scheduler.client import report
from nova.virt import fake
from nova.virt import node

CONF = nova.conf.CONF

# Nova would ask Placement about every server whenever one is built, to hand
# the answer to a method that does not look at it.
report.SchedulerReportClient.get_allocations_for_provider_tree = (
    lambda self, context, nodename: {})


class LabDriver(fake.FakeDriver):
    capabilities = dict(fake.FakeDriver.capabilities,
                        supports_migrate_to_same_host=True)
    vcpus = 1000
    memory_mb = 8000000
    local_gb = 600000
    starting = True

    def get_nodenames_by_uuid(self, refresh=False):
        return {node.get_local_node_uuid(): CONF.host}

    def get_available_resource(self, nodename):
        self.starting = False
        return dict(super().get_available_resource(nodename),
                    uuid=node.get_local_node_uuid())

    def get_info(self, instance, use_cache=True):
        if self.starting and instance.uuid not in self.instances:
            self.instances[instance.uuid] = fake.FakeInstance(
                instance.name, instance.power_state, instance.uuid)
        return super().get_info(instance, use_cache)

    def attach_interface(self, context, instance, image_meta, vif):
        pass

    def detach_interface(self, context, instance, vif):
        pass

    def snapshot(self, context, instance, image_id, update_task_state):
        super().snapshot(context, instance, image_id, update_task_state)
        images = glance.API()
        image = images.get(context, image_id)
        update_task_state(task_state=task_states.IMAGE_UPLOADING,
                          expected_state=task_states.IMAGE_UPLOADING)
        images.update(context, image_id,
                      {'name': image['name'], 'disk_format': 'raw',
                       'container_format': 'bare'},
                      data=io.BytesIO(bytes(1024)))
