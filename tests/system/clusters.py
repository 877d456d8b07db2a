"""What the system tests of Kubernetes share: clusters of the lab, who comes to them, servers of ours, the programs.

Import it first: it goes on in the virtual environment that has what it needs.
"""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = subprocess.run([os.path.join(ROOT, 'tests/env/venv.sh'), 'core-2.19'], check=True, stdout=subprocess.PIPE,
                      text=True).stdout.strip()
if sys.prefix != VENV:
    os.execv(os.path.join(VENV, 'bin/python'), [os.path.join(VENV, 'bin/python'), *sys.argv])

import base64  # noqa: E402
import contextlib  # noqa: E402
import datetime  # noqa: E402
import http.client  # noqa: E402
import http.server  # noqa: E402
import ipaddress  # noqa: E402
import json  # noqa: E402
import re  # noqa: E402
import shutil  # noqa: E402
import ssl  # noqa: E402
import tempfile  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402

import yaml  # noqa: E402
from common import LAB, PROGRAM, TEMP, Run  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402

LAB = os.path.join(LAB, 'kubernetes')
BINARIES = os.path.dirname(PROGRAM)
PROGRAM = os.path.join(BINARIES, 'treenail-kubernetes')
PROVIDER = os.path.join(BINARIES, 'terraform-provider-kubernetes')


# ---- clusters ----

