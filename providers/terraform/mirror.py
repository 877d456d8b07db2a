#!/usr/bin/env python3
"""A folder from which `terraform init` takes the providers, in place of a registry.

mirror.py FOLDER VERSION TARGET [peers] PROGRAM...

Each program, terraform-provider-NAME, goes under treenail/NAME, for Terraform's default registry and for
OpenTofu's. With `peers` it goes also under the address and version of the provider that it takes the place
of, so that a root needs no change. FOLDER/terraform.rc is the CLI configuration that uses it. The same
programs give the same bytes.
"""
import hashlib
import os
import shutil
import sys
import zipfile

HOSTS = ('registry.terraform.io', 'registry.opentofu.org')
# What each takes the place of; the version is the one whose schema ours was compared with.
PEERS = {'openstack': [('terraform-provider-openstack/openstack', '3.4.0')], 'external': [('hashicorp/external', '2.4.0')],
         'kubernetes': [('hashicorp/kubernetes', '3.2.1')],
         'kubectl': [('alekc/kubectl', '2.4.1')]}

CONFIG = '''provider_installation {
  filesystem_mirror {
    path    = "%s"
    include = [%s]
  }
  direct {
    exclude = [%s]
  }
}
'''


def pack(program, name, version, folder, target):
    """The archive of a provider, and its checksum, under the names that registries give them."""
    os.makedirs(folder)
    stem = os.path.join(folder, 'terraform-provider-%s_%s' % (name, version))
    entry = zipfile.ZipInfo('terraform-provider-%s_v%s' % (name, version), (1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o100755 << 16
    entry.create_system = 3
    entry.compress_type = zipfile.ZIP_DEFLATED
    with open(program, 'rb') as f, zipfile.ZipFile('%s_%s.zip' % (stem, target), 'w') as archive:
        archive.writestr(entry, f.read(), compresslevel=9)
    with open('%s_%s.zip' % (stem, target), 'rb') as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    with open(stem + '_SHA256SUMS', 'w') as f:
        f.write('%s  %s_%s.zip\n' % (digest, os.path.basename(stem), target))


def main(folder, version, target, *programs):
    covered = ['%s/treenail/*' % host for host in HOSTS]
    shutil.rmtree(folder, ignore_errors=True)
    for program in programs:
        if program == 'peers':
            continue
        name = os.path.basename(program).replace('terraform-provider-', '')
        places = [('treenail/' + name, version)] + (PEERS.get(name, []) if 'peers' in programs else [])
        for host in HOSTS:
            for address, number in places:
                pack(program, name, number, os.path.join(folder, host, address), target)
        covered += ['%s/%s' % (host, address) for host in HOSTS for address, _ in places[1:]]
    names = ', '.join('"%s"' % a for a in covered)
    config = CONFIG % (os.path.abspath(folder), names, names)
    with open(os.path.join(folder, 'terraform.rc'), 'w') as f:
        f.write(config)
    print('# CLI configuration, also in %s:\n%s' % (os.path.join(folder, 'terraform.rc'), config), end='')


main(*sys.argv[1:])
