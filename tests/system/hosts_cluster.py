#!/usr/bin/env python3
"""The life of a cluster on bare hosts by the modules: made, killed and taken up again, marked, grown, its certificates renewed,
upgraded, told to end and taken up again, shrunk, taken away.

NODES names the folder of bare hosts that are up already (hosted.py). KILLS is how often a run is killed at random while the cluster is
made; 0 by default, beside the one that is killed while a host joins. LONG=1 is the long form: three control planes with their etcd and two workers, of which one is made anew, on five hosts.
"""
import copy
import glob
import os
import random
import re
import signal
import stat
import subprocess
import time

from common import check, finish
from hosted import JOURNAL, LAB, NEW, NODES, OLD, declaration, done, images, journal, kubectl, on, run, same, with_hosts

KILLS = int(os.environ.get('KILLS', '0'))
LONG = os.environ.get('LONG') == '1'
TOKEN = re.compile(r'\b[a-z0-9]{6}\.[a-z0-9]{16}\b')
PKI = '/etc/kubernetes/pki/'


def killed(module, cluster, longest):
    """Runs that are killed at any moment, until one comes to its end."""
    for _ in range(KILLS):
        seconds = random.uniform(0.3, longest)
        result = run(module, cluster, kill_s=seconds)
        if result:
            return result
        print('       killed after %.1f s' % seconds, flush=True)
    return run(module, cluster)


def actions(result):
    return [a['id'] for a in result.get('actions', [])]


def noted(event, action, node):
    return any((event, action, node) == (r['event'], r.get('action'), r.get('node')) for r in journal())


def logins(host):
    """How often its sshd has let in whom the modules are."""
    return int(on(host, 'journalctl -q -u ssh -o cat | grep -c "Accepted publickey for ops"'))


def no_tokens(when):
    check('bootstrap-token' not in kubectl('-n', 'kube-system', 'get', 'secrets', '-o', 'name'), 'no token is left %s' % when)


def kept_quiet():
    with open(os.path.join(JOURNAL, 'journal')) as f:
        text = f.read()
    modes = [stat.S_IMODE(os.stat(p).st_mode) for p in (JOURNAL, os.path.join(JOURNAL, 'journal'))]
    check(modes == [0o700, 0o600], 'the journal is for its owner', modes)
    check(not TOKEN.search(text) and 'PRIVATE KEY' not in text and 'key-data' not in text, 'it holds no secrets')
    check(on('h1', 'ls /run/treenail/kubeadm 2>/dev/null') == '', 'nor has the host what kubeadm was told')


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


def made():
    result = run('cluster', declaration(OLD, 2), end_when=lambda: noted('begun', 'join', 'h2'), end_by=signal.SIGKILL)
    check(result is None, 'a run is killed that has let a host join', result)
    if not done(killed('cluster', declaration(OLD, 2), 40), 'a cluster'):
        finish() # nothing of what follows can be
    no_tokens('of it, nor of runs that were killed')
    same(declaration(OLD, 2), 'it was made')
    kept_quiet()


def marked():
    shown = 'get', 'node', 'h2', '-o', r"jsonpath='{.metadata.labels.lab/zone}{.spec.taints[*].key}'"
    done(run('cluster', declaration(OLD, 2, labels={'lab/zone': 'a'}, taints=['lab=x:PreferNoSchedule'])), 'labels and taints')
    check(kubectl(*shown) == 'alab', 'are there')
    done(run('cluster', declaration(OLD, 2)), 'no labels and taints')
    check(kubectl(*shown) == '', 'are gone')


def grown():
    three = declaration(OLD, 3)
    before = logins('h2')
    result = run('cluster_node', three, name='h3')
    done(result, 'a third node')
    check(result['connections'] == 2 and logins('h2') == before, 'without a connection to the other worker',
          (result['connections'], before, logins('h2')))
    no_tokens('of it')
    same(three, 'it joined')


def patiently(look):
    """What look() gives; on a busy machine a program may be between two lives."""
    until = time.monotonic() + 300
    while True:
        try:
            seen = look()
            if seen or time.monotonic() > until:
                return seen
        except OSError:
            if time.monotonic() > until:
                raise
        time.sleep(1)


def shown(host, port):
    return patiently(lambda: on(host, 'openssl s_client -connect 127.0.0.1:%d </dev/null 2>/dev/null | openssl x509 2>/dev/null' % port))


