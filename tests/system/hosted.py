"""What the tests of clusters on hosts share: the lab's bare hosts, a declaration of a cluster on them, and the modules.

NODES names the folder of hosts that are up already (tests/lab/kubernetes/nodes-up.sh FOLDER N); they are left as they are.
"""
import json
import os
import signal
import subprocess
import threading
import time

from common import PROGRAM, ROOT, TEMP, check

LAB = os.path.join(ROOT, 'tests/lab/kubernetes')
MODULES = os.path.join(os.path.dirname(PROGRAM), 'treenail-kubernetes')
NODES = os.environ.get('NODES') or os.path.join(TEMP, 'hosts')
JOURNAL = os.path.join(TEMP, 'journal')
OLD, NEW = '1.33.12', '1.33.13'
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
          p="10.244.${IP##*.}.0/24"
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


def address(host):
    return read(host, 'address').split('/')[0]


def images(version):
    programs = 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy'
    return [{'path': '/srv/lab/images/kubernetes-v%s.tar' % version,
             'names': ['registry.k8s.io/%s:v%s' % (p, version) for p in programs]},
            {'path': '/srv/lab/images/pause.tar', 'names': ['registry.k8s.io/pause:3.10']},
            {'path': '/srv/lab/images/busybox.tar', 'names': ['lab.invalid/busybox:1']},
            {'path': '/srv/lab/images/etcd.tar', 'names': ['registry.k8s.io/etcd:3.5.24-0'], 'roles': ['control_plane']}]


def settings(version):
    """All of a declaration that says nothing of hosts."""
    return {'packages': {'repository': ['deb [signed-by=/srv/lab/kubernetes/Release.key] file:/srv/lab/kubernetes ./'],
                         'extra': ['conntrack', 'ethtool']},
            'images': images(version), 'cni': {'manifests': [NETWORK]},
            # No pod here asks for a name.
            'kubeadm': {'skip_phases': ['addon/coredns'],
                        # The disk is the machine's, and how full it is none of ours.
                        'kubelet': {'failCgroupV1': False, 'cgroupDriver': 'cgroupfs', 'evictionHard': {
                            'memory.available': '50Mi', 'nodefs.available': '1%', 'nodefs.inodesFree': '0%', 'imagefs.available': '1%'}},
                        'kube_proxy': {'mode': 'nftables', 'conntrack': {
                            'maxPerCore': 0, 'min': 0, 'tcpEstablishedTimeout': '0s', 'tcpCloseWaitTimeout': '0s'}}}}


def declaration(version, n, **more):
    nodes = [{'name': 'h%d' % i, 'host': {'address': address('h%d' % i)},
              'role': 'worker' if i > 1 else 'control_plane'} for i in range(1, n + 1)]
    if more:
        nodes[1].update(more)
    return {'name': 'lab', 'version': version, 'journal': JOURNAL, 'nodes': nodes,
            'ssh': {'user': 'ops', 'sudo': True, 'private_key_file': os.path.join(NODES, 'ssh/id'),
                    'known_hosts_file': os.path.join(NODES, 'ssh/known_hosts'), 'ssh_config': 'none',
                    'connect_timeout': 120},
            **settings(version)}


def run(module, cluster, check_mode=False, kill_s=None, end_when=None, end_by=signal.SIGTERM, env=None, **options):
    """The result; None if it was killed, after kill_s or by end_by: it gets that signal when end_when() is true for the first time."""
    task = {'_ansible_module_name': module, '_ansible_check_mode': check_mode, 'cluster': cluster, **options}
    began = time.monotonic()
    process = subprocess.Popen([MODULES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env={**os.environ, **(env or {})})
    if end_when:
        threading.Thread(target=end, args=(process, end_when, end_by), daemon=True).start()
    try:
        out = process.communicate(json.dumps(task), timeout=kill_s)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None
    if process.returncode == -signal.SIGKILL:
        return None
    result = json.loads(out)
    result['seconds'] = time.monotonic() - began
    return result


def end(process, when, by):
    while process.poll() is None:
        if when():
            process.send_signal(by)
            return
        time.sleep(0.05)


def journal():
    """Its records."""
    path = os.path.join(JOURNAL, 'journal')
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [json.loads(line) for line in f if line.endswith('\n')]


def done(result, what):
    detail = {k: result.get(k) for k in ('msg', 'actions', 'warnings', 'connections')}
    print('       %s: %.1f s, %s connections: %s' % (what, result['seconds'], result.get('connections'), ', '.join(
        '%s %.1f' % (a['id'], a['ms'] / 1000) for a in result.get('actions', []) if 'ms' in a)), flush=True)
    return check(not result.get('failed') and result['changed'], what, json.dumps(detail, indent=1))


def same(cluster, after):
    again = run('cluster', cluster)
    check(not again.get('failed') and not again['changed'] and again['connections'] == len(cluster['nodes']),
          'after %s a second run changes nothing, by one connection a node' % after, json.dumps(again, indent=1)[:2000])


def site(version, journal=JOURNAL):
    """What examples/cluster-on-hosts is given here: an inventory of h1 and h2, and variables."""
    settings = {k: v for k, v in declaration(version, 2).items() if k not in ('name', 'version', 'nodes')}
    inventory = {'all': {'vars': {'ansible_user': 'ops', 'ansible_ssh_private_key_file': os.path.join(NODES, 'ssh/id')}, 'children': {
        group: {'hosts': {host: {'ansible_host': address(host)}}} for group, host in (('control_plane', 'h1'), ('worker', 'h2'))}}}
    return inventory, {'version': version, 'image': 'lab.invalid/busybox:1', 'settings': {**settings, 'journal': journal}}


def write_site(folder):
    """That, for programs: inventory.json and site.json."""
    for name, value in zip(('inventory.json', 'site.json'), site(NEW, os.path.abspath(os.path.join(folder, 'journal')))):
        with open(os.path.join(folder, name), 'w') as f:
            json.dump(value, f, indent=1)


def with_hosts(n, main):
    """Calls main() where there are n bare hosts, and takes them down if they were started here."""
    up = None if os.environ.get('NODES') else subprocess.run([os.path.join(LAB, 'nodes-up.sh'), NODES, str(n)], check=False)
    try:
        if check(not up or up.returncode == 0, '%d bare hosts' % n):
            main()
    finally:
        if up:
            subprocess.run([os.path.join(LAB, 'nodes-down.sh'), NODES, '--wipe'], check=False)
