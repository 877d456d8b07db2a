#!/usr/bin/env python3
"""terraform-provider-treenail, by real Terraform, against real sshds: files and commands on hosts."""
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile

import sshds
from common import PROGRAM, ROOT, TEMP, check, finish

sys.path.insert(0, os.path.join(ROOT, 'tests/terraform'))
import terraform  # noqa: E402

BINARIES = os.path.dirname(PROGRAM)
terraform.programs()
sshds.there()
KEY = sshds.key(os.path.join(TEMP, 'key'))
A, B = (sshds.Sshd(TEMP, [KEY + '.pub'], 'sesame-canary') for _ in range(2))
KNOWN = os.path.join(TEMP, 'known_hosts')
with open(KNOWN, 'w') as f:
    f.write(A.known() + '\n' + B.known() + '\n')
BLOCK = 'provider "treenail" {\n  user = "%s"\n  private_key_file = ["%s"]\n  known_hosts_file = "%s"\n  ssh_config = "none"\n%%s}\n' % (
    sshds.USER, KEY, KNOWN)


def root(hcl, block='', provider=None, **env):
    r = terraform.Root(tempfile.mkdtemp(dir=TEMP), BINARIES, env, provider='treenail')
    r.write('main.tf', (provider or BLOCK % block) + hcl)
    return r


def body(**rows):
    return ''.join('  %s = %s\n' % (k, json.dumps(v)) for k, v in rows.items())



def resource(kind, name, sshd=A, more='', **rows):
    host = 'host = { address = "127.0.0.1", port = %d }\n' % sshd.port
    return 'resource "treenail_%s" "%s" {\n  %s%s%s}\n' % (kind, name, host, body(**rows), more)


def change(r, hcl, block=''):
    r.write('main.tf', BLOCK % block + hcl)


def text(done):
    return re.sub(r'\s*\n[│ ]*\s*', ' ', done.text)


def actions(r):
    return {c['address']: c['change']['actions'] for c in r.planned().get('resource_changes', [])}


def state(r, address):
    return r.instances().get(address, ({}, None))[0]


def sha(s):
    return hashlib.sha256(s.encode()).hexdigest()


