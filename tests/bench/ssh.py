#!/usr/bin/env python3
"""Compares treenail.host with Ansible's own modules on many SSH hosts, in one run. Writes build/bench/ssh.md.

  HOSTS=200    sshd, each a host of its own in a network of their own (tests/lab/sshd-farm.sh; needs root); 0: not at all
  MANY=1000    so many for treenail.host alone; 0: not at all
  CLUSTER=1    a cluster from bare hosts, against the lab's shell script; 0: not
  ROUNDS=3     medians of so many rounds, in which all take turns; a ratio is the median of those of each round
  FORKS=50     of Ansible, which has pipelining and connections that are kept (ControlPersist), and of xargs

Wall time is that of the whole command, ansible-playbook in both cases; "the program alone" is ours without it. Processor
time is that of all processes here, the connections that Ansible keeps included; the hosts' stands beside it, as they are
on the same machine: a login costs an sshd more than it costs us, and that bounds everybody.
"""
import ctypes
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from measured import finish  # it also says where the next are
import hosted
from common import COLLECTIONS, PROGRAM, ROOT, TEMP, build, venv

HOSTS, MANY, CLUSTER, ROUNDS, FORKS = (int(os.environ.get(*kv)) for kv in (
    ('HOSTS', '200'), ('MANY', '1000'), ('CLUSTER', '1'), ('ROUNDS', '3'), ('FORKS', '50')))
FEW = 50  # what the memory of many is compared with
FARM = os.path.join(ROOT, 'tests/lab/sshd-farm%s.sh')
OURS = os.path.join(os.path.dirname(PROGRAM), 'treenail-host')
OUT = os.path.join(ROOT, 'build/bench')
BIG = 1 << 20
PR_SET_CHILD_SUBREAPER = 36
COREDNS = 'registry.k8s.io/coredns/coredns:v1.12.0'
# The script's last step: the pods' network, which is the same by hand for both.
NETWORK = '''. "$1/common.sh"; . "$1/hosts.sh"; . "$1/kubeadm.sh"; HOSTS=$2 PATH=$KUBE:$PATH; umask 077
cluster_kubeconfig h1 >"$HOSTS/kubeconfig"
pods_network "$HOSTS/kubeconfig" h1 h2
kubectl --kubeconfig "$HOSTS/kubeconfig" wait --for=condition=Ready --timeout=120s node/h1 node/h2'''
TICK = os.sysconf('SC_CLK_TCK')


def processes():
    """{process: (parent, seconds of processor time with those of its children that ended)}"""
    found = {}
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/stat' % name) as f:
                fields = f.read().rsplit(')', 1)[1].split()
        except OSError:
            continue
        found[int(name)] = int(fields[1]), sum(map(int, fields[11:15])) / TICK
    return found


class Farm:
    def __init__(self, n):
        self.n, self.state = n, tempfile.mkdtemp(dir=TEMP)

    def __enter__(self):
        env = {**os.environ, 'MAX_STARTUPS': '10:30:60'}
        subprocess.run([FARM % '', self.state, str(self.n)], env=env, check=True, stdout=subprocess.DEVNULL)
        self.hosts = ['s%d' % (i + 1) for i in range(self.n)]
        self.config = os.path.join(self.state, 'ssh/config')
        self.inventory = os.path.join(self.state, 'inventory')
        with open(self.inventory, 'w') as f:
            f.writelines(h + '\n' for h in self.hosts)
        # The same names, and all of them are the first of the hosts.
        self.narrow = os.path.join(self.state, 'ssh/narrow')
        with open(self.config) as f, open(self.narrow, 'w') as to:
            lines = f.read().splitlines()
            to.write('\n'.join(['Host s*', lines[1]] + lines[lines.index('Host *'):]) + '\n')
        with open(os.path.join(self.state, 'run/farm.pid')) as f:
            self.pid = int(f.read().split()[0])
        return self

    def __exit__(self, *_):
        subprocess.run([FARM % '-down', self.state, '--wipe'], check=False)

    def used(self):
        """The hosts' processor time, once nobody is connected any more."""
        while True:
            all_ = processes()
            daemons = {self.pid}
            for _ in range(2):  # farm.py is a child of unshare, and each sshd one of it
                daemons = {p for p, (parent, _) in all_.items() if parent in daemons}
            if len(daemons) == self.n and not any(parent in daemons for parent, _ in all_.values()):
                return sum(all_[p][1] for p in daemons)
            time.sleep(0.05)


