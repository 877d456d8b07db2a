"""What the system tests share: the lab, the programs, playbooks, and proxies that inject faults.

The variable LAB names the lab's folder (build/lab), B the folder of the programs (build/bin).
"""
import atexit
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAB = os.path.abspath(os.environ.get('LAB', 'build/lab'))
PROGRAM = os.path.join(os.path.abspath(os.environ.get('B', 'build/bin')), 'treenail-openstack')
EXTERNAL = os.path.join(os.path.dirname(PROGRAM), 'treenail-external')
COLLECTIONS = os.path.abspath(os.environ.get('COLLECTIONS', 'build/collection'))
PORTS = {'identity': 0, 'image': 1, 'placement': 2, 'compute': 3, 'network': 4, 'block_storage': 5}
TLS = 100
TEMP = tempfile.mkdtemp(prefix='treenail-test-')
atexit.register(shutil.rmtree, TEMP, ignore_errors=True)
tally = {'passed': 0, 'failed': 0}
tally_lock = threading.Lock()


def check(ok, what, detail=''):
    """One line for each check."""
    with tally_lock:
        tally['passed' if ok else 'failed'] += 1
        print('%s %s' % ('ok    ' if ok else 'FAILED', what), flush=True)
        if not ok and detail != '':
            print('       ' + str(detail)[:3000].replace('\n', '\n       '), flush=True)
    return bool(ok)


def finish():
    print('%(passed)d passed, %(failed)d failed' % tally)
    sys.exit(1 if tally['failed'] or not tally['passed'] else 0)


# ---- the lab ----

def base_port():
    """None: Kubernetes is up alone."""
    if not os.path.exists(os.path.join(LAB, 'clouds.yaml')):
        return None
    with open(os.path.join(LAB, 'clouds.yaml')) as f:
        return int(re.search(r'http://127\.0\.0\.1:(\d+)/v3', f.read()).group(1))


BASE = base_port()


def service_url(service, port=None):
    path = {'compute': '/v2.1', 'block_storage': '/v3', 'identity': '/v3'}.get(service, '')
    return 'http://127.0.0.1:%d%s' % (port or BASE + PORTS[service], path)


def cloud(user, password='lab', project=None, proxies=None, auth=None, **more):
    """An entry of clouds.yaml; `proxies` lead to the services of their names."""
    entry = {'auth': {'auth_url': service_url('identity'), 'username': user, 'password': password,
                      'project_name': project or user, 'user_domain_name': 'Default',
                      'project_domain_name': 'Default'}, 'region_name': 'RegionOne'}
    for service, proxy in (proxies or {}).items():
        entry[service + '_endpoint_override'] = service_url(service, proxy.port)
        if service == 'identity':
            entry['auth']['auth_url'] = service_url(service, proxy.port)
    entry['auth'].update(auth or {})
    return {**entry, **more}


def clouds_file(entries, folder=TEMP):
    """Writes clouds.yaml (JSON is YAML) and returns its path."""
    path = os.path.join(tempfile.mkdtemp(dir=folder), 'clouds.yaml')
    with open(path, 'w') as f:
        json.dump({'clouds': entries}, f)
    os.chmod(path, 0o600)
    return path


tokens = {}


def login(user='demo', password='lab', project=None):
    scope = {'project': {'name': project or user, 'domain': {'id': 'default'}}}
    who = {'name': user, 'domain': {'id': 'default'}, 'password': password}
    body = {'auth': {'identity': {'methods': ['password'], 'password': {'user': who}}, 'scope': scope}}
    req = urllib.request.Request(service_url('identity') + '/auth/tokens', json.dumps(body).encode(),
                                 {'Content-Type': 'application/json'})
    with urllib.request.urlopen(req, timeout=30) as answer:
        return answer.headers['X-Subject-Token']


def rest(method, service, path, body=None, user='demo', token=None, headers=None):
    """A call to the lab beside the programs under test: (status, decoded body)."""
    if token is None:
        token = tokens.setdefault(user, None) or login(user)
        tokens[user] = token
    data = json.dumps(body).encode() if body is not None else None
    req = urllib.request.Request(service_url(service) + path, data, method=method,
                                 headers={'X-Auth-Token': token, 'Content-Type': 'application/json',
                                          **(headers or {})})
    try:
        with urllib.request.urlopen(req, timeout=60) as answer:
            text, status = answer.read(), answer.status
    except urllib.error.HTTPError as e:
        text, status = e.read(), e.code
    try:
        return status, json.loads(text) if text else None
    except ValueError:
        return status, text.decode(errors='replace')


