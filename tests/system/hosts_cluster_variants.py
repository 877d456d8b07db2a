#!/usr/bin/env python3
"""Clusters that are made in another way than the usual one, on bare hosts.

hosts_cluster_variants.py [apart | vip | docker]...: by default the first.
apart    no registry is reached but mirrors, of which one is behind a proxy, images come from here, and the API is reached
         through SSH alone, at another port than usual; with what can be said of kubelets, patches and certificates
vip      two control planes and a worker, with kube-vip's manifest, whose address moves. What runs in it is the lab's own
         (node/vip.sh), which knows those of kube-vip's settings that the manifest has
docker   Docker and cri-dockerd, of which CRI_DOCKERD names the package; Docker's are those of this machine's Debian

NODES names the folder of bare hosts that are up already (hosted.py): one, three and one of them are needed.
"""
import base64
import hashlib
import http.server
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tarfile
import threading
import time

from common import TEMP, check, finish
from hosted import LAB, NEW, NODES, address, declaration, done, kubectl, on, run, same, with_hosts

MIRROR = 'mirror.invalid:5000'  # which only the proxy knows
PATIENCE_S = 300  # on a machine that has other work
PROXY_USER = 'lab:s3cr%21t'


# ---- a registry, as mirrors and behind a proxy ----

class Registry:
    """The images of archives at /v2/, for who comes directly or asks a proxy for MIRROR. `asked`: (how, path)."""

    def __init__(self, *archives):
        self.blobs, self.tags, self.asked = {}, {}, []
        for archive in archives:
            self.load(archive)
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_GET(self):
                registry.answer(self, True)

            def do_HEAD(self):
                registry.answer(self, False)

            def log_message(self, *args):
                pass

        self.handler = Handler

    def keep(self, data, kind):
        digest = 'sha256:' + hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data, kind
        return {'mediaType': kind, 'size': len(data), 'digest': digest}

    def load(self, archive):
        docker = 'application/vnd.docker.'
        with tarfile.open(archive) as tar:
            def file(name):
                return tar.extractfile(name).read()

            for image in json.loads(file('manifest.json')):
                manifest = {'schemaVersion': 2, 'mediaType': docker + 'distribution.manifest.v2+json',
                            'config': self.keep(file(image['Config']), docker + 'container.image.v1+json'),
                            'layers': [self.keep(file(layer), docker + 'image.rootfs.diff.tar')
                                       for layer in image['Layers']]}
                kept = self.keep(json.dumps(manifest).encode(), manifest['mediaType'])
                for name in image['RepoTags']:
                    path, tag = name.split('/', 1)[1].rsplit(':', 1)
                    self.tags['/v2/%s/manifests/%s' % (path, tag)] = kept['digest']

    def answer(self, handler, body):
        path, how = handler.path.split('?')[0], 'directly'
        if path.startswith('http://' + MIRROR):
            path = path[len('http://' + MIRROR):]
            how = 'by ' + base64.b64decode(handler.headers.get('Proxy-Authorization', 'Basic ').split()[1]).decode()
        self.asked.append((how, path))
        digest = self.tags.get(path, path.rsplit('/', 1)[-1])
        data, kind = self.blobs.get(digest, (b'{}', 'application/json'))
        handler.send_response(200 if digest in self.blobs or path == '/v2/' else 404)
        for name, value in (('Content-Type', kind), ('Docker-Content-Digest', digest), ('Content-Length', str(len(data)))):
            handler.send_header(name, value)
        handler.end_headers()
        if body:
            handler.wfile.write(data)

    def serve(self, address, tls=None):
        """The port at which it is."""
        server = http.server.ThreadingHTTPServer((address, 0), self.handler)
        server.daemon_threads = True
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.server_address[1]


def certificate(address):
    """(PEM that is to be trusted, context of a server at that address)"""
    cert, key = os.path.join(TEMP, 'mirror.crt'), os.path.join(TEMP, 'mirror.key')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj',
                    '/CN=mirror', '-addext', 'subjectAltName=IP:' + address, '-keyout', key, '-out', cert],
                   check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with open(cert) as f:
        return f.read(), context