def certificates(host):
    """The files and what is served, by names; a digest of each."""
    files = ['apiserver', 'apiserver-etcd-client', 'apiserver-kubelet-client', 'front-proxy-client', 'etcd/server', 'etcd/peer']
    told = on(host, 'cd %s && sha256sum %s' % (PKI, ' '.join(f + '.crt' for f in files)))
    all_of = dict(reversed(line.split()) for line in told.splitlines())
    all_of.update({f: on(host, 'sha256sum </etc/kubernetes/' + f) for f in ('admin.conf', 'controller-manager.conf', 'scheduler.conf')})
    for what, port, file in (('API', 6443, 'apiserver.crt'), ('etcd', 2379, 'etcd/server.crt'), ('kubelet', 10250, None)):
        all_of['served: ' + what] = shown(host, port)
        if file:
            check(all_of['served: ' + what] == on(host, 'openssl x509 -in %s%s' % (PKI, file)),
                  '%s: %s shows what is in its file' % (host, what))
    return all_of


def renewed(cluster):
    planes = [n['name'] for n in cluster['nodes'] if n['role'] == 'control_plane']
    before = {n: certificates(n) for n in planes}
    done(run('cluster', cluster, renew=True), 'certificates are renewed')
    for n in planes:
        after = certificates(n)
        check(not [k for k in before[n] if before[n][k] == after[k]], '%s: all of them' % n,
              [k for k in before[n] if before[n][k] == after[k]])
    same(cluster, 'that')


def words_of(host, program):
    return on(host, 'tr "\\0" " " </proc/$(pgrep -o %s)/cmdline' % program).split()


def reconfigured(cluster):
    """Options of kubeadm's that are declared later, and one with which nothing runs. The cluster with the former."""
    planes = [n['name'] for n in cluster['nodes'] if n['role'] == 'control_plane']
    other = copy.deepcopy(cluster)
    other['kubeadm'].update(api_server_args={'event-ttl': '2h'}, scheduler_args={'v': '1'})
    other['certificates'] = {'alt_names': ['other.example']}
    result = run('cluster', other)
    done(result, 'other options of kubeadm')
    check(actions(result) == ['options ' + n for n in planes] + ['options'], 'one control plane after the other', actions(result))
    for n in planes:
        check(patiently(lambda: '--event-ttl=2h' in words_of(n, 'kube-apiserver') and '--v=1' in words_of(n, 'kube-scheduler')),
              '%s: its programs have them' % n)
        check('DNS:other.example' in on(n, "openssl x509 -noout -ext subjectAltName <<'END'\n%s\nEND" % shown(n, 6443)),
              '%s: so does its certificate' % n)
    same(other, 'that')
    wrong = copy.deepcopy(other)
    wrong['kubeadm']['scheduler_args'] = {'no-such-option': '1'}
    result = run('cluster', wrong)
    check(result.get('failed') and 'no-such-option' in result['msg'] and 'has those it had' in result['msg'] and
          {a['id']: a['state'] for a in result['actions']}['options'] == 'skipped', 'an option that no program knows is told',
          result.get('msg'))
    result = run('cluster', other)
    check(not result.get('failed') and not result['changed'], 'and changes nothing', result)
    return other


def upgraded(old, new):
    """Stopped when the first node is done, and taken up again."""
    planned = run('cluster_upgrade', new, check_mode=True)
    check([i for i in actions(planned) if i.startswith('upgrade')] == ['upgrade ' + n['name'] for n in new['nodes']],
          'check mode tells in which order nodes are upgraded', planned)
    result = run('cluster_upgrade', new, end_when=lambda: noted('ended', 'upgrade', 'h1'))
    check(result.get('failed') and 'told to end' in result['msg'] and
          {a['id']: a['state'] for a in result['actions']}['upgrade h1'] == 'done',
          'an upgrade that is told to end tells how far it came', result)
    result = run('cluster_upgrade', new)
    done(result, 'the rest of it')
    check('upgrade h1' not in actions(result), 'which is not done twice', actions(result))
    check(kubectl('get', 'nodes', '-o', "jsonpath='{.items[*].status.nodeInfo.kubeletVersion}'") ==
          ' '.join(['v' + NEW] * len(new['nodes'])) and 'v' + NEW in kubectl('version'), 'all nodes have the new version')
    check(kubectl('get', 'nodes', '-o', "jsonpath='{.items[*].spec.unschedulable}'") == '', 'and are in service')
    under_way, most = set(), 0
    for r in journal():
        if r.get('action') == 'upgrade':
            (under_way.add if r['event'] == 'begun' else under_way.discard)(r['node'])
            most = max(most, len(under_way))
    check(most == 1, 'never two at once', most)
    same(new, 'the upgrade')
    result = run('cluster', old)
    check(result.get('failed') and 'going back is not supported' in result['msg'], 'the older version is refused', result)


