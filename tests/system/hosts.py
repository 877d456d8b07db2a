#!/usr/bin/env python3
"""The collection treenail.host by real ansible-playbook, on a farm of sshd on 127.0.0.1.

Needs neither of the labs. Each sshd has a fault or none: a key that has changed or was revoked, a server that hangs up
(MaxStartups), one that says nothing, one that lets nobody in.
"""
import hashlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from common import COLLECTIONS, ROOT, TEMP, check, finish, tally

ANSIBLE = os.environ.get('ANSIBLE') or os.path.join(subprocess.run(
    [os.path.join(ROOT, 'tests/env/venv.sh'), 'core-2.19'], check=True, capture_output=True, text=True).stdout.strip(),
    'bin/ansible-playbook')
USER = pwd.getpwuid(os.getuid()).pw_name
SECRET = 'canary-9f3e-value'
PATHS = '/usr/local/sbin:/usr/sbin:/sbin:' + os.environ.get('PATH', '')


# ---- the farm ----

def tool(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, env={**os.environ, 'PATH': PATHS})


def path(*parts):
    return os.path.join(TEMP, *parts)


def key(name):
    tool('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', path(name))
    with open(path(name + '.pub')) as f:
        return ' '.join(f.read().split()[:2])


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Sshd:
    all = []

    def __init__(self, name, config='', host_key='host'):
        self.name, self.port = name, free_port()
        self.log = path(name + '.log')
        with open(path(name + '.conf'), 'w') as f:
            f.write('%s\nListenAddress 127.0.0.1:%d\nHostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nPidFile none\n'
                    'UsePAM no\nUseDNS no\nPermitRootLogin yes\nPasswordAuthentication no\nLoginGraceTime 0\n'
                    'Subsystem sftp internal-sftp\nMaxStartups 1000\n'
                    % (config, self.port, path(host_key), path('user.pub')))
        self.process = subprocess.Popen([shutil.which('sshd', path=PATHS), '-D', '-e', '-f', path(name + '.conf')],
                                        stderr=open(self.log, 'w'))
        Sshd.all.append(self)

    def wait(self):
        while True:
            try:
                with socket.create_connection(('127.0.0.1', self.port), 60) as s:
                    if s.recv(4) == b'SSH-':
                        return
            except OSError:
                time.sleep(0.02)

    def host(self, **more):
        return {'name': self.name, 'address': '127.0.0.1', 'port': self.port, **more}

    def connections(self):
        with open(self.log) as f:
            return f.read().count('Accepted publickey')


def known(*entries):
    return ''.join('%s[127.0.0.1]:%d %s\n' % (mark, port, public) for mark, port, public in entries)


# ---- playbooks ----

def play(tasks, name='play', inventory=None, verbose=0):
    """Runs tasks; the result of each by its name, all that was printed, and whether it went well."""
    book, out = path(name + '.yml'), path(name + '.json')
    with open(book, 'w') as f:
        json.dump([{'hosts': 'localhost', 'connection': 'local', 'gather_facts': False,
                    'module_defaults': {'group/treenail.host.host': {
                        'private_key_file': path('user'), 'known_hosts_file': path('known'), 'ssh_config': 'none',
                        # No test is about speed.
                        'user': USER, 'connect_timeout': 3000, 'timeout': 3000}},
                    'tasks': tasks}], f)
    if os.path.exists(out):
        os.unlink(out)
    argv = [ANSIBLE, book] + ['-' + 'v' * verbose] * bool(verbose)
    argv += ['-i', inventory] if inventory else []
    done = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, cwd=TEMP, env={
        **os.environ, 'ANSIBLE_COLLECTIONS_PATH': COLLECTIONS, 'ANSIBLE_NOCOLOR': '1', 'ANSIBLE_RETRY_FILES_ENABLED': '0',
        'ANSIBLE_LOCALHOST_WARNING': '0', 'ANSIBLE_INVENTORY_UNPARSED_WARNING': '0',
        'ANSIBLE_CALLBACK_PLUGINS': os.path.join(ROOT, 'tests/integration'), 'ANSIBLE_CALLBACKS_ENABLED': 'recorder',
        'RECORDER_FILE': out, 'TREENAIL_LOG_FILE': '/dev/null'})
    results = {}
    if os.path.exists(out):
        with open(out) as f:
            results = {r['task']: dict(r['result'], failed=r['status'] == 'failed') for r in map(json.loads, f)}
    return results, done.stdout + done.stderr, done.returncode == 0


