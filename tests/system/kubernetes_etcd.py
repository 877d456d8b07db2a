#!/usr/bin/env python3
"""The etcd of a cluster on bare hosts, by the modules: encrypted, saved, restored, and encrypted anew, by runs that are killed.

NODES names the folder of two bare hosts that are up already; KILLS is how often a restore is killed, and as often another key,
1 by default.
"""
import hashlib
import json
import os
import random
import re
import stat
import time

from common import TEMP, check, finish
from hosted import NEW, declaration, done, kubectl, on, run, same, with_hosts

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
    check(result.get('changed') and [a['id'] for a in result['actions']] == ['stage h1', 'stop h1', 'restore h1', 'start h1', 'verify'],
          'check mode tells a plan', result)
    check(on('h1', 'ls -d /var/lib/etcd/restore /etc/kubernetes/stopped-manifests 2>/dev/null') == '', 'and does none of it')


def restored(cluster):
    version = int(kubectl('get namespace kube-system -o jsonpath={.metadata.resourceVersion}'))
    uid = kubectl('get pod stays -o jsonpath={.metadata.uid}')
    kubectl('create configmap after')
    kubectl('delete secret before')
    pod('goes')
    for _ in range(KILLS):
        seconds = random.uniform(0.5, 30)
        if run('cluster_backup', cluster, kill_s=seconds, path=SNAPSHOT, state='restored'):
            break
        print('       killed after %.1f s' % seconds, flush=True)
        result = run('cluster', cluster)
        began = on('h1', 'ls -d /etc/kubernetes/stopped-manifests 2>/dev/null')
        check(not began or result.get('failed') and 'has not ended' in result['msg'], 'other runs wait for it', result)
    done(run('cluster_backup', cluster, path=SNAPSHOT, state='restored'), 'the snapshot is restored')
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


def rotated(cluster):
    cluster = {**cluster, 'encryption': {'provider': 'aescbc', 'key': 'second'}}
    planned = run('cluster', cluster, check_mode=True)
    check([a['id'] for a in planned['actions']] == ['rotate'], 'another key is planned', planned)
    for _ in range(KILLS):
        seconds = random.uniform(0.5, 30)
        if run('cluster', cluster, kill_s=seconds):
            break
        print('       killed after %.1f s' % seconds, flush=True)
    result = run('cluster', cluster)
    check(not result.get('failed'), 'another key', result)
    values = [raw(key) for key in kubectl(ETCDCTL + 'get /registry/secrets --prefix --keys-only').split()]
    check(values and all(v.startswith('k8s:enc:aescbc:v1:second:') for v in values), 'encrypts all secrets', values)
    text = on('h1', 'cat /etc/kubernetes/pki/encryption.yaml')
    keys = re.findall(r'secret: *"?([A-Za-z0-9+/=]{40,})', text)
    check('second' in text and 'key1' not in text and len(keys) == 1, 'and is the only one')
    journal = open(os.path.join(cluster['journal'], 'journal')).read()
    check(keys and keys[0] not in journal + json.dumps(result), 'which nobody tells')
    same(cluster, 'it')


def main():
    cluster = declaration(NEW, 2)
    cluster.update(encryption={'provider': 'secretbox'}, audit_policy=AUDIT)
    done(run('cluster', cluster), 'a cluster')
    pod('stays')
    until(300, 'a pod', lambda s: s == 'Running', lambda: phase('stays'))
    encrypted()
    refused(cluster, saved(cluster))
    restored(cluster)
    rotated(cluster)
    done(run('cluster', cluster, state='absent'), 'the cluster goes')


with_hosts(2, main)
finish()