def count(service, path, user='demo'):
    """How many objects a list has."""
    status, body = rest('GET', service, path, user=user)
    lists = [v for v in (body or {}).values() if isinstance(v, list)] if status == 200 else []
    return len(lists[0]) if lists else -1


class Project:
    """A project of its own, with a user of the same name; gone at the end, with flavors and images."""

    def __init__(self, name, password='lab', roles=('member',)):
        self.name, self.password, self.gone = '%s-%d' % (name, os.getpid()), password, []
        body = {'project': {'name': self.name, 'domain_id': 'default'}}
        self.id = rest('POST', 'identity', '/projects', body, user='admin')[1]['project']['id']
        self.gone.append(('identity', '/projects/' + self.id))
        body = {'user': {'name': self.name, 'domain_id': 'default', 'password': password}}
        self.user = rest('POST', 'identity', '/users', body, user='admin')[1]['user']['id']
        self.gone.append(('identity', '/users/' + self.user))
        for role in rest('GET', 'identity', '/roles', user='admin')[1]['roles']:
            if role['name'] in roles:
                rest('PUT', 'identity', '/projects/%s/users/%s/roles/%s' % (self.id, self.user, role['id']),
                     user='admin')
        tokens[self.name] = login(self.name, password)
        atexit.register(self.remove)

    def cloud(self, **how):
        return cloud(self.name, self.password, **how)

    def rest(self, method, service, path, body=None):
        return rest(method, service, path, body, user=self.name)

    def count(self, service, path):
        return count(service, path, user=self.name)

    def quota(self, service, **values):
        path = '/v2.0/quotas/' if service == 'network' else '/os-quota-sets/'
        key = 'quota' if service == 'network' else 'quota_set'
        status, body = rest('PUT', service, path + self.id, {key: values}, user='admin')
        if status != 200:
            raise RuntimeError(body)

    def flavor(self, suffix, ram, disk=1):
        body = {'flavor': {'name': self.name + suffix, 'ram': ram, 'vcpus': 1, 'disk': disk}}
        flavor = rest('POST', 'compute', '/flavors', body, user='admin')[1]['flavor']
        self.gone.append(('compute', '/flavors/' + flavor['id']))
        return flavor['name']

    def image(self, suffix='', size=1000):
        body = {'name': self.name + suffix, 'disk_format': 'raw', 'container_format': 'bare'}
        image = self.rest('POST', 'image', '/v2/images', body)[1]
        self.gone.append(('image', '/v2/images/' + image['id']))
        req = urllib.request.Request(service_url('image') + '/v2/images/%s/file' % image['id'], bytes(size),
                                     {'X-Auth-Token': tokens[self.name],
                                      'Content-Type': 'application/octet-stream'}, method='PUT')
        urllib.request.urlopen(req, timeout=60).close()
        return body['name']

    def remove(self):
        while self.gone:
            service, path = self.gone.pop()
            rest('DELETE', service, path, user='admin')
        for group in rest('GET', 'network', '/v2.0/security-groups?project_id=' + self.id,
                          user='admin')[1]['security_groups']:
            rest('DELETE', 'network', '/v2.0/security-groups/' + group['id'], user='admin')


class Requests:
    """Requests that reached the lab since this was made, as (user agent, service, method, URI, status, ms)."""
    path = os.path.join(LAB, 'log', 'requests.log')

    def __init__(self):
        self.at = os.path.getsize(self.path)

    def get(self, agent='treenail'):
        time.sleep(0.2)  # a service logs after it has answered
        with open(self.path, errors='replace') as f:
            f.seek(self.at)
            lines = f.readlines()
        found = []
        for line in lines:
            m = re.match(r'\d+ (\S+) (\S+) (\S+) (\d+) (\d+) "(.*)"', line)
            if m and agent in m.group(6):
                found.append((m.group(6), m.group(1), m.group(2), m.group(3), int(m.group(4)), int(m.group(5))))
        return found


def writes(requests):
    return [r for r in requests if r[2] not in ('GET', 'HEAD') and '/auth/tokens' not in r[3]]


def logins(requests):
    return [r for r in requests if r[2] == 'POST' and '/auth/tokens' in r[3]]


# ---- the programs ----

def environment(clouds=None, cache=None, **more):
    env = {'PATH': os.environ['PATH'], 'HOME': TEMP, 'LANG': 'C.UTF-8',
           'OS_CLIENT_CONFIG_FILE': clouds or os.path.join(LAB, 'clouds.yaml'),
           'TREENAIL_CACHE_DIR': cache or os.path.join(TEMP, 'cache')}
    env.update({k: v for k, v in more.items() if v is not None})
    return env


