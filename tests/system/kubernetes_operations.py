#!/usr/bin/env python3
"""Work on running clusters (tests/system/kubernetes_operations.c): etcd, drains, preflight, marks, health.

Against the lab's Kubernetes: pretended nodes for drains, the real node for its kubelet and its etcd, and members of
etcd of our own, which may be killed.
"""
import base64
import hashlib
import json
import os
import signal
import socket
import stat
import subprocess
import threading
import time
import urllib.request

from common import LAB, PROGRAM, TEMP, check, finish

KUBE = os.path.join(LAB, 'kubernetes')
BIN = os.path.join(KUBE, 'bin')
TOOL = os.environ.get('OPERATIONS', os.path.join(os.path.dirname(PROGRAM), 'tests/system/kubernetes_operations'))
ENV = {'PATH': os.environ['PATH'], 'HOME': TEMP, 'TREENAIL_CACHE_DIR': TEMP}
PATIENCE = 300  # of the test itself, against hanging
NS = 'tn-operations'
NODES = ('tn-op-a', 'tn-op-b')


def do(what, **request):
    run = subprocess.run([TOOL], input=json.dumps(dict(request, do=what)), env=ENV, text=True, timeout=PATIENCE,
                         stdout=subprocess.PIPE, check=True)
    told = json.loads(run.stdout)
    return told['result'], told['error'] or ''


def on(cluster):
    return {'kubeconfig': os.path.join(KUBE, cluster, 'kubeconfig')}


def kubectl(cluster, *args, stdin=None, ok=True):
    run = subprocess.run([os.path.join(BIN, 'kubectl'), '--kubeconfig', os.path.join(KUBE, cluster, 'kubeconfig'), *args],
                         input=stdin, env=ENV, text=True, capture_output=True, timeout=PATIENCE, check=False)
    if ok and run.returncode:
        raise SystemExit(run.stderr)
    return run.stdout


def until(what, true):
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise SystemExit('in vain: ' + what)
        time.sleep(0.1)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def in_node(command):
    return subprocess.run(['ssh', '-F', os.path.join(KUBE, 'node/ssh/config'), 'node', command], text=True,
                          stdout=subprocess.PIPE, check=True, timeout=PATIENCE).stdout


# ---- etcd: the real node's, with TLS ----

