#!/usr/bin/env python3
"""Faults of real hosts, and a controller that is killed at any moment: people are told what they need, and the next run converges.

NODES names the folder of two bare hosts that are up already (hosted.py). KILLS is how often runs are killed in all, 6 by default.
LONG=yes adds the faults that somebody has to wait for: a reboot, too many sessions, a lock of apt that stays, an etcd that is stopped, a kubelet
that never gets ready.
"""
import contextlib
import json
import os
import random
import re
import socket
import stat
import subprocess
import threading
import time

import hosted
from common import ROOT, TEMP, check, finish
from hosted import JOURNAL, NEW, NODES, OLD, declaration, kubectl, on, read, same, with_hosts

KILLS = int(os.environ.get('KILLS', '6'))
LONG = os.environ.get('LONG') == 'yes'
TOKEN = re.compile(r'(?<![a-z0-9.])[a-z0-9]{6}\.[a-z0-9]{16}(?![a-z0-9.])')
PATIENCE_S = 900
BEGAN = time.time()
said = []  # by all runs


def run(module, cluster, **how):
    result = hosted.run(module, cluster, **how)
    if result:
        said.append(json.dumps(result))
    return result


def told(result, what, *words):
    """It failed, and says all of these."""
    text = json.dumps([result.get(k) for k in ('msg', 'warnings', 'actions')], ensure_ascii=False)
    lacking = [w for w in words if not re.search(w, text)]
    return check(result.get('failed') and not lacking, what, '%s\nlacking: %s' % (json.dumps(result, indent=1), lacking))


def done(result, what):
    return check(not result.get('failed'), what, json.dumps(result, indent=1))


def until(ready, what):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if ready():
            return True
        time.sleep(0.3)
    return check(False, what + ': in vain')


@contextlib.contextmanager
def small_disk(path, *hosts, size='8m', options=''):
    """A file system without room at `path`, for as long as this lasts."""
    for host in hosts:
        on(host, 'mkdir -p %s && mount -t tmpfs -o size=%s%s tmpfs %s' % (path, size, options, path))
    yield
    for host in hosts:
        on(host, 'umount ' + path)


# ---- hosts that cannot be worked on ----

def prefix():
    return read('h2', 'address').rsplit('.', 1)[0]


# What is given of a worker, and what is to be said of it.
STRANGE = {
    'changed': ({}, 'its host key has changed.*ssh-keygen -f'),
    'revoked': ({}, 'is revoked by .*make new host keys there'),
    'unknown': ({}, "is not known: compare it with what the host's console"),
    'nowhere': ({}, 'No route to host: is the host up'),
    'hole': ({'port': 2222}, 'no answer: is the host up, and does a firewall'),
    'shut': ({'port': 2223}, 'nobody listens there'),
    **({'full': ({'port': 2224}, 'MaxStartups')} if LONG else {}),  # is waited for two minutes
    'stale': ({'user': 'stale'}, 'until its password is changed there: .*has expired'),
    'guest': ({'user': 'guest', 'sudo_password_file': os.path.join(NODES, 'ssh/password')}, 'not in the sudoers'),
    'asks': ({'user': 'asks'}, "sudo wants a password of 'asks'"),
}


def strange_nodes():
    """Each has an address of its own, all of which are h2's, but for one that nobody has."""
    own, other = (read('h%d' % i, 'known_host').split(' ', 1)[1].strip() for i in (2, 1))
    for i, (name, (how, _)) in enumerate(STRANGE.items()):
        address = '%s.%d' % (prefix(), 101 + i)
        where = '[%s]:%d' % (address, how['port']) if 'port' in how else address
        with open(os.path.join(TEMP, name), 'w') as f:
            f.write('' if name == 'unknown' else '%s %s\n' % (where, other if name == 'changed' else own))
            f.write('@revoked * %s\n' % own if name == 'revoked' else '')
        if name != 'nowhere':
            on('h2', 'ip addr add %s/24 dev eth0' % address)
        yield {'name': name, 'host': {'address': address, 'known_hosts_file': os.path.join(TEMP, name), **how}}