def build(source, *flags):
    """Compiles a helper, once."""
    path = os.path.join(TEMP, os.path.basename(source).replace('.c', ''))
    if not os.path.exists(path):
        subprocess.run(['cc', '-O2', '-o', path, os.path.join(ROOT, 'tests', source), *flags], check=True)
    return path


class Run:
    """What became of a program: out, err, code, wall, cpu (seconds), json; rss (bytes) if `exact`."""

    def __init__(self, argv, stdin=b'', env=None, cwd=None, timeout=300, kill_after=None, exact=False):
        if exact:
            measured = tempfile.NamedTemporaryFile(dir=TEMP)
            argv = [build('bench/measure.c'), measured.name, *argv]
        out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        began = time.monotonic()
        with tempfile.TemporaryFile() as given:
            given.write(stdin)
            given.seek(0)
            p = subprocess.Popen(argv, stdin=given, stdout=out, stderr=err, env=env, cwd=cwd)
        timer = threading.Timer(timeout if kill_after is None else kill_after, p.kill)
        timer.start()
        _, status, used = os.wait4(p.pid, 0)
        timer.cancel()
        self.wall = time.monotonic() - began
        self.code = p.returncode = os.waitstatus_to_exitcode(status)
        self.cpu, self.rss = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024
        if exact:
            with open(measured.name) as f:
                cpu, wall, rss = map(float, f.read().split())
            self.cpu, self.wall, self.rss = cpu / 1000, wall / 1000, int(rss) * 1024
            measured.close()
        texts = []
        for f in (out, err):
            f.seek(0)
            texts.append(f.read().decode(errors='replace'))
            f.close()
        self.out, self.err = texts
        try:
            self.json = json.loads(self.out)
        except ValueError:
            self.json = None

    def __getitem__(self, key):
        return (self.json or {}).get(key)

    @property
    def msg(self):
        return str(self['msg']) if self['msg'] is not None else 'no msg: %r %r' % (self.out[-500:], self.err[-500:])

    @property
    def ok(self):
        return self.json is not None and not self['failed'] and self.code == 0


def module(name, args, env=None, check_mode=False, **how):
    """Runs a module as Ansible would, without Ansible."""
    given = {'_ansible_module_name': 'treenail.openstack.' + name, '_ansible_check_mode': check_mode,
             '_ansible_diff': True, '_ansible_verbosity': 4, '_ansible_version': '2.19.0', **args}
    return Run([PROGRAM], json.dumps(given).encode(), env or environment(), **how)