class Cluster:
    """One of the lab's; calls beside the programs under test are the administrator's."""

    def __init__(self, name):
        self.name = name
        self.kubeconfig = self.path('kubeconfig')
        with open(self.kubeconfig) as f:
            config = yaml.safe_load(f)
        self.server = config['clusters'][0]['cluster']['server']
        self.host = self.server.split('//')[1]
        user = config['users'][0]['user']
        self.tls = ssl.create_default_context(cafile=self.path('pki/ca.crt'))
        with tempfile.TemporaryDirectory() as folder:
            for key in ('client-certificate', 'client-key'):
                with open(os.path.join(folder, key), 'wb') as f:
                    f.write(base64.b64decode(user[key + '-data']))
            self.tls.load_cert_chain(os.path.join(folder, 'client-certificate'), os.path.join(folder, 'client-key'))

    def path(self, name):
        return os.path.join(LAB, self.name, name)

    def connect(self):
        return http.client.HTTPSConnection(self.host, context=self.tls, timeout=60)

    def call(self, method, path, body=None, kind='application/json'):
        """(status, decoded body)"""
        with contextlib.closing(self.connect()) as c:
            c.request(method, path, json.dumps(body) if body is not None else None, {'Content-Type': kind})
            answer = c.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text[:1] in (b'{', b'[') else text.decode(errors='replace')

    def make(self, path, body):
        status, answer = self.call('POST', path, body)
        if status not in (200, 201):
            raise RuntimeError('POST %s: %s %s' % (path, status, answer))
        return answer

    def get(self, path):
        """None: it is not there."""
        status, answer = self.call('GET', path)
        return answer if status == 200 else None

    def items(self, path):
        return self.call('GET', path)[1]['items']

    # -- who comes to it --

    def config(self, user=None, server=None, ca=None, **more):
        """A kubeconfig as a dictionary; the user is the administrator if none is named."""
        with open(self.kubeconfig) as f:
            config = yaml.safe_load(f)
        if user is not None:
            config['users'][0]['user'] = user
        cluster = config['clusters'][0]['cluster']
        if server:
            cluster['server'] = server
        if ca:
            cluster['certificate-authority-data'] = coded(ca)
        cluster.update(more)
        return config

    def certificate(self, name, until=None, group=None, server=False):
        """(certificate, key) as PEM, signed by the cluster's CA; of a user, or of a server on 127.0.0.1."""
        with open(self.path('pki/ca.crt'), 'rb') as f:
            ca = x509.load_pem_x509_certificate(f.read())
        with open(self.path('pki/ca.key'), 'rb') as f:
            ca_key = serialization.load_pem_private_key(f.read(), None)
        key = ec.generate_private_key(ec.SECP256R1())
        who = [x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]
        if group:
            who.append(x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, group))
        until = until or datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
        usage = x509.ExtendedKeyUsageOID.SERVER_AUTH if server else x509.ExtendedKeyUsageOID.CLIENT_AUTH
        made = (x509.CertificateBuilder().subject_name(x509.Name(who)).issuer_name(ca.subject)
                .public_key(key.public_key()).serial_number(x509.random_serial_number())
                .not_valid_before(until - datetime.timedelta(days=365)).not_valid_after(until)
                .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
                .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address('127.0.0.1'))]),
                               critical=False).sign(ca_key, hashes.SHA256()))
        return (made.public_bytes(serialization.Encoding.PEM), key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))

    def user(self, name, until=None, group=None):
        """The part of a kubeconfig that says who we are."""
        cert, key = self.certificate(name, until, group)
        return {'client-certificate-data': coded(cert), 'client-key-data': coded(key)}

    def tls_server(self, until=None):
        """A context for a server that clients of this cluster believe."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            for name, text in zip(('crt', 'key'), self.certificate('server', until, server=True)):
                with open(os.path.join(folder, name), 'wb') as f:
                    f.write(text)
            context.load_cert_chain(os.path.join(folder, 'crt'), os.path.join(folder, 'key'))
        return context

    # -- its processes --

    def kill_apiserver(self):
        """All of its process group, as the lab does it."""
        with open(os.path.join(LAB, 'run/%s-kube-apiserver.pid' % self.name)) as f:
            group, born = f.read().split()
        with open('/proc/%s/stat' % group) as f:
            if f.read().rsplit(')', 1)[1].split()[19] != born:
                raise RuntimeError('the API server of %s is not up' % self.name)
        os.killpg(int(group), 9)

    @staticmethod
    def repair():
        subprocess.run([os.path.join(ROOT, 'tests/lab/kubernetes/up.sh'), LAB], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE)


def coded(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def written(value, name='kubeconfig'):
    """The path of a new file that has it: text, bytes, or a value as JSON, which is YAML."""
    path = os.path.join(tempfile.mkdtemp(dir=TEMP), name)
    if not isinstance(value, (str, bytes)):
        value = json.dumps(value)
    with open(path, 'wb') as f:
        f.write(value if isinstance(value, bytes) else value.encode())
    os.chmod(path, 0o600)
    return path


# ---- the programs ----

def environment(cache=None, **more):
    return {'PATH': os.environ['PATH'], 'HOME': TEMP, 'LANG': 'C.UTF-8',
            'TREENAIL_CACHE_DIR': cache or os.path.join(TEMP, 'cache'),
            **{k: v for k, v in more.items() if v is not None}}


def module(name, args, env=None, check_mode=False, **how):
    """Runs a module as Ansible would, without Ansible."""
    given = {'_ansible_module_name': 'treenail.kubernetes.' + name, '_ansible_check_mode': check_mode,
             '_ansible_diff': True, '_ansible_verbosity': 4, '_ansible_version': '2.19.0', **args}
    return Run([PROGRAM], json.dumps(given).encode(), env or environment(), **how)


def root(kubeconfig, hcl='', provider='', folder=None, **env):
    """A root module of Terraform's whose provider block leads there, in a folder of its own."""
    sys.path.insert(0, os.path.join(ROOT, 'tests/terraform'))
    import terraform

    r = terraform.Root(folder or tempfile.mkdtemp(dir=TEMP), BINARIES, {
        'TREENAIL_CACHE_DIR': os.path.join(TEMP, 'tf-cache'), **env}, provider='kubernetes')
    r.write('main.tf', 'provider "kubernetes" {\n  config_path = "%s"\n%s}\n%s' % (kubeconfig, provider, hcl))
    return r


def has_terraform():
    """Says so if there is none."""
    if shutil.which(os.environ.get('TERRAFORM', 'terraform')):
        return True
    print('%s: LEFT OUT, as no `terraform` is on PATH: what is of the provider.' % os.path.basename(sys.argv[0]))
    return False


