"""Real sshds on 127.0.0.1, run by whoever runs the test, each with a host key and a log of its own."""
import atexit
import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

USER = getpass.getuser()
CONFIG = '''ListenAddress 127.0.0.1:%(port)d
HostKey %(folder)s/host
AuthorizedKeysFile %(authorized)s
StrictModes no
PidFile none
UsePAM no
UseDNS no
PasswordAuthentication no
PermitRootLogin yes
Subsystem sftp internal-sftp
SetEnv PATH=%(bin)s:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=%(folder)s
'''
# What sudo does in what matters here: it asks for a password (sudo -S), or refuses to (sudo -n), and runs the rest.
SUDO = '''#!/bin/sh
case $1 in
-n) shift 2; exec "$@" ;;
esac
[ "$1 $2" = "-S -p" ] || exit 9
printf '%%s' "$3" >&2
IFS= read -r given
[ "$given" = %s ] || { echo 'sudo: 1 incorrect password attempt' >&2; exit 1; }
shift 4
exec env BY_SUDO=yes "$@"
'''


def there():
    """Ends the test, and says so, if there is no sshd."""
    for name in ('sshd', 'ssh-keygen'):
        if not shutil.which(name, path=os.environ['PATH'] + ':/usr/sbin'):
            print('%s: LEFT OUT, as there is no %s' % (os.path.basename(sys.argv[0]), name))
            print('0 passed, 0 failed')
            sys.exit(0)


def key(path, passphrase=''):
    subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', passphrase, '-f', path], check=True)
    return path


class Sshd:
    def __init__(self, folder, public_keys, sudo_password='none'):
        """public_keys: paths of those that it lets in. Its users have a home of its own: what is in theirs may take long."""
        self.folder = tempfile.mkdtemp(dir=folder)
        with socket.create_server(('127.0.0.1', 0)) as s:
            self.port = s.getsockname()[1]
        key(self.path('host'))
        os.mkdir(self.path('bin'))
        self.write('bin/sudo', SUDO % sudo_password, 0o755)
        authorized = self.write('authorized_keys', ''.join(open(k).read() for k in public_keys))
        self.write('config', CONFIG % {'port': self.port, 'folder': self.folder, 'authorized': authorized, 'bin': self.path('bin')})
        self.process = None
        self.start()
        atexit.register(self.stop)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), 'w') as f:
            f.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), errors='replace') as f:
            return f.read()

    def start(self):
        if os.getuid() == 0:
            os.makedirs('/run/sshd', exist_ok=True)
        with open(self.path('log'), 'a') as log:
            self.process = subprocess.Popen([shutil.which('sshd', path=os.environ['PATH'] + ':/usr/sbin'), '-D', '-e', '-f',
                                             self.path('config')], stdin=subprocess.DEVNULL, stderr=log)
        while True:
            if self.process.poll() is not None:
                raise RuntimeError('sshd does not start: ' + self.read('log'))
            try:
                with socket.create_connection(('127.0.0.1', self.port), 5) as s:
                    if s.recv(4) == b'SSH-':
                        return
            except OSError:
                time.sleep(0.05)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
            self.process = None

    def known(self):
        """Its line of known_hosts."""
        return '[127.0.0.1]:%d %s' % (self.port, ' '.join(self.read('host.pub').split()[:2]))

    def logins(self):
        """How often somebody has logged in."""
        return len(re.findall('^Accepted ', self.read('log'), re.M))