def venv(name):
    return subprocess.run([os.path.join(ROOT, 'tests/env/venv.sh'), name], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


class Play(Run):
    """Runs a playbook (a path, or plays to be written to a file); `recap` has the counts of localhost."""

    def __init__(self, playbook, core='core-2.19', args=(), env=None, cwd=None, collections=COLLECTIONS, **how):
        if not isinstance(playbook, str):
            folder = cwd or tempfile.mkdtemp(dir=TEMP)
            path = os.path.join(folder, 'playbook-%d.yml' % len(os.listdir(folder)))
            with open(path, 'w') as f:
                json.dump(playbook, f, indent=1)
            playbook = path
        env = {**(env or environment()), 'ANSIBLE_COLLECTIONS_PATH': collections, 'ANSIBLE_NOCOLOR': '1',
               'ANSIBLE_LOCALHOST_WARNING': '0', 'ANSIBLE_INVENTORY_UNPARSED_WARNING': '0',
               'ANSIBLE_RETRY_FILES_ENABLED': '0'}
        super().__init__([os.path.join(venv(core), 'bin/ansible-playbook'), playbook, *args], env=env, cwd=cwd, **how)
        recap = re.search(r'^localhost\s*: (.*)$', self.out, re.M)
        self.recap = {k: int(v) for k, v in re.findall(r'(\w+)=(\d+)', recap.group(1))} if recap else {}

    @property
    def ok(self):
        return self.code == 0 and self.recap.get('failed') == 0

    @property
    def changed(self):
        return self.recap.get('changed')

    @property
    def text(self):
        return self.out + self.err


def tasks_play(tasks, **defaults):
    """One play with these tasks; options for all of them."""
    return [{'hosts': 'localhost', 'connection': 'local', 'gather_facts': False,
             'module_defaults': {'group/treenail.openstack.openstack': defaults}, 'tasks': tasks}]


# ---- faults ----

class Fault:
    """What a proxy does to a request in place of handing it on and back."""

    def __init__(self, kind, **how):
        self.kind = kind
        self.how = how


def answer(status, body=b'', headers=()):
    """This answer; the service is not asked."""
    return Fault('answer', status=status, body=body, headers=list(headers))


def edit(change):
    """The service's answer as this function changes it (all of it, as bytes of the same length)."""
    return Fault('edit', change=change)


def instead(body):
    """The service's answer with another body."""
    return Fault('instead', body=body)


CLOSE = Fault('close')       # without having asked the service
LOSE = Fault('lose')         # the service does it, nobody hears of it
CUT = Fault('cut')           # half of the answer
GARBAGE = Fault('garbage')   # no HTTP
HANG = Fault('hang')         # not a word


class Proxy:
    """In front of one service. `plan` has (pattern for "METHOD /uri", fault, times)."""

    def __init__(self, service, delay=0.0, rate=None):
        self.service, self.delay, self.rate = service, delay, rate  # rate: of uploads, bytes per second
        self.plan, self.seen, self.active = [], [], 0
        self.lock = threading.Lock()
        self.socket = socket.create_server(('127.0.0.1', 0), backlog=128)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def reset(self, *plan, delay=0.0):
        self.idle()
        with self.lock:
            self.plan, self.seen, self.delay = [list(p) for p in plan], [], delay

    def accept(self):
        while True:
            client, _ = self.socket.accept()
            with self.lock:
                self.active += 1
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def idle(self):
        """Waits until what was begun has been done."""
        end = time.monotonic() + 30
        while self.active and time.monotonic() < end:
            time.sleep(0.01)

    def serve(self, client):
        try:
            client.settimeout(60)
            self.exchange(client)
        except OSError:
            pass
        finally:
            client.close()
            with self.lock:
                self.active -= 1

    def choose(self, line):
        with self.lock:
            self.seen.append(line)
            for step in self.plan:
                if step[2] > 0 and re.search(step[0], line):
                    step[2] -= 1
                    return step[1]
        return None

    def exchange(self, client):
        head = b''
        while b'\r\n\r\n' not in head:
            part = client.recv(65536)
            if not part:
                return
            head += part
        head, body = head.split(b'\r\n\r\n', 1)
        lines = head.split(b'\r\n')
        fault = self.choose(lines[0].decode().rsplit(' ', 1)[0])
        kind = fault.kind if fault else None
        if kind == 'hang':
            while client.recv(65536):
                pass
            return
        if kind == 'close':
            return
        if kind == 'answer':
            text = fault.how['body']
            self.drain(client, lines, body)
            client.sendall(b'HTTP/1.1 %d Injected\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n'
                           % (fault.how['status'], len(text),
                              b''.join(h.encode() + b'\r\n' for h in fault.how['headers'])) + text)
            return
        reply = self.ask(client, lines, body)
        time.sleep(self.delay)
        if kind == 'lose':
            return
        if kind == 'cut':
            reply = reply[:(reply.index(b'\r\n\r\n') + 4 + len(reply)) // 2]
        elif kind == 'garbage':
            reply = b'\x16\x03\x01 no HTTP at all\n' * 3
        elif kind == 'edit':
            reply = fault.how['change'](reply)
        elif kind == 'instead':
            reply = self.with_body(reply, fault.how['body'])
        client.sendall(reply)

    @staticmethod
    def drain(client, lines, body):
        sizes = [int(x.split(b':')[1]) for x in lines if x.lower().startswith(b'content-length:')]
        missing = (sizes[0] if sizes else 0) - len(body)
        while missing > 0:
            part = client.recv(65536)
            if not part:
                return
            missing -= len(part)

    def ask(self, client, lines, body):
        """Hands a request on, byte by byte as it comes, and returns the whole answer."""
        keep = [x for x in lines if not x.lower().startswith((b'connection:', b'expect:'))]
        sizes = [int(x.split(b':')[1]) for x in keep if x.lower().startswith(b'content-length:')]
        if any(x.lower().startswith(b'expect:') for x in lines):
            client.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
        with socket.create_connection(('127.0.0.1', BASE + PORTS[self.service]), 60) as up:
            up.sendall(b'\r\n'.join(keep + [b'Connection: close', b'', b'']) + body)
            missing = (sizes[0] if sizes else 0) - len(body)
            while missing > 0:
                part = client.recv(65536)
                if not part:
                    return b''
                if self.rate:
                    time.sleep(len(part) / self.rate)
                up.sendall(part)
                missing -= len(part)
            reply = b''
            while part := up.recv(65536):
                reply += part
        return reply

    @staticmethod
    def with_body(reply, body):
        head = reply.split(b'\r\n\r\n', 1)[0].split(b'\r\n')
        head = [x for x in head if not x.lower().startswith((b'content-length:', b'transfer-encoding:'))]
        return b'\r\n'.join(head + [b'Content-Length: %d' % len(body), b'', body])


def proxies(*services, delay=0.0, rate=None):
    return {s: Proxy(s, delay, rate) for s in services or [s for s in PORTS if s != 'placement']}