def used():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def reap(farm):
    """Ends what a command has left behind, which is ours to wait for: its processor time counts."""
    left = [p for p, (parent, _) in processes().items() if parent == os.getpid() and p != farm.pid]
    for p in left:
        os.kill(p, signal.SIGTERM)
    for p in left:
        os.waitpid(p, 0)


def measure(farm, argv, text='', env=None, may=(0,)):
    """{wall, cpu, hosts: their processor time, rss, out} of a command and all that it has started."""
    before, theirs, out = used(), farm.used(), os.path.join(TEMP, 'measured')
    with tempfile.TemporaryFile('w+') as given, tempfile.TemporaryFile('w+') as said:
        given.write(text)
        given.seek(0)
        done = subprocess.run([build('bench/measure.c'), out, *argv], env={**os.environ, **(env or {})}, stdin=given, stdout=said,
                              stderr=subprocess.STDOUT, cwd=TEMP, check=False)
        said.seek(0)
        words = said.read()
    if done.returncode not in may:
        sys.exit('%s: %s' % (argv[0], words[-3000:]))
    with open(out) as f:
        _, ms, kib = map(float, f.read().split())
    reap(farm)
    return {'wall': ms / 1000, 'hosts': farm.used() - theirs, 'cpu': used() - before, 'rss': kib * 1024, 'out': words}


def play(farm, where, task, config=None, may=(0,)):
    book, kept = os.path.join(TEMP, 'bench.yml'), tempfile.mkdtemp(dir='/tmp')
    with open(book, 'w') as f:
        json.dump([{'hosts': where, 'gather_facts': False, 'tasks': [task],
                    **({'connection': 'local'} if where == 'localhost' else {})}], f)
    env = {'ANSIBLE_COLLECTIONS_PATH': COLLECTIONS, 'ANSIBLE_NOCOLOR': '1', 'ANSIBLE_FORKS': str(FORKS),
           'ANSIBLE_PIPELINING': '1', 'ANSIBLE_RETRY_FILES_ENABLED': '0', 'ANSIBLE_LOCALHOST_WARNING': '0',
           'ANSIBLE_SSH_ARGS': '-F %s -o ControlMaster=auto -o ControlPersist=60s' % (config or farm.config),
           'ANSIBLE_SSH_CONTROL_PATH_DIR': kept, 'ANSIBLE_PYTHON_INTERPRETER': '/usr/bin/python3'}
    ansible = os.path.join(venv('core-2.19'), 'bin/ansible-playbook')
    got = measure(farm, [ansible, '-i', farm.inventory, book], env=env, may=may)
    subprocess.run(['rm', '-rf', kept], check=True)
    return got


def options(farm, more, config=None):
    return {'hosts': farm.hosts, 'ssh_config': config or farm.config, **more}


def ours(farm, module, more):
    return play(farm, 'localhost', {'treenail.host.' + module: options(farm, more)})


def alone(farm, module, more, config=None):
    got = measure(farm, [OURS], json.dumps({'_ansible_module_name': module, **options(farm, more, config)}))
    result = json.loads(got['out'])
    if result.get('failed') or len(result['results']) != farm.n:
        sys.exit('%s: %s' % (module, result.get('msg')))
    return got


def by_ssh(farm):
    """What is to be had by ssh itself: a process for each host."""
    return measure(farm, ['xargs', '-P', str(FORKS), '-I{}', 'ssh', '-n', '-F', farm.config, '{}', 'true'], '\n'.join(farm.hosts))


