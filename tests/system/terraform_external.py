#!/usr/bin/env python3
"""terraform-provider-external, by real Terraform: as hashicorp/external, and what it has beyond that."""
import json
import os
import re
import signal
import sys
import tempfile
import time

from common import PROGRAM, ROOT, TEMP, check, finish

sys.path.insert(0, os.path.join(ROOT, 'tests/terraform'))
import terraform  # noqa: E402

BINARIES = os.path.dirname(PROGRAM)
MARK = '%d.5' % (100000 + os.getpid())  # seconds that nothing but this test's programs sleeps
terraform.programs()


def root(hcl, source='treenail/external', **env):
    r = terraform.Root(tempfile.mkdtemp(dir=TEMP), BINARIES, {'SHELL': '/nothing', **env}, head=False)
    r.write('cli.rc', 'provider_installation {\n  dev_overrides { "%s" = "%s" }\n  direct {}\n}\n' % (source, BINARIES))
    r.write('main.tf', 'terraform {\n  required_providers {\n    external = { source = "%s" }\n  }\n}\n' % source + hcl)
    return r


def data(program, more='', name='a'):
    return 'data "external" "%s" {\n  program = %s\n%s\n}\n' % (name, json.dumps(program), more)


def sh(script, more='', name='a'):
    return data(['sh', '-c', script], more, name)


def read(what, hcl, wanted, **env):
    """Applies; `wanted` are values of the data source's state."""
    r = root(hcl, **env)
    done = r.apply()
    have = r.instances('data').get('data.external.a', ({}, None))[0]
    check(done.ok and all(have.get(k) == v for k, v in wanted.items()), what, '%s\n%s' % (done.text, have))
    again = r.plan()
    check(again.code == 0, what + ': a second plan is empty', again.text)
    return done


def refused(what, hcl, *words, **env):
    done = root(hcl, **env).apply()
    text = re.sub(r'\s*\n[│ ]*\s*', ' ', done.text)
    check(done.code == 1 and all(w in text for w in words), what, '%s not in %s' % (words, done.text))
    return text


