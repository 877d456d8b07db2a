"""match.py CLOUD: prints a line for each server that runs there: NAME ADDRESS/PREFIX, and its key pair's public key."""
import ipaddress
import re
import sys

import openstack


def main():
    cloud = openstack.connect(cloud=sys.argv[1])
    networks = [ipaddress.ip_network(subnet.cidr) for subnet in cloud.network.subnets()]
    for server in cloud.compute.servers(status='ACTIVE'):
        fixed = [ipaddress.ip_address(address['addr']) for addresses in server.addresses.values() for address in addresses
                 if address['version'] == 4 and address['OS-EXT-IPS:type'] == 'fixed']
        if not fixed or not re.fullmatch('[a-zA-Z0-9][a-zA-Z0-9.-]*', server.name):
            print(f'{server.name}: not matched: no address, or no name of a host', file=sys.stderr)
            continue
        prefix = max((network.prefixlen for network in networks if fixed[0] in network), default=32)
        key = cloud.compute.get_keypair(server.key_name).public_key.strip() if server.key_name else ''
        print(server.name, f'{fixed[0]}/{prefix}', key)


main()
