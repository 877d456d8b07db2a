"""Root modules of real Terraform (or OpenTofu) that use a provider just built."""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

HEAD = '''terraform {
  required_providers {
    %(provider)s = { source = "treenail/%(provider)s" }
  }
}
'''
MISSING = '''%s: LEFT OUT, as no `%s` is on PATH: half of the project is untested.
Install Terraform 1.11 or newer, or OpenTofu, or name a program in the variable TERRAFORM. Their makers
ship them as packages and archives; Debian has neither, so tests/setup.sh cannot.'''


def found(name):
    return shutil.which(name)


def programs():
    """Those to test with: TERRAFORM (terraform), and TOFU (tofu) if it is there. Ends the test, and says so, if there is none."""
    first = os.environ.get('TERRAFORM', 'terraform')
    ours = [p for p in (found(first), found(os.environ.get('TOFU', 'tofu'))) if p]
    if not ours:
        print(MISSING % (os.path.basename(sys.argv[0]), first))
        print('0 passed, 0 failed')
        sys.exit(0)
    return list(dict.fromkeys(ours))


class Done:
    """What became of a command: code, out, err; json if it printed that."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def ok(self):
        return self.code == 0

    @property
    def text(self):
        return self.out + self.err

    @property
    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            return {}


def children(pid, program):
    """Of a process: those that run this program."""
    ret = []
    for path in glob.glob('/proc/[0-9]*/stat'):
        try:
            with open(path) as f:
                parent = int(f.read().rsplit(')', 1)[1].split()[1])
            number = int(path.split('/')[2])
            if parent == pid and os.readlink('/proc/%d/exe' % number) == os.path.realpath(program):
                ret.append(number)
        except (OSError, IndexError):
            pass
    return ret


def signal_kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


class Killed:
    """A command that was to be ended: whether that hit it, its providers' processes, what is to be told of it."""

    def __init__(self, hit, theirs, restored):
        self.hit, self.theirs = hit, theirs
        self.note = ('' if hit else ' (missed)') + (', state restored' if restored else '')


class Root:
    """A root module in `folder`, whose provider is the one in `binaries`."""

    def __init__(self, folder, binaries, env, program=None, head=True, provider='openstack'):
        self.folder, self.program = os.path.abspath(folder), program or programs()[0]
        self.provider = os.path.join(binaries, 'terraform-provider-' + provider)
        os.makedirs(self.folder, exist_ok=True)
        overrides = ''.join('    "treenail/%s" = "%s"\n' % (name, os.path.abspath(binaries))
                            for name in ('external', 'kubectl', 'kubernetes', 'openstack', 'treenail'))
        self.write('cli.rc', 'provider_installation {\n  dev_overrides {\n%s  }\n  direct {}\n}\n' % overrides)
        if head:
            self.write('versions.tf', HEAD % {'provider': provider})
        self.env = {'PATH': os.environ['PATH'], 'HOME': folder, 'LANG': 'C.UTF-8', 'CHECKPOINT_DISABLE': '1',
                    'TF_IN_AUTOMATION': '1', 'TF_CLI_CONFIG_FILE': self.path('cli.rc'), **env}

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), 'w') as f:
            f.write(text)

    def remove(self, name):
        if os.path.exists(self.path(name)):
            os.unlink(self.path(name))

    def start(self, *args, env=None, **how):
        """The running process, in a group of its own."""
        return subprocess.Popen([self.program, *args], cwd=self.folder, env={**self.env, **(env or {})},
                                stdin=subprocess.DEVNULL, text=True, start_new_session=True,
                                **{'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, **how})

    def run(self, *args, timeout=1200, env=None):
        p = self.start(*args, env=env)
        try:
            out, err = p.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            err += '\nkilled after %d s' % timeout
        return Done(p.returncode, out, err)

    def plan(self, *args, file='plan', **how):
        """-detailed-exitcode: 0 nothing to do, 2 changes, 1 errors."""
        return self.run('plan', '-input=false', '-no-color', '-detailed-exitcode', '-out=' + file, *args, **how)

    def planned(self, file='plan'):
        return self.run('show', '-json', file).json

    def apply(self, *args, **how):
        return self.run('apply', '-input=false', '-no-color', '-auto-approve', *args, **how)

    def destroy(self, *args, **how):
        return self.run('destroy', '-input=false', '-no-color', '-auto-approve', *args, **how)

    def kill(self, command, at, victim, took):
        """
        Starts it, and ends itself or its 'provider' after so many seconds. What `took` has of it is mended if it ends
        before: the machine was slower when that was measured.
        """
        began = time.monotonic()
        p = self.start(command, '-auto-approve', '-input=false', '-no-color')
        reader = threading.Thread(target=p.communicate)
        reader.start()
        reader.join(at)
        if not reader.is_alive():
            took[command] = time.monotonic() - began
        theirs = children(p.pid, self.provider)
        if victim == 'provider':
            hit = any([signal_kill(pid) for pid in theirs])
        else:
            hit = p.poll() is None and signal_kill(p.pid)
        reader.join()
        return Killed(hit, theirs, self.restore_state())

    def restore_state(self):
        """
        Terraform rewrites its local state in place. Killed in between it leaves an empty file, from which it concludes
        that there is nothing: what its user does then is to put the backup back. Whether that was so.
        """
        state, backup = self.path('terraform.tfstate'), self.path('terraform.tfstate.backup')
        lost = os.path.exists(state) and not os.path.getsize(state) and os.path.exists(backup)
        if lost:
            shutil.copy(backup, state)
        return lost

    def state(self):
        """The state file; {} before there is one, or where Terraform was killed while it wrote it."""
        try:
            with open(self.path('terraform.tfstate')) as f:
                return json.loads(f.read() or '{}')
        except FileNotFoundError:
            return {}

    def instances(self, mode='managed'):
        """What the state has: {address: (attributes, 'tainted' or None)}."""
        ret = {}
        for r in self.state().get('resources', []):
            for one in r['instances']:
                key = one.get('index_key')
                name = ('data.' if r['mode'] == 'data' else '') + r['type'] + '.' + r['name']
                if r['mode'] == mode:
                    ret[name + ('' if key is None else '[%s]' % json.dumps(key))] = (
                        one['attributes'], one.get('status'))
        return ret