def sleepers():
    """Processes that this test's programs started and left."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/cmdline' % pid, 'rb') as f:
                if f.read().split(b'\0')[:2] == [b'sleep', MARK.encode()]:
                    found.append(int(pid))
        except OSError:
            pass
    return found


def schema():
    """What hashicorp/external 2.4.0 has, and what we add."""
    theirs = {'id': ('string', 'computed'), 'program': (['list', 'string'], 'required'), 'working_dir': ('string', 'optional'),
              'query': (['map', 'string'], 'optional'), 'result': (['map', 'string'], 'computed')}
    ours = {'timeout': ('string', 'optional'), 'warnings': ('bool', 'optional'), 'typed': ('bool', 'optional'),
            'output': ('dynamic', 'computed')}
    told = root('').run('providers', 'schema', '-json').json['provider_schemas']['registry.terraform.io/treenail/external']
    found = told['data_source_schemas']['external']
    shown = {k: (a['type'], [w for w in ('required', 'optional', 'computed') if a.get(w)])
             for k, a in found['block']['attributes'].items()}
    check(found['version'] == 0 and shown == {k: (t, [w]) for k, (t, w) in {**theirs, **ours}.items()}, 'schema', found)
    check(set(told) <= {'provider', 'data_source_schemas'} and not told['provider']['block'].get('attributes'),
          'nothing else is there', told)


def drop_in():
    r = root(data(['cat'], 'query = { a = "x", b = null, c = "" }'), source='hashicorp/external')
    done = r.apply()
    have = r.instances('data')['data.external.a'][0] if done.ok else {}
    check(done.ok and have['result'] == {'a': 'x', 'c': ''} and have['id'] == '-', 'the query goes in, null left out; id -',
          done.text)
    read('no query is an empty object', sh('read -r x; printf \'{"q":"%s"}\' "$x"'), {'result': {'q': '{}'}})
    read('empty elements are left out', data(['', 'sh', None, '-c', 'echo {}']), {'result': {}})
    read('null is no text', sh('echo \'{"a":null}\''), {'result': {'a': ''}})
    folder = tempfile.mkdtemp(dir=TEMP)
    with open(folder + '/tool', 'w') as f:
        f.write('#!/bin/sh\nprintf \'{"at":"%s"}\' "$(pwd)"\n')
    os.chmod(folder + '/tool', 0o755)
    read('working_dir', data(['./tool'], 'working_dir = "%s"' % folder), {'result': {'at': folder}})
    read('PATH', data(['tool']), {}, PATH=folder + ':' + os.environ['PATH'])
    home = tempfile.mkdtemp(dir=TEMP)
    with open(home + '/.bashrc', 'w') as f:
        f.write('tn_function() { printf \'{"args":"%s"}\' "$*"; }\n')
    read("a function of the user's shell", data(['tn_function', 'x', 'y  z']), {'result': {'args': 'x y z'}},
         SHELL='/bin/bash', HOME=home)
    read('a program that does not read its query', sh('echo {}', 'query = { a = "%s" }' % ('x' * 300000)), {'result': {}})
    read('much output', sh("printf '{\"a\":\"'; head -c 1000000 /dev/zero | tr '\\0' x; printf '\"}'"),
         {'result': {'a': 'x' * 1000000}})
    done = read("the handshake's variables are not the program's",
                sh('printf \'{"n":"%s","own":"%s"}\' "$(env | grep -cE "^(TF_)?PLUGIN_(MAG|MIN|MAX|PROT|CLI)")" '
                   '"$PLUGIN_OWN"; echo words >&2'),
                {'result': {'n': '0', 'own': 'mine'}}, PLUGIN_OWN='mine')
    check('words' not in done.text, 'what a success says on standard error is not shown')


def errors():
    words = refused('exit status', sh('echo first >&2; echo "the why" >&2; exit 3'), 'the why', 'exit status 3',
                    'with data.external.a', 'Program: /')
    check(re.search(r'on main.tf line 7\b', words), 'at the attribute `program`', words)
    refused('exit status without words', sh('exit 4'), 'exit status 4')
    refused('a signal', sh('kill -9 $$'), 'signal: Killed')
    refused('words that are no UTF-8', sh("printf 'a\\377b' >&2; exit 1"), 'exit status 1')
    refused('much said before the end', sh('head -c 1000000 /dev/zero | tr "\\0" x >&2; echo the end >&2; exit 1'), 'the end')
    refused('no JSON', sh('echo hello'), 'has to print JSON')
    refused('nothing', sh('true'), 'has to print JSON')
    refused('a list', sh('echo []'), 'not an object')
    refused('a number', sh('echo \'{"a": 1}\''), "'a' is", 'typed = true')
    refused('an object in it', sh('echo \'{"a": {}}\''), "'a' is")
    refused('no program', data([]), 'program')
    refused('an empty program', data(['', None]), 'program has nothing but empty elements')
    refused('an unknown program', data(['tn-no-such-program']), 'no folder of PATH has it', 'SHELL names no shell',
            'tn-no-such-program')
    refused('one that the shell does not know either', data(['tn-no-such-program']), 'could not be started',
            "no folder of PATH has 'tn-no-such-program', nor does /bin/bash know it", SHELL='/bin/bash', HOME=TEMP)
    refused('an unknown path in here', data(['./tn']), 'No such file', 'in the folder ' + TEMP)
    refused('an unknown path', data(['/nothing/tn']), 'No such file', '/nothing/tn')
    refused('an unknown folder', data(['true'], 'working_dir = "/nothing"'), 'in working_dir /nothing')
    refused('a folder as program', data(['/tmp']), 'Permission denied')
    refused('too much output', sh('head -c 20000000 /dev/zero; sleep ' + MARK), 'more than 16 MiB')
    refused('no duration', sh('echo {}', 'timeout = "soon"'), "'soon' is no duration")


def beyond():
    done = read('warnings', sh('echo "look out" >&2; echo {}', 'warnings = true'), {'result': {}})
    check('Warning' in done.text and 'look out' in done.text, 'what a success says is a warning', done.text)
    printed = {'n': 1, 'f': 0.1, 'l': [1, 'a', {'x': None}], 'z': None, 'b': True}
    read('typed', sh("echo '%s'" % json.dumps(printed), 'typed = true') +
         'output "o" {\n  value = data.external.a.output.n + data.external.a.output.l[0] == 2 ? "two" : "not"\n}\n',
         {'result': {'n': '1', 'f': '0.1', 'l': '[1,"a",{"x":null}]', 'z': '', 'b': 'true'}})
    r = root(sh('echo \'[0.1, 12345678901234567, "x", {"a": [true]}]\'', 'typed = true') +
             'output "o" {\n  value = data.external.a.output\n}\n')
    done = r.apply()
    check(done.ok and r.run('output', '-json', 'o').json == [0.1, 12345678901234567, 'x', {'a': [True]}],
          'typed: values are what they were', done.text)
    refused('typed: too large an integer', sh('echo 123456789012345678901', 'typed = true'), '63 bits')


def logs():
    """Programs fetch secrets: the provider's log tells how much they said, and nothing of it."""
    secret = 'canary%s' % os.urandom(8).hex()
    folder = tempfile.mkdtemp(dir=TEMP)
    with open(folder + '/secret', 'w') as f:
        f.write(secret)
    r = root(sh('read -r s < %s/secret; printf "%%s" "$s" >&2; printf \'{"a":"%%s"}\' "$s"' % folder), TF_LOG='TRACE')
    r.env['TF_LOG_PATH'] = r.path('trace.log')
    done = r.apply()
    with open(r.path('trace.log')) as f:
        trace = f.read()
    ran = [line for line in trace.split('\n') if 'ran a program' in line]
    check(done.ok and ran and re.search('stderr_bytes"?[=:] ?"?%d' % len(secret), ran[0]) and 'exit status 0' in ran[0],
          'a trace tells what ran', '%s\n%s' % (done.text, ran[:1]))
    hits = [line for line in trace.split('\n') if secret in line]
    check(not hits, 'but not what it said', hits[:2])


