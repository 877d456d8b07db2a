"""match.py CLOUD DIR: for each server that runs there, a folder DIR/NAME of what its host is to be like; and DIR/networks,
which floating IPs come from.

It has the files id; address, with a prefix; floating, its floating IPs; keys, of who is let in; and host_key, if cloud-init is given one.
"""
import base64
import ipaddress
import os
import re
import sys

import openstack
import yaml


def host_key(user_data):
    """What cloud-init would make of it; '': the host makes its own."""
    text = base64.b64decode(user_data or '').decode()
    told = yaml.safe_load(text) if text.startswith('#cloud-config') else {}
    return told.get('ssh_keys', {}).get('ed25519_private', '')


def write(path, text):
    with open(os.path.join(sys.argv[2], path), 'w', encoding='utf8') as file:
        file.write(text + '\n' * bool(text))


def main():
    cloud, admin = openstack.connect(cloud=sys.argv[1]), openstack.connect(cloud='admin')
    external = [network.id for network in cloud.network.networks(is_router_external=True)]
    write('networks', '\n'.join(subnet.cidr for subnet in admin.network.subnets() if subnet.network_id in external))
    networks = [ipaddress.ip_network(subnet.cidr) for subnet in cloud.network.subnets()]
    for server in cloud.compute.servers(status='ACTIVE'):
        found = [(address['OS-EXT-IPS:type'], ipaddress.ip_address(address['addr'])) for addresses in server.addresses.values()
                 for address in addresses if address['version'] == 4]
        fixed = [address for kind, address in found if kind == 'fixed']
        if not fixed or not re.fullmatch('[a-zA-Z0-9][a-zA-Z0-9.-]*', server.name):
            print(f'{server.name}: not matched: no address, or no name of a host', file=sys.stderr)
            continue
        prefix = max((network.prefixlen for network in networks if fixed[0] in network), default=32)
        files = {'id': server.id, 'address': f'{fixed[0]}/{prefix}', 'floating': '\n'.join(str(a) for kind, a in found if kind == 'floating'),
                 'keys': cloud.compute.get_keypair(server.key_name).public_key.strip() if server.key_name else '',
                 'host_key': host_key(admin.compute.get_server(server.id).user_data).strip()}  # others are not told it
        os.makedirs(os.path.join(sys.argv[2], server.name), mode=0o700)
        for name, text in files.items():
            write(os.path.join(server.name, name), text)


main()
