#!/usr/bin/env python3
"""examples/openstack-provider on the lab, installed by `terraform init` from what `make providers` makes.

Applied, a second plan empty; under the address of the provider it takes the place of, and back; destroyed.
"""
import hashlib
import json
import os
import subprocess
import sys
import zipfile

from common import PROGRAM, ROOT, TEMP, Project, check, clouds_file, environment, finish, proxies

sys.path.insert(0, os.path.join(ROOT, 'tests/terraform'))
import terraform  # noqa: E402

MIRROR = os.path.join(TEMP, 'providers')
PREFIX = 'tn-tfex'
ARGUMENTS = ['-var', 'cloud=own', '-var', 'prefix=' + PREFIX]
PEER = 'terraform-provider-openstack/openstack'
OURS = 'treenail/openstack'
LISTS = {'/v2.0/networks': 'network', '/v2.0/subnets': 'network', '/v2.0/routers': 'network',
         '/v2.0/security-groups': 'network', '/v2.0/ports': 'network', '/os-keypairs': 'compute', '/servers': 'compute'}
terraform.programs()
project, via = Project(PREFIX), proxies()


def mirror():
    """Makes the mirror; {file: digest}."""
    given = ['%s=%s' % (k, os.environ[k]) for k in ('B', 'O') if k in os.environ]
    done = subprocess.run(['make', '-s', '-C', ROOT, 'providers', 'PEERS=1', 'MIRROR=' + MIRROR, *given], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(done.returncode == 0 and 'filesystem_mirror' in done.stdout, 'make providers', done.stdout)
    found = {}
    for folder, _, files in os.walk(MIRROR):
        for name in files:
            with open(os.path.join(folder, name), 'rb') as f:
                found[os.path.join(folder, name)] = hashlib.sha256(f.read()).hexdigest()
    return found


def check_mirror():
    files = mirror()
    check(mirror() == files, 'make providers: the same bytes again')
    zips = [f for f in files if f.endswith('.zip')]
    check(len(zips) == 2 * (5 + 4), 'five providers, four of them also at the addresses of their peers; two registries', sorted(files))
    for path in zips:
        with zipfile.ZipFile(path) as z:
            inside = [(i.filename, i.external_attr >> 16 & 0o777) for i in z.infolist()]
        name, version = os.path.basename(path).split('_')[:2]
        ok = inside == [('%s_v%s' % (name, version), 0o755)]
        with open(path.split('_linux')[0] + '_SHA256SUMS') as f:
            ok = ok and f.read() == '%s  %s\n' % (files[path], os.path.basename(path))
        check(ok, 'archive and checksum: ' + os.path.relpath(path, MIRROR), inside)


def things():
    """What of ours is there."""
    found = set()
    for path, service in LISTS.items():
        for o in next(v for v in project.rest('GET', service, path)[1].values() if isinstance(v, list)):
            o = o.get('keypair', o)
            if o.get('name', '').startswith(PREFIX):
                found.add((path, o['name']))
    return found


def same(root, what):
    for proxy in via.values():
        proxy.reset()
    done = root.plan(*ARGUMENTS)
    check(done.code == 0, what + ': nothing to do', done.text)
    sent = [line for proxy in via.values() for line in proxy.seen]
    check(sent and not [x for x in sent if not x.startswith('GET ') and '/auth/tokens' not in x], what + ': only reads', sent)


def moved(root, text, source, target):
    """The root and its state under another provider's address."""
    done = root.run('state', 'replace-provider', '-auto-approve', source, target)
    check(done.ok, 'state replace-provider to ' + target, done.text)
    root.write('main.tf', text.replace(OURS, target))
    done = root.run('init', '-input=false', '-no-color')
    check(done.ok, 'init with ' + target, done.text)
    same(root, 'as ' + target)


def life(root, text):
    done = root.run('init', '-input=false', '-no-color')
    check(done.ok and OURS in done.out, 'terraform init installs it', done.text)
    done = root.run('validate', '-json')
    check(done.json.get('valid') and not done.json['diagnostics'], 'valid', done.text)
    done = root.apply(*ARGUMENTS)
    if not check(done.ok, 'applied', done.text):
        return
    names = {n for _, n in things()}
    check({PREFIX, PREFIX + '-1', PREFIX + '-2', PREFIX + '-3'} <= names, 'made', things())
    out = {k: v['value'] for k, v in root.run('output', '-json').json.items()}
    check(len(out['addresses']) == 3 and all(a.startswith('10.21.0.') for a in out['addresses'].values())
          and out['floating_ip'], 'addresses', out)
    server = project.rest('GET', 'compute', '/servers/detail?name=%s-1' % PREFIX)[1]['servers'][0]
    check(out['floating_ip'] in json.dumps(server['addresses']) and len(server['os-extended-volumes:volumes_attached']) == 1,
          'the first has the floating IP and the volume', server)
    same(root, 'again')
    moved(root, text, OURS, PEER)
    moved(root, text, PEER, OURS)


def main():
    check_mirror()
    root = terraform.Root(os.path.join(TEMP, 'example'), os.path.dirname(PROGRAM),
                          {**environment(clouds_file({'own': project.cloud(proxies=via)})), 'TF_CLI_CONFIG_FILE': os.path.join(MIRROR, 'terraform.rc')}, head=False)
    with open(os.path.join(ROOT, 'examples/openstack-provider/main.tf')) as f:
        text = f.read()
    root.write('main.tf', text)
    try:
        life(root, text)
    finally:
        done = root.destroy(*ARGUMENTS)
        check(done.ok, 'destroyed', done.text)
        check(not things(), 'nothing is left', things())


main()
finish()