def each(*tasks, **how):
    """(module, options) one after another in one play: their results, and what was printed."""
    book = []
    for i, (module, options) in enumerate(tasks):
        options = dict(options)
        keys = {k: options.pop(k) for k in ('check_mode', 'diff', 'no_log') if k in options}
        book.append({'name': str(i), 'treenail.host.' + module: options, 'ignore_errors': True, **keys})
    results, said, _ = play(book, **how)
    return [results.get(str(i), {}) for i in range(len(tasks))], said


def one(module, options, **how):
    results, said = each((module, options), **how)
    return results[0], said


def by_host(result):
    return {r['host']: r for r in result.get('results', [])}


# ---- the tests ----

def test_exec(farm):
    hosts = [d.host() for d in farm]
    r, said = one('exec', {'hosts': hosts, 'command': 'echo out; echo err >&2'})
    check(r.get('changed') is True and not r.get('failed'), 'exec on all hosts', said)
    rows = r.get('results', [])
    check([x['host'] for x in rows] == [d.name for d in farm], 'a result for each host, in their order', rows)
    check(all((x['rc'], x['stdout'], x['stderr'], x['stdout_lines']) == (0, 'out\n', 'err\n', ['out']) for x in rows),
          'with both outputs and the exit code', rows)
    check(all(d.connections() == 1 for d in farm), 'one connection to each', [d.connections() for d in farm])

    made = {'hosts': hosts[:1], 'command': 'touch made', 'chdir': TEMP, 'creates': 'made'}
    again = {**made, 'command': 'touch again'}
    results, said = each(
        ('exec', {'hosts': hosts, 'command': 'exit 3'}),
        ('exec', {'hosts': hosts, 'argv': ['printf', '%s|', 'a b', "it's", '$HOME', 'a\nb']}),
        ('exec', {'hosts': hosts, 'command': 'cat', 'stdin': 'word'}),
        ('exec', {**made, 'check_mode': True}),
        ('exec', {'hosts': hosts[:1], 'command': 'test ! -e %s' % path('made')}),
        ('exec', made),
        ('exec', again),
        ('exec', {**again, 'check_mode': True}),
        ('exec', {'hosts': hosts[:1], 'command': 'touch again', 'chdir': TEMP, 'unless': 'test -e made'}))
    failed, argv, stdin, would, absent, ran, not_again, nor_checked, unless = results
    check(failed.get('failed') and failed['msg'].startswith('%d of %d hosts failed' % (len(farm), len(farm)))
          and "'exit 3' ended with exit code 3" in failed['msg'], 'an exit code but 0 is a failure', failed)
    check(by_host(argv)['h0']['stdout'] == "a b|it's|$HOME|a\nb|", 'arguments arrive as they are', argv)
    check(by_host(stdin)['h1']['stdout'] == 'word\n', 'standard input', stdin)
    check(would.get('changed') is True and not absent['failed'], 'check mode: it would run, and does not', would)
    check(ran.get('changed') is True and os.path.exists(path('made')), 'creates: it runs once', ran)
    for r in (not_again, nor_checked):
        check(r.get('changed') is False and r['results'][0]['skipped'] is True, 'creates: and no more', r)
    check(unless.get('changed') is False and not os.path.exists(path('again')), 'unless', unless)
    before = sum(d.connections() for d in farm)
    r, _ = one('exec', {'hosts': hosts, 'command': 'touch again', 'check_mode': True})
    check(r.get('changed') is True and sum(d.connections() for d in farm) == before,
          'check mode without a condition connects to nobody', r)