# ---- servers of ours ----

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def body(self):
        return self.rfile.read(int(self.headers.get('Content-Length') or 0))

    def reply(self, status, text, headers=()):
        self.send_response(status)
        for name, value in (('Content-Type', 'application/json'), *headers, ('Content-Length', str(len(text)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # who hung up


def serve(handler, context):
    """The port at which it is."""
    server = Quiet(('127.0.0.1', 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Hook:
    """A webhook for objects with the label hook: MARK. `decide` makes of an object what a response says of it."""

    def __init__(self, cluster, mark, mutating=False, port=None, timeout=5):
        self.cluster, self.calls, self.decide = cluster, 0, lambda o: {'allowed': True}
        hook = self

        class Review(Handler):
            def do_POST(self):
                hook.calls += 1
                review = json.loads(self.body())
                review['response'] = {'uid': review['request']['uid'], **hook.decide(review['request']['object'])}
                del review['request']
                self.reply(200, json.dumps(review).encode())

        port = port or serve(Review, cluster.tls_server())
        with open(cluster.path('pki/ca.crt')) as f:
            ca = coded(f.read())
        kind = 'mutating' if mutating else 'validating'
        self.name = '%s.%s.example.com' % (kind, mark)
        self.path = '/apis/admissionregistration.k8s.io/v1/%swebhookconfigurations' % kind
        cluster.make(self.path, {'metadata': {'name': self.name}, 'webhooks': [{
            'name': self.name, 'clientConfig': {'url': 'https://127.0.0.1:%d/' % port, 'caBundle': ca},
            'sideEffects': 'None', 'admissionReviewVersions': ['v1'], 'failurePolicy': 'Fail',
            'timeoutSeconds': timeout, 'objectSelector': {'matchLabels': {'hook': mark}},
            'rules': [{'operations': ['CREATE', 'UPDATE'], 'apiGroups': ['*'], 'apiVersions': ['*'],
                       'resources': ['*'], 'scope': '*'}]}]})

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.cluster.call('DELETE', '%s/%s' % (self.path, self.name))


class Proxy:
    """In front of a cluster, as its administrator. `plan` has (pattern for "METHOD URI", fault of common.py, times)."""

    def __init__(self, cluster, until=None):
        self.cluster, self.plan, self.seen, self.lock, self.delay = cluster, [], [], threading.Lock(), 0.0
        proxy = self

        class Way(Handler):
            def any(self):
                proxy.exchange(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = any

        self.port = serve(Way, cluster.tls_server(until))
        self.server = 'https://127.0.0.1:%d' % self.port
        self.kubeconfig = written(cluster.config(user={'token': 'any'}, server=self.server))

    def reset(self, *plan, delay=0.0):
        with self.lock:
            self.plan, self.seen, self.delay = [list(p) for p in plan], [], delay

    def count(self, pattern):
        with self.lock:
            return len([line for line in self.seen if re.search(pattern, line)])

    def choose(self, line):
        with self.lock:
            self.seen.append(line)
            for step in self.plan:
                if step[2] > 0 and re.search(step[0], line):
                    step[2] -= 1
                    return step[1]
        return None

    def exchange(self, handler):
        body = handler.body()
        fault = self.choose('%s %s' % (handler.command, handler.path))
        if fault and fault.kind == 'answer':
            handler.reply(fault.how['status'], fault.how['body'], fault.how['headers'])
        elif fault and fault.kind == 'hang':
            time.sleep(300)
        elif fault and fault.kind == 'close':
            handler.close_connection = True
        else:
            self.ask(handler, body, fault and fault.kind == 'lose')

    def ask(self, handler, body, lose):
        keep = {k: v for k, v in handler.headers.items() if k.lower() in ('content-type', 'accept', 'if-none-match')}
        with contextlib.closing(self.cluster.connect()) as c:
            c.request(handler.command, handler.path, body or None, keep)
            answer = c.getresponse()
            headers = [(k, v) for k, v in answer.getheaders() if k.lower() in ('etag', 'retry-after', 'warning')]
            time.sleep(self.delay)
            if lose:
                handler.close_connection = True
            elif 'watch=true' in handler.path and answer.status == 200:
                handler.close_connection = True
                handler.send_response(200)
                handler.send_header('Connection', 'close')
                handler.end_headers()
                while part := answer.read1(65536):
                    handler.wfile.write(part)
                    handler.wfile.flush()
            else:
                handler.reply(answer.status, answer.read(), headers)
