#!/usr/bin/env python3
"""examples/jenkins/report.py: what it makes of plans, events and outputs that a pipeline seldom sees."""
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

REPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../examples/jenkins/report.py')
SECRET = 'canary'
tally = {'passed': 0, 'failed': 0}


def check(ok, what, detail=''):
    tally['passed' if ok else 'failed'] += 1
    if not ok:
        print('FAILED %s\n       %s' % (what, detail))


def report(given, *args):
    """(exit status, {name: (what is wrong, text)}, output)"""
    text = given if isinstance(given, str) else json.dumps(given)
    done = subprocess.run([REPORT, *args], input=text, capture_output=True, text=True)
    check(SECRET not in done.stdout, 'no values', done.stdout)
    cases = {}
    if done.stdout.startswith('<?xml'):
        for case in xml.fromstring(done.stdout.encode()).iter('testcase'):
            wrong = [x.get('message') for x in case if x.tag in ('failure', 'error')]
            cases[case.get('name')] = (wrong[0] if wrong else None, case.findtext('system-out', ''))
    return done.returncode, cases, done.stdout + done.stderr


def resource(address, actions, before, after, unknown=None):
    return {'address': address, 'mode': 'managed', 'type': address.split('.')[-2],
            'change': {'actions': actions, 'before': before, 'after': after, 'after_unknown': unknown or {}}}


SAME = resource('x.same', ['no-op'], {'a': 1}, {'a': 1})
TAGS = resource('module.m["k"].x.tags[0]', ['update'], {'a': SECRET, 'tags': [SECRET]}, {'a': SECRET, 'tags': []})
SIZE = resource('x.size', ['update'], {'size': 1, 'tags': []}, {'size': 2, 'tags': [SECRET]}, {'id': True})
GONE = resource('x.gone', ['create'], None, {'a': SECRET}, {'id': True})
READ = {**resource('data.x.read', ['read'], None, {'a': SECRET}), 'mode': 'data'}
KNOWN = 'module.m["k"].x.*   tags   # since ever\n\nx.size tags\nx.go?e\n'


def drift(changes, known=KNOWN, **more):
    with tempfile.NamedTemporaryFile('w') as f:
        f.write(known)
        f.flush()
        return report({'resource_changes': changes, **more}, 'drift', '--name', 'root', '--ignore', f.name)


def of_drift():
    code, cases, text = drift([SAME, READ, TAGS, GONE])
    check(code == 0 and not any(w for w, _ in cases.values()) and len(cases) == 3, 'known noise: 0', text)
    code, cases, text = drift([SAME, TAGS, SIZE], resource_drift=[SIZE])
    check(code == 2 and {n: w for n, (w, _) in cases.items() if w} ==
          {'x.size': 'changed by somebody else: would be changed: id, size, tags'}, 'one real change: 2', text)
    code, cases, text = drift([TAGS], known='module.m["?"].x.tags[1] tags\n')
    check(code == 2, 'brackets of a pattern are meant as such', text)
    check(drift([GONE], known='')[0] == 2 and drift([], known='')[0] == 0, 'nothing known, nothing there')
    code, cases, text = drift([SAME], output_changes={'o': {'actions': ['update'], 'before': SECRET, 'after': 1}, 'same': {'actions': ['no-op']}})
    check(code == 2 and 'output.o' in cases and 'output.same' not in cases, 'outputs count, too', text)
    code, cases, text = drift([SAME], errored=True)
    check(code == 1 and not cases, 'half a plan is none', text)
    check(report('', 'drift')[0] == 1 and report('{', 'drift')[0] == 1, 'no plan at all')


def of_plans():
    replaced = resource('x["<&\'\x1b>"].y', ['delete', 'create'], {'a': SECRET}, {'a': 1})
    code, cases, text = report({'resource_changes': [SAME, replaced]}, 'plan')
    check(code == 0 and cases == {'x["<&\'?>"].y': (None, 'would be replaced')}, 'a plan, and a name that is no XML', text)
    check(report({}, 'plan')[1] == {'nothing to do': (None, '')}, 'an empty plan')


def event(kind, address, **more):
    return json.dumps({'type': kind, '@message': address + ' ...', 'hook': {'resource': {'addr': address, 'resource_type': 'x'}, 'action': 'create', **more}})


def of_applies():
    done, failed = event('apply_complete', 'x.one', elapsed_seconds=3, id_value='1'), event('apply_errored', 'x.two', elapsed_seconds=1)
    said = json.dumps({'type': 'diagnostic', '@message': 'Error: no', 'diagnostic': {'severity': 'error', 'summary': 'no', 'detail': 'because\nof'}})
    end = json.dumps({'type': 'change_summary', '@message': 'done', 'changes': {'operation': 'apply'}})
    check(report('\n'.join([done, end]), 'apply')[1] == {'x.one': (None, 'create')}, 'applied')
    cases = report('\n'.join([done, failed, said]), 'apply')[1]
    check([bool(cases[n][0]) for n in ('x.one', 'x.two', 'root')] == [False, True, True], 'failed', cases)
    for cut in ('', done, done + '\n{"type":"appl'):
        code, cases, text = report(cut, 'apply')
        check(code == 0 and cases['apply'][0] == 'did not come to its end', 'cut off', text)
    check(report(said + '\nplain words\n[1]', 'lines')[2] == 'Error: no\n  because\n  of\nplain words\n[1]\n', 'lines')


OUTPUT = '''
PLAY [All] *********************************************************************

TASK [Gathering] ***************************************************************
ok: [a]
fatal: [b]: UNREACHABLE! => {"changed": false, "msg": "canary"}

TASK [File] ********************************************************************
--- before
+++ after: /tmp/%s
@@ -1 +1 @@
-one
+two

changed: [a] => (item=canary)
ok: [a] => (item=other)

TASK [May fail] ****************************************************************
fatal: [a]: FAILED! => {"msg": "canary"}
...ignoring

PLAY RECAP *********************************************************************
a                          : ok=2    changed=1    unreachable=0    failed=0
'''


def of_plays():
    code, cases, text = report(OUTPUT % 1, 'play')
    check(cases == {'All: Gathering': ('failed: see the log', ''), 'All: File': (None, 'changed'), 'All: May fail': (None, 'ok')}, 'a play', text)
    first, again, other = (report(o, 'changes') for o in (OUTPUT % 1, OUTPUT % 2, OUTPUT.replace('+two', '+three') % 1))
    check(first[0] == 1 and first == again and first[2] != other[2], 'changes: differences count, their files do not', (first, again, other))
    check('changed: [a] All: File\n@@ -1 +1 @@\n-one\n+two\n' in first[2], 'changes', first)
    check(report('', 'changes')[2] == 'nothing would be changed\n', 'no output')
    code, cases, text = report(OUTPUT.split('PLAY RECAP')[0] % 1, 'play')
    check('did not come to its end' in text, 'cut off', text)


for test in (of_drift, of_plans, of_applies, of_plays):
    test()
print('%(passed)d passed, %(failed)d failed' % tally)
sys.exit(tally['failed'] > 0)