def repository():
    """Where the lab has the archives that hosts see at /srv/lab/images."""
    said = subprocess.run(['bash', '-c', '. "$1" && echo "$REPOSITORY/images"', '-', LAB + '/common.sh'], check=True,
                          stdout=subprocess.PIPE, text=True)
    return said.stdout.strip()


def bridge():
    """Our address on the network of the hosts."""
    return address('h1').rsplit('.', 1)[0] + '.1'


# ---- apart ----

def declared_apart(registry):
    here, (ca, tls) = bridge(), certificate(bridge())
    cluster = declaration(NEW, 1)
    cluster['nodes'][0].update(taints=[], kubelet_args={'v': 3})
    cluster['endpoint'] = {'port': 8443}
    etcd = next(i for i in cluster['images'] if 'etcd' in i['path'])
    etcd.update(archive=os.path.join(repository(), os.path.basename(etcd.pop('path'))))
    cluster['images'] = [i for i in cluster['images'] if not re.search('pause|busybox', i['names'][0])]
    cluster['registry_mirrors'] = [
        {'registry': 'registry.k8s.io', 'mirrors': ['https://%s:%d' % (here, registry.serve(here, tls))], 'ca': ca},
        {'registry': '_default', 'mirrors': ['http://' + MIRROR]}]
    cluster['proxy'] = {'http': 'http://%s@%s:%d' % (PROXY_USER, here, registry.serve(here)), 'no_proxy': [here]}
    cluster['certificates'] = {'ca_days': 400, 'days': 90, 'key_type': 'RSA-2048', 'alt_names': ['api.lab.invalid']}
    cluster['kubeadm'].update(patches={
        'kube-scheduler0+merge.yaml': 'metadata: {annotations: {lab/patched: "yes"}}\n',
        'kubeletconfiguration1+merge.yaml': 'podPidsLimit: 555\n'})
    cluster['kubeadm']['kubelet']['maxPods'] = 55
    return cluster


def days(path):
    """How long a certificate lasts in all, and the kind of its key."""
    said = on('h1', 'openssl x509 -noout -dates -text -in ' + path)
    begin, end = (on('h1', 'date +%%s -d "%s"' % re.search(w + '=(.*)', said).group(1)) for w in ('notBefore', 'notAfter'))
    return round((int(end) - int(begin)) / 86400), re.search(r'Public-Key: \((.*)\)', said).group(1), said


def told(cluster):
    """What kubelet, kubeadm and certificates were told is so."""
    node = json.loads(kubectl('get', 'node', 'h1', '-o', 'json'))
    check(node['status']['capacity']['pods'] == '55', "a field of KubeletConfiguration is the kubelet's", node['status']['capacity'])
    check('podPidsLimit: 555' in on('h1', 'cat /var/lib/kubelet/config.yaml'), 'its patch, too')
    check('--v=3' in on('h1', 'tr "\\0" " " </proc/$(systemctl show -P MainPID kubelet)/cmdline').split(), 'and its option')
    check(kubectl('-n', 'kube-system', 'get', 'pod', 'kube-scheduler-h1', '-o', r"jsonpath='{.metadata.annotations.lab/patched}'")
          == 'yes', "the scheduler's patch is there")
    ca, server = days('/etc/kubernetes/pki/ca.crt'), days('/etc/kubernetes/pki/apiserver.crt')
    check(ca[:2] == (400, '2048 bit'), 'authorities have the lifetime and the kind that was declared', ca)
    check(server[:2] == (90, '2048 bit') and 'DNS:api.lab.invalid' in server[2], 'so have certificates, and the name', server)
    rows = run('cluster_info', cluster)['health']['certificates']
    by_kubeadm = [c['days_left'] for c in rows if c.get('renewed_by') == 'kubeadm']
    check(by_kubeadm and max(by_kubeadm) <= 90, "so have all of kubeadm's", rows)


def reached(registry):
    """Who asked for what, and what was asked of nobody."""
    ways = {}
    for how, path in registry.asked:
        ways.setdefault(path.split('/')[2], set()).add(how)
    check(ways.get('pause') == {'directly'}, 'an image comes from the mirror with the declared certificate', ways)
    check(ways.get('busybox') == {'by lab:s3cr!t'}, 'another from the mirror behind the proxy', ways)
    check(set(ways) <= {'pause', 'busybox', ''}, 'the others were sent from here or were there', ways)
    env = on('h1', 'grep -hs HTTP_PROXY -A1 /etc/kubernetes/manifests/kube-controller-manager.yaml')
    check(PROXY_USER in env, 'the control plane has the proxy', env)
    found = on('ops@h1', 'grep -rlsF %s /etc /run /var/lib /var/log 2>/dev/null; ps axww | grep -F %s | grep -v grep; '
               'systemctl cat containerd | grep -F %s' % ((PROXY_USER,) * 3))
    check(found == '', "its password is nobody's to read", found)


