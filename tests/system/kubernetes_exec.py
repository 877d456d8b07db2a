#!/usr/bin/env python3
"""Commands in containers of a real node, files into them and out of them, and their logs.

With GNU's tar, with busybox's, without tar, and without a shell; by v5.channel.k8s.io and v4; with pods that are killed and
connections that are cut meanwhile; 100 MB each way, in memory that stays as it is. And the program itself in a container, as
its pod's service account.

B is the folder of the programs, NODE the cluster's kubeconfig (of the lab), IMAGE one with busybox in it.
"""
import atexit
import contextlib
import filecmp
import hashlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = subprocess.run([os.path.join(ROOT, 'tests/env/venv.sh'), 'core-2.19'], check=True, stdout=subprocess.PIPE,
                      text=True).stdout.strip()
if sys.prefix != VENV:
    os.execv(os.path.join(VENV, 'bin/python'), [os.path.join(VENV, 'bin/python'), *sys.argv])

import base64  # noqa: E402
import ssl  # noqa: E402

import yaml  # noqa: E402

PROGRAM = os.path.join(os.path.abspath(os.environ.get('B', 'build/bin')), 'treenail-kubernetes')
NODE = os.environ.get('NODE') or os.path.join(os.path.abspath(os.environ.get('LAB', 'build/lab')),
                                              'kubernetes/node/kubeconfig')
IMAGE = os.environ.get('IMAGE') or 'lab.invalid/busybox:1'
TEMP = tempfile.mkdtemp(prefix='treenail-exec-')
atexit.register(shutil.rmtree, TEMP, ignore_errors=True)
NAMESPACE = 'e-exec-%d' % os.getpid()
BIG = 100_000_000
MEMORY_KB = 24 << 10
tally = {'passed': 0, 'failed': 0}


def check(ok, what, detail=''):
    tally['passed' if ok else 'failed'] += 1
    print('%s %s' % ('ok    ' if ok else 'FAILED', what), flush=True)
    if not ok:
        print('       ' + str(detail)[:3000], flush=True)
    return bool(ok)


def temp(name):
    return os.path.join(TEMP, name)


# ---- the program ----

class Run:
    """One task: .result, .memory_kb at most, .seconds."""

    def __init__(self, module, check_mode=False, kubeconfig=None, **options):
        args = temp('args-%d' % random.getrandbits(48))
        with open(args, 'w') as f:
            json.dump({'_ansible_module_name': 'treenail.kubernetes.' + module, '_ansible_check_mode': check_mode,
                       'kubeconfig': kubeconfig or NODE, **options}, f)
        env = {**os.environ, 'TREENAIL_CACHE_DIR': temp('cache')}
        began = time.monotonic()
        self.memory_kb = 0
        with open(args + '.out', 'wb') as out:
            child = subprocess.Popen([PROGRAM, args], stdout=out, env=env)
            while child.poll() is None:
                self.look(child.pid)
                time.sleep(0.01)
        self.seconds = time.monotonic() - began
        with open(args + '.out') as f:
            text = f.read()
        self.result = json.loads(text) if text.strip() else {'failed': True, 'msg': 'no result: %d' % child.returncode}
        self.failed = self.result.get('failed', False)
        self.changed = self.result.get('changed')
        self.msg = self.result.get('msg', '')

    def look(self, pid):
        """What wait4() tells counts this process, too, from before the program took its place."""
        with contextlib.suppress(OSError), open('/proc/%d/status' % pid) as f:
            for line in f:
                if line.startswith('VmHWM:') and os.readlink('/proc/%d/exe' % pid) == PROGRAM:
                    self.memory_kb = int(line.split()[1])

    def __repr__(self):
        return json.dumps(self.result)[:2000]


def apply(*objects):
    r = Run('k8s', resource_definition=list(objects), wait=True, wait_timeout=120)
    if r.failed:
        sys.exit('the test\'s own objects: %s' % r.msg)