def test_inventory(farm):
    inventory = path('inventory.ini')
    with open(inventory, 'w') as f:
        for d in farm:
            f.write('%s ansible_host=127.0.0.1 ansible_port=%d ansible_user=%s ansible_ssh_private_key_file=%s\n'
                    % (d.name, d.port, USER, path('user')))
    (r, twice, alone), said = each(
        ('exec', {'hosts': "{{ groups['all'] }}", 'command': 'echo $SSH_CONNECTION', 'private_key_file': '/no/such/key'}),
        ('exec', {'hosts': '127.0.0.1:%d, 127.0.0.1:%d' % (farm[0].port, farm[1].port), 'command': 'true'}),
        ('exec', {'address': '127.0.0.1', 'port': farm[0].port, 'command': 'true'}), inventory=inventory)
    check([x['host'] for x in r.get('results', [])] == [d.name for d in farm] and not r.get('failed'),
          'names of the inventory are what it says of them', said)
    check(all(by_host(r)[d.name]['stdout'].split()[3] == str(d.port) for d in farm), 'each its own port', r)
    check(twice.get('failed') and 'it is there twice' in twice['msg'], 'two hosts of one name are refused', twice)
    check(not alone.get('failed') and len(alone.get('results', [])) == 1, 'one host without a list', alone)


def test_copy(farm):
    dest = path('copied')
    file = {'hosts': [farm[0].host()], 'src': 'source.txt', 'dest': dest, 'mode': '0640', 'diff': True}
    with open(path('source.txt'), 'w') as f:
        f.write('first\n')
    r, said = one('copy', {**file, 'check_mode': True})
    check(r.get('changed') is True and not os.path.exists(dest), 'check mode: a new file, not made', said)
    predicted = r.get('diff')
    (r, second), said = each(('copy', file), ('copy', file))
    check(r.get('changed') is True and open(dest).read() == 'first\n' and os.stat(dest).st_mode & 0o777 == 0o640,
          'a file with its mode', said)
    check(r.get('diff') == predicted and '+first' in said, 'the diff is what check mode said', [predicted, r.get('diff')])
    check(second.get('changed') is False and not second.get('diff'), 'a second run changes nothing', said)

    with open(path('big'), 'wb') as f:
        f.write(os.urandom(3 << 20))
    os.mkdir(path('folder'))
    (r, big), said = each(
        ('copy', {'hosts': [farm[0].host()], 'content': 'second\n', 'dest': dest, 'mode': '0600', 'diff': True}),
        ('copy', {'hosts': [farm[0].host()], 'src': path('big'), 'dest': path('folder') + '/'}))
    check(r.get('changed') is True and open(dest).read() == 'second\n', 'content in place of a file', said)
    check('-first' in said and '+second' in said and '-mode 640' in said and '+mode 600' in said,
          'the diff shows content and mode', said)
    with open(path('big'), 'rb') as f:
        checksum = hashlib.sha256(f.read()).hexdigest()
    with open(path('folder', 'big'), 'rb') as f:
        there = hashlib.sha256(f.read()).hexdigest()
    check(there == checksum == big['results'][0]['sha256'], 'a big file into a folder', said)
    r, said = one('copy', {'hosts': [farm[0].host()], 'content': 'second\n', 'dest': dest, 'mode': '0644'})
    check(r.get('changed') is True and os.stat(dest).st_mode & 0o777 == 0o644, 'the mode alone', said)


def test_facts(farm):
    hosts = [d.host() for d in farm[:2]]
    with open('/proc/sys/kernel/random/boot_id') as f:
        boot_id = f.read().strip()
    (r, listed, absent), said = each(
        ('facts', {'hosts': hosts, 'names': ['boot_id', 'memory']}),
        ('facts', {'hosts': hosts, 'files': [path('user.pub'), path('none')]}),
        ('facts', {'hosts': hosts, 'names': ['memroy']}))
    facts = [x.get('facts') or {} for x in r.get('results', [])]
    check(len(facts) == 2 and all(f.get('boot_id') == boot_id and f['memory']['total_mb'] > 0 for f in facts)
          and r.get('changed') is False, 'facts of the hosts', said)
    check(all(sorted(f) == ['boot_id', 'memory'] for f in facts), 'and only those that were asked for', facts)
    files = (by_host(listed).get('h0', {}).get('facts') or {}).get('files', {})
    with open(path('user.pub'), 'rb') as f:
        checksum = hashlib.sha256(f.read()).hexdigest()
    check(files.get(path('user.pub'), {}).get('sha256') == checksum and files.get(path('none'), 0) is None, 'files by name', listed)
    check(absent.get('failed') and "did you mean 'memory'?" in absent['msg'], 'one that there is not', absent)