def shrunk(cluster):
    done(run('cluster_node', cluster, name='h3', state='absent'), 'the third node leaves')
    result = run('cluster_node', cluster, name='h3', state='absent')
    check(not result['changed'], 'once', result)
    check(kubectl('get', 'nodes', '-o', "jsonpath='{.items[*].metadata.name}'") == 'h1 h2', 'two are left')
    nothing_left('h3')
    same(without(cluster, 'h3'), 'it left')


def nothing_left(host):
    left = on(host, 'ls -d /etc/kubernetes/* /etc/kubernetes/manifests/* /etc/cni/net.d/* /var/lib/etcd/* /var/lib/kubelet/* '
              '/run/treenail/kubeadm 2>/dev/null; ctr -n k8s.io containers list -q; '
              'for p in /proc/[0-9]*/comm; do grep -hxE "kube.*|etcd" $p 2>/dev/null; done')
    check(left in ('', '/etc/kubernetes/manifests'), 'nothing of a cluster is left on %s' % host, left)


def gone(cluster):
    done(run('cluster', cluster, state='absent'), 'the cluster goes')
    for n in cluster['nodes']:
        nothing_left(n['name'])
    result = run('cluster', cluster, state='absent')
    check(not result.get('failed') and not result['changed'], 'once', result)


def newer(cluster):
    return {**cluster, 'version': NEW, 'images': images(NEW)}


def without(cluster, name):
    return {**cluster, 'nodes': [n for n in cluster['nodes'] if n['name'] != name]}


def short():
    refused()
    made()
    marked()
    grown()
    renewed(declaration(OLD, 3))
    old = reconfigured(declaration(OLD, 3))
    upgraded(old, newer(old))
    shrunk(newer(old))
    gone(without(newer(old), 'h3'))


# ---- the long form ----

def planes(version, n):
    """Three control planes, and workers."""
    cluster = declaration(version, n)
    for node in cluster['nodes'][:3]:
        node['role'] = 'control_plane'
    cluster['endpoint'] = {'host': cluster['nodes'][0]['host']['address']}
    cluster['groups'] = [{'name': 'worker', 'max_unavailable': '1'}]
    return cluster


def members():
    return sorted(on('h1', 'P=%setcd; ctr -n k8s.io run --rm --net-host --mount type=bind,src=$P,dst=$P,options=rbind:ro '
                     'registry.k8s.io/etcd:3.5.24-0 look$$ etcdctl --cacert $P/ca.crt --cert $P/server.crt --key $P/server.key '
                     'member list' % PKI).splitlines())


def audited(cluster):
    """A policy for the audit log, and another one: the API servers read it once."""
    names = [n['name'] for n in cluster['nodes'] if n['role'] == 'control_plane']
    policy = 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: %s\n'
    other = {**cluster, 'audit_policy': policy % 'None'}
    done(run('cluster', other), 'an audit policy')
    same(other, 'that')
    logged = 'wc -c </var/log/kubernetes/audit/audit.log'
    check(all(on(n, logged) == '0' for n in names), 'which wants nothing to be written')
    other['audit_policy'] = policy % 'Metadata'
    result = run('cluster', other)
    done(result, 'another one')
    check(actions(result) == ['configure ' + n for n in names], 'wants a restart alone', actions(result))
    check(all(patiently(lambda: int(on(n, logged)) > 0) for n in names), 'and writes')
    same(other, 'that')
    return other


def replaced(cluster):
    """A host that is made anew under the name of a member."""
    for script, words in (('nodes-down.sh', ['h5']), ('nodes-up.sh', ['5'])):
        subprocess.run([os.path.join(LAB, script), NODES, *words], check=True)
    result = run('cluster', cluster)
    done(result, 'a node whose host was made anew joins again')
    check(actions(result) == ['prepare h5', 'join h5'], 'it alone', actions(result))
    same(cluster, 'that')


def long():
    old = planes(OLD, 5)
    if not done(killed('cluster', old, 60), 'three control planes and two workers'):
        finish()
    check(len(members()) == 3, 'etcd has three members', members())
    no_tokens('of it')
    same(old, 'it was made')
    renewed(old)
    old = audited(reconfigured(old))
    new = newer(old)
    upgraded(old, new)
    replaced(new)
    done(run('cluster_node', new, name='h3', state='absent'), 'a control plane leaves')
    check(len(members()) == 2, 'and etcd', members())
    nothing_left('h3')
    done(run('cluster_node', new, name='h3'), 'and comes back')
    check(len(members()) == 3, 'as does its member', members())
    same(new, 'that')
    gone(new)


if __name__ == '__main__':
    with_hosts(5 if LONG else 3, long if LONG else short)
    finish()