def strange_hosts():
    """All at once, beside two hosts that are well: each is told in its own words, and keeps nobody else waiting."""
    cluster = declaration(OLD, 2)
    cluster['nodes'] += strange_nodes()
    with open(os.path.join(TEMP, 'ssh_config'), 'w') as f:
        f.write('RequiredRSASize 2048\n')
    cluster['ssh'].update(connect_timeout=20, ssh_config=f.name)
    on('h2', "nft 'add table ip lab; add chain ip lab in { type filter hook input priority 0; }; add rule ip lab in tcp dport 2222 drop'")
    on('h2', '/usr/sbin/sshd -p 2224 -o MaxStartups=1:100:1 -o LoginGraceTime=0 -o PidFile=/run/busy.pid')
    until(lambda: on('h2', "ss -Hlnt 'sport = 2224'"), 'another sshd')
    busy = socket.create_connection((cluster['nodes'][1]['host']['address'], 2224))
    busy.recv(4)
    result = run('cluster', cluster, check_mode=True)
    for name, (_, words) in STRANGE.items():
        told(result, 'a host, %s' % name, 'node %s is no member, and cannot be made one: .*%s' % (name, words))
    told(result, 'how many', r'^\["%d of %d nodes could not be looked at' % (len(STRANGE), len(cluster['nodes'])))
    check([w for w in result['warnings'] if 'ssh_config: not followed: ' in w], 'what is not followed of ssh_config', result['warnings'])
    check([a['id'] for a in result['actions']] == ['prepare h1', 'prepare h2', 'init h1', 'network', 'join h2', 'ready h1'],
          'the others could be', result['actions'])
    cluster = declaration(OLD, 2)
    cluster['nodes'][1]['host'].update(port=2224, known_hosts_file=os.path.join(TEMP, 'full'))
    with open(os.path.join(TEMP, 'full'), 'w') as f:
        f.write('[%s]:2224 %s' % (cluster['nodes'][1]['host']['address'], read('h2', 'known_host').split(' ', 1)[1]))
    threading.Timer(2, busy.close).start()
    done(run('cluster', cluster, check_mode=True), 'MaxStartups is waited for')
    on('h2', 'kill $(cat /run/busy.pid); nft delete table ip lab; ip addr flush dev eth0 to %s.96/27' % prefix())


def bare(what):
    there = on('h1', 'command -v containerd kubeadm; ls -d /etc/kubernetes /etc/apt/sources.list.d/kubernetes.list 2>/dev/null')
    check(there == '', what + ': nothing was changed', there)


def no_room():
    cluster = declaration(OLD, 2)
    with small_disk('/var/lib/treenail', 'h2', size='64k'):
        told(run('cluster', cluster, check_mode=True), 'no room for the agent', "host 'h2'", '/var/lib/treenail/agent', 'No space left on device')
    with small_disk('/var/lib/treenail', 'h2', options=',noexec'):
        told(run('cluster', cluster, check_mode=True), 'a folder that is noexec', "host 'h2'", "'/var/lib/treenail' is mounted noexec: mount it")
    with small_disk('/var/lib/kubelet', 'h1', 'h2'):
        told(run('cluster', cluster), 'too little room', *("host '%s'.*the file system of '/var/lib/kubelet' has 8 MiB free, wanted are 2048"
                                                         % host for host in ('h1', 'h2')))
    bare('too little room')


def wrong_clock():
    shifted = os.path.join(TEMP, 'clock.so')
    subprocess.run(['cc', '-shared', '-fPIC', '-o', shifted, os.path.join(ROOT, 'tests/system/clock.c'), '-ldl'], check=True)
    result = run('cluster', declaration(OLD, 2), env={'LD_PRELOAD': shifted, 'CLOCK_SHIFT': '3600'})
    told(result, 'clocks that are an hour behind', "host 'h1'", r'the clock is 3\d\d\d\.\d s slow: at most 5.0 s are right; set it')
    bare('a wrong clock')


def version_gone():
    told(run('cluster', dict(declaration(OLD, 2), version='1.33.99')), 'a version that is gone', "host 'h1'",
         r"version 1\.33\.99 is not to be had here; there are: 1\.33\.13-1\.1, 1\.33\.12-1\.1")
    check(on('h1', 'command -v kubeadm') == '', 'no other is taken in its place')


# ---- what must not be seen ----