def forwarded(target, host):
    """A port of another address here, which leads to the target: what is there has another name."""
    listener = socket.create_server((host, 0))

    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        finally:
            try:
                b.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def serve():
        while True:
            a = listener.accept()[0]
            b = socket.create_connection(target)
            for pair in ((a, b), (b, a)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def whole(path):
    """By the rule of etcd itself: all but the last 32 bytes, and their SHA-256."""
    with open(path, 'rb') as f:
        data = f.read()
    return len(data) % 512 == 32 and hashlib.sha256(data[:-32]).digest() == data[-32:]


def real_etcd():
    if not os.path.exists(os.path.join(KUBE, 'node/kubeconfig')):
        print('LEFT OUT: etcd with TLS, kubelets: there is no real node')
        return
    address = subprocess.run(['ssh', '-G', '-F', os.path.join(KUBE, 'node/ssh/config'), 'node'], text=True,
                             stdout=subprocess.PIPE, check=True).stdout.split('hostname ', 1)[1].split()[0]
    pki = {k: in_node('cat /etc/kubernetes/pki/etcd/' + f) for k, f in
           (('ca', 'ca.crt'), ('cert', 'healthcheck-client.crt'), ('key', 'healthcheck-client.key'))}
    there = [dict(pki, name='node', url='https://%s:2379' % address)]
    got, error = do('etcd_health', etcd=there)
    members = got['members'] if got else []
    check(not error and got['quorum'] and got['leader'] == 'node' and len(members) == 1 and members[0]['healthy'] and
          members[0]['version'].startswith('3.5.') and not got['problems'], 'etcd of the real node by TLS', (got, error))
    port = forwarded((address, 2379), '127.0.0.2')
    url = 'https://127.0.0.2:%d' % port
    got, error = do('etcd_members', etcd=[dict(pki, name='node', url=url, server_name='localhost')])
    check(not error and got[0]['name'] == 'node' and got[0]['client_urls'] == ['https://%s:2379' % address],
          'through a forwarded port, under another name', (got, error))
    got, error = do('etcd_members', etcd=[dict(pki, name='node', url=url)])
    check('127.0.0.2' in error, 'a certificate of another name is refused', error)
    got, error = do('etcd_members', etcd=[{'name': 'node', 'url': there[0]['url'], 'ca': pki['ca']}])
    check(error.startswith("etcd 'node'"), 'without a certificate of ours it is an error', error)
    got, error = do('etcd_remove', etcd=there, member='node')
    check('last member' in error, 'the last member stays', error)

    kubectl('node', '-n', 'default', 'create', '-f', '-', stdin=json.dumps({
        'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'tn-big'}, 'data': {'x': 'y' * 500000}}))
    path = os.path.join(TEMP, 'snapshot.db')
    got, error = do('etcd_snapshot', etcd=there, path=path)
    kubectl('node', '-n', 'default', 'delete', 'configmap', 'tn-big')
    ok = not error and whole(path)
    check(ok and got['bytes'] == os.path.getsize(path) and stat.S_IMODE(os.stat(path).st_mode) == 0o600 and
          got['sha256'] == hashlib.sha256(open(path, 'rb').read()).hexdigest() and got['version'].startswith('3.5.'),
          'a snapshot is whole and for nobody else', (got, error))
    before = os.stat(path).st_mtime_ns
    got, error = do('etcd_snapshot', etcd=there, path=path, max=10000)
    check('larger than 10000 bytes' in error and os.stat(path).st_mtime_ns == before and
          [f for f in os.listdir(TEMP) if f.startswith('snapshot')] == ['snapshot.db'],
          'one that is too large leaves what was there, and nothing else', error)
    got, error = do('etcd_snapshot', etcd=there, path=os.path.join(TEMP, 'none/x'))
    check('No such file' in error, 'a folder that is not there', error)
    with open(path, 'r+b') as f:
        f.seek(9000)
        byte = f.read(1)
        f.seek(9000)
        f.write(bytes([byte[0] ^ 1]))
    got, error = do('etcd_check', path=path)
    check('SHA-256 at its end' in error, 'a damaged snapshot is known', error)


def real_kubelet():
    if not os.path.exists(os.path.join(KUBE, 'node/kubeconfig')):
        return
    node = json.loads(kubectl('node', 'get', 'node', 'node', '-o', 'json'))
    version = node['status']['nodeInfo']['kubeletVersion']
    got, error = do('wait_ready', cluster=on('node'), node='node', version=version)
    check(not error and got['metadata']['name'] == 'node', 'a node that is ready', error)
    got, error = do('wait_ready', cluster=on('node'), node='node', version='1.99.0', timeout_ms=1500)
    check('kubeletVersion' in error and version in error, 'a kubelet of another version', error)
    got, error = do('wait_ready', cluster=on('node'), node='node', before=node, reboot=True, timeout_ms=1500)
    check('bootID} is still' in error, 'a machine that was not started again', error)
    in_node('systemctl restart kubelet')
    got, error = do('wait_ready', cluster=on('node'), node='node', version=version, before=node, timeout_ms=240000)

    def beat(n):
        return [c['lastHeartbeatTime'] for c in n['status']['conditions'] if c['type'] == 'Ready'][0]
    check(not error and beat(got) > beat(node), 'a kubelet that was started again is waited for', error)
    got, error = do('health', cluster=on('node'))
    parts = sorted(p['component'] for p in got['control_plane']) if got else []
    check(not error and got['healthy'] and got['nodes_ready'] == 1 and got['nodes'][0]['roles'] == ['control-plane'] and
          parts == ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] and
          got['readyz']['checks']['etcd'] and got['versions'] == {version: 1}, 'the health of a cluster', (got, error))


# ---- etcd: three members of our own ----

class Member:
    def __init__(self, name, cluster):
        self.name, self.client, self.peer = name, free_port(), free_port()
        self.cluster, self.process = cluster, None

    def access(self):
        return {'name': self.name, 'url': 'http://127.0.0.1:%d' % self.client}

    def start(self, state='new'):
        url, peers = 'http://127.0.0.1:%d' % self.client, 'http://127.0.0.1:%d' % self.peer
        log = open(os.path.join(TEMP, self.name + '.log'), 'ab')
        self.process = subprocess.Popen(
            [os.path.join(BIN, 'etcd'), '--name', self.name, '--data-dir', os.path.join(TEMP, self.name), '--unsafe-no-fsync',
             '--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peers,
             '--initial-advertise-peer-urls', peers, '--initial-cluster-state', state, '--heartbeat-interval', '300',
             '--election-timeout', '3000', '--initial-cluster',
             ','.join('%s=http://127.0.0.1:%d' % (m.name, m.peer) for m in self.cluster)],
            env=ENV, stdout=log, stderr=log)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def ask(self, path, body):
        request = urllib.request.Request('http://127.0.0.1:%d%s' % (self.client, path), json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)


def quorums():
    cluster = []
    cluster.extend(Member(n, cluster) for n in ('c1', 'c2', 'c3'))
    try:
        for m in cluster:
            m.start()
        three_members(cluster)
    finally:
        for m in cluster:
            m.stop()


def three_members(cluster):
    c1, c2, c3 = cluster
    all3 = [m.access() for m in cluster]

    def healthy():
        got = do('etcd_health', etcd=all3)[0]
        return got and [m['healthy'] for m in got['members']] == [True] * 3
    until('three members', healthy)
    got, error = do('etcd_health', etcd=all3)
    check(got['quorum'] and got['leader'] in ('c1', 'c2', 'c3') and not got['problems'] and not got['alarms'] and
          sum(m['leader'] for m in got['members']) == 1, 'three members, one leader', (got, error))
    got, error = do('etcd_health', etcd=all3[:1])
    check(got['quorum'] and not got['problems'] and sum(m['why'] == 'it was not asked' for m in got['members']) == 2,
          'members that are not asked are no problem', (got, error))
    got, error = do('etcd_remove', etcd=all3[:1], member='c3')
    check('1 healthy of 2 members' in error and 'c2: it was not asked' in error, 'who is not known does not count', error)
    got, error = do('etcd_remove', etcd=all3, member='c3', check=True)
    check(got is True and not error and len(do('etcd_members', etcd=all3)[0]) == 3, 'check mode takes none out', error)
    alarm = {'memberID': str(int(do('etcd_members', etcd=all3)[0][0]['id'], 16)), 'alarm': 'NOSPACE'}
    c1.ask('/v3/maintenance/alarm', dict(alarm, action='ACTIVATE'))
    got, error = do('etcd_health', etcd=all3)
    check(got['quorum'] and got['alarms'] and got['alarms'][0]['alarm'] == 'NOSPACE' and 'database is full' in
          ' '.join(got['problems']), 'an alarm', (got, error))
    c1.ask('/v3/maintenance/alarm', dict(alarm, action='DEACTIVATE'))
    c1.ask('/v3/kv/put', {'key': base64.b64encode(b'k').decode(), 'value': base64.b64encode(b'v').decode()})

    c3.stop()
    until('the loss of one', lambda: (do('etcd_health', etcd=all3)[0] or {}).get('leader') in ('c1', 'c2'))
    got, error = do('etcd_health', etcd=all3)
    check(got['quorum'] and len(got['problems']) == 1 and got['problems'][0].startswith('etcd member c3: '),
          'one of three is down: there is a quorum', (got, error))
    got, error = do('etcd_remove', etcd=all3, member='c2')
    check('1 healthy of 2 members' in error and 'c3: ' in error, 'a healthy one beside a dead one stays', error)
    got, error = do('etcd_remove', etcd=all3, member='c3')
    check(got is True and not error, 'the dead one goes', error)
    got, error = do('etcd_remove', etcd=all3, member='c3')
    check(got is False and not error, 'and is gone the second time', error)

    two = all3[:2]
    c2.stop()
    until('the loss of the quorum', lambda: not (do('etcd_health', etcd=two)[0] or {'quorum': True})['quorum'])
    got, error = do('etcd_health', etcd=two)
    check(not error and not got['quorum'] and got['problems'][0].startswith('etcd has no quorum: ') and
          '2 of 2 members are needed' in got['problems'][0] and 'c2: ' in got['problems'][0], 'no quorum is told as that',
          (got, error))
    got, error = do('etcd_remove', etcd=two, member='c2')
    check('has no quorum' in error, 'without a quorum nobody is taken out', error)
    path = os.path.join(TEMP, 'lonely.db')
    got, error = do('etcd_snapshot', etcd=two, path=path)
    check(not error and whole(path), 'a member without a quorum gives a snapshot', error)
    c1.stop()
    got, error = do('etcd_health', etcd=two)
    check(got is None and "etcd 'c1'" in error, 'when none answers it is an error', error)


# ---- drains and what stands against them ----

def pod_spec(**more):
    return dict({'tolerations': [{'key': 'tn-op', 'operator': 'Exists'}], 'terminationGracePeriodSeconds': 1,
                 'containers': [{'name': 'c', 'image': 'registry.example/c:1'}]}, **more)


def deployment(name, replicas, node):
    return {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': name, 'namespace': NS},
            'spec': {'replicas': replicas, 'selector': {'matchLabels': {'app': name}},
                     'template': {'metadata': {'labels': {'app': name}},
                                  'spec': pod_spec(nodeSelector={'kubernetes.io/hostname': node})}}}


def budget(name, app, least):
    return {'apiVersion': 'policy/v1', 'kind': 'PodDisruptionBudget', 'metadata': {'name': name, 'namespace': NS},
            'spec': {'minAvailable': least, 'selector': {'matchLabels': {'app': app}}}}


def apply(*objects):
    kubectl('one', 'apply', '-f', '-', stdin=json.dumps({'apiVersion': 'v1', 'kind': 'List', 'items': list(objects)}))


def tidy():
    kubectl('one', 'delete', 'namespace', NS, '--ignore-not-found', '--wait=true')
    kubectl('one', 'delete', 'node', *NODES, '--ignore-not-found')
    kubectl('one', 'delete', 'validatingadmissionpolicybinding', 'tn-operations', '--ignore-not-found')


def pods_on(node, app):
    return [p['metadata']['name'] for p in json.loads(kubectl(
        'one', '-n', NS, 'get', 'pods', '-l', 'app=' + app, '--field-selector', 'spec.nodeName=' + node, '-o', 'json'))['items']]


def settled(name, expected):
    """The budget has been counted."""
    status = json.loads(kubectl('one', '-n', NS, 'get', 'pdb', name, '-o', 'json')).get('status', {})
    return status.get('expectedPods') == expected and status.get('currentHealthy') == expected


def drains():
    a, b = NODES
    tidy()
    apply({'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': NS}}, *(
        {'apiVersion': 'v1', 'kind': 'Node',
         'metadata': {'name': n, 'annotations': {'kwok.x-k8s.io/node': 'fake'}, 'labels': {'kubernetes.io/hostname': n}},
         'spec': {'taints': [{'key': 'tn-op', 'effect': 'NoSchedule'}]}} for n in NODES))
    apply(deployment('guarded', 20, a), deployment('free', 5, a), budget('guard', 'guarded', 20))
    kubectl('one', '-n', NS, 'wait', '--for=condition=Available', 'deployment', '--all', '--timeout=240s')
    until('the budget', lambda: settled('guard', 20))

    found, error = do('preflight', cluster=on('one'), drain=[a])
    blocked = [f for f in found or [] if f['check'] == 'disruption-budget']
    check(not error and len(blocked) == 20 and all(f['severity'] == 'error' and 'budget %s/guard' % NS in f['why'] and
                                                  'needs 20 healthy pods and has 20' in f['why'] for f in blocked),
          'each pod that a budget keeps is found by a dry run, and its budget named', (found, error))
    check(len(pods_on(a, 'guarded')) == 20 and len(pods_on(a, 'free')) == 5, 'and none has gone')
    got, error = do('drain', cluster=on('one'), node=a, limit_ms=15000)
    check('20 of 25 pods could not be evicted' in error and 'The disruption budget guard needs 20' in error,
          'a drain names pod and budget', error)
    until('the free ones', lambda: not pods_on(a, 'free'))
    check(len(pods_on(a, 'guarded')) == 20, 'those that nothing keeps did not wait for those that are kept')

    apply(budget('second', 'guarded', 1))
    until('the second budget', lambda: settled('second', 20))
    found, error = do('preflight', cluster=on('one'), drain=[a])
    check(len([f for f in found if f['check'] == 'eviction' and 'more than one PodDisruptionBudget' in f['why']]) == 20,
          'pods with two budgets are found', (found, error))
    got, error = do('drain', cluster=on('one'), node=a, limit_ms=5000)
    check('more than one PodDisruptionBudget' in error, 'and a drain says so, though the server answers 201', error)
    kubectl('one', '-n', NS, 'delete', 'pdb', '--all')

    apply({'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'lone', 'namespace': NS},
           'spec': pod_spec(nodeName=a, volumes=[{'name': 'v', 'emptyDir': {}}])})
    found, error = do('preflight', cluster=on('one'), drain=[a])
    lone = sorted(f['check'] for f in found if f['what'] == 'pod %s/lone on node %s' % (NS, a))
    check(lone == ['local-data', 'pod-without-controller'], 'a pod that would be lost, and its data', found)
    got, error = do('drain', cluster=on('one'), node=a)
    check('no controller' in error and 'emptyDir' in error, 'which a drain refuses', error)
    got, error = do('drain', cluster=on('one'), node=a, force=True, delete_emptydir_data=True)
    check(not error and len(got['pods']) == 21 and not pods_on(a, 'guarded'), 'unless it is told to', (got, error))
    got, error = do('drain', cluster=on('one'), node=a)
    check(not error and not got['changed'], 'a second time nothing is done', (got, error))
    got, error = do('preflight', cluster=on('one'), drain=[a])
    check(not error and not [f for f in got if f['severity'] == 'error'], 'and nothing stands against it', (got, error))
    check([f['what'] for f in got if f['check'] == 'node-cordoned'] == ['node ' + a], 'but that it is cordoned', got)
    cordons(b)


def spec_of(node):
    return json.loads(kubectl('one', 'get', 'node', node, '-o', 'json'))


def cordons(node):
    error = do('hold', cluster=on('one'), node=node)[1]
    check(not error and spec_of(node)['spec'].get('unschedulable'), 'held in our name', error)
    error = do('hold', cluster=on('one'), node=node)[1] or do('give_back', cluster=on('one'), node=node)[1]
    check(not error and not spec_of(node)['spec'].get('unschedulable') and
          'treenail/held' not in spec_of(node)['metadata']['annotations'], 'and given back', error)
    kubectl('one', 'cordon', node)
    error = do('hold', cluster=on('one'), node=node)[1] or do('give_back', cluster=on('one'), node=node)[1]
    check(not error and spec_of(node)['spec'].get('unschedulable'), 'what people have cordoned stays cordoned', error)
    marks(node)


def marks(node):
    kubectl('one', 'label', 'node', node, 'people=too')
    got, error = do('mark', cluster=on('one'), node=node, labels={'rack': '7'}, taints=['gpu=yes:NoSchedule'], check=True)
    check(not error and got['changed'] and 'rack' not in spec_of(node)['metadata']['labels'], 'marks in check mode', error)
    got, error = do('mark', cluster=on('one'), node=node, labels={'rack': '7'}, taints=['gpu=yes:NoSchedule'])
    now = spec_of(node)
    check(not error and now['metadata']['labels']['rack'] == '7' and
          {'key': 'gpu', 'value': 'yes', 'effect': 'NoSchedule'} in now['spec']['taints'] and len(now['spec']['taints']) >= 2,
          'labels and taints of a declaration', (got, error))
    got, error = do('mark', cluster=on('one'), node=node, labels={'rack': '7'}, taints=['gpu=yes:NoSchedule'])
    check(not error and not got['changed'], 'which are there the second time', (got, error))
    kept = do('marks_of', object=spec_of(node))[0]
    got, error = do('mark', cluster=on('one'), node=node, labels={}, taints=[])
    now = spec_of(node)
    check(not error and 'rack' not in now['metadata']['labels'] and now['metadata']['labels']['people'] == 'too' and
          'gpu' not in [t['key'] for t in now['spec']['taints']], 'what is not wanted any more goes, others\' stays', error)
    got, error = do('forget', cluster=on('one'), node=node)
    check(got is True and not error and not kubectl('one', 'get', 'node', node, '--ignore-not-found'), 'forgotten', error)
    got, error = do('forget', cluster=on('one'), node=node)
    check(got is False and not error, 'and there is none', error)
    apply({'apiVersion': 'v1', 'kind': 'Node', 'metadata': {'name': node, 'annotations': {'kwok.x-k8s.io/node': 'fake'}}})
    got, error = do('restore', cluster=on('one'), node=node, marks=kept)
    now = spec_of(node)
    check(not error and now['metadata']['labels']['people'] == 'too' and now['metadata']['labels']['rack'] == '7' and
          now['spec']['unschedulable'] and 'gpu' in [t['key'] for t in now['spec']['taints']],
          'one that comes back gets what people had put on it', (now, error))
    got, error = do('restore', cluster=on('one'), node=node, marks=kept)
    check(not error and not got['changed'], 'once', error)
    got, error = do('wait_ready', cluster=on('one'), node='tn-op-none', timeout_ms=1000)
    check('Node tn-op-none' in error and 'it is not there' in error, 'a node that never comes', error)


# ---- APIs that a release takes away ----

class Server:
    """One more API server on the data of cluster one, that still has an API which 1.34 takes away."""

    def __init__(self):
        with open(os.path.join(KUBE, 'run/one-kube-apiserver.pid'), encoding='ascii') as f:
            pid = f.read().split()[0]
        with open('/proc/%s/cmdline' % pid, 'rb') as f:
            args = f.read().decode().split('\0')
        args = args[next(i for i, a in enumerate(args) if a.startswith('--')):-1]
        self.args = [a for a in args if not a.startswith('--secure-port')]

    def start(self):
        self.port = free_port()
        log = open(os.path.join(TEMP, 'apiserver.log'), 'ab')
        self.process = subprocess.Popen(
            [os.path.join(BIN, 'kube-apiserver'), *self.args, '--secure-port=%d' % self.port,
             '--runtime-config=admissionregistration.k8s.io/v1beta1=true'], env=ENV, stdout=log, stderr=log)
        with open(os.path.join(KUBE, 'one/kubeconfig'), encoding='utf-8') as f:
            config = f.read()
        old = config.split('server: ')[1].split()[0]
        os.makedirs(os.path.join(TEMP, 'old'), exist_ok=True)
        self.kubeconfig = os.path.join(TEMP, 'old/kubeconfig')
        with open(self.kubeconfig, 'w', encoding='utf-8') as f:
            f.write(config.replace(old, 'https://127.0.0.1:%d' % self.port))
        until('another API server', lambda: self.kubectl('get', '--raw', '/readyz', ok=False) == 'ok')

    def kubectl(self, *args, stdin=None, ok=True):
        run = subprocess.run([os.path.join(BIN, 'kubectl'), '--kubeconfig', self.kubeconfig, *args], input=stdin, env=ENV,
                             text=True, capture_output=True, timeout=PATIENCE, check=False)
        if ok and run.returncode:
            raise SystemExit(run.stderr)
        return run.stdout

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def findings(self, target):
        found, error = do('preflight', cluster={'kubeconfig': self.kubeconfig}, target=target)
        return [f for f in found or [] if f['check'] == 'removed-api' and 'admissionregistration' in f['what']], error


def removed_apis():
    server = Server()
    server.start()
    try:
        found, error = server.findings('1.34.0')
        check(not error and not found, 'an API that goes and nobody uses is no finding', (found, error))
        # A kind that no controller writes to: those go by the other server, which does not know the version.
        server.kubectl('apply', '--server-side', '--field-manager=old-tool', '-f', '-', stdin=json.dumps({
            'apiVersion': 'admissionregistration.k8s.io/v1beta1', 'kind': 'ValidatingAdmissionPolicyBinding',
            'metadata': {'name': 'tn-operations'}, 'spec': {'policyName': 'tn-none', 'validationActions': ['Audit']}}))
        found, error = server.findings('1.34.0')
        check(not error and len(found) == 1 and found[0]['severity'] == 'error' and 'gone in 1.34' in found[0]['why'] and
              'tn-operations (old-tool)' in found[0]['why'], 'one in use is, with who wrote through it', (found, error))
        found, error = server.findings('1.33.99')
        check(not error and [f['severity'] for f in found] == ['info'], 'which is to be known before that', (found, error))
        server.stop()
        server.start()
        found, error = server.findings('1.34.0')
        check(not error and [f['severity'] for f in found] == ['warning'] and 'tn-operations (old-tool)' in found[0]['why'],
              'the metric forgets, what is stored does not', (found, error))
        again, error = server.findings('1.34.0')
        check(again == found, 'looking is no use of it', (again, error))
    finally:
        server.stop()


def main():
    try:
        quorums()
        real_etcd()
        real_kubelet()
        drains()
        removed_apis()
        got, error = do('health', cluster=on('one'))
        check(not error and got['readyz']['ok'] and got['nodes_total'] >= 3, 'the health of a cluster without static pods',
              (got, error))
    finally:
        tidy()
    finish()


if __name__ == '__main__':
    main()