def execute(command, pod='box', **options):
    return Run('k8s_exec', namespace=NAMESPACE, pod=pod, command=command, **options)


def copy(pod='box', **options):
    return Run('k8s_cp', namespace=NAMESPACE, pod=pod, **options)


# ---- what it works on ----

def mounts(*pairs):
    return [{'name': name, 'mountPath': path, **({'subPath': sub} if sub else {})} for name, path, sub in pairs]


def container(name, command='sleep 100000', **more):
    return {'name': name, 'image': IMAGE, 'imagePullPolicy': 'Never', 'command': ['/bin/sleep', '100000'], **more} \
        if command == 'sleep 100000' else \
        {'name': name, 'image': IMAGE, 'imagePullPolicy': 'Never', 'command': ['sh', '-c', command], **more}


def pod(name, containers, **spec):
    return {'apiVersion': 'v1', 'kind': 'Pod',
            'metadata': {'name': name, 'namespace': NAMESPACE, 'labels': {'app': name}},
            'spec': {'terminationGracePeriodSeconds': 0, 'containers': containers, **spec}}


def odd_pod():
    """Containers with the machine's GNU tools; with no more than sh and cat; with tar alone."""
    libraries = [('usr', '/lib', 'lib'), ('usr', '/lib64', 'lib64')]
    fill = ('mkdir /to/plain /to/bare && cd /from/bin && cp dash /to/plain/sh && cp cat sleep /to/plain && '
            'cp tar sleep /to/bare')
    return pod('odd', [
        container('gnu', volumeMounts=mounts(('usr', '/usr', ''), ('usr', '/bin', 'bin'), *libraries)),
        container('plain', volumeMounts=mounts(('bin', '/bin', 'plain'), *libraries)),
        container('bare', volumeMounts=mounts(('bin', '/bin', 'bare'), ('bin', '/both', ''), *libraries)),
    ], volumes=[{'name': 'usr', 'hostPath': {'path': '/usr'}}, {'name': 'bin', 'emptyDir': {}}],
        initContainers=[container('fill', fill, volumeMounts=mounts(('usr', '/from', ''), ('bin', '/to', '')))])


@contextlib.contextmanager
def objects():
    apply({'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': NAMESPACE}})
    try:
        time.sleep(1)  # the namespace's service account
        apply(pod('box', [container('main', 'echo first; echo second; exec sleep 100000'),
                          container('other', 'printf "other \\377\\n"; exec sleep 100000')]), odd_pod())
        yield
    finally:
        Run('k8s', api_version='v1', kind='Namespace', name=NAMESPACE, state='absent')


# ---- between the program and the server ----

class Between:
    """Plain TCP to the server's TLS, as admin. The handshake offers v4 alone; `cut` bytes from the server, and it ends."""

    def __init__(self, cut=None):
        with open(NODE) as f:
            config = yaml.safe_load(f)
        cluster, user = config['clusters'][0]['cluster'], config['users'][0]['user']
        self.host, self.port = cluster['server'].split('//')[1].split(':')
        self.tls = ssl.create_default_context(cadata=base64.b64decode(cluster['certificate-authority-data']).decode())
        for name in 'client-certificate', 'client-key':
            with open(temp(name), 'wb') as f:
                f.write(base64.b64decode(user[name + '-data']))
        self.tls.load_cert_chain(temp('client-certificate'), temp('client-key'))
        self.cut = cut
        self.sockets = 0
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.kubeconfig = {
            'apiVersion': 'v1', 'kind': 'Config', 'current-context': 'a',
            'clusters': [{'name': 'a', 'cluster': {'server': 'http://127.0.0.1:%d' % self.listener.getsockname()[1]}}],
            'users': [{'name': 'a', 'user': {'token': 'none'}}],
            'contexts': [{'name': 'a', 'context': {'cluster': 'a', 'user': 'a'}}]}
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client = self.listener.accept()[0]
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with contextlib.suppress(OSError), client:
            head = b''
            while b'\r\n\r\n' not in head:
                head += client.recv(65536) or b'\r\n\r\n'
            is_socket = b'v5.channel.k8s.io' in head
            self.sockets += is_socket
            head = head.replace(b'v5.channel.k8s.io, ', b'').replace(b'Authorization: Bearer none\r\n', b'')
            if not is_socket:
                head = head.replace(b'\r\n\r\n', b'\r\nConnection: close\r\n\r\n', 1)
            with self.tls.wrap_socket(socket.create_connection((self.host, self.port)),
                                      server_hostname=self.host) as server:
                server.sendall(head)
                up = threading.Thread(target=self.pump, args=(client, server, None), daemon=True)
                up.start()
                self.pump(server, client, self.cut if is_socket else None)

    @staticmethod
    def pump(source, sink, most):
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(65536)
                if most is not None:
                    data = data[:max(most, 0)]
                    most -= len(data)
                if not data:
                    break
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