class Watch(threading.Thread):
    """Command lines of all processes of our hosts and of ours, each of which is read twice: a process becomes another one."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self.lines, self.over = {}, set(), threading.Event()
        self.group = 'lab-%s-' % read('port-base').strip()
        self.start()

    def look(self):
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError):
                born = os.stat('/proc/' + pid).st_ctime_ns
                if self.seen.get((pid, born), 0) < 2:
                    self.seen[pid, born] = self.seen.get((pid, born), 0) + 1
                    with open('/proc/%s/cgroup' % pid) as f, open('/proc/%s/cmdline' % pid, errors='replace') as g:
                        if self.group in f.read() or os.path.samefile('/proc/%s/exe' % pid, hosted.MODULES):
                            self.lines.add(g.read())

    def run(self):
        while not self.over.wait(0.1):
            self.look()


def secret_in(text):
    return TOKEN.search(text) or re.search('PRIVATE KEY|(client|token)-key-data', text)


def readable(host):
    """Files of a host that were written by now and that everybody may read: its disk is a folder here."""
    for top in ('upper/etc', 'upper/var', 'upper/root', 'upper/home', 'data'):
        for folder, below, files in os.walk(os.path.join(NODES, host, top)):
            below[:] = [b for b in below if os.stat(os.path.join(folder, b), follow_symlinks=False).st_mode & 0o001]
            for path in (os.path.join(folder, f) for f in files):
                info = os.stat(path, follow_symlinks=False)
                if stat.S_ISREG(info.st_mode) and info.st_mode & 0o004 and info.st_size < 1 << 20 and info.st_mtime > BEGAN:
                    yield path


def kept_quiet(watch):
    lines = [line.replace('\0', ' ') for line in watch.lines if secret_in(line)]
    check(watch.is_alive(), 'command lines were looked at until now')
    check(len(watch.lines) > 50 and any('kubeadm' in line for line in watch.lines) and not lines,
          'no secret on any of %d command lines' % len(watch.lines), lines)
    check(not any(map(secret_in, said)), 'nor in what %d runs said' % len(said))
    text = read(os.path.join(JOURNAL, 'journal'))
    modes = [stat.S_IMODE(os.stat(p).st_mode) for p in (JOURNAL, os.path.join(JOURNAL, 'journal'))]
    check(not secret_in(text) and modes == [0o700, 0o600], 'nor in the journal, which is for its owner', modes)
    for host in 'h1', 'h2':
        found = []
        for path in readable(host):
            with open(path, errors='replace') as f, contextlib.suppress(OSError):
                found += [path] if secret_in(f.read()) else []
        found += on(host, "find /run /tmp -xdev -type f -perm -004 -exec grep -lE 'PRIVATE KEY|%s' {} + 2>/dev/null"
                    % r'\b[a-z0-9]{6}\.[a-z0-9]{16}\b').split()
        check(not found, 'nor in a file of %s that all may read' % host, found)
        logged = [line for line in on(host, 'journalctl --no-pager -o cat; cat /var/log/*.log /var/log/apt/*.log').splitlines() if secret_in(line)]
        check(not logged, 'nor in a log of ' + host, logged[:5])
        check(on(host, 'ls -d /run/treenail/kubeadm 2>/dev/null') == '', 'what kubeadm was told is gone from ' + host)


# ---- kills ----

class Cluster:
    """What of a cluster must stay the same, however often whoever works on it is killed."""

    def __init__(self):
        self.left, self.points, self.uid = KILLS, 0, None

    def killed(self, what, share, module, cluster, **how):
        """Runs that are killed at any moment, each a little later than those before, until one comes to its end."""
        longest, kills = 3.0, min(self.left, max(1, round(KILLS * share)))
        for _ in range(kills):
            if run(module, cluster, kill_s=random.uniform(0.1, longest), **how):
                break
            self.left, self.points, longest = self.left - 1, self.points + 1, min(40.0, longest * 1.1 + 1)
            self.is_the_same(what)
        result = run(module, cluster, **how)
        done(result, '%s, after %d kills in all' % (what, self.points))
        self.is_the_same(what)
        return result

    def is_the_same(self, what):
        """By the API's own count of its birth: init was done once."""
        uid = on('h1', 'KUBECONFIG=/etc/kubernetes/admin.conf timeout 20 kubectl get ns kube-system -o jsonpath={.metadata.uid} 2>/dev/null')
        self.uid = self.uid or uid
        if uid != self.uid and uid:
            check(False, what + ': it is another cluster', [self.uid, uid])


