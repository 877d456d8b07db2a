#!/usr/bin/env python3
"""The etcd of a cluster on bare hosts, by the modules: encrypted, saved, restored, and encrypted anew, by runs that are killed.

PARTS are "single", one control plane, which is all that is done by default; "members", three of them, also without a quorum; and
"external", on an etcd that is not the cluster's. NODES names the folder of bare hosts that are up already, two, or three. KILLS is
how often a restore is killed, and as often a change of keys, 1 by default.
"""
import base64
import hashlib
import json
import os
import random
import re
import stat
import subprocess
import time

import hosted
from common import TEMP, check, finish
from hosted import NEW, declaration, done, kubectl, on, run, same, with_hosts

PARTS = os.environ.get('PARTS', 'single').split()
KILLS = int(os.environ.get('KILLS', '1'))
SNAPSHOT = os.path.join(TEMP, 'etcd.db')
# Nothing is told of but what is done with secrets.
AUDIT = '''apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, resources: [{resources: [secrets]}]}
- {level: None}
'''
ETCDCTL = ('-n kube-system exec etcd-h1 -- etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt '
           '--cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key ')


def until(seconds, what, fine, found):
    """Nothing here is to fail because the machine is slow: `seconds` are many."""
    end = time.monotonic() + seconds
    while True:
        have = found()
        if fine(have) or time.monotonic() > end:
            return check(fine(have), what, have)
        time.sleep(1)


def raw(key):
    """What etcd has there, as far as it can be read."""
    return kubectl(ETCDCTL + "get %s --print-value-only | head -c 60 | tr -c '[:print:]' ." % key)


def pod(name):
    kubectl('run %s --image=lab.invalid/busybox:1 --image-pull-policy=IfNotPresent --restart=Never '
            """--overrides='{"spec": {"terminationGracePeriodSeconds": 0}}' -- sleep 100000""" % name)


def phase(name):
    return kubectl('get pod %s -o jsonpath={.status.phase}' % name)


def killed(module, cluster, between=lambda: None, **options):
    """The result of the run that is not killed."""
    for _ in range(KILLS):
        seconds = random.uniform(0.5, 30)
        result = run(module, cluster, kill_s=seconds, **options)
        if result:
            return result
        print('       killed after %.1f s' % seconds, flush=True)
        between()
    return run(module, cluster, **options)


def encrypted():
    kubectl('create secret generic before --from-literal=a=plain-to-see')
    value = raw('/registry/secrets/default/before')
    check(value.startswith('k8s:enc:secretbox:v1:') and 'plain-to-see' not in value, 'secrets are encrypted in etcd', value)
    until(60, 'the audit log tells of them', lambda n: n.isdigit() and int(n) > 0,
          lambda: on('h1', 'grep -c \'"resource":"secrets"\' /var/log/kubernetes/audit/audit.log'))


def saved(cluster):
    result = run('cluster_backup', cluster, path=SNAPSHOT)
    with open(SNAPSHOT, 'rb') as f:
        text = f.read()
    check(not result.get('failed') and result['snapshot']['sha256'] == hashlib.sha256(text).hexdigest() and
          stat.S_IMODE(os.stat(SNAPSHOT).st_mode) == 0o600 and b'plain-to-see' not in text, 'a snapshot', result)
    return text


