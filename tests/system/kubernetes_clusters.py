#!/usr/bin/env python3
"""A cluster on bare hosts by the modules: made, killed and taken up again, grown, marked, upgraded, shrunk, taken away.

NODES names the folder of three bare hosts that are up already (tests/lab/kubernetes/nodes-up.sh FOLDER 3); they are left as they
are. KILLS is how often a run is killed while the cluster is made, and as often again while it is upgraded; 3 by default.
"""
import glob
import json
import os
import random
import re
import stat
import subprocess
import time

from common import PROGRAM, ROOT, TEMP, check, finish

LAB = os.path.join(ROOT, 'tests/lab/kubernetes')
MODULES = os.path.join(os.path.dirname(PROGRAM), 'treenail-kubernetes')
NODES = os.environ.get('NODES') or os.path.join(TEMP, 'hosts')
KILLS = int(os.environ.get('KILLS', '3'))
JOURNAL = os.path.join(TEMP, 'journal')
OLD, NEW = '1.33.12', '1.33.13'
TOKEN = re.compile(r'\b[a-z0-9]{6}\.[a-z0-9]{16}\b')
# The pods' network of each node by itself, which is all that Ready needs.
NETWORK = '''apiVersion: apps/v1
kind: DaemonSet
metadata: {name: lab-net, namespace: kube-system}
spec:
  selector: {matchLabels: {app: lab-net}}
  template:
    metadata: {labels: {app: lab-net}}
    spec:
      hostNetwork: true
      tolerations: [{operator: Exists}]
      terminationGracePeriodSeconds: 0
      containers:
      - name: net
        image: lab.invalid/busybox:1
        imagePullPolicy: IfNotPresent
        env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}]
        command: ["sh", "-c"]
        args:
        - |
          p="10.244.$((${IP##*.} + 100)).0/24"
          echo '{"cniVersion": "0.4.0", "name": "lab", "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": true,
            "ipam": {"type": "host-local", "ranges": [[{"subnet": "'$p'"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}' >/cni/lab.new
          mv /cni/lab.new /cni/lab.conflist
          exec sleep 1000000000
        volumeMounts: [{name: cni, mountPath: /cni}]
      volumes: [{name: cni, hostPath: {path: /etc/cni/net.d, type: DirectoryOrCreate}}]
'''


def read(*path):
    with open(os.path.join(NODES, *path)) as f:
        return f.read()