def test_bad_options(farm):
    before = sum(d.connections() for d in farm)
    hosts = [d.host() for d in farm]
    cases = (
        ('copy', {'src': '/no/such/file', 'dest': '/tmp/x'}, 'no/such/file'),
        ('copy', {'content': 'x', 'dest': '/tmp/'}, 'has no name'),
        ('copy', {'content': 'x', 'dest': '/tmp/x', 'mode': 'u=rw'}, 'mode is octal'),
        ('copy', {'content': 'x', 'dest': '/tmp/x', 'owner': 'a b'}, 'owner is a name'),
        ('copy', {'content': 'x', 'src': path('user'), 'dest': '/tmp/x'}, 'mutually exclusive'),
        ('copy', {'dest': '/tmp/x'}, 'one of the following is required'),
        ('exec', {'hosts': None, 'command': 'true'}, 'no host is named'),
        ('exec', {}, 'one of the following is required'),
        ('exec', {'command': 'true', 'argv': ['true']}, 'mutually exclusive'),
        ('exec', {'command': 'true', 'forks': -1}, 'forks is a number'),
        ('exec', {'command': 'true', 'env': {'A-B': 'x'}}, 'cannot be the name of a variable'),
        ('exec', {'command': 'true', 'address': 'x'}, 'address is that of one host'),
        ('exec', {'hosts': hosts + [{'name': 'x', 'prot': 22}], 'command': 'true'}, "Did you mean 'port'"),
        ('exec', {'hosts': hosts + [{'name': 'x', 'password': SECRET}], 'command': 'true'}, 'password_file'),
        ('exec', {'command': 'true', 'password': SECRET}, 'password'),
        ('exec', {'command': 'true', 'password_file': '/no/such'}, 'password_file: /no/such'),
        ('exec', {'command': 'true', 'private_key_file': '/no/such'}, '/no/such'),
        ('exec', {'command': 'true', 'host_key_checking': 'perhaps'}, 'host_key_checking is yes'))
    results, said = each(*((module, {'hosts': hosts, **options}) for module, options, _ in cases),
                         ('exec', {'hosts': [], 'command': 'true'}), verbose=3)
    for (module, options, words), r in zip(cases, results):
        check(r.get('failed') and words in r.get('msg', ''), '%s refused: %s' % (module, words), r)
    check(not results[-1].get('failed') and results[-1].get('results') == [], 'no hosts at all is no error', results[-1])
    check(sum(d.connections() for d in farm) == before, 'and nobody was connected to')
    check(SECRET not in said, 'a password that was refused is not shown')


