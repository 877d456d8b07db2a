#!/usr/bin/env python3
"""Faults of real hosts, and a controller that is killed at any moment: people are told what they need, and the next run converges.

NODES names the folder of two bare hosts that are up already (hosted.py). KILLS is how often runs are killed in all, 10 by default.
LONG=yes adds the faults that somebody has to wait for: a lock of apt that stays, a kubelet that never gets ready.
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

KILLS = int(os.environ.get('KILLS', '10'))
LONG = os.environ.get('LONG') == 'yes'
TOKEN = re.compile(r'(?<![a-z0-9.])[a-z0-9]{6}\.[a-z0-9]{16}(?![a-z0-9.])')
PATIENCE_S = 900
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
    cluster['ssh']['connect_timeout'] = 20
    on('h2', "nft 'add table ip lab; add chain ip lab in { type filter hook input priority 0; }; add rule ip lab in tcp dport 2222 drop'")
    on('h2', '/usr/sbin/sshd -p 2224 -o MaxStartups=1:100:1 -o LoginGraceTime=0 -o PidFile=/run/busy.pid')
    busy = socket.create_connection((cluster['nodes'][1]['host']['address'], 2224))
    busy.recv(4)
    result = run('cluster', cluster, check_mode=True)
    for name, (_, words) in STRANGE.items():
        told(result, 'a host, %s' % name, 'node %s is no member, and cannot be made one: .*%s' % (name, words))
    told(result, 'how many', r'^\["%d of %d nodes could not be looked at' % (len(STRANGE), len(cluster['nodes'])))
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


def main():
    strange_hosts()
    no_room()
    wrong_clock()
    version_gone()


with_hosts(2, main)
finish()