def works(n):
    """(Title, Ansible's task, our module and its options) for round n: what is copied is always new."""
    source, dest = os.path.join(TEMP, 'big'), '/tmp/bench-%d' % n
    with open(source, 'wb') as f:
        f.write(os.urandom(BIG))
    yield 'exec on all', {'ansible.builtin.command': {'cmd': 'true'}}, 'exec', {'command': 'true'}
    yield ('1 MiB to all', {'ansible.builtin.copy': {'src': source, 'dest': dest, 'mode': '0644'}},
           'copy', {'src': source, 'dest': dest + '-ours'})
    yield ('facts of all', {'ansible.builtin.setup': {'gather_subset': ['!all', '!min', 'distribution', 'platform']}},
           'facts', {'names': ['os', 'kernel']})


def compare(farm):
    rows = {}
    for n in range(ROUNDS):
        for title, theirs, module, more in works(n):
            got = {'ansible': play(farm, 'all', theirs), 'ours': ours(farm, module, more)}
            if 'dest' in more:
                more['dest'] += '-alone'
            got['alone'] = alone(farm, module, more)
            if module == 'exec':
                got['ssh'] = by_ssh(farm)
                got['empty'] = play(farm, 'localhost', {'ansible.builtin.meta': 'noop'})
            rows.setdefault(title, []).append(got)
            print('%s: round %d: %s' % (title, n + 1, ', '.join('%s %.1f s (%.2f, hosts %.2f)' % (
                k, v['wall'], v['cpu'], v['hosts']) for k, v in got.items())), file=sys.stderr, flush=True)
    return rows


def median(row, which, what):
    return statistics.median(r[which][what] for r in row)


def ratio(row, less=0):
    """How many times less wall time than Ansible we take; less=1: both without the empty play."""
    return statistics.median((r['ansible']['wall'] - less * r['empty']['wall']) / (r['ours']['wall'] - less * r['empty']['wall'])
                             for r in row)


def table(rows):
    yield '| %d hosts | way | wall | processor time | of the hosts | less than Ansible by |' % HOSTS
    yield '|---|---|---|---|---|---|'
    titles = {'ansible': 'Ansible, %d forks' % FORKS, 'ours': 'ours, by ansible-playbook', 'alone': 'our program alone',
              'ssh': '`xargs -P %d ssh`' % FORKS, 'empty': 'an empty play'}
    for title, row in rows.items():
        for which in row[0]:
            yield '| %s | %s | %.2f s | %.2f s | %.2f s | %s |' % (
                title if which == 'ansible' else '', titles[which], *(median(row, which, k) for k in ('wall', 'cpu', 'hosts')),
                '' if which in ('ansible', 'empty') else '%.0f times' % statistics.median(
                    r['ansible']['wall'] / r[which]['wall'] for r in row))


def many():
    """Wall and processor time of a command on all, and the memory of a session: they all are open while it sleeps."""
    peak = {}
    for n in (FEW, MANY):
        with Farm(n) as farm:
            got = alone(farm, 'exec', {'command': 'true'})
            asleep = alone(farm, 'exec', {'command': 'sleep %d' % (3 * got['wall'] + 5)})
            peak[n] = asleep['rss']
    return got, (peak[MANY] - peak[FEW]) / (MANY - FEW)


def narrow(farm):
    """As many connections to one sshd as else to all hosts: how many Ansible cannot reach, and the program's wall time."""
    theirs = play(farm, 'all', {'ansible.builtin.command': {'cmd': 'true'}}, farm.narrow, may=(0, 4))
    return theirs['out'].count('unreachable=1'), alone(farm, 'exec', {'command': 'true'}, farm.narrow)['wall']


class Bare:
    """n bare hosts."""

    def __init__(self, n):
        self.n = n

    def __enter__(self):
        subprocess.run([os.path.join(hosted.LAB, 'nodes-up.sh'), hosted.NODES, str(self.n)], check=True,
                       stdout=subprocess.DEVNULL)

    def __exit__(self, *_):
        subprocess.run([os.path.join(hosted.LAB, 'nodes-down.sh'), hosted.NODES, '--wipe'], check=False)
        shutil.rmtree(hosted.JOURNAL, ignore_errors=True)