def refused(cluster):
    """What shows only when a node's steps are made."""
    bad = json.loads(json.dumps(cluster))
    bad['registry_mirrors'][1]['registry'] = '../etc'
    result = run('cluster', bad)
    check(result.get('failed') and 'registry_mirrors' in result['msg'] and result['connections'] == 0,
          'a wrong registry is refused before a host is reached', result)


def apart():
    registry = Registry(*(os.path.join(repository(), n + '.tar') for n in ('pause', 'busybox')))
    cluster = declared_apart(registry)
    refused(cluster)
    on('h1', 'nft "add table inet lab; add chain inet lab in { type filter hook input priority 0; }; '
       'add rule inet lab in ip saddr %s tcp dport 8443 counter drop"' % bridge())
    done(run('cluster', cluster), 'a cluster whose API is reached through SSH, and that reaches mirrors alone')
    told(cluster)
    reached(registry)
    cluster['nodes'][0]['labels'] = {'lab/zone': 'a'}
    done(run('cluster', cluster), 'a label, through SSH')
    check(kubectl('get', 'node', 'h1', '-o', r"jsonpath='{.metadata.labels.lab/zone}'") == 'a', 'is there')
    rule = on('h1', 'nft list table inet lab')
    check(re.search('counter packets [1-9]', rule), 'the API was asked in vain but by SSH', rule)
    same(cluster, 'all that')
    done(run('cluster', cluster, state='absent'), 'it goes')
    check(on('h1', 'ls -A /var/lib/etcd') == '', "so does etcd's data")
    on('h1', 'nft delete table inet lab')


# ---- vip ----

def vip_image():
    """The archive of lab.invalid/vip:1."""
    archive, switch = os.path.join(TEMP, 'vip.tar'), os.path.join(TEMP, 'nsswitch.conf')
    with open(switch, 'w') as f:
        f.write('hosts: files\n')
    programs = 'arping base64 cat date grep ip sed sh sleep tr'.split()
    with open(archive, 'wb') as f:
        subprocess.run([sys.executable, LAB + '/node/image.py', 'lab.invalid/vip:1', '--', '/bin/manager=%s/node/vip.sh' % LAB,
                        '/bin/busybox=/bin/busybox', '/usr/bin/curl=/usr/bin/curl', '/etc/nsswitch.conf=' + switch,
                        *('/bin/%s@busybox' % p for p in programs)], check=True, stdout=f)
    return archive


def holders(shared):
    return [h for h in ('h1', 'h2') if shared in on(h, 'ip -o addr show dev eth0').replace('/', ' ').split()]


def until(what, ask):
    """True as soon as ask() is; no later than minutes after."""
    end = time.monotonic() + PATIENCE_S
    while not (ok := ask()) and time.monotonic() < end:
        time.sleep(0.5)
    return check(ok, what)


def from_h2(command):
    """What kubectl says on h2, by the address."""
    return on('h2', 'KUBECONFIG=/etc/kubernetes/admin.conf kubectl %s 2>/dev/null' % command)


def renewed():
    """When the worker's kubelet came to the API last."""
    return from_h2("-n kube-node-lease get lease h3 -o jsonpath='{.spec.renewTime}'")


def moves(shared):
    """The API server of the node that has the address ends."""
    leader = holders(shared)[0]
    other = 'h2' if leader == 'h1' else 'h1'
    on(leader, 'mv /etc/kubernetes/manifests/kube-apiserver.yaml /root/')
    until('without its API server the other one holds the address', lambda: holders(shared) == [other])
    until('kubectl comes to the API there', lambda: len(from_h2('get nodes -o name').split()) == 3)
    since = renewed()
    until("so does a worker's kubelet", lambda: renewed() > since)
    on(leader, 'mv /root/kube-apiserver.yaml /etc/kubernetes/manifests/')