def interrupted(command, kill):
    r = root(sh('sleep ' + MARK))
    p = r.start(command, '-input=false', '-no-color')
    while not sleepers():
        time.sleep(0.05)
    began = time.monotonic()
    kill(p.pid, signal.SIGINT)
    out, err = p.communicate(timeout=120)
    took = time.monotonic() - began
    check(took < 60 and p.returncode == 1, '%s interrupted: ended in %.1f s' % (command, took), out + err)
    check(not sleepers(), '%s interrupted: nothing of it is left' % command, sleepers())


def ends():
    began = time.monotonic()
    refused('timeout', sh('sleep %s & sleep %s' % (MARK, MARK), 'timeout = "1s"'), 'more than 1 s')
    check(time.monotonic() - began < 120, 'timeout: in time')
    refused('timeout: what does not listen to SIGTERM', sh('trap "" TERM; sleep %s; sleep %s' % (MARK, MARK),
                                                            'timeout = "1s"'), 'more than 1 s')
    check(not sleepers(), 'timeout: nothing of it is left', sleepers())
    began = time.monotonic()
    read('a program that leaves one behind', sh('sleep %s & echo {}' % MARK), {'result': {}})
    left = sleepers()
    check(time.monotonic() - began < 25 and len(left) == 2, 'is waited for no longer than it takes', left)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    while sleepers():  # what comes next takes one for its own
        time.sleep(0.05)
    interrupted('plan', os.kill)
    interrupted('apply', os.killpg)  # as the terminal does it
    began = time.monotonic()
    done = root(''.join(sh('sleep 4; echo {}', name='n%d' % i) for i in range(10))).apply()
    check(done.ok and time.monotonic() - began < 30, 'ten run side by side', done.text)


schema()
drop_in()
errors()
beyond()
logs()
ends()
finish()