def test_faults(farm, entries):
    """Some hosts fail, each in its own way; the others have their results."""
    changed, revoked, unknown = Sshd('changed'), Sshd('revoked'), Sshd('unknown')
    closed = Sshd('closed', 'DenyUsers *')
    expired = Sshd('expired', 'ForceCommand echo "WARNING: Your password has expired." >&2; exit 1')
    busy = Sshd('busy', 'MaxStartups 2:50:4')
    hole = socket.create_server(('127.0.0.1', 0), backlog=50)
    nobody = free_port()
    for d in (changed, revoked, unknown, closed, expired, busy):
        d.wait()
    host, other = public('host'), public('other')
    with open(path('known'), 'w') as f:
        f.write(entries + known(('', changed.port, other), ('@revoked ', revoked.port, host), ('', closed.port, host),
                                ('', expired.port, host), ('', busy.port, host),
                                ('', hole.getsockname()[1], host), ('', nobody, host)))
    many = [dict(busy.host(), name='busy%d' % i) for i in range(40)]
    (r, silent, allowed, lot, new), said = each(
        ('exec', {'command': 'echo here', 'hosts': [
            *(d.host() for d in farm), changed.host(), revoked.host(), unknown.host(), closed.host(), expired.host(),
            {'name': 'nobody', 'address': '127.0.0.1', 'port': nobody},
            {'name': 'nowhere', 'address': 'no-such-host.invalid'}]}),
        ('exec', {'command': 'true', 'connect_timeout': 1,
                  'hosts': [{'name': 'hole', 'address': '127.0.0.1', 'port': hole.getsockname()[1]}]}),
        ('exec', {'command': 'true', 'max_fail': 1,
                  'hosts': [farm[0].host(), {'name': 'nobody', 'address': '127.0.0.1', 'port': nobody}]}),
        ('exec', {'command': 'true', 'hosts': many}),
        ('exec', {'command': 'true', 'hosts': [dict(unknown.host(), host_key_checking='accept-new',
                                                    known_hosts_file=path('fresh'))]}))
    rows = by_host(r)
    check(all(rows[d.name]['stdout'] == 'here\n' for d in farm), 'the hosts that are well have their results', said)
    check(r.get('failed') and r['msg'].startswith('7 of %d hosts failed; host ' % (len(farm) + 7)), 'how many failed', r.get('msg'))
    check(r['failed_hosts'] == ['changed', 'revoked', 'unknown', 'closed', 'expired', 'nobody', 'nowhere'], 'and which', r)
    for name, words, kind in (('changed', 'has changed', 'auth'), ('revoked', 'is revoked by', 'auth'),
                              ('unknown', 'is not known', 'auth'), ('closed', 'permission denied for user', 'auth'),
                              ('expired', 'Your password has expired', 'remote'),
                              ('nobody', 'nobody listens', 'network'),
                              ('nowhere', "looking up the name 'no-such-host.invalid'", 'network')):
        row = rows[name]
        check(row['failed'] and row['host'] == name and words in row['msg'] and row['error']['kind'] == kind and row['unreachable'] == (name != 'expired'),
              '%s: %s' % (name, words), row)
    check('no answer' in silent.get('msg', '') and silent['error']['kind'] == 'timeout', 'a server that says nothing', silent)
    check(not allowed.get('failed') and allowed.get('failed_hosts') == ['nobody'] and '1 of 2 hosts failed' in said,
          'max_fail: the task succeeds, and warns', said)
    check(not lot.get('failed') and len(lot.get('results', [])) == 40, 'MaxStartups 2:50:4 and 40 sessions: none fails', lot.get('msg'))
    check(not new.get('failed') and 'ssh-ed25519' in open(path('fresh')).read(), 'accept-new, by name', new)
    hole.close()


def test_secrets(farm):
    """A secret is neither printed nor on a command line, whatever is done with it."""
    with open(path('word'), 'w') as f:
        f.write(SECRET + '\n')
    seen = []
    over = threading.Event()

    def watch():
        while not over.is_set():
            for p in filter(str.isdigit, os.listdir('/proc')):
                try:
                    with open('/proc/%s/cmdline' % p, 'rb') as f:
                        if SECRET.encode() in f.read():
                            seen.append(p)
                except OSError:
                    pass
            time.sleep(0.02)
    t = threading.Thread(target=watch)
    t.start()
    r, said = one('exec', {'hosts': [d.host() for d in farm], 'password_file': path('word'),
                           'sudo_password_file': path('word'), 'env': {'DB_PASSWORD': SECRET},
                           'command': 'echo "$DB_PASSWORD"; sleep 0.3; exit 1'}, verbose=5)
    over.set()
    t.join()
    check(r.get('failed') is True and '********' in by_host(r)['h0']['stdout'], 'what repeats a secret is masked', r)
    check(SECRET not in said, 'no secret at the highest verbosity', said)
    check(not seen, 'nor on any command line', seen)
    r, said = one('exec', {'hosts': [farm[0].host()], 'stdin': SECRET, 'command': 'cat; exit 1', 'no_log': True}, verbose=5)
    check(r.get('failed') is True and SECRET not in said and SECRET not in json.dumps(r), 'no_log hides what a host says', said)


