#!/usr/bin/python3
"""farm.py DIR NETWORK N: runs N hosts that are but an sshd each, with a name, an address and files of their own.

A host's root is this machine's with an overlay on it. Called as the first process of its processes' space, in the
network's: with it ends all that the hosts do. DIR/ready is there once all of them answer.
"""
import ctypes
import os
import subprocess
import sys
import time

CLONE_NEWNS, CLONE_NEWUTS = 0x20000, 0x4000000
MS_BIND, MS_REC = 4096, 16384
libc = ctypes.CDLL(None, use_errno=True)


def call(name, *args):
    if getattr(libc, name)(*(os.fsencode(x) if isinstance(x, str) else x for x in args)):
        error = ctypes.get_errno()
        raise OSError(error, f'{name}{args}: {os.strerror(error)}')


def mount(source, target, kind=None, flags=0, options=None):
    call('mount', source, target, kind, ctypes.c_ulong(flags), options)


def root_of(folder, name, shared):
    for part in 'upper', 'work', 'root':
        os.makedirs(f'{folder}/{part}', mode=0o755, exist_ok=True)
    # Not this machine's: what root's shell does there each time it starts is no part of any measurement.
    os.makedirs(f'{folder}/upper/root', mode=0o700, exist_ok=True)
    os.setxattr(f'{folder}/upper/root', 'trusted.overlay.opaque', b'y')
    root = f'{folder}/root'
    mount('overlay', root, 'overlay', 0, f'lowerdir=/,upperdir={folder}/upper,workdir={folder}/work')
    mount('/proc', f'{root}/proc', None, MS_BIND)
    mount('/dev', f'{root}/dev', None, MS_BIND | MS_REC)
    mount('tmpfs', f'{root}/run', 'tmpfs', 0, 'mode=755')
    mount('tmpfs', f'{root}/tmp', 'tmpfs', 0, 'mode=1777')
    os.mkdir(f'{root}/run/sshd', 0o755)
    os.mkdir(f'{root}/run/farm', 0o755)
    mount(shared, f'{root}/run/farm', None, MS_BIND)
    with open(f'{root}/etc/hostname', 'w') as f:
        f.write(name + '\n')
    return root


def host(folder, name, address, shared):
    call('unshare', CLONE_NEWNS | CLONE_NEWUTS)
    call('sethostname', name, len(name))
    os.chroot(root_of(folder, name, shared))
    os.chdir('/')
    key = f'/run/farm/keys/{name}'
    os.execv('/usr/sbin/sshd', ['/usr/sbin/sshd', '-D', '-e', '-f', '/run/farm/sshd_config', '-h', key,
                                '-o', f'ListenAddress={address}'])


def start(hosts, folder):
    shared = f'{folder}/ssh'
    for name, address in hosts:
        if not os.path.exists(f'{shared}/keys/{name}'):
            subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', f'{shared}/keys/{name}'],
                           check=True)
        if os.fork() == 0:
            try:
                host(f'{folder}/hosts/{name}', name, address, shared)
            except OSError as e:
                print(f'{name}: {e}', file=sys.stderr)
                os._exit(1)


def write_access(hosts, folder):
    with open(f'{folder}/ssh/known_hosts', 'w') as known, open(f'{folder}/ssh/config', 'w') as config:
        for name, address in hosts:
            with open(f'{folder}/ssh/keys/{name}.pub') as f:
                known.write(f'{name},{address} {" ".join(f.read().split()[:2])}\n')
            config.write(f'Host {name}\nHostName {address}\n')
        config.write(f'Host *\nUser root\nIdentityFile {folder}/ssh/id\nIdentitiesOnly yes\n'
                     f'UserKnownHostsFile {folder}/ssh/known_hosts\nStrictHostKeyChecking yes\n'
                     'BatchMode yes\nLogLevel ERROR\n')


def listening():
    with open('/proc/net/tcp') as f:
        return sum(line.split()[1].endswith(':0016') and line.split()[3] == '0A' for line in f)


def main():
    folder, network, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    hosts = [(f's{i + 1}', f'{network}.{1 + i // 200}.{1 + i % 200}') for i in range(count)]
    os.umask(0o022)
    os.makedirs(f'{folder}/ssh/keys', exist_ok=True)
    start(hosts, folder)
    write_access(hosts, folder)
    while listening() < count:
        if os.waitpid(-1, os.WNOHANG)[0]:
            sys.exit('a host has ended')
        time.sleep(0.05)
    open(f'{folder}/ready', 'w').close()
    while True:
        pid, status = os.wait()
        print(f'process {pid} has ended: {status}', file=sys.stderr, flush=True)


main()
