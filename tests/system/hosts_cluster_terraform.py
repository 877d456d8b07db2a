#!/usr/bin/env python3
"""From bare hosts to a cluster with its first object in one `terraform apply`, and what may happen to it afterwards.

  hosts_cluster_terraform.py [PART ...]      unfinished only if it is named

Of hosts that are up already (hosted.py) it wants three.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import time

import hosted
from common import PROGRAM, ROOT, TEMP, check, finish
from hosted import LAB, NEW, NODES, kubectl

sys.path.insert(0, os.path.join(ROOT, 'tests/terraform'))
import terraform  # noqa: E402

BINARIES = os.path.dirname(PROGRAM)


def hosts():
    """Their addresses."""
    terraform.programs()
    if not os.environ.get('NODES'):
        up = subprocess.run([os.path.join(LAB, 'nodes-up.sh'), NODES, '3'], stderr=subprocess.PIPE, text=True)
        if 'LEFT OUT' in up.stderr:
            print(up.stderr)
            print('0 passed, 0 failed')
            sys.exit(0)
        if up.returncode:
            sys.exit(up.stderr)
    return [hosted.read('h%d' % i, 'address').split('/')[0] for i in (1, 2, 3)]


ADDRESSES = hosts()
MORE = hosted.settings(NEW)
HEAD = '''terraform {
  required_providers {
    treenail   = { source = "treenail/treenail" }
    kubernetes = { source = "treenail/kubernetes" }
  }
}
provider "treenail" {
  user             = "ops"
  sudo             = true
  private_key_file = ["%(nodes)s/ssh/id"]
  known_hosts_file = "%(nodes)s/ssh/known_hosts"
  ssh_config       = "none"
}
'''
HCL = '''resource "treenail_cluster" "lab" {
  name    = "lab"
  version = "%(version)s"
  journal = "%(journal)s"
  nodes   = %(declared)s
%(more)s}
ephemeral "treenail_kubeconfig" "lab" {
  cluster = { name = "lab", version = "%(version)s", nodes = treenail_cluster.lab.nodes, journal = "%(journal)s", id = treenail_cluster.lab.id }
}
provider "kubernetes" {
  host                   = ephemeral.treenail_kubeconfig.lab.host
  cluster_ca_certificate = ephemeral.treenail_kubeconfig.lab.cluster_ca_certificate
  client_certificate     = ephemeral.treenail_kubeconfig.lab.client_certificate
  client_key             = ephemeral.treenail_kubeconfig.lab.client_key
}
'''
OBJECT = '''resource "kubernetes_manifest" "first" {
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "first", namespace = "default" }
    data       = { by = "terraform" }
  }
}
'''
IMPORT = '''import {
  to = treenail_cluster.lab
  id = "lab"
}
'''
HEALTH = '''data "treenail_cluster_health" "lab" {
  cluster = treenail_cluster.lab
}
'''
NODE = '''resource "treenail_cluster_node" "h3" {
  cluster = { for k, v in treenail_cluster.lab : k => v if k != "changes" }
  name    = "h3"
  host    = "%s"
}
'''


def node(i, **more):
    return {'name': 'h%d' % i, 'host': ADDRESSES[i - 1], 'role': 'control_plane' if i == 1 else 'worker', **more}


def rows(**more):
    """The lab's settings, and more, as arguments."""
    text = ''.join('  %s = %s\n' % (k, json.dumps(v)) for k, v in {**MORE, **more}.items())
    return text.replace('${', '$${').replace('%{', '%%{')


class Cluster(terraform.Root):
    def __init__(self):
        super().__init__(tempfile.mkdtemp(dir=TEMP), BINARIES, {}, head=False)
        self.env['TF_LOG'], self.env['TF_LOG_PATH'] = 'TRACE', self.path('trace.log')

    def declare(self, nodes, more='', **settings):
        self.write('main.tf', (HEAD + HCL) % {'nodes': NODES, 'version': NEW, 'journal': self.path('journal'), 'declared': json.dumps(nodes),
                                              'more': rows(**settings)} + more)


def words(done):
    return re.sub(r'\s*\n[│ ]*\s*', ' ', done.text)


