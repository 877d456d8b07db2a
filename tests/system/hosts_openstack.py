#!/usr/bin/env python3
"""examples/cluster-on-openstack by real Terraform: from an empty project to a Deployment that is ready in one apply, and back.

The servers of the lab's OpenStack are matched with hosts (tests/lab/match.sh) while Terraform waits for them: each has the
addresses that Neutron gave it, the user's key, and the host key that cloud-init was told.
"""
import glob
import json
import os
import re
import subprocess
import sys
import threading

import hosted
from common import LAB, PROGRAM, ROOT, TEMP, check, environment, finish, rest

sys.path.insert(0, os.path.join(ROOT, 'tests/terraform'))
import terraform  # noqa: E402

EXAMPLE = 'cluster-on-openstack'
NAME = 'tn-os%d' % os.getpid()
HOSTS = os.path.join(TEMP, 'hosts')
LISTS = {'/v2.0/networks': 'network', '/v2.0/subnets': 'network', '/v2.0/routers': 'network', '/v2.0/security-groups': 'network',
         '/v2.0/ports': 'network', '/v2.0/floatingips': 'network', '/os-keypairs': 'compute', '/servers': 'compute',
         '/os-server-groups': 'compute'}


def things():
    """What the project has."""
    found = set()
    for path, service in LISTS.items():
        for o in next(v for v in rest('GET', service, path)[1].values() if isinstance(v, list)):
            o = o.get('keypair', o)
            found.add('%s %s %s' % (path, o.get('name'), o.get('id')))
    return found


def keys(path):
    subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path], check=True)
    return {half: open(path + end).read() for half, end in (('private', ''), ('public', '.pub'))}


def match():
    """What runs in the cloud has hosts. '', or what is wrong."""
    done = subprocess.run([os.path.join(ROOT, 'tests/lab/match.sh'), LAB, 'demo', HOSTS], capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ''


class Matched:
    """While it lasts, there are hosts for what runs in the cloud."""

    def __enter__(self):
        self.over, self.wrong = threading.Event(), ''
        self.thread = threading.Thread(target=self.follow)
        self.thread.start()
        return self

    def follow(self):
        known = None
        while not self.over.wait(1):
            servers = rest('GET', 'compute', '/servers/detail')[1]['servers']
            now = sorted((s['id'], json.dumps(s['addresses'])) for s in servers if s['status'] == 'ACTIVE')
            if now and now != known:
                self.wrong = match()
                known = None if self.wrong else now

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


class Project(terraform.Root):
    def __init__(self):
        for kind in ('modules', 'examples/' + EXAMPLE):
            subprocess.run(['cp', '-a', '--parents', kind, TEMP], cwd=ROOT, check=True)
        super().__init__(os.path.join(TEMP, 'examples', EXAMPLE), os.path.dirname(PROGRAM), environment(), head=False)
        self.run('get')
        self.env['TF_LOG'], self.env['TF_LOG_PATH'] = 'TRACE', self.path('trace.log')
        keys(self.path('id'))
        self.host_keys = {NAME + n: keys(self.path('host' + n)) for n in ('-bastion', '-cp-1', '-worker-a', '-worker-b')}

    def declare(self, workers):
        settings = {k: v for k, v in hosted.settings(hosted.NEW).items() if k != 'cni'}
        self.write('terraform.tfvars.json', json.dumps({
            'cloud': 'demo', 'name': NAME, 'kubernetes_version': hosted.NEW, 'image': 'cirros', 'flavor': 'm1.tiny', 'user': 'ops',
            'admin_cidrs': ['198.51.100.0/24'], 'workers': workers, 'key_file': self.path('id'), 'host_keys': self.host_keys,
            'network_manifests': [hosted.NETWORK], 'settings': settings}))

    def kubectl(self, *words):
        return subprocess.run(['ssh', '-F', os.path.join(HOSTS, 'ssh/config'), NAME + '-cp-1',
                               'KUBECONFIG=/etc/kubernetes/admin.conf kubectl ' + ' '.join(words)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout

    def secrets(self):
        """Beside what the module says of host keys, which are in the state as what cloud-init is told."""
        key = re.search(r'client-key-data: (\S+)', self.kubectl('config', 'view', '--raw'))
        if check(key, 'there is an administrator'):
            for name in ('terraform.tfstate', 'plan', 'trace.log'):
                with open(self.path(name), 'rb') as f:
                    check(key.group(1)[200:260].encode() not in f.read(), 'the key of the administrator is not in: ' + name)


def made(root, what, workers):
    root.declare(workers)
    done = root.plan()
    if not check(done.code == 2, what + ': planned', done.err):
        return False
    with Matched() as matched:
        done = root.apply('plan')
    if not check(done.ok, what + ': applied as planned', done.err + matched.wrong):
        return False
    nodes = root.kubectl('get', 'nodes', '--no-headers')
    check(sorted(re.findall(r'^(\S+) +Ready ', nodes, re.M)) == sorted([NAME + '-cp-1', *(NAME + '-worker-' + w for w in workers)]),
          what + ': all nodes are ready', nodes)
    ready = root.kubectl('get', 'deployment', 'web', '-n', 'web', '-o', 'jsonpath={.status.readyReplicas}')
    check(ready == '2', what + ': the deployment is ready', ready)
    again = root.plan()
    return check(again.code == 0, what + ': a second plan is empty', again.text)


def main():
    before = things()
    root = Project()
    try:
        if made(root, 'from an empty project', ['a']):
            root.secrets()
            made(root, 'a worker more', ['a', 'b'])
    finally:
        done = root.destroy()
        check(done.ok and not root.instances(), 'destroyed', done.text)
        check(things() == before, 'nothing is left in the project', things() ^ before)
        wrong = match()
        check(not wrong and not glob.glob(os.path.join(HOSTS, '*/number')), 'hosts go with their servers', wrong)
        subprocess.run([os.path.join(hosted.LAB, 'nodes-down.sh'), HOSTS, '--wipe'], check=False)


terraform.programs()
why = match()
if 'LEFT OUT' in why:
    print(why + '0 passed, 0 failed')
    sys.exit(0)
main()
finish()