# ---- the tests ----

def commands():
    for code in 0, 1, 3, 126, 255:
        r = execute('sh -c "echo out; echo err >&2; exit %d"' % code)
        check(r.result.get('rc') == code == r.result.get('return_code') and r.result['stdout'] == 'out\n' and
              r.result['stderr'] == 'err\n' and r.changed and not r.failed, 'exit code %d' % code, r)
    r = execute("sh -c 'printf \"%s|\" \"$@\"' sh 'a  b' \"it's\" $HOME '*' \\;")
    check(r.result.get('stdout') == "a  b|it's|$HOME|*|;|", 'words are as a shell would take them, nothing is expanded', r)
    r = execute("sh -c 'printf \"a\\377b\\000c\\303\\274\"'")
    check(r.result.get('stdout') == 'a\ufffdb\ufffdc\u00fc', 'what is no UTF-8 is replaced', r)
    r = execute('seq 200000')
    check(r.result.get('stdout') == ''.join('%d\n' % i for i in range(1, 200001)), 'much output, in order', r)
    check(execute('hostname', container='other').result.get('stdout') == 'box\n', 'a container that is named')
    for what, options, words in (
            ('container', {'container': 'none'}, "container none is not valid for pod box; the pod has no container 'none'; "
                                                 'there are: main, other'),
            ('pod', {'pod': 'none'}, 'pods "none" not found'),
            ('program', {'command': 'no-such-program'}, 'no-such-program'),
            ('quote', {'command': "ls 'a"}, 'a quote in the command does not end')):
        r = execute(**{'command': 'ls', **options})
        check(r.failed and words in r.msg and not r.changed, 'a %s that is not there' % what, r)
    r = execute('sh -c "echo one >&2; echo two >&2; exit 4"')
    check(r.msg == "'sh' in pod %s/box ended with exit code 4: two" % NAMESPACE, 'what failed says so', r)
    r = execute('yes')
    check(r.failed and 'more than 16 MiB' in r.msg and r.memory_kb < 128 << 10, 'output without end', r)
    r = execute('sleep 60', timeout=8)  # enough for a slow machine to begin it
    check(r.failed and 'did not end in time' in r.msg and r.seconds < 50 and r.changed, 'a command that takes too long', r)
    r = execute('touch /tmp/made', check_mode=True)
    check(r.changed and not r.failed and execute('ls /tmp/made').result.get('rc') == 1, 'check mode runs nothing', r)
    check([r.result.get(k) for k in ('rc', 'return_code', 'stdout', 'stderr')] == [0, 0, '', ''], '... and has all keys', r)
    r = execute('sleep 20')
    check(r.result.get('rc') == 0 and r.seconds >= 20, 'a command that is silent for longer than a ping takes', r)


def digest(path):
    sum256 = hashlib.sha256()
    with open(path, 'rb') as f:
        while part := f.read(1 << 20):
            sum256.update(part)
    return sum256.hexdigest()