def actions(r):
    return {c['address']: c['change']['actions'] for c in r.planned().get('resource_changes', []) if c['change']['actions'] != ['no-op']}


def there(host, path):
    """What is in that file; '' if there is none."""
    return hosted.on(host, 'sudo cat %s 2>/dev/null' % path)


def looked(r, what):
    began = time.monotonic()
    done = r.plan()
    check(done.code == 0, what + ': a second plan is empty (%.1f s)' % (time.monotonic() - began), done.text)


def secrets(r):
    key = there('h1', '/etc/kubernetes/admin.conf')
    found = re.search(r'client-key-data: (\S+)', key)
    if not check(found, 'there is an administrator'):
        return
    for name in ('terraform.tfstate', 'trace.log', 'plan'):
        with open(r.path(name), 'rb') as f:
            check(found.group(1)[200:260].encode() not in f.read(), 'no key of the administrator in: ' + name)


def authority():
    """Of the cluster's keys, that which stays as long as it does; '' without a cluster."""
    return there('h1', '/etc/kubernetes/pki/ca.crt')


def half_made(r, nodes, more=''):
    """A creation that fails half-way."""
    missing = {'path': '/srv/lab/no.tar', 'names': ['lab.invalid/no:1'], 'roles': ['worker']}
    r.declare(nodes, more, images=[*MORE['images'], missing])
    done = r.apply()
    check(done.code == 1 and '/srv/lab/no.tar' in words(done) and 'resets nothing' in words(done) and authority(), 'what fails says so', done.text)
    check(r.instances().get('treenail_cluster.lab', (0, 0))[1] == 'tainted', 'and what it made is known', r.instances())
    return authority()


def destroyed(r, what):
    done = r.destroy()
    check(done.ok and not authority() and not r.instances(), what, done.text)


def unfinished():
    """What is half made can be destroyed; what is whole and is to be replaced is made anew."""
    r = Cluster()
    half_made(r, [node(1), node(2)])
    destroyed(r, 'what is half made is destroyed')
    r.declare([node(1)])
    r.apply()
    made = authority()
    done = r.apply('-replace=treenail_cluster.lab')
    check(done.ok and made and authority() not in ('', made), 'what is whole and is to be replaced is made anew', done.text)
    destroyed(r, 'and destroyed')


EXTERNAL = '''terraform {
  required_providers {
    external = { source = "treenail/external" }
  }
}
data "external" "health" {
  program = ["%(program)s"]
  query   = { kind = "Cluster", health = "true", kubeconfig = "%(kubeconfig)s" }
}
output "health" { value = data.external.health.result }
'''


def asked():
    """Health, versions and the days that are left of certificates, by the data source external."""
    r = terraform.Root(tempfile.mkdtemp(dir=TEMP), BINARIES, {}, head=False)
    r.write('kubeconfig', there('h1', '/etc/kubernetes/admin.conf') + '\n')
    r.write('main.tf', EXTERNAL % {'program': os.path.join(BINARIES, 'treenail-external'), 'kubeconfig': r.path('kubeconfig')})
    done = r.apply()
    have = r.run('output', '-json').json.get('health', {}).get('value', {})
    check(done.ok and have.get('version') == 'v' + NEW and have.get('nodes_ready') == have.get('nodes_total') == '2' and
          json.loads(have.get('versions', '{}')) == {'v' + NEW: 2} and int(have.get('api_certificate_days_left', 0)) > 300,
          'asked by the data source external', (done.text, have))