def installed_once(host, version):
    began = time.strftime('%F %T', time.localtime(BEGAN))  # before that it is the machine's own log
    lines = [line for line in on(host, 'cat /var/log/dpkg.log').splitlines() if line > began]
    for package in 'containerd', 'conntrack', 'kubelet', 'kubeadm', 'kubectl':
        # What a kill broke off before it was unpacked is begun anew.
        acts = [found[1] for found in (re.search(r' (install|status unpacked) %s:' % package, line) for line in lines) if found]
        new = [pair for pair in zip(acts, acts[1:]) if pair == ('install', 'status unpacked')]
        check(len(new) == 1, '%s: %s was installed once' % (host, package), acts)
    ups = [line for line in lines if re.search(r' upgrade kubelet:\S+ ', line)]
    check(len(ups) == (version == NEW), '%s: kubelet was upgraded %d times' % (host, len(ups)), ups)


def no_token():
    """A killed run cannot take its token back: the next one does."""
    secrets = json.loads(kubectl('-n', 'kube-system', 'get', 'secrets', '-o', 'json') or '{}').get('items', [])
    tokens = [s['metadata']['name'] for s in secrets if s['type'] == 'bootstrap.kubernetes.io/token']
    check(not tokens, 'no token is left', tokens)


# ---- a cluster ----

