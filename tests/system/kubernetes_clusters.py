#!/usr/bin/env python3
"""A cluster on bare hosts by the modules: made, killed and taken up again, grown, marked, upgraded, shrunk, taken away.

NODES names the folder of three bare hosts that are up already (hosted.py). KILLS is how often a run is killed while the cluster is
made, and as often again while it is upgraded; 3 by default.
"""
import glob
import os
import random
import re
import stat

from common import check, finish
from hosted import JOURNAL, NEW, OLD, declaration, done, kubectl, on, run, same, with_hosts

KILLS = int(os.environ.get('KILLS', '3'))
TOKEN = re.compile(r'\b[a-z0-9]{6}\.[a-z0-9]{16}\b')


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


with_hosts(3, main)
finish()