def content(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return None


def settled(r, what):
    again = r.plan()
    check(again.code == 0, what + ': a second plan is empty', again.text)


def place():
    return tempfile.mkdtemp(dir=TEMP)


# ---- files ----

def files():
    at = place()
    path = at + '/a file'
    hcl = resource('host_file', 'a', path=path, content='one\n', mode='640')
    r = root(hcl)
    done = r.apply()
    check(done.ok and content(path) == 'one\n' and os.stat(path).st_mode & 0o7777 == 0o640, 'a file is made', done.text)
    have = state(r, 'treenail_host_file.a')
    check(have.get('sha256') == sha('one\n') and have.get('id') == '127.0.0.1:%d:%s' % (A.port, path) and
          have.get('mode') == '640' and have.get('content') is None, 'its state', have)
    settled(r, 'a file')

    change(r, resource('host_file', 'a', path=path, content='two\n', mode='0640'))
    check(r.plan().code == 2 and actions(r) == {'treenail_host_file.a': ['update']}, 'another content is an update', actions(r))
    done = r.apply('plan')
    check(done.ok and content(path) == 'two\n', 'the plan is applied as it is', done.text)
    settled(r, 'an update')

    before = os.stat(path).st_ino
    with open(path, 'w') as f:
        f.write('drifted\n')
    os.chmod(path, 0o644)
    planned = r.plan()
    drift = [c['change']['after'] for c in r.planned().get('resource_drift', [])]
    check(planned.code == 2 and actions(r) == {'treenail_host_file.a': ['update']} and drift and
          drift[0]['sha256'] == sha('drifted\n') and drift[0]['mode'] == '0644', 'drift is found', planned.text)
    r.apply()
    check(content(path) == 'two\n' and os.stat(path).st_mode & 0o7777 == 0o640 and os.stat(path).st_ino != before,
          'and repaired')
    os.unlink(path)
    check(r.plan().code == 2 and actions(r) == {'treenail_host_file.a': ['create']}, 'what is gone is made again', actions(r))
    r.apply()
    check(content(path) == 'two\n', 'is there again')

    other = at + '/other'
    change(r, resource('host_file', 'a', path=other, content='two\n'))
    check(r.plan().code == 2 and actions(r) == {'treenail_host_file.a': ['delete', 'create']}, 'another path is another file',
          actions(r))
    r.apply()
    check(content(path) is None and content(other) == 'two\n', 'and the old one goes')
    change(r, resource('host_file', 'a', B, path=other, content='two\n'))
    check(r.plan().code == 2 and actions(r) == {'treenail_host_file.a': ['delete', 'create']}, 'so it is on another host',
          actions(r))
    change(r, resource('host_file', 'a', path=other, content='two\n').replace('port =', 'user = "%s", port =' % sshds.USER))
    check(r.plan().code == 2 and actions(r) == {'treenail_host_file.a': ['update']}, 'but not with another way to log in',
          actions(r))
    done = r.destroy()
    check(done.ok and content(other) is None and not r.instances(), 'destroyed', done.text)


def sources():
    at = place()
    source, path = at + '/source', at + '/made'
    hcl = resource('host_file', 'a', path=path, source=source)
    r = root(hcl)
    done = r.plan()
    check(done.code == 2 and 'No such file' in text(done), 'a source that is not there yet is a warning', done.text)
    done = r.apply()
    check(done.code == 1 and 'No such file' in text(done) and not r.instances(), 'and an error when it is needed', done.text)
    data = bytes(range(256)) * 5000
    with open(source, 'wb') as f:
        f.write(data)
    done = r.apply()
    check(done.ok and open(path, 'rb').read() == data and
          state(r, 'treenail_host_file.a').get('sha256') == hashlib.sha256(data).hexdigest(), 'a source', done.text)
    settled(r, 'a source')
    with open(source, 'wb') as f:
        f.write(b'new')
    check(r.plan().code == 2, 'a changed source is a difference')
    with open(source, 'wb') as f:
        f.write(b'newer')
    done = r.apply('plan')
    check(done.code == 1 and open(path, 'rb').read() == data, 'what is not what was planned is not written', done.text)
    r.apply()
    change(r, resource('host_file', 'a', path=path, content_base64='AAEC/w=='))
    done = r.apply()
    check(done.ok and open(path, 'rb').read() == b'\0\1\2\xff', 'bytes', done.text)
    settled(r, 'bytes')


def imports():
    at = place()
    path = at + '/there'
    with open(path, 'w') as f:
        f.write('there\n')
    os.chmod(path, 0o600)
    r = root(resource('host_file', 'a', path=path, content='there\n', mode='0600'))
    done = r.run('import', '-input=false', '-no-color', 'treenail_host_file.a', '127.0.0.1:%d:%s' % (A.port, path))
    check(done.ok and state(r, 'treenail_host_file.a').get('sha256') == sha('there\n'), 'import', done.text)
    before = os.stat(path).st_ino
    check(r.apply().ok and os.stat(path).st_ino == before, 'only how the host is written may differ then')
    settled(r, 'import')
    change(r, re.sub('host = .*', 'host = "127.0.0.1:%d"' % A.port, content(r.path('main.tf')).split('\n}\n', 1)[1]))
    r.apply()
    settled(r, 'a host as a string')
    done = r.run('import', '-input=false', '-no-color', 'treenail_host_file.a', 'nonsense')
    check(done.code == 1, 'what is no ID is refused', done.text)
    r = root(resource('host_file', 'a', path=at + '/nothing', content=''))
    done = r.run('import', '-input=false', '-no-color', 'treenail_host_file.a', '127.0.0.1:%d:%s/nothing' % (A.port, at))
    check(done.code == 1 and not r.instances(), 'what is not there cannot be imported', done.text)


def many():
    at = place()
    hcl = ''.join(resource('host_file', 'h%d' % i, (A, B)[i % 2], path='%s/%d' % (at, i), content='%d' % i) for i in range(40))
    r, before = root(hcl), (A.logins(), B.logins())
    done = r.apply()
    made = (A.logins() - before[0], B.logins() - before[1])
    check(done.ok and len(os.listdir(at)) == 40, '40 files on 2 hosts', done.text)
    # One each; a machine that stands still for a second may see one more.
    check(1 <= min(made) and max(made) <= 4, 'by one session to each', made)
    before = (A.logins(), B.logins())
    settled(r, '40 files')
    made = (A.logins() - before[0], B.logins() - before[1])
    check(1 <= min(made) and max(made) <= 4, 'looked at by one session to each', made)
    done = r.destroy()
    check(done.ok and not os.listdir(at), '40 files destroyed', done.text)


def by_sudo():
    path = place() + '/file'
    password = os.path.join(place(), 'password')
    with open(password, 'w') as f:
        f.write('sesame-canary\n')
    block = '  sudo_password_file = "%s"\n' % password
    hcl = resource('host_file', 'a', path=path, content='x', sudo=True) + resource('host_exec', 'a', command='echo "$BY_SUDO"', sudo=True)
    r = root(hcl, block)
    done = r.apply()
    check(done.ok and content(path) == 'x' and state(r, 'treenail_host_exec.a').get('stdout') == 'yes\n', 'by sudo', done.text)
    settled(r, 'by sudo')
    r.destroy()
    check(content(path) is None, 'removed by sudo')
    with open(password, 'w') as f:
        f.write('wrong\n')
    done = r.apply()
    check(done.code == 1 and 'sudo does not run it' in text(done) and 'wrong' not in done.text and 'running the command: sudo' in text(done), 'a wrong password', done.text)


# ---- hosts that are not there ----

def offline():
    """Address, key and host key are made in the same run: planned with no sshd at all."""
    at = place()
    with open(KEY) as f:
        key = f.read()
    provider = '''resource "terraform_data" "server" {
  input = { address = "127.0.0.1", key = %s, known = %s }
}
provider "treenail" {
  user        = "%s"
  ssh_config  = "none"
  private_key = terraform_data.server.output.key
  known_hosts = terraform_data.server.output.known
}
''' % (json.dumps(key), json.dumps(A.known()), sshds.USER)
    unknown = 'host = { address = terraform_data.server.output.address, port = %d }' % A.port
    hcl = (resource('host_file', 'a', path=at + '/a', content='x') + resource('host_exec', 'a', command='echo x')).replace(
        'host = { address = "127.0.0.1", port = %d }' % A.port, unknown)
    before = A.logins()
    A.stop()
    r = root(hcl, provider=provider)
    done = r.plan()
    check(done.code == 2 and len(actions(r)) == 3, 'what is made in the same run is planned without a connection', done.text)
    A.start()
    done = r.apply('plan')
    check(done.ok and content(at + '/a') == 'x' and A.logins() > before, 'and applied in one go', done.text)
    settled(r, 'a host of the same run')
    done = r.destroy()
    check(done.ok and content(at + '/a') is None, 'and destroyed', done.text)


def down():
    path = place() + '/file'
    r = root(resource('host_file', 'a', path=path, content='x') + resource('host_file', 'b', B, path=path + '.b', content='x'))
    check(r.apply().ok, 'two hosts')
    A.stop()
    done = r.plan()
    check(done.code == 1 and "host '127.0.0.1'" in text(done) and 'nobody listens' in text(done), 'a host that is down is an error',
          done.text)
    done = r.apply('-refresh=false', '-destroy')
    check(done.code == 1 and list(r.instances()) == ['treenail_host_file.a'], 'nothing there is taken for gone', r.instances())
    A.start()
    check(r.plan().code == 2 and actions(r).get('treenail_host_file.b') == ['create'] and
          actions(r).get('treenail_host_file.a') == ['no-op'], 'once it is up again, all is known', actions(r))
    check(r.destroy().ok and content(path) is None, 'and can be destroyed')


def strangers():
    path = place() + '/file'
    hcl = resource('host_file', 'a', path=path, content='x')
    other = os.path.join(place(), 'known_hosts')
    with open(other, 'w') as f:
        f.write(A.known().replace(A.read('host.pub').split()[1], B.read('host.pub').split()[1]))
    r = root('')
    r.write('main.tf', (BLOCK % '').replace(KNOWN, other) + hcl)
    done = r.apply()
    check(done.code == 1 and 'SHA256:' in text(done) and content(path) is None and not r.instances(), 'a changed host key', done.text)
    r.write('main.tf', (BLOCK % '').replace(KNOWN, '/dev/null') + hcl)
    done = r.apply()
    check(done.code == 1 and content(path) is None, 'an unknown host key', done.text)
    r.write('main.tf', (BLOCK % '').replace('known_hosts_file = "%s"' % KNOWN, 'known_hosts = %s' % json.dumps(A.known())) + hcl)
    check(r.apply().ok and content(path) == 'x', 'a host key given as data')


def refusals():
    at = place()
    cases = (
        ('a mode', resource('host_file', 'a', path=at + '/x', content='', mode='rw'), '', "no mode such as 0644"),
        ('two contents', resource('host_file', 'a', path=at + '/x', content='', source='/etc/passwd'), '', 'only one of content and source'),
        ('no content', resource('host_file', 'a', path=at + '/x'), '', 'one of these has to be given'),
        ('no base64', resource('host_file', 'a', path=at + '/x', content_base64='?'), '', 'no base64'),
        ('a variable', resource('host_exec', 'a', command='true', environment={'a b': 'c'}), '', 'no name of a variable'),
        ('an option of hosts', resource('host_file', 'a', path=at + '/x', content='').replace('port =', 'jumps = "a", port ='), '',
         'jumps'),
        ('a port', resource('host_file', 'a', path=at + '/x', content='').replace('port =', 'booting = "maybe", port ='), '', 'booting'),
        ('the block', resource('host_file', 'a', path=at + '/x', content=''), '  host_key_checking = "perhaps"\n', 'perhaps'),
        ('a password', resource('host_file', 'a', path=at + '/x', content='').replace('port =', 'password = "canary", port ='), '',
         'password'),
    )
    before = A.logins()
    for what, hcl, block, words in cases:
        done = root(hcl, block).apply()
        check(done.code == 1 and words in text(done), 'refused: ' + what, done.text)
    check(A.logins() == before and not os.listdir(at), 'before anything was done')
    done = root(resource('host_file', 'a', path=at + '/no/x', content='')).apply()
    check(done.code == 1 and 'its folder does not exist' in text(done) and '/no/x' in text(done), 'a folder that is not there', done.text)


# ---- commands ----

def lines(path):
    return (content(path) or '').split('\n')[:-1]


def commands():
    at = place()
    log = at + '/log'
    rows = dict(command='echo made $x >>%s; cat >>%s; echo "hello $x"; echo oops >&2' % (log, log), stdin='read\n',
                environment={'x': 'secret-in-state'}, triggers={'a': '1'}, destroy_command='echo gone >>%s' % log)
    r = root(resource('host_exec', 'a', **rows))
    done = r.apply()
    have = state(r, 'treenail_host_exec.a')
    check(done.ok and lines(log) == ['made secret-in-state', 'read'] and have.get('stderr') == 'oops\n', 'a command', done.text)
    check(have.get('stdout') == 'hello ***************\n' and 'secret-in-state' not in done.text, 'what it says is masked', have)
    settled(r, 'a command')
    rows['triggers'] = {'a': '2'}
    change(r, resource('host_exec', 'a', **rows))
    check(r.plan().code == 2 and actions(r) == {'treenail_host_exec.a': ['delete', 'create']}, 'a trigger makes it anew', actions(r))
    check(r.apply().ok and lines(log)[2:] == ['gone', 'made secret-in-state', 'read'], 'destroyed and made')
    rows.update(update_command='echo updated >>%s; echo new' % log, destroy_command='echo gone for good >>%s' % log)
    change(r, resource('host_exec', 'a', **rows))
    check(r.plan().code == 2 and actions(r) == {'treenail_host_exec.a': ['update']} and r.apply().ok and len(lines(log)) == 5,
          'another command for later runs nothing', lines(log))
    rows['triggers'] = {'a': '3'}
    change(r, resource('host_exec', 'a', **rows))
    done = r.apply()
    check(done.ok and lines(log)[5:] == ['updated'] and state(r, 'treenail_host_exec.a').get('stdout') == 'new\n',
          'a trigger runs update_command', lines(log))
    settled(r, 'update_command')
    check(r.destroy().ok and lines(log)[6:] == ['gone for good'], 'destroy_command', lines(log))


def guards():
    at = place()
    log, made = at + '/log', at + '/made'
    r = root(resource('host_exec', 'a', command='echo a >>%s; touch %s' % (log, made), creates=made))
    check(r.apply().ok and lines(log) == ['a'], 'creates')
    settled(r, 'creates')
    os.unlink(made)
    check(r.plan().code == 2 and actions(r) == {'treenail_host_exec.a': ['create']}, 'what was created and is gone is drift', actions(r))
    check(r.apply().ok and lines(log) == ['a', 'a'], 'and made again')
    r2 = root(resource('host_exec', 'a', command='echo b >>%s' % log, creates=made) +
              resource('host_exec', 'b', command='echo c >>%s' % log, unless='grep -q a %s' % log) +
              resource('host_exec', 'c', command='echo d >>%s' % log, unless='false'))
    done = r2.apply()
    check(done.ok and lines(log) == ['a', 'a', 'd'], 'what is there already is not made', done.text)
    settled(r2, 'unless')


def failures():
    at = place()
    log = at + '/log'
    r = root(resource('host_exec', 'a', command='echo begun >>%s\necho the why >&2\nfalse\necho never >>%s' % (log, log)))
    done = r.apply()
    check(done.code == 1 and 'status 1' in text(done) and 'the why' in text(done) and lines(log) == ['begun'],
          'a script ends with the first command that fails', done.text)
    check(r.instances().get('treenail_host_exec.a', (0, 0))[1] == 'tainted', 'what has begun is there, tainted', r.instances())
    r = root(resource('host_exec', 'a', command='true', chdir='/no/such'))
    done = r.apply()
    check(done.code == 1 and '/no/such' in text(done) and not r.instances(), 'what has not begun is not there', done.text)
    r = root(resource('host_exec', 'a', command='kill -9 $$'))
    done = r.apply()
    check(done.code == 1 and 'signal KILL' in text(done), 'a signal', done.text)
    r = root(resource('host_exec', 'a', command='exec sleep 1000', more='  timeouts {\n    create = "2s"\n  }\n'))
    done = r.apply()
    check(done.code == 1 and 'before the deadline' in text(done) and
          r.instances().get('treenail_host_exec.a', (0, 0))[1] == 'tainted', 'a deadline', done.text)
    r = root(resource('host_exec', 'a', command="head -c 3000000 /dev/zero | tr '\\0' x; printf 'a\\377b'"))
    done = r.apply()
    said = state(r, 'treenail_host_exec.a').get('stdout', '')
    check(done.ok and 0 < len(said) <= 65536, 'outputs are capped', (done.text, len(said)))
    r = root(resource('host_exec', 'a', command="printf 'a\\377b'"))
    check(r.apply().ok and state(r, 'treenail_host_exec.a').get('stdout') == 'a?b', 'and text', r.instances())


def secrets():
    """In neither state, plan, log nor process list."""
    at = place()
    seen = at + '/seen'
    canaries = {k: 'canary%s%s' % (k, os.urandom(6).hex()) for k in ('content', 'env', 'stdin')}
    canaries['sudo'] = 'sesame-canary'
    password = os.path.join(at, 'password')
    with open(password, 'w') as f:
        f.write('sesame-canary\n')
    spy = 'cat >/dev/null; echo "$s"; cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " >%s; echo "$s" >&2; test -n "$s"' % seen
    more = '  environment_wo = { s = "%s" }\n' % canaries['env']
    hcl = (resource('host_file', 'a', path=at + '/a', content=canaries['content'], sudo=True) +
           resource('host_exec', 'a', command=spy, stdin_wo=canaries['stdin'], more=more, sudo=True) +
           resource('host_exec', 'b', command=spy + '; exit 3', stdin_wo=canaries['stdin'], more=more, sudo=True) +
           resource('host_exec', 'c', command='tail -n 1', stdin_wo='first\n%s\n' % canaries['stdin']))
    r = root(hcl, '  sudo_password_file = "%s"\n' % password, TF_LOG='TRACE')
    r.env['TF_LOG_PATH'] = r.path('trace.log')
    planned = r.plan()
    done = r.apply('plan')
    check(done.code == 1 and content(at + '/a') == canaries['content'] and 'status 3' in text(done), 'secrets are used', done.text)
    said = state(r, 'treenail_host_exec.c').get('stdout')
    check(said == '*' * len(canaries['stdin']) + '\n', 'one line of several is masked', said)
    with zipfile.ZipFile(r.path('plan')) as z:
        plan = b''.join(z.read(n) for n in z.namelist() if 'tfconfig' not in n).decode(errors='replace')
    looked = {'plan': plan + json.dumps(r.planned().get('resource_changes')), 'state': content(r.path('terraform.tfstate')), 'log': content(r.path('trace.log')),
              'outputs': planned.text + done.text, 'processes': content(seen)}
    for name, s in looked.items():
        hits = [k for k, v in canaries.items() if v in s]
        check(s and not hits, 'no secret in: ' + name, hits)
    journal = [open(os.path.join(d, n), errors='replace').read() for d, _, ns in os.walk(r.path('.terraform')) for n in ns if n.endswith('.journal')]
    check(not [k for k, v in canaries.items() if any(v in s for s in journal)], 'nor in a journal')


# ---- a run that was killed ----

def killed(hcl, begun):
    """Kills Terraform and its provider once `begun` is there."""
    r = root(hcl)
    p = r.start('apply', '-input=false', '-no-color', '-auto-approve')
    while not os.path.exists(begun):
        time.sleep(0.05)
    os.killpg(p.pid, signal.SIGKILL)
    p.wait()
    r.restore_state()
    return r


def kills():
    at = place()
    begun, log, go, made = (os.path.join(at, n) for n in ('begun', 'log', 'go', 'made'))
    command = 'touch %s; while [ ! -e %s ]; do sleep 0.05; done; echo x >>%s; touch %s' % (begun, go, log, made)
    r = killed(resource('host_exec', 'a', command=command, creates=made), begun)
    open(go, 'w').close()
    while not os.path.exists(made):  # what has begun there goes on
        time.sleep(0.05)
    done = r.apply()
    check(done.ok and lines(log) == ['x'], 'creates tells that it was done', done.text)
    settled(r, 'after a kill')

    for path in (begun, go, log, made):
        os.unlink(path)
    r = killed(resource('host_exec', 'a', command=command), begun)
    open(go, 'w').close()
    while not os.path.exists(made):
        time.sleep(0.05)
    done = r.apply()
    check(done.code == 1 and 'a run that was killed had begun this command' in text(done) and lines(log) == ['x'],
          'what nobody can tell is not done twice unasked', done.text)
    done = r.apply()
    check(done.ok and lines(log) == ['x', 'x'], 'but when it is asked for again', done.text)
    settled(r, 'after a kill without creates')

    path = at + '/file'
    big = at + '/big'
    with open(big, 'wb') as f:
        f.write(os.urandom(30 << 20))
    r = root(resource('host_file', 'a', path=path, source=big))
    p = r.start('apply', '-input=false', '-no-color', '-auto-approve')
    while not [n for n in os.listdir(at) if n.startswith('file')]:
        time.sleep(0.001)
    os.killpg(p.pid, signal.SIGKILL)
    p.wait()
    r.restore_state()
    check(r.apply().ok and open(path, 'rb').read() == open(big, 'rb').read(), 'a file whose upload was killed')
    settled(r, 'an upload that was killed')


def interrupted():
    at = place()
    begun = at + '/begun'
    r = root(resource('host_exec', 'a', command='touch %s; exec sleep 1000' % begun))
    p = r.start('apply', '-input=false', '-no-color', '-auto-approve')
    while not os.path.exists(begun):
        time.sleep(0.05)
    began = time.monotonic()
    os.killpg(p.pid, signal.SIGINT)
    out, err = p.communicate(timeout=120)
    check(p.returncode == 1 and 'told to end' in re.sub(r'\s+', ' ', out + err), 'Ctrl-C ends it', out + err)
    check(r.instances().get('treenail_host_exec.a', (0, 0))[1] == 'tainted', 'and it is known that it had begun', r.instances())
    print('       after %.1f s' % (time.monotonic() - began))


def side_by_side():
    """Nodes that are resources of their own, of a cluster that cannot be reached: none is told that another one is at it."""
    cluster = '{ name = "lab", version = "1.33.13", journal = "%s", nodes = [{ name = "c1", role = "control_plane", host = "127.0.0.1:%d" }] }'
    A.stop()
    r = root('resource "treenail_cluster_node" "w" {\n  for_each = toset(["w1", "w2", "w3"])\n  cluster = %s\n  name = each.key\n  host = "127.0.0.1:1"\n}\n' %
             (cluster % (place() + '/journal', A.port)))
    done = r.apply()
    A.start()
    check(done.code == 1 and text(done).count('nobody listens') >= 3 and 'another run' not in text(done), 'three nodes side by side', done.text)


def examples():
    """Of the documentation."""
    state = place()
    p = subprocess.run([sys.executable, os.path.join(ROOT, 'tests/terraform/examples.py'), '--hosts', '--state', state, '--bin', BINARIES],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(p.stdout)
    check(p.returncode == 0, 'all examples', p.stdout)


for part in (files, sources, imports, many, by_sudo, offline, down, strangers, refusals, commands, guards, failures, secrets,
             kills, interrupted, side_by_side, examples):
    if len(sys.argv) < 2 or part.__name__ in sys.argv[1:]:
        print('-- ' + part.__name__)
        part()
finish()