def vip():
    shared = bridge()[:-1] + '200'
    cluster = declaration(NEW, 3)
    cluster['endpoint'] = {'host': shared, 'kind': 'kube_vip', 'image': 'lab.invalid/vip:1'}
    cluster['nodes'][1]['role'] = 'control_plane'
    cluster['images'].append({'archive': vip_image(), 'names': ['lab.invalid/vip:1'], 'roles': ['control_plane']})
    done(run('cluster', cluster), 'two control planes, a worker and an address')
    check(len(holders(shared)) == 1, 'which one of them holds', holders(shared))
    check('server: https://%s:6443' % shared in on('h3', 'cat /etc/kubernetes/kubelet.conf'), "and the worker's kubelet goes to")
    check([on(h, 'grep -c super-admin /etc/kubernetes/manifests/kube-vip.yaml') for h in ('h1', 'h2')] == ['0', '0'],
          'it has the most powerful credentials only until there is a cluster')
    same(cluster, 'it was made')
    moves(shared)
    until('both API servers are back', lambda: run('cluster_info', cluster).get('health', {}).get('healthy'))
    same(cluster, 'the address moved')
    done(run('cluster', cluster, state='absent'), 'it goes')
    check(holders(shared) == [], 'and the address with it', holders(shared))
    check(on('h2', 'ls -A /var/lib/etcd /etc/kubernetes/manifests | grep -v :') == '', 'and the data of etcd')


# ---- docker ----

def debian():
    """A folder with a repository of what Docker is here, and the package that CRI_DOCKERD names."""
    folder = os.path.join(TEMP, 'docker')
    os.makedirs(folder)
    subprocess.run(['apt-get', '-qq', '-o', 'APT::Sandbox::User=root', 'download', 'docker.io', 'tini'], cwd=folder, check=True)
    shutil.copy(os.environ['CRI_DOCKERD'], folder)
    subprocess.run(['bash', '-c', 'cd "$2" && . "$1" && umask 022 && packages_index .', '-', LAB + '/common.sh', folder], check=True)
    return folder


def docker():
    if not os.environ.get('CRI_DOCKERD'):
        print('hosts_cluster_variants.py: LEFT OUT: docker: CRI_DOCKERD does not name a package of cri-dockerd')
        return
    subprocess.run(['scp', '-q', '-r', '-F', os.path.join(NODES, 'ssh/config'), debian(), 'h1:/srv/docker'], check=True)
    cluster = declaration(NEW, 1)
    cluster['nodes'][0]['taints'] = []
    cluster['runtime'] = 'docker'
    cluster['packages']['repository'].append('deb [trusted=yes] file:/srv/docker ./')
    # The lab's kernel has not all of what Docker's own networks want, which pods do not use.
    cluster['runtime_config'] = {'iptables': False, 'bridge': 'none'}
    done(run('cluster', cluster), 'a cluster on Docker')
    check(kubectl('get', 'node', 'h1', '-o', "jsonpath='{.status.nodeInfo.containerRuntimeVersion}'").startswith('docker://'),
          "is the kubelet's runtime")
    kubectl('run', 'pod', '--image=lab.invalid/busybox:1', '--', 'sleep', '1000')
    kubectl('wait', '--for=condition=Ready', '--timeout=%ds' % PATIENCE_S, 'pod/pod')
    check(kubectl('exec', 'pod', '--', 'echo', 'inside') == 'inside', 'a pod of it runs')
    check('k8s_pod_pod' in on('h1', 'docker ps --format "{{.Names}}"'), 'in a container of Docker')
    same(cluster, 'it was made')
    done(run('cluster', cluster, state='absent'), 'it goes')
    check(on('h1', 'docker ps -q') == '', 'and its containers')


VARIANTS = {'apart': (1, apart), 'vip': (3, vip), 'docker': (1, docker)}


def main():
    for name in chosen:
        VARIANTS[name][1]()


chosen = sys.argv[1:] or ['apart']
if not set(chosen) <= set(VARIANTS):
    sys.exit('usage: hosts_cluster_variants.py [%s]...' % ' | '.join(VARIANTS))
with_hosts(max(VARIANTS[name][0] for name in chosen), main)
finish()
