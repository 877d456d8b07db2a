#!/usr/bin/env python3
"""The lab's hosts: they come up bare, reboot, install Kubernetes in either version, and leave nothing behind.

The same of the farm of sshd.
"""
import glob
import os
import socket
import subprocess
import sys
import time

import common
from common import check

LAB = os.path.join(common.ROOT, 'tests', 'lab')
PATIENCE_S = 600  # of a test on a machine that has other work


def run(*argv, stdin='', **more):
    return subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)


def script(name, *argv):
    done = run(os.path.join(LAB, name), *argv)
    check(done.returncode == 0, '%s %s' % (name, ' '.join(argv[1:])), done.stdout)
    return done


class Hosts:
    def __init__(self, folder):
        self.folder = folder

    def read(self, *path):
        with open(os.path.join(self.folder, *path)) as f:
            return f.read()

    def on(self, host, command, stdin=''):
        """Exit status and what was said, by the host's own ssh configuration, which is strict."""
        done = run('ssh', '-F', os.path.join(self.folder, 'ssh', 'config'), host, command, stdin=stdin)
        return done.returncode, done.stdout.strip()

    def says(self, host, command, wanted, what=None):
        status, said = self.on(host, command)
        return check(status == 0 and said == wanted, what or '%s: %s' % (host, command), said)


def boot_id():
    with open('/proc/sys/kernel/random/boot_id') as f:
        return f.read().strip()


def bare(hosts):
    for name in 'h1', 'h2':
        hosts.says(name, 'hostname', name)
        hosts.says(name, 'systemctl is-system-running', 'running')
        hosts.says(name, 'command -v containerd kubelet kubeadm kubectl docker || echo none', 'none', name + ' is bare')
    keys = [line.split()[2] for line in hosts.read('ssh', 'known_hosts').splitlines()]
    check(len(set(keys)) == 2, 'each has a key of its own', keys)


def users(hosts):
    hosts.says('ops@h1', 'sudo -n id -u', '0')
    check(hosts.on('asks@h1', 'sudo -n true')[0] != 0, 'asks needs a password')
    status, said = hosts.on('asks@h1', "sudo -S -p '' id -u", hosts.read('ssh', 'password'))
    check((status, said) == (0, '0'), 'the password is right', said)
    status, said = hosts.on('guest@h1', "sudo -S -p '' id -u", hosts.read('ssh', 'password'))
    check(status != 0 and 'not in the sudoers' in said, 'guest may not', said)
    status, said = hosts.on('stale@h1', 'true')
    check(status != 0 and 'expired' in said, "stale's password has expired", said)


def reboot(hosts):
    before = hosts.on('h1', 'cat /proc/sys/kernel/random/boot_id')[1]
    hosts.on('h1', 'touch /run/until-reboot /etc/for-ever; systemctl reboot')
    end = time.monotonic() + PATIENCE_S
    after = before
    while time.monotonic() < end and after in (before, ''):
        status, said = hosts.on('h1', 'cat /proc/sys/kernel/random/boot_id')
        after = said if status == 0 else ''
        time.sleep(0.2)
    check(after not in (before, '', boot_id()), 'h1 comes back, booted anew', after)
    hosts.says('h1', 'ls /run/until-reboot /etc/for-ever 2>/dev/null || true', '/etc/for-ever', 'its disk is as it was')


def packages(hosts):
    """The older version, then the newer, as an upgrade."""
    source = 'deb [signed-by=/srv/lab/kubernetes/Release.key] file:/srv/lab/kubernetes ./'
    status, said = hosts.on('h2', "echo '%s' >/etc/apt/sources.list.d/kubernetes.list; apt-get -qq update && "
                            "apt-cache madison kubeadm | awk '{ print $3 }'" % source)
    versions = sorted(said.split())
    if not check(status == 0 and len(versions) == 2, 'two versions of kubeadm', said):
        return
    for version in versions:
        of_it = ' '.join('%s=%s' % (name, version) for name in ('kubeadm', 'kubelet', 'kubectl'))
        status, said = hosts.on('h2', 'DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install '
                                'containerd ' + of_it)
        check(status == 0, 'apt installs ' + version, said)
        short = 'v' + version.split('-')[0]
        hosts.says('h2', 'kubeadm version -o short; kubelet --version', '%s\nKubernetes %s' % (short, short))
        hosts.says('h2', 'kubeadm config images list --kubernetes-version %s | sed "s/.*-apiserver://; q"' % short, short)
        images = os.path.join('/srv/lab/images', 'kubernetes-%s.tar' % short)
        hosts.says('h2', 'tar -xOf %s manifest.json | grep -c kube-apiserver:%s' % (images, short), '1')
    hosts.says('h2', 'systemctl is-active containerd; systemctl is-enabled kubelet; systemctl is-active kubelet || true',
               'active\nenabled\ninactive')


def left(base):
    """What is left of a lab with that number."""
    name = 'lab-%s' % base
    here = glob.glob('/sys/fs/cgroup/*/%s-*' % name) + glob.glob('/run/netns/%s*' % name)
    return here + glob.glob('/sys/class/net/%s*' % name)


def nodes():
    hosts = Hosts(os.path.join(common.TEMP, 'nodes'))
    up = script('kubernetes/nodes-up.sh', hosts.folder, '2')
    if up.returncode == 0:
        bare(hosts)
        users(hosts)
        reboot(hosts)
        packages(hosts)
        script('kubernetes/nodes-up.sh', hosts.folder, 'web=192.0.2.7/24')
        hosts.says('web', 'hostname -I', '192.0.2.7', 'a host with an address of its own')
        status, said = hosts.on('web', 'exec 3<>/dev/tcp/%s/22 && head -c 4 <&3' % hosts.read('h1', 'address').split('/')[0])
        check((status, said) == (0, 'SSH-'), 'which reaches the others', said)
        script('kubernetes/nodes-down.sh', hosts.folder, 'web')
        check(hosts.on('web', 'true')[0] != 0 and hosts.on('h1', 'true')[0] == 0, 'one goes, the others stay')
    base = hosts.read('port-base').strip()
    script('kubernetes/nodes-down.sh', hosts.folder, '--wipe')
    check(not os.path.exists(hosts.folder) and not left(base), 'nothing is left', left(base))


def connect(address):
    try:
        socket.create_connection((address, 22), timeout=1).close()
    except OSError as e:
        return str(e)
    return 'connected'


def farm():
    hosts = Hosts(os.path.join(common.TEMP, 'farm'))
    if script('sshd-farm.sh', hosts.folder, '5').returncode == 0:
        for i in range(1, 6):
            hosts.says('s%d' % i, 'ls /root/was-here 2>/dev/null; touch /root/was-here; hostname', 's%d' % i)
        for line in hosts.read('faulty').splitlines():
            name, address = line.split()
            said = connect(address)
            check({'blackhole': 'timed out', 'refuses': 'refused', 'unreachable': 'No route'}[name] in said, name, said)
    base = hosts.read('port-base').strip()
    script('sshd-farm-down.sh', hosts.folder, '--wipe')
    check(not os.path.exists(hosts.folder) and not left(base), 'nothing is left', left(base))


def main():
    obstacle = run('bash', '-c', '. "$1/kubernetes/common.sh"; . "$LAB/hosts.sh"; hosts_obstacle "$2"', '-', LAB, common.TEMP)
    if obstacle.stdout.strip():
        print('hosts_lab.py: LEFT OUT: %s' % obstacle.stdout.strip())
        print('0 passed, 0 failed')
        sys.exit(0)
    nodes()
    farm()
    common.finish()


main()