def create(own):
    """On h2 nothing may be run in /tmp, and apt is somebody else's for a while."""
    on('h2', 'mount -o remount,noexec /tmp')
    holder = subprocess.Popen(['ssh', '-F', os.path.join(NODES, 'ssh/config'), 'h2', 'python3 -c "%s"' % (
        "import fcntl, sys; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdout.readline()
    cluster = declaration(OLD, 2)
    if LONG:
        alone = dict(cluster, nodes=[dict(cluster['nodes'][1], role='control_plane')])
        told(run('cluster', alone, node_timeout=60), 'a lock of apt that stays', "host 'h2'",
             "'/var/lib/dpkg/lock-frontend' is locked by 'python3' .process")
    threading.Timer(15, holder.stdin.close).start()
    own.killed('a cluster', 0.4, 'cluster', cluster)
    holder.wait()
    same(cluster, 'it was made')


def begun():
    """How often a renewal of h1 was begun."""
    return len(re.findall('"begun".*"renew".*"h1"', read(os.path.join(JOURNAL, 'journal'))))


def reboot(own):
    """h1 goes while its certificates are renewed; a renewal that was asked for is asked for again."""
    cluster = declaration(OLD, 2)
    out, before, boot = [], begun(), on('h1', 'cat /proc/sys/kernel/random/boot_id')
    t = threading.Thread(target=lambda: out.append(run('cluster', cluster, renew=True)))
    t.start()
    until(lambda: begun() > before or not t.is_alive(), 'a renewal on h1')
    on('h1', 'systemctl --force --force reboot')
    t.join()
    told(out[0], 'a host that reboots in the middle', "host 'h1'|on h1|node h1")
    until(lambda: on('h1', 'cat /proc/sys/kernel/random/boot_id') not in (boot, ''), 'h1 is back')
    done(run('cluster', cluster, renew=True), 'its API is waited for, and then it is done')
    own.is_the_same('a reboot')


def certificate(own):
    """Five days are left of what the API server shows."""
    on('h1', '''cd /etc/kubernetes/pki && openssl x509 -in apiserver.crt -x509toreq -signkey apiserver.key -copy_extensions copyall -out /root/csr &&
             openssl x509 -req -in /root/csr -CA ca.crt -CAkey ca.key -days 5 -copy_extensions copyall -out /root/crt && cat /root/crt >apiserver.crt''')
    cluster = declaration(OLD, 2)
    result = run('cluster', cluster, check_mode=True)
    check([a['id'] for a in result['actions']] == ['renew h1'] and 'apiserver' in result['actions'][0]['why'],
          'a certificate about to end is seen', json.dumps(result, indent=1))
    own.killed('it is renewed', 0.2, 'cluster', cluster)
    left = on('h1', 'openssl s_client -connect 127.0.0.1:6443 </dev/null 2>/dev/null | openssl x509 -checkend 25920000')
    check('will not expire' in left, 'and the new one is shown', left)
    same(cluster, 'the renewal')


def well(cluster, what):
    """Soon all is as it is declared: the kubelet takes its time to begin anew what has ended."""
    end = time.monotonic() + PATIENCE_S
    result = run('cluster', cluster, check_mode=True)
    while result.get('failed') and time.monotonic() < end:
        time.sleep(1)
        result = run('cluster', cluster, check_mode=True)
    done(result, what)


def stopped_etcd(own):
    """The one member of etcd is stopped: nothing answers, nothing is done, and it is told which host to look at."""
    cluster = declaration(OLD, 2)
    on('h1', 'mv /etc/kubernetes/manifests/etcd.yaml /root/')
    until(lambda: on('h1', 'pgrep -x etcd') == '', 'etcd ends')
    result = run('cluster', cluster)
    told(result, 'etcd is stopped', 'nor is there an answer of etcd: [^"]*h1')
    check(not result['changed'], 'and nothing was done', result)
    on('h1', 'mv /root/etcd.yaml /etc/kubernetes/manifests/')
    well(cluster, 'with it all is well')
    own.is_the_same('etcd')


BUDGET = '''{apiVersion: v1, kind: Pod, metadata: {name: held, namespace: default, labels: {app: held}},
 spec: {nodeName: h2, containers: [{name: c, image: "lab.invalid/busybox:1", command: [sleep, "1000000"]}], terminationGracePeriodSeconds: 0}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: all-of-it, namespace: default},
 spec: {minAvailable: 1, selector: {matchLabels: {app: held}}}}
'''


def upgrade(own):
    new = declaration(NEW, 2)
    subprocess.run(['ssh', '-F', os.path.join(NODES, 'ssh/config'), 'h1', 'KUBECONFIG=/etc/kubernetes/admin.conf kubectl apply -f -'],
                   input=BUDGET, text=True, check=True)
    until(lambda: kubectl('get', 'pdb', 'all-of-it', '-o', 'jsonpath={.status.currentHealthy}') == '1', 'a pod with a budget')
    new['drain'] = {'force': True}
    told(run('cluster_upgrade', new), 'a budget that blocks a drain', 'nothing was begun', 'default/held', 'all-of-it')
    full = dict(new, space={'free_mb': 1 << 30})
    told(run('cluster_upgrade', full), 'too little room for an upgrade', 'nothing was begun',
         r'/var/lib/kubelet on node h2: \d+ MB are free, 1073741824 are needed', '/var/lib/etcd on node h1')
    check(on('h1', 'kubeadm version -o short') == 'v' + OLD and 'SchedulingDisabled' not in kubectl('get', 'nodes'), 'before the first drain')
    kubectl('delete', 'pdb', 'all-of-it')
    own.killed('an upgrade', 0.3, 'cluster_upgrade', new)
    check(kubectl('get', 'nodes', '-o', "jsonpath='{.items[*].status.nodeInfo.kubeletVersion}'") == 'v%s v%s' % (NEW, NEW), 'all of it')
    check('SchedulingDisabled' not in kubectl('get', 'nodes'), 'and in service')
    same(new, 'the upgrade')


def remove(own):
    cluster = declaration(NEW, 2)
    own.killed('a worker leaves', 0.1, 'cluster_node', cluster, name='h2', state='absent')
    check(kubectl('get', 'nodes', '-o', "jsonpath='{.items[*].metadata.name}'") == 'h1', 'it has left')
    check(on('h2', 'ls /etc/kubernetes/*.conf 2>/dev/null') == '', 'and nothing is left on it')


def never_ready(own):
    cluster = declaration(NEW, 2)
    cluster['nodes'][1]['kubelet_args'] = {'no-such-flag': 'x'}
    told(run('cluster_node', cluster, name='h2', node_timeout=150), 'a kubelet that never gets ready', "host 'h2'", 'its kubelet said last',
         'unknown flag: --no-such-flag')
    del cluster['nodes'][1]['kubelet_args']
    own.killed('a worker joins after it', 0.1, 'cluster_node', cluster, name='h2')
    same(cluster, 'it joined')


def main():
    strange_hosts()
    no_room()
    wrong_clock()
    version_gone()
    watch, own = Watch(), Cluster()
    create(own)
    installed_once('h1', OLD)
    installed_once('h2', OLD)
    no_token()
    certificate(own)
    if LONG:
        reboot(own)
    if LONG:
        stopped_etcd(own)
    upgrade(own)
    remove(own)
    if LONG:
        never_ready(own)
    kept_quiet(watch)
    watch.over.set()


with_hosts(2, main)
finish()