def on(host, command):
    done = subprocess.run(['ssh', '-F', os.path.join(NODES, 'ssh/config'), host, command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip()


def kubectl(*words):
    return on('h1', 'KUBECONFIG=/etc/kubernetes/admin.conf kubectl ' + ' '.join(words))


def images(version):
    programs = 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy'
    return [{'path': '/srv/lab/images/kubernetes-v%s.tar' % version,
             'names': ['registry.k8s.io/%s:v%s' % (p, version) for p in programs]},
            {'path': '/srv/lab/images/pause.tar', 'names': ['registry.k8s.io/pause:3.10']},
            {'path': '/srv/lab/images/busybox.tar', 'names': ['lab.invalid/busybox:1']},
            {'path': '/srv/lab/images/etcd.tar', 'names': ['registry.k8s.io/etcd:3.5.24-0'], 'roles': ['control_plane']}]


def declaration(version, n, **more):
    nodes = [{'name': 'h%d' % i, 'host': {'address': read('h%d' % i, 'address').split('/')[0]},
              'role': 'worker' if i > 1 else 'control_plane'} for i in range(1, n + 1)]
    nodes[1].update(more)
    return {'name': 'lab', 'version': version, 'journal': JOURNAL, 'nodes': nodes,
            'ssh': {'user': 'ops', 'sudo': True, 'private_key_file': os.path.join(NODES, 'ssh/id'),
                    'known_hosts_file': os.path.join(NODES, 'ssh/known_hosts'), 'ssh_config': 'none',
                    'connect_timeout': 120},
            'packages': {'repository': ['deb [signed-by=/srv/lab/kubernetes/Release.key] file:/srv/lab/kubernetes ./'],
                         'extra': ['conntrack', 'ethtool']},
            'images': images(version), 'cni': {'manifests': [NETWORK]},
            # No pod here asks for a name.
            'kubeadm': {'skip_phases': ['addon/coredns'],
                        'kubelet': {'failCgroupV1': False, 'cgroupDriver': 'cgroupfs'},
                        'kube_proxy': {'mode': 'nftables', 'conntrack': {
                            'maxPerCore': 0, 'min': 0, 'tcpEstablishedTimeout': '0s', 'tcpCloseWaitTimeout': '0s'}}}}


def run(module, cluster, check_mode=False, kill_s=None, **options):
    """The result; None if it was killed after kill_s."""
    task = {'_ansible_module_name': module, '_ansible_check_mode': check_mode, 'cluster': cluster, **options}
    began = time.monotonic()
    process = subprocess.Popen([MODULES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        out = process.communicate(json.dumps(task), timeout=kill_s)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None
    result = json.loads(out)
    result['seconds'] = time.monotonic() - began
    return result


def done(result, what):
    detail = {k: result.get(k) for k in ('msg', 'actions', 'warnings', 'connections')}
    print('       %s: %.1f s, %s connections: %s' % (what, result['seconds'], result.get('connections'), ', '.join(
        '%s %.1f' % (a['id'], a['ms'] / 1000) for a in result.get('actions', []) if 'ms' in a)), flush=True)
    return check(not result.get('failed') and result['changed'], what, json.dumps(detail, indent=1))


def same(cluster, after):
    again = run('cluster', cluster)
    check(not again.get('failed') and not again['changed'] and again['connections'] == len(cluster['nodes']),
          'after %s a second run changes nothing, by one connection a node' % after, json.dumps(again, indent=1)[:2000])


def killed(module, cluster, longest):
    """Runs that are killed at any moment, until one comes to its end."""
    for i in range(KILLS):
        seconds = random.uniform(0.3, longest)
        result = run(module, cluster, kill_s=seconds)
        if result:
            return result
        print('       killed after %.1f s' % seconds, flush=True)
    return run(module, cluster)


def kept_quiet():
    with open(os.path.join(JOURNAL, 'journal')) as f:
        text = f.read()
    modes = [stat.S_IMODE(os.stat(p).st_mode) for p in (JOURNAL, os.path.join(JOURNAL, 'journal'))]
    check(modes == [0o700, 0o600], 'the journal is for its owner', modes)
    check(not TOKEN.search(text) and 'PRIVATE KEY' not in text and 'key-data' not in text, 'it holds no secrets')
    check('bootstrap-token' not in kubectl('-n', 'kube-system', 'get', 'secrets', '-o', 'name'), 'no token is left')
    check(on('h1', 'ls /run/treenail/kubeadm 2>/dev/null') == '', 'nor what kubeadm was told')


def refused():
    cluster = declaration(OLD, 2, taints=['a=b'])
    result = run('cluster', cluster)
    check(result.get('failed') and 'nodes[1].taints[0]' in result['msg'], 'a wrong option is named', result)
    cluster = declaration(OLD, 2)
    cluster['ssh']['known_hosts_file'] = '/dev/null'
    result = run('cluster', cluster)
    check(result.get('failed') and 'host key' in result['msg'] and not glob.glob(JOURNAL + '/journal?*'),
          'unknown host keys are', result)
    result = run('cluster', declaration(OLD, 2), check_mode=True)
    check(result['changed'] and [a['id'] for a in result['actions'] if a['state'] == 'planned'] == [
        'prepare h1', 'prepare h2', 'init h1', 'network', 'join h2', 'ready h1'], 'check mode tells a plan', result)
    check(on('h1', 'command -v kubelet || ls /etc/kubernetes 2>/dev/null') == '', 'and does none of it')


def main():
    refused()
    old, new = declaration(OLD, 2), declaration(NEW, 2)
    done(killed('cluster', old, 40), 'a cluster')
    same(old, 'it was made')
    kept_quiet()

    marked = declaration(OLD, 2, labels={'lab/zone': 'a'}, taints=['lab=x:PreferNoSchedule'])
    done(run('cluster', marked), 'labels and taints')
    check(kubectl('get', 'node', 'h2', '-o', r"jsonpath='{.metadata.labels.lab/zone}{.spec.taints[*].key}'") == 'alab', 'are there')
    done(run('cluster', old), 'no labels and taints')
    check(kubectl('get', 'node', 'h2', '-o', r"jsonpath='{.metadata.labels.lab/zone}{.spec.taints[*].key}'") == '', 'are gone')

    done(killed('cluster_upgrade', new, 40), 'an upgrade')
    check(kubectl('get', 'nodes', '-o', "jsonpath='{.items[*].status.nodeInfo.kubeletVersion}'") == 'v%s v%s' % (NEW, NEW) and
          'v' + NEW in kubectl('version'), 'all of it')
    check(kubectl('get', 'nodes', '-o', "jsonpath='{.items[*].spec.unschedulable}'") == '', 'and in service')
    same(new, 'the upgrade')

    three = declaration(NEW, 3)
    result = run('cluster_node', three, name='h3')
    done(result, 'a third node')
    check(result['connections'] == 2, 'without a connection to the other worker', result['connections'])
    same(three, 'it joined')
    done(run('cluster_node', three, name='h3', state='absent'), 'it leaves')
    result = run('cluster_node', three, name='h3', state='absent')
    check(not result['changed'], 'once', result)
    check(kubectl('get', 'nodes', '-o', "jsonpath='{.items[*].metadata.name}'") == 'h1 h2', 'two are left')
    same(new, 'it left')

    done(run('cluster', new, state='absent'), 'the cluster goes')
    check(on('h1', 'ls /etc/kubernetes/*.conf /etc/kubernetes/pki 2>/dev/null') == '', 'and leaves nothing')


up = None if os.environ.get('NODES') else subprocess.run([os.path.join(LAB, 'nodes-up.sh'), NODES, '3'], check=False)
if check(not up or up.returncode == 0, 'three bare hosts'):
    main()
if up:
    subprocess.run([os.path.join(LAB, 'nodes-down.sh'), NODES, '--wipe'], check=False)
finish()