def refused(cluster, text):
    broken = os.path.join(TEMP, 'broken.db')
    for what, content, word in (
            ('one with a wrong byte', text[:5000] + bytes([text[5000] ^ 1]) + text[5001:], 'no whole snapshot'),
            ('half of one', text[:len(text) // 2], 'no whole snapshot'),
            ("another cluster's", bytes(4096) + hashlib.sha256(bytes(4096)).digest(), 'other_cluster')):
        with open(broken, 'wb') as f:
            f.write(content)
        result = run('cluster_backup', cluster, path=broken, state='restored')
        check(result.get('failed') and word in result['msg'] and not result['changed'], what + ' is refused', result)
    result = run('cluster_backup', cluster, check_mode=True, path=SNAPSHOT, state='restored')
    planned = [a['id'] for a in result.get('actions', [])]
    check(planned == ['stage h1', 'stop h1', 'restore h1', 'start h1', 'verify'], 'check mode tells a plan', result)
    check(on('h1', 'ls -d /var/lib/etcd/restore /etc/kubernetes/stopped-manifests 2>/dev/null') == '', 'and does none of it')


def restored(cluster):
    version = int(kubectl('get namespace kube-system -o jsonpath={.metadata.resourceVersion}'))
    uid = kubectl('get pod stays -o jsonpath={.metadata.uid}')
    kubectl('create configmap after')
    kubectl('delete secret before')
    pod('goes')

    def others_wait():
        began = on('h1', 'ls -d /etc/kubernetes/stopped-manifests 2>/dev/null')
        result = run('cluster', cluster)
        check(not began or result.get('failed') and 'has not ended' in result['msg'], 'other runs wait for it', result)

    done(killed('cluster_backup', cluster, others_wait, path=SNAPSHOT, state='restored'), 'the snapshot is restored')
    check(kubectl("get secret before -o jsonpath='{.data.a}'") == 'cGxhaW4tdG8tc2Vl', 'what was is back')
    check('not found' in kubectl('get configmap after'), 'what came is gone')
    check(kubectl('get pod stays -o jsonpath={.metadata.uid}') == uid and phase('stays') == 'Running', 'pods run')
    until(300, 'those that came do not', lambda s: s == '0',
          lambda: on('h2', "ctr -n k8s.io containers ls | grep -c ' /\\?goes' || true"))
    made = kubectl("create configmap anew -o jsonpath='{.metadata.resourceVersion}'")
    check(made.isdigit() and int(made) > version + 10**9, 'revisions go on', (version, made))
    pod('anew')
    until(300, 'and so does all else', lambda s: s == 'Running', lambda: phase('anew'))
    left = on('h1', 'ls /var/lib/etcd; ls -d /etc/kubernetes/stopped-manifests 2>/dev/null').split()
    check(len(left) == 2 and left[0] == 'member' and re.fullmatch(r'replaced-\w+-\w{8}', left[1]), 'what was is kept', left)
    same(cluster, 'it')


def raw_secrets():
    return [raw(key) for key in kubectl(ETCDCTL + 'get /registry/secrets --prefix --keys-only').split()] or ['none']


def begun(cluster):
    """In a cluster that was made without: what was plain is encrypted then."""
    kubectl('create secret generic early --from-literal=a=too-early')
    check(raw('/registry/secrets/default/early').startswith('k8s.'), 'nothing is encrypted')
    cluster['encryption'] = {'provider': 'secretbox'}
    planned = run('cluster', cluster, check_mode=True)
    check([a['id'] for a in planned['actions']] ==
          ['options ' + n['name'] for n in cluster['nodes'] if n['role'] == 'control_plane'] + ['options', 'rotate'],
          'encryption that begins is planned', planned)
    done(killed('cluster', cluster), 'it begins')
    values = raw_secrets()
    check(all(v.startswith('k8s:enc:secretbox:v1:key1:') for v in values), 'what was there is encrypted, too', values)
    same(cluster, 'it')


def rotate(cluster):
    """By another key; the result."""
    cluster['encryption'] = {'provider': 'aescbc', 'key': 'second'}
    planned = run('cluster', cluster, check_mode=True)
    check([a['id'] for a in planned['actions']] == ['rotate'], 'another key is planned', planned)
    result = killed('cluster', cluster)
    check(not result.get('failed'), 'another key', result)
    return result


def rotated(cluster):
    result = rotate(cluster)
    values = raw_secrets()
    check(all(v.startswith('k8s:enc:aescbc:v1:second:') for v in values), 'encrypts all secrets', values)
    text = on('h1', 'cat /etc/kubernetes/pki/encryption.yaml')
    keys = re.findall(r'secret: *"?([A-Za-z0-9+/=]{40,})', text)
    check('second' in text and 'key1' not in text and len(keys) == 1, 'and is the only one')
    with open(os.path.join(cluster['journal'], 'journal')) as f:
        check(keys and keys[0] not in f.read() + json.dumps(result), 'which nobody tells')
    same(cluster, 'it')


def single():
    cluster = declaration(NEW, 2)
    cluster['audit_policy'] = AUDIT
    done(run('cluster', cluster), 'a cluster')
    begun(cluster)
    pod('stays')
    until(300, 'a pod', lambda s: s == 'Running', lambda: phase('stays'))
    encrypted()
    refused(cluster, saved(cluster))
    restored(cluster)
    rotated(cluster)
    done(run('cluster', cluster, state='absent'), 'the cluster goes')


# ---- three members ----

def healthy():
    return kubectl(ETCDCTL + 'endpoint health --cluster 2>&1').count('is healthy')


def etcd_away(*hosts):
    for host in hosts:
        on(host, 'mv /etc/kubernetes/manifests/etcd.yaml /root/')
        until(300, 'etcd of %s ends' % host, lambda s: s == '',
              lambda host=host: on(host, "ss -Hlnt 'sport = 2380'"))


def etcd_back(*hosts):
    for host in hosts:
        on(host, 'mv /root/etcd.yaml /etc/kubernetes/manifests/')


def members():
    cluster = declaration(NEW, 3)
    cluster['endpoint'] = {'host': hosted.address('h1')}
    for node in cluster['nodes']:
        node['role'] = 'control_plane'
    done(run('cluster', cluster), 'three control planes')
    until(300, 'three members', lambda n: n == 3, healthy)
    begun(cluster)
    sums = {on(node['name'], 'sha256sum </etc/kubernetes/pki/encryption.yaml') for node in cluster['nodes']}
    check(len(sums) == 1, 'all have the same key', sums)
    kubectl('create configmap before')
    kubectl('create secret generic before --from-literal=a=plain-to-see')
    saved(cluster)
    kubectl('create configmap after')

    etcd_away('h3')
    result = run('cluster_node', cluster, name='h2', state='absent')
    check(result.get('failed') and 'it would leave 1 healthy of 2 members' in result['msg'],
          'a member that the others need may not leave', result)
    check(kubectl('get node h2 -o jsonpath={.spec.unschedulable}') == '', 'and its node is not emptied')
    etcd_away('h2')
    result = run('cluster', cluster)
    check(result.get('failed') and all(word in result['msg'] for word in ('etcd has no quorum', 'h2: ', 'h3: ', 'state: restored')),
          'no quorum is told, and of whom', result)
    result = run('cluster_backup', cluster, path=SNAPSHOT + '.late')
    check(not result.get('failed'), 'a member that is left gives what it has', result)
    etcd_back('h2', 'h3')

    done(killed('cluster_backup', cluster, path=SNAPSHOT, state='restored'), 'the snapshot is restored on three')
    until(300, 'three members', lambda n: n == 3, healthy)
    check('not found' in kubectl('get configmap after') and 'before' in kubectl('get configmap before'), 'with what it has')
    same(cluster, 'it')
    rotate(cluster)
    values = raw_secrets()
    check(all('aescbc:v1:second' in v for v in values), 'it encrypts all, on three', values)
    done(run('cluster', cluster, state='absent'), 'the cluster goes')


# ---- elsewhere ----

def certificates(folder, address):
    """ca, server and client as files there."""
    def openssl(*words):
        subprocess.run(['openssl', *words], cwd=folder, check=True, stderr=subprocess.DEVNULL)

    key = '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'
    openssl('req', '-x509', *key, '-subj', '/CN=outside-ca', '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '30')
    for name, usage in ('server', 'serverAuth, clientAuth'), ('client', 'clientAuth'):
        openssl('req', *key, '-subj', '/CN=' + name, '-keyout', name + '.key', '-out', name + '.csr')
        with open(os.path.join(folder, name + '.ext'), 'w') as f:
            f.write('extendedKeyUsage = %s\nsubjectAltName = IP:%s\n' % (usage, address))
        openssl('x509', '-req', '-in', name + '.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30',
                '-extfile', name + '.ext', '-out', name + '.crt')


def start_outside():
    """An etcd on h2; the declaration's part."""
    folder, address = os.path.join(TEMP, 'outside'), hosted.address('h2')
    os.mkdir(folder)
    certificates(folder, address)
    on('h2', 'mkdir -p /etc/outside')
    for name in 'ca.crt', 'server.crt', 'server.key':
        with open(os.path.join(folder, name), 'rb') as f:
            on('h2', 'echo %s | base64 -d >/etc/outside/%s' % (base64.b64encode(f.read()).decode(), name))
    url = 'https://%s:2379' % address
    on('h2', 'cd /etc/outside && tar -xOf /srv/lab/images/etcd.tar layer.tar | tar -x --strip-components 3 --wildcards "*bin/etcd"')
    said = on('h2', 'systemd-run --unit outside /etc/outside/etcd --name outside --data-dir /var/lib/outside --listen-client-urls %s '
              '--advertise-client-urls %s --listen-peer-urls http://127.0.0.1:2380 --cert-file /etc/outside/server.crt '
              '--key-file /etc/outside/server.key --trusted-ca-file /etc/outside/ca.crt --client-cert-auth' % (url, url))
    until(120, 'an etcd elsewhere', lambda s: '2379' in s, lambda: on('h2', "ss -Hlnt 'sport = 2379'") or said)
    return {'kind': 'external', 'endpoints': [url], 'ca_file': os.path.join(folder, 'ca.crt'),
            'cert_file': os.path.join(folder, 'client.crt'), 'key_file': os.path.join(folder, 'client.key')}


def external():
    cluster = declaration(NEW, 2)
    cluster['nodes'].pop()
    cluster['etcd'] = start_outside()
    # The lab's is a little older than kubeadm would have it.
    cluster['kubeadm']['ignore_preflight_errors'] = ['ExternalEtcdVersion']
    done(run('cluster', cluster), 'a cluster on an etcd elsewhere')
    same(cluster, 'it was made')
    check(on('h1', 'ls -d /etc/kubernetes/manifests/etcd.yaml /var/lib/etcd/member 2>/dev/null') == '', 'has none of its own')
    info = run('cluster_info', cluster)
    etcd = (info.get('health') or {}).get('etcd') or {}
    check(etcd.get('quorum') and [m['name'] for m in etcd['members']] == ['outside'],
          'its health is known', info)
    saved(cluster)
    result = run('cluster_backup', cluster, path=SNAPSHOT, state='restored')
    check(result.get('failed') and 'elsewhere' in result['msg'], 'it is not restored from here', result)
    files = 'cat /etc/kubernetes/pki/apiserver-etcd-client.* /etc/kubernetes/pki/etcd/ca.crt | sha256sum'
    before = on('h1', files)
    done(run('cluster', cluster, renew=True), 'certificates are renewed')
    check(on('h1', files) == before and on('h1', 'ls /etc/kubernetes/pki/etcd') == 'ca.crt', 'but for those of etcd')
    on('h2', 'systemctl stop outside')
    result = run('cluster', cluster)
    check(result.get('failed') and result['seconds'] < 600, 'without it the cluster says so', result)
    on('h2', 'systemctl reset-failed outside')
    done(run('cluster', cluster, state='absent'), 'the cluster goes')


def main():
    for part in PARTS:
        {'single': single, 'members': members, 'external': external}[part]()


with_hosts(3 if 'members' in PARTS else 2, main)
finish()