def test_sudo(farm):
    if os.getuid() != 0 or not shutil.which('sudo', path=PATHS):
        print('LEFT OUT: treenail.host with sudo: there is none here, or we are not root')
        return
    by_sudo = {'hosts': [farm[0].host()], 'sudo': True, 'content': 'by sudo\n', 'dest': path('by-sudo'), 'group': 'adm'}
    name = 'tn-nobody-%d' % (os.getpid() % 10000)
    tool('useradd', '-m', '-s', '/bin/sh', '-p', '*', name)  # no password, but not locked
    asks = {'hosts': [farm[0].host(user=name)], 'sudo': True, 'command': 'id -u'}
    try:
        (r, first, again, refused, wrong), said = each(
            ('exec', {'hosts': [farm[0].host()], 'sudo': True, 'command': 'id -u'}),
            ('copy', {**by_sudo, 'owner': 'daemon'}), ('copy', by_sudo),
            ('exec', asks), ('exec', {**asks, 'sudo_password_file': path('word')}))
    finally:
        tool('userdel', '-r', name)
    check(by_host(r).get('h0', {}).get('stdout') == '0\n', 'sudo', said)
    check(first.get('changed') is True and open(path('by-sudo')).read() == 'by sudo\n', 'copy by sudo', said)
    check(os.stat(path('by-sudo')).st_uid == pwd.getpwnam('daemon').pw_uid, 'with an owner')
    check(again.get('changed') is False, 'and again: nothing, by the group alone too', again)
    check(refused.get('failed') and 'sudo' in refused['msg'] and name in refused['msg'], 'sudo that refuses is told as such', refused)
    check(wrong.get('failed') and 'sudo refuses the password' in wrong['msg'], 'so is a wrong password', wrong)


def test_kill(farm):
    """Killed while it copies, and run again."""
    dest = path('killed')
    with open(path('large'), 'wb') as f:
        f.write(os.urandom(16 << 20))
    program = os.path.join(COLLECTIONS, 'ansible_collections/treenail/host/bin', os.uname().machine, 'treenail-host')
    given = json.dumps({'_ansible_module_name': 'copy', 'hosts': [farm[0].host(user=USER)], 'private_key_file': path('user'),
                        'known_hosts_file': path('known'), 'ssh_config': 'none', 'src': path('large'), 'dest': dest}).encode()
    for ms in (5, 20, 40, 60, 80, 120, 160, 240):
        p = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        p.stdin.write(given)
        p.stdin.close()
        time.sleep(ms / 1000)
        p.send_signal(signal.SIGKILL)
        p.wait()
        if os.path.exists(dest):
            check(os.stat(dest).st_size == 16 << 20, 'killed after %d ms: whole or not at all' % ms)
    done = json.loads(subprocess.run([program], input=given, capture_output=True, check=True).stdout)
    with open(dest, 'rb') as a, open(path('large'), 'rb') as b:
        check(not done.get('failed') and a.read() == b.read(), 'run again, it is there', done)


def public(name):
    with open(path(name + '.pub')) as f:
        return ' '.join(f.read().split()[:2])


def main():
    if not shutil.which('sshd', path=PATHS) or not shutil.which('ssh-keygen', path=PATHS):
        print('LEFT OUT: treenail.host: there is no sshd or no ssh-keygen here')
        print('0 passed, 0 failed')
        sys.exit(0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('told to end'))  # so that the farm ends, too
    if os.getuid() == 0:
        os.makedirs('/run/sshd', mode=0o755, exist_ok=True)
    for name in ('host', 'other', 'user'):
        key(name)
    os.chmod(TEMP, 0o755)  # another user reads the keys he is let in by
    farm = [Sshd('h%d' % i) for i in range(4)]
    for d in farm:
        d.wait()
    entries = known(*(('', d.port, public('host')) for d in farm))
    with open(path('known'), 'w') as f:
        f.write(entries)
    try:
        test_exec(farm)
        test_inventory(farm)
        test_copy(farm)
        test_facts(farm)
        test_bad_options(farm)
        test_secrets(farm)
        test_sudo(farm)
        test_kill(farm)
        test_faults(farm, entries)
    finally:
        for d in Sshd.all:
            d.process.terminate()
            d.process.wait()
    check(tally['passed'] > 0, 'something was tested')
    finish()


if __name__ == '__main__':
    main()