def big_files():
    path, back = temp('big'), temp('big-back')
    with open(path, 'wb') as f:
        for _ in range(100):
            f.write(random.randbytes(BIG // 100))
    for name, where in ('busybox', {}), ('GNU', {'pod': 'odd', 'container': 'gnu'}):
        r = copy(local_path=path, remote_path='/tmp/big', **where)
        there = execute('sha256sum /tmp/big', **where).result.get('stdout', '').split(' ')[0]
        check(r.changed and not r.failed and there == digest(path) and 0 < r.memory_kb < MEMORY_KB,
              '100 MB there, %s, in %.1f s and %d KiB' % (name, r.seconds, r.memory_kb), r)
        r = copy(local_path=path, remote_path='/tmp/big', **where)
        check(r.changed is False and not r.failed, 'again: nothing to do', r)
        r = copy(local_path=back, remote_path='/tmp/big', state='from_pod', **where)
        check(r.changed and not r.failed and filecmp.cmp(path, back, False) and 0 < r.memory_kb < MEMORY_KB,
              '100 MB back, %s, in %.1f s and %d KiB' % (name, r.seconds, r.memory_kb), r)
        r = copy(local_path=back, remote_path='/tmp/big', state='from_pod', **where)
        check(r.changed is False and not r.failed, 'again: nothing to do', r)
        execute('rm /tmp/big', **where)
        os.unlink(back)


def make_tree(path):
    long = 'n' * 150
    os.makedirs(os.path.join(path, 'a', 'b', long))
    for name, text, mode in (('a/one', 'x', 0o640), ('a/b/run', '#!/bin/sh\n', 0o755), ('empty', '', 0o644),
                             ('a b \u00fc', 'y', 0o600), (os.path.join('a', 'b', long, long), 'long', 0o644),
                             ('-n', 'dash', 0o644)):
        with open(os.path.join(path, name), 'w') as f:
            f.write(text)
        os.chmod(os.path.join(path, name), mode)


def listing(path):
    found = {}
    for folder, _, files in os.walk(path):
        found[os.path.relpath(folder, path)] = 'folder'
        for name in files:
            whole = os.path.join(folder, name)
            with open(whole, 'rb') as f:
                found[os.path.relpath(whole, path)] = (oct(os.stat(whole).st_mode & 0o7777), f.read())
    return found


def trees():
    tree = temp('tree')
    make_tree(tree)
    want = listing(tree)
    for name, where in (('busybox', {}), ('GNU', {'pod': 'odd', 'container': 'gnu'}),
                        ('tar alone', {'pod': 'odd', 'container': 'bare'})):
        back = temp('back-' + name)
        r = copy(local_path=tree, remote_path='/tmp/x/tree', **where)
        check(r.changed and not r.failed, 'a folder there, %s' % name, r)
        r = copy(local_path=back, remote_path='/tmp/x/tree', state='from_pod', **where)
        check(r.changed and not r.failed and listing(back) == want, 'and back', (r, listing(back)))
        r = copy(local_path=back, remote_path='/tmp/x/tree', state='from_pod', no_preserve=True, **where)
        # Without a shell nobody says what the name is; then it is copied as it is told.
        check(not r.failed, 'into a folder that is there', r)
        if name != 'tar alone':
            check(sorted(listing(os.path.join(back, 'tree'))) == sorted(want), 'it keeps its name', r)
    r = copy(local_path=tree + '/', remote_path='/tmp/x')
    check(r.result.get('result') == '/tmp/x/tree' and not r.failed, 'a folder into one that is there keeps its name', r)


def small_files():
    for name, where in (('with tar', {}), ('without tar', {'pod': 'odd', 'container': 'plain'}),
                        ('without a shell', {'pod': 'odd', 'container': 'bare'})):
        back = temp('back ' + name)
        r = copy(content='hello\n', remote_path='/tmp/a file', check_mode=True, **where)
        check(r.changed and not r.failed, 'check mode: content, %s' % name, r)
        r = copy(content='hello\n', remote_path='/tmp/a file', **where)
        check(r.changed and not r.failed, 'content, %s' % name, r)
        r = copy(local_path=back, remote_path='/tmp/a file', state='from_pod', **where)
        with open(back) as f:
            check(r.changed and not r.failed and f.read() == 'hello\n', 'and back', r)
    check(copy(content='hello\n', remote_path='/tmp/a file').changed is False, 'the same content again')
    check(copy(content='hell\n', remote_path='/tmp/a file', check_mode=True).changed, 'check mode: another content')
    check(copy(content='hello\n', remote_path='/tmp/a file', check_mode=True).changed is False, '... and the same')
    where = {'pod': 'odd', 'container': 'plain'}
    for what, options, words in (
            ('a folder where there is no tar', {'local_path': temp('tree'), 'remote_path': '/tmp/y', **where}, 'has no tar'),
            ('a file that is not here', {'local_path': temp('none'), 'remote_path': '/tmp/y'}, 'No such file'),
            ('a file that is not there', {'local_path': temp('y'), 'remote_path': '/tmp/none', 'state': 'from_pod'},
             "there is no '/tmp/none'"),
            ('content for a folder', {'content': 'x', 'remote_path': '/tmp'}, 'is a folder'),
            ('a file where none can be', {'content': 'x', 'remote_path': '/proc/none'}, 'in the container failed'),
            ('a file that cannot be written here', {'local_path': '/proc/none/x', 'remote_path': '/tmp/a file',
                                                    'state': 'from_pod'}, '/proc/none'),
            ('both ways at once', {'content': 'x', 'local_path': 'y', 'remote_path': '/tmp/y'}, 'mutually exclusive'),
            ('nothing to copy', {'remote_path': '/tmp/y'}, 'local_path, content')):
        r = copy(**options)
        check(r.failed and words in r.msg, what, r)


def hostile_archives():
    """A tar that lies: what it says is not to be believed."""
    outside = temp('outside')
    os.mkdir(outside)
    with tarfile.open(temp('evil.tar'), 'w') as t:
        for name, link in (('./loot/fine', ''), ('./loot/way', outside), ('./loot/way/in', ''), ('./loot/../../evil', '')):
            i = tarfile.TarInfo(name)
            if link:
                i.type, i.linkname = tarfile.SYMTYPE, link
            t.addfile(i)
    with open(temp('liar'), 'w') as f:
        f.write('#!/bin/sh\ncat /bin/evil.tar\n')
    os.chmod(temp('liar'), 0o755)
    plain = {'pod': 'odd', 'container': 'plain'}
    copy(content='x', remote_path='/tmp/loot', **plain)
    for here, there in ('evil.tar', 'evil.tar'), ('liar', 'tar'):
        copy(local_path=temp(here), remote_path='/both/plain/' + there, pod='odd', container='bare')
    r = copy(local_path=temp('in/loot'), remote_path='/tmp/loot', state='from_pod', **plain)
    check(r.failed and 'leads out of it' in r.msg and os.listdir(outside) == [] and not os.path.exists(temp('evil')),
          'an archive that leads elsewhere', r)


def faults():
    apply(pod('victim', [container('main')]))
    threading.Timer(2, lambda: Run('k8s', api_version='v1', kind='Pod', namespace=NAMESPACE, name='victim', state='absent',
                                   delete_options={'gracePeriodSeconds': 0})).start()
    r = execute('sleep 60', pod='victim')
    check(r.seconds < 20 and (r.failed or r.result.get('rc') == 137) and r.changed, 'a pod that is killed', r)
    path = temp('steady')
    with open(path, 'w') as f:
        f.write('old')
    execute('sh -c "head -c 20000000 /dev/zero >/tmp/zeros"')
    cut = Between(cut=1_000_000)
    r = copy(local_path=path, remote_path='/tmp/zeros', state='from_pod', kubeconfig=cut.kubeconfig)
    with open(path) as f:
        check(r.failed and not r.changed and f.read() == 'old' and 'cut' not in os.listdir(TEMP),
              'a connection that is cut leaves the file as it was', r)
    check(not [n for n in os.listdir(TEMP) if n.startswith('.treenail')], 'and nothing beside it')
    r = execute('yes', kubeconfig=Between(cut=100_000).kubeconfig)
    check(r.failed and r.result['error']['kind'] == 'network' and r.changed, 'a command whose connection is cut', r)
    r = execute('sleep 1', kubeconfig=Between(cut=10).kubeconfig)
    check(r.failed and r.result['error']['kind'] == 'network', 'a handshake that is cut', r)


def status_of(name):
    pods = Run('k8s_info', kind='Pod', namespace=NAMESPACE, name=name).result.get('resources') or [{}]
    return pods[0].get('status', {})


def states_of(name):
    """What the containers do, those that wait by the reason."""
    states = {c['name']: c['state'] for c in status_of(name).get('containerStatuses', [])}
    return {n: s.get('waiting', {}).get('reason') or next(iter(s), None) for n, s in states.items()}


def silent_containers():
    """Those of which nothing can be had: why."""
    r = Run('k8s', resource_definition=[
        pod('ended', [container('gone', 'exit 3'), container('main')], restartPolicy='Never'),
        pod('lame', [container('main', image='lab.invalid/none:1')]),
        pod('homeless', [container('main')], nodeSelector={'no': 'where'})])
    check(not r.failed, 'pods with containers that do not run', r)
    seen = None
    for _ in range(600):
        unplaced = [c.get('reason') for c in status_of('homeless').get('conditions', [])]
        seen = (states_of('ended'), states_of('lame'), unplaced)
        if seen == ({'gone': 'terminated', 'main': 'running'}, {'main': 'ErrImageNeverPull'}, ['Unschedulable']):
            break
        time.sleep(0.2)
    else:
        check(False, 'the containers are as they are to be', seen)
    for name, box, words in (('ended', 'gone', "container 'gone' has ended with exit code 3 (Error)"),
                             ('lame', 'main', "container 'main' waits: ErrImageNeverPull"),
                             ('homeless', 'main', 'the pod is Pending: Unschedulable')):
        r = execute('true', pod=name, container=box)
        check(r.failed and words in r.msg and r.seconds < 60, 'a command in %s' % name, r)
        r = copy(pod=name, container=box, content='x', remote_path='/tmp/x')
        check(r.failed and words in r.msg and not r.changed, 'a file into %s' % name, r)
        r = Run('k8s_log', namespace=NAMESPACE, name=name, container=box)
        check(r.failed and words in r.msg if name == 'lame' else not r.failed, 'the log of %s' % name, r)


def from_a_pod():
    """The program in a container: the pod's service account is used when that is asked for, and not else."""
    apply({'apiVersion': 'rbac.authorization.k8s.io/v1', 'kind': 'Role',
           'metadata': {'name': 'reader', 'namespace': NAMESPACE},
           'rules': [{'apiGroups': [''], 'resources': ['pods'], 'verbs': ['get', 'list']}]},
          {'apiVersion': 'rbac.authorization.k8s.io/v1', 'kind': 'RoleBinding',
           'metadata': {'name': 'reader', 'namespace': NAMESPACE},
           'roleRef': {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'Role', 'name': 'reader'},
           'subjects': [{'kind': 'ServiceAccount', 'name': 'default', 'namespace': NAMESPACE}]})
    where = {'pod': 'odd', 'container': 'gnu'}
    r = copy(local_path=PROGRAM, remote_path='/tmp/treenail-kubernetes', **where)
    check(not r.failed, 'the program in a container', r)

    def inside(**options):
        args = {'_ansible_module_name': 'treenail.kubernetes.k8s_info', **options}
        copy(content=json.dumps(args), remote_path='/tmp/args', **where)
        r = execute('/bin/sh -c "TREENAIL_CACHE_DIR=/tmp/cache /tmp/treenail-kubernetes /tmp/args"', **where)
        text = r.result.get('stdout', '')
        return json.loads(text) if text.strip().startswith('{') else {'failed': True, 'msg': repr(r)}

    said = inside(context='in-cluster', kind='Pod', namespace=NAMESPACE, name='odd')
    check([p['metadata']['name'] for p in said.get('resources', [])] == ['odd'], 'k8s_info as the service account', said)
    said = inside(context='in-cluster', kind='Secret', namespace=NAMESPACE)
    check(said.get('failed') and 'system:serviceaccount:%s:default' % NAMESPACE in said['msg'],
          '... which may not read Secrets', said)
    said = inside(kind='Pod', namespace=NAMESPACE)
    check(said.get('failed') and 'no cluster is named' in said['msg'] and not said.get('resources'),
          'without being asked to, it takes no cluster', said)


def older_servers():
    v4 = Between()
    r = execute('sh -c "echo out; exit 5"', kubeconfig=v4.kubeconfig)
    check(r.result.get('rc') == 5 and r.result.get('stdout') == 'out\n' and v4.sockets == 1, 'a command by v4', r)
    r = copy(local_path=temp('tree'), remote_path='/tmp/v4/tree', kubeconfig=v4.kubeconfig)
    check(r.changed and not r.failed, 'a folder there by v4', r)
    r = copy(local_path=temp('v4-back'), remote_path='/tmp/v4/tree', state='from_pod', kubeconfig=v4.kubeconfig)
    check(not r.failed and listing(temp('v4-back')) == listing(temp('tree')), 'and back', r)
    r = copy(content='x', remote_path='/tmp/v4', pod='odd', container='plain', kubeconfig=v4.kubeconfig)
    check(r.failed and 'cannot tell the command that its input has ended' in r.msg and r.seconds < 60,
          'what needs v5 says so', r)


def logs():
    def log(**options):
        return Run('k8s_log', namespace=NAMESPACE, **options)

    r = log(name='box')
    check(r.result.get('log') == 'first\nsecond\n' and r.result['log_lines'] == ['first', 'second', ''] and
          r.changed is False, 'a log', r)
    check(log(name='box', tail_lines=1).result.get('log') == 'second\n', 'its last line')
    check(log(name='box', since_seconds='100000').result.get('log') == 'first\nsecond\n', 'what is new')
    check(log(label_selectors=['app=box'], container='other').result.get('log') == 'other \ufffd\n', 'by label, a container')
    check(log(name='box', all_containers=True).result.get('log') == 'first\nsecond\nother \ufffd\n', 'all containers')
    apply({'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': 'web', 'namespace': NAMESPACE},
           'spec': {'selector': {'matchExpressions': [{'key': 'app', 'operator': 'In', 'values': ['web', 'x']}]},
                    'template': {'metadata': {'labels': {'app': 'web'}},
                                 'spec': {'terminationGracePeriodSeconds': 0,
                                          'containers': [container('web', 'echo hello; exec sleep 10000')]}}}})
    r = log(kind='Deployment', api_version='apps/v1', name='web')
    check(r.result.get('log') == 'hello\n', 'of a Deployment', r)
    for what, options, words in (('a pod', {'name': 'none'}, 'none'),
                                 ('a label', {'label_selectors': ['app=none']}, "has the labels app=none"),
                                 ('a container', {'name': 'box', 'container': 'none'}, 'none'),
                                 ('a container before', {'name': 'box', 'previous': True}, 'previous terminated container'),
                                 ('a name', {}, 'name or label_selectors')):
        r = log(**options)
        check(r.failed and words in r.msg, '%s that is not there' % what, r)


if not os.path.exists(NODE):
    print('LEFT OUT commands in containers: the lab has no real node (%s)' % NODE)
    check(True, 'left out')
else:
    with objects():
        commands()
        trees()
        small_files()
        big_files()
        older_servers()
        faults()
        logs()
        silent_containers()
        from_a_pod()
        hostile_archives()
print('%(passed)d passed, %(failed)d failed' % tally)
sys.exit(1 if tally['failed'] else 0)