def made(module, cluster, **more):
    result = hosted.run(module, cluster, **more)
    if result.get('failed') or not result['changed']:
        sys.exit('%s: %s' % (module, result.get('msg')))
    return result


def by_script():
    done = subprocess.run([os.path.join(hosted.LAB, 'kubeadm-up.sh'), hosted.NODES, '1', '1'], check=True,
                          stdout=subprocess.PIPE, text=True)
    return float(re.search(r'^all +([0-9.]+) s$', done.stdout, re.M).group(1))


def declaration(n):
    """What the script makes, up to the pods' network."""
    whole = hosted.declaration(hosted.NEW, n)
    whole['kubeadm'].pop('skip_phases')
    whole['images'].append({'path': '/srv/lab/images/coredns.tar', 'names': [COREDNS]})
    return {**whole, 'cni': {'wait': False}}


def by_module():
    begin = time.monotonic()
    made('cluster', declaration(2))
    subprocess.run(['bash', '-euo', 'pipefail', '-c', NETWORK, '-', hosted.LAB, hosted.NODES], check=True,
                   stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def clusters():
    """Seconds from bare hosts to a control plane and a worker that are ready, by the shell script and by the module: a pair
    for each round. And the connections that one more worker takes."""
    pairs = []
    for n in range(ROUNDS):
        with Bare(2):
            theirs = by_script()
        with Bare(3):
            pairs.append((theirs, by_module()))
            added = made('cluster_node', declaration(3), name='h3')['connections']
        print('cluster: round %d: script %.1f s, ours %.1f s' % (n + 1, *pairs[-1]), file=sys.stderr, flush=True)
    return pairs, added


def compared():
    with Farm(HOSTS) as farm:
        rows = compare(farm)
        lost, wall = narrow(farm)
    times, above = (ratio(rows['exec on all'], less) for less in (0, 1))
    yield from table(rows)
    yield ''
    yield '%d connections to one sshd with MaxStartups 10:30:60: all are served, in %.1f s; of Ansible\'s %d are "unreachable".' % (
        HOSTS, wall, lost)
    yield times >= 20, 'exec on %d hosts: %.0f times less wall time than Ansible, 20 at least (%.0f without the empty play)' % (
        HOSTS, times, above)
    yield True, '0 of %d connections lost at MaxStartups 10:30:60' % HOSTS  # else we were not here


def alone_with_many():
    got, memory = many()
    yield '%d hosts, exec by the program alone: %.1f s, %.1f s of processor time and %.1f s of the hosts\'; %.0f KiB of ' \
        'memory for each that is open.' % (MANY, got['wall'], got['cpu'], got['hosts'], memory / 1024)
    yield memory <= 100 << 10, '%.0f KiB a session, 100 at most' % (memory / 1024)


def clusters_compared():
    pairs, added = clusters()
    theirs, mine = map(statistics.median, zip(*pairs))
    more = statistics.median(m / t for t, m in pairs)
    yield 'A control plane and a worker from bare hosts: %.1f s, the lab\'s shell script %.1f s.' % (mine, theirs)
    yield more <= 1.1, 'a cluster in %.2f times the shell script\'s time, 1.10 at most' % more
    yield added == 2, 'one more worker by %d connections: to itself and the control plane' % added


def main():
    if os.getuid() != 0:
        sys.exit('bench: the farm of hosts needs root')
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    lines, targets = [], []
    for part, wanted in (compared, HOSTS), (alone_with_many, MANY), (clusters_compared, CLUSTER):
        for said in part() if wanted else ():
            (lines if isinstance(said, str) else targets).append(said)
        lines.append('')
        print('\n'.join(lines), flush=True)
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, 'ssh.md'), 'w') as f:
        f.write('\n'.join(lines))
    finish(targets)


main()
