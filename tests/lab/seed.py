"""Fills the cloud of the lab through its APIs, and may be run again.

seed.py identity BASE   projects, users and the catalogue, once Keystone answers
seed.py rest BASE       waits for the services behind the APIs, then flavors, image, network
BASE is the first port of the lab.
"""
import sys
import time

from keystoneauth1 import session
from keystoneauth1.identity import v3

BASE = int(sys.argv[2])
TLS = 100
IMAGE, PLACEMENT, COMPUTE, NETWORK, VOLUME = range(BASE + 1, BASE + 6)

admin = session.Session(v3.Password(
    f'http://127.0.0.1:{BASE}/v3', username='admin', password='lab', project_name='admin',
    user_domain_name='Default', project_domain_name='Default'))


def ensure(url, kind, want, by=('name',)):
    """Returns the ID of the one that agrees with `want` in the keys `by`; makes it if need be."""
    for have in admin.get(url).json()[kind + 's']:
        if all(have.get(key) == want[key] for key in by):
            return have['id']
    wrapped = kind != 'image'
    made = admin.post(url, json={kind: want} if wrapped else want).json()
    return (made[kind] if wrapped else made)['id']


def endpoint(service, interface, region, url):
    keystone = f'http://127.0.0.1:{BASE}/v3/endpoints'
    want = {'service_id': service, 'interface': interface, 'region_id': region, 'url': url}
    found = ensure(keystone, 'endpoint', want, by=('service_id', 'interface', 'region_id'))
    admin.patch(f'{keystone}/{found}', json={'endpoint': {'url': url}})    # the port may be new


def identity():
    keystone = f'http://127.0.0.1:{BASE}/v3'
    roles = {role['name']: role['id'] for role in admin.get(f'{keystone}/roles').json()['roles']}
    for user, granted in (('service', ('admin', 'service')), ('demo', ('member',))):
        project = ensure(f'{keystone}/projects', 'project', {'name': user, 'domain_id': 'default'})
        user = ensure(f'{keystone}/users', 'user', {
            'name': user, 'password': 'lab', 'domain_id': 'default', 'default_project_id': project})
        for role in granted:
            admin.put(f'{keystone}/projects/{project}/users/{user}/roles/{roles[role]}')
    for region in 'RegionOne', 'RegionTLS':
        ensure(f'{keystone}/regions', 'region', {'id': region}, by=('id',))
    for name, kind, port, path in (
            ('keystone', 'identity', BASE, '/v3'),
            ('glance', 'image', IMAGE, ''),
            ('placement', 'placement', PLACEMENT, ''),
            ('nova', 'compute', COMPUTE, '/v2.1'),
            ('neutron', 'network', NETWORK, ''),
            ('cinder', 'block-storage', VOLUME, '/v3/$(project_id)s'),
            ('cinderv3', 'volumev3', VOLUME, '/v3/$(project_id)s')):
        service = ensure(f'{keystone}/services', 'service', {'name': name, 'type': kind})
        for interface in 'public', 'internal', 'admin':
            endpoint(service, interface, 'RegionOne', f'http://127.0.0.1:{port}{path}')
        endpoint(service, 'public', 'RegionTLS', f'https://127.0.0.1:{port + TLS}{path}')


def wait(what, ready):
    end = time.monotonic() + 60
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
        cfg.CONF, f'lab://lab:lab@127.0.0.1:{BASE + 50}/')
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
    pools = f'http://127.0.0.1:{VOLUME}/v3/scheduler-stats/get_pools'
    wait('the capacity for volumes', lambda: admin.get(pools).json()['pools'])


def rest():
    compute = f'http://127.0.0.1:{COMPUTE}/v2.1/flavors'
    for name, vcpus, ram, disk in ('m1.tiny', 1, 512, 1), ('m1.small', 1, 2048, 20):
        ensure(compute, 'flavor', {'name': name, 'vcpus': vcpus, 'ram': ram, 'disk': disk})

    images = f'http://127.0.0.1:{IMAGE}/v2/images'
    image = ensure(images, 'image', {
        'name': 'cirros', 'visibility': 'public', 'disk_format': 'raw', 'container_format': 'bare'})
    if admin.get(f'{images}/{image}').json()['status'] == 'queued':
        admin.put(f'{images}/{image}/file', data=bytes(1 << 20),
                  headers={'Content-Type': 'application/octet-stream'})

    neutron = f'http://127.0.0.1:{NETWORK}/v2.0'
    public = ensure(f'{neutron}/networks', 'network', {'name': 'public', 'router:external': True})
    ensure(f'{neutron}/subnets', 'subnet', {
        'name': 'public-subnet', 'network_id': public, 'ip_version': 4, 'cidr': '203.0.113.0/24',
        'enable_dhcp': False})


if sys.argv[1] == 'identity':
    identity()
else:
    wait_for_services()
    rest()