def main():
    r, nodes = Cluster(), [node(1), node(2, labels={'lab/a': 'b'})]
    made = half_made(r, nodes, OBJECT)
    r.declare(nodes, OBJECT)
    done = r.plan()
    check(done.code == 2 and set(actions(r)) == {'treenail_cluster.lab', 'kubernetes_manifest.first'},
          'a cluster and its first object are planned', done.text)
    done = r.apply()
    if not check(done.ok and authority() == made, 'the next apply goes on where that one stopped', done.text[-3000:]):
        return r
    check(isinstance(r.instances()['treenail_cluster.lab'][0]['changes'], list), 'to its end', r.instances())
    check(kubectl('get', 'configmap', 'first', '-o', 'jsonpath={.data.by}') == 'terraform', 'with its object')
    check(kubectl('get', 'nodes', '-o', 'name').split() == ['node/h1', 'node/h2'], 'and its nodes')
    looked(r, 'a cluster')

    r.declare([node(1), node(2, labels={'lab/a': 'c'})], OBJECT + HEALTH)
    done = r.plan()
    check(done.code == 2 and actions(r).get('treenail_cluster.lab') == ['update'] and 'mark h2' in words(done), 'a label is told', done.text)
    done = r.apply()
    health = r.instances('data').get('data.treenail_cluster_health.lab', ({}, None))[0]
    check(done.ok and kubectl('get', 'node', 'h2', '-o', 'jsonpath={.metadata.labels.lab/a}') == 'c', 'and changed', done.text)
    check(health.get('nodes_total') == 2 and health.get('certificates_days_left', 0) > 300, 'how it is', health)
    asked()
    kubectl('label', 'node', 'h2', 'lab/a-')
    done = r.plan()
    check(done.code == 2 and 'mark h2' in words(done), 'drift is found', done.text)
    check(r.apply().ok and kubectl('get', 'node', 'h2', '-o', 'jsonpath={.metadata.labels.lab/a}') == 'c', 'and repaired')
    looked(r, 'a label')

    r.run('state', 'rm', 'treenail_cluster.lab')
    r.declare([node(1), node(2, labels={'lab/a': 'c'})], OBJECT + HEALTH + IMPORT)
    done = r.apply()
    check(done.ok and r.instances()['treenail_cluster.lab'][0]['changes'] == [], 'imported, and nothing is done', done.text)
    looked(r, 'an import')

    r.declare([node(1), node(2, labels={'lab/a': 'c'})], OBJECT + NODE % ADDRESSES[2])
    done = r.apply()
    check(done.ok and kubectl('get', 'nodes', '-o', 'name').split() == ['node/h1', 'node/h2', 'node/h3'], 'a node joins', done.text)
    looked(r, 'a node')
    r.declare([node(1)], OBJECT)
    done = r.apply()
    check(done.ok and kubectl('get', 'nodes', '-o', 'name').split() == ['node/h1'], 'nodes leave', done.text)
    check(not there('h2', '/etc/kubernetes/kubelet.conf'), 'and are bare again')
    secrets(r)
    return r


def examples():
    """Of the documentation, all in one root, on the hosts of the lab."""
    docs = os.path.join(TEMP, 'docs')
    subprocess.run([os.path.join(BINARIES, 'terraform-provider-treenail'), '-docs', docs], check=True)
    found = []
    for page in ('resources/cluster', 'resources/cluster_node', 'ephemeral-resources/kubeconfig', 'data-sources/cluster_health'):
        with open(os.path.join(docs, page + '.md')) as f:
            found.append(re.search(r'^```terraform\n(.*?)^```$', f.read(), re.M | re.S).group(1))
    hcl = '\n'.join(found)
    for theirs, ours in zip(('10.0.0.11', '10.0.0.21', '10.0.0.22'), ADDRESSES):
        hcl = hcl.replace(theirs, ours)
    r = Cluster()
    r.write('main.tf', HEAD % {'nodes': NODES} + hcl.replace('  nodes = [', rows(journal=r.path('journal')) + '  nodes = [', 1))
    done = r.apply()
    nodes = kubectl('get', 'nodes', '-o', 'name').split()
    check(done.ok and nodes == ['node/c1', 'node/w1', 'node/w2'], 'examples: applied', done.text)
    looked(r, 'examples')
    out = r.run('output', '-json').json
    check(out.get('problems', {}).get('value') == [], 'examples: no problems', out)
    destroyed(r, 'examples: destroyed')


def whole():
    destroyed(main(), 'destroyed')


wanted = sys.argv[1:] or ['examples', 'whole']
for part in (unfinished, examples, whole):
    if part.__name__ in wanted:
        print('-- ' + part.__name__)
        part()
if not os.environ.get('NODES'):
    subprocess.run([os.path.join(LAB, 'nodes-down.sh'), NODES, '--wipe'], check=False)
finish()
