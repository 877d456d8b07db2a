"""Fills the cloud of the lab through its APIs, and may be run again.

seed.py identity NAME=PORT...   projects, users and the catalogue, once Keystone answers
seed.py rest NAME=PORT...       waits for the services behind the APIs; flavors, image, network
"""
import sys
import time

from keystoneauth1 import session
from keystoneauth1.identity import v3

PORT = {name: int(port) for name, port in (arg.split('=') for arg in sys.argv[2:])}


def url(name, path=''):
    return f'http://127.0.0.1:{PORT[name]}{path}'


KEYSTONE = url('keystone', '/v3')
admin = session.Session(v3.Password(
    KEYSTONE, username='admin', password='lab', project_name='admin',
    user_domain_name='Default', project_domain_name='Default'))


def ensure(path, kind, want, by=('name',)):
    """The ID of the one that agrees with `want` in the keys `by`, made now if there is none."""
    for have in admin.get(path).json()[kind + 's']:
        if all(have.get(key) == want[key] for key in by):
            return have['id']
    if kind == 'image':     # the only API that does not wrap
        return admin.post(path, json=want).json()['id']
    return admin.post(path, json={kind: want}).json()[kind]['id']


def endpoint(service, interface, region, address):
    where = {'service_id': service, 'interface': interface, 'region_id': region}
    found = ensure(KEYSTONE + '/endpoints', 'endpoint', dict(where, url=address), by=where)
    # It may be there with the port of another time.
    admin.patch(f'{KEYSTONE}/endpoints/{found}', json={'endpoint': {'url': address}})


def identity():
    roles = {role['name']: role['id'] for role in admin.get(KEYSTONE + '/roles').json()['roles']}
    for name, granted in (('service', ('admin', 'service')), ('demo', ('member',))):
        project = ensure(KEYSTONE + '/projects', 'project', {'name': name, 'domain_id': 'default'})
        user = ensure(KEYSTONE + '/users', 'user', {
            'name': name, 'password': 'lab', 'domain_id': 'default', 'default_project_id': project})
        for role in granted:
            admin.put(f'{KEYSTONE}/projects/{project}/users/{user}/roles/{roles[role]}')
    for region in 'RegionOne', 'RegionTLS':
        ensure(KEYSTONE + '/regions', 'region', {'id': region}, by=('id',))
    for name, kind, path in (
            ('keystone', 'identity', '/v3'),
            ('glance', 'image', ''),
            ('placement', 'placement', ''),
            ('nova', 'compute', '/v2.1'),
            ('neutron', 'network', ''),
            ('cinder', 'block-storage', '/v3/$(project_id)s'),
            ('cinder', 'volumev3', '/v3/$(project_id)s')):
        service = ensure(KEYSTONE + '/services', 'service', {'name': name, 'type': kind}, by=('type',))
        for interface in 'public', 'internal', 'admin':
            endpoint(service, interface, 'RegionOne', url(name, path))
        endpoint(service, 'public', 'RegionTLS',
                 f'https://127.0.0.1:{PORT[name] + PORT["tls"]}{path}')


def wait(what, ready):
    end = time.monotonic() + 180
    while not ready():
        if time.monotonic() > end:
            raise SystemExit(f'{what} is not ready')
        time.sleep(0.1)


def wait_for_services():
    """A message to a service that does not listen yet would be lost."""
    import oslo_messaging
    from oslo_config import cfg

    cfg.CONF([], default_config_files=[])
    transport = oslo_messaging.get_rpc_transport(
        cfg.CONF, f'lab://lab:lab@127.0.0.1:{PORT["rabbitmq"]}/')
    for exchange, topic in (
            ('nova', 'conductor'),
            ('nova', 'scheduler'),
            ('nova', 'compute'),
            ('openstack', 'cinder-scheduler'),
            ('openstack', 'cinder-volume.lab@fake')):
        client = oslo_messaging.get_rpc_client(transport, oslo_messaging.Target(
            exchange=exchange, topic=topic, server='lab', version='3.0'), timeout=1)

        def listens():
            try:
                return client.prepare(version='1.0').call({}, 'oslo_rpc_server_ping')
            except oslo_messaging.MessagingTimeout:
                return False
        wait(topic, listens)

    # What it said of its capacity when it started, the scheduler may have missed.
    client.cast({}, 'publish_service_capabilities')
    pools = url('cinder', '/v3/scheduler-stats/get_pools')
    wait('the capacity for volumes', lambda: admin.get(pools).json()['pools'])


def rest():
    for name, vcpus, ram, disk in ('m1.tiny', 1, 512, 1), ('m1.small', 1, 2048, 20):
        ensure(url('nova', '/v2.1/flavors'), 'flavor',
               {'name': name, 'vcpus': vcpus, 'ram': ram, 'disk': disk})

    images = url('glance', '/v2/images')
    image = ensure(images, 'image', {
        'name': 'cirros', 'visibility': 'public', 'disk_format': 'raw', 'container_format': 'bare'})
    if admin.get(f'{images}/{image}').json()['status'] == 'queued':
        admin.put(f'{images}/{image}/file', data=bytes(1 << 20),
                  headers={'Content-Type': 'application/octet-stream'})

    network = ensure(url('neutron', '/v2.0/networks'), 'network',
                     {'name': 'public', 'router:external': True})
    ensure(url('neutron', '/v2.0/subnets'), 'subnet', {
        'name': 'public-subnet', 'network_id': network, 'ip_version': 4,
        'cidr': '203.0.113.0/24', 'enable_dhcp': False})


if sys.argv[1] == 'identity':
    identity()
else:
    wait_for_services()
    rest()
