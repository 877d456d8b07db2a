#!/usr/bin/env python3
"""What Terraform and Ansible say for programs, as Jenkins reads it.

  terraform show -json PLAN | report.py plan --name ROOT        JUnit: a case for each object that would change
  terraform show -json PLAN | report.py drift --name ROOT [--ignore FILE]
                              JUnit: a case for each object, failed if it is not as written; exit status 2 if one is
  report.py apply --name ROOT <EVENTS                           JUnit of what `terraform apply -json` did
  report.py lines <EVENTS                                       the same events for people, as they come
  report.py play --name NAME <OUTPUT                            JUnit of what ansible-playbook did
  report.py changes <OUTPUT     what `ansible-playbook --check --diff` would change; exit status 2 if anything, 1 if it failed

No value is ever written, only addresses, actions and names of attributes: values may be secrets.
A line of an ignore file is a pattern for addresses and, behind it, names of attributes; without any, all are meant:

  openstack_compute_instance_v2.*    tags metadata
"""
import argparse
import fnmatch
import json
import re
import sys
import xml.etree.ElementTree as xml


class Suite:
    """JUnit's XML."""

    def __init__(self, name):
        self.name, self.cases = name, []

    def add(self, kind, name, said='', wrong=None, word='failure', seconds=0.0):
        """One case; `wrong` is why it failed."""
        self.cases.append((kind, name, said, wrong, word, seconds))

    def write(self):
        wrong = [word for _, _, _, w, word, _ in self.cases if w]
        top = xml.Element('testsuite', name=self.name, tests=str(len(self.cases)), skipped='0',
                          failures=str(wrong.count('failure')), errors=str(wrong.count('error')),
                          time='%.1f' % sum(c[5] for c in self.cases))
        for kind, name, said, w, word, seconds in self.cases:
            case = xml.SubElement(top, 'testcase', classname=clean('%s.%s' % (self.name, kind)), name=clean(name),
                                  time='%.1f' % seconds)
            if w:
                xml.SubElement(case, word, message=clean(w.split('\n')[0])).text = clean(w)
            if said:
                xml.SubElement(case, 'system-out').text = clean(said)
        sys.stdout.write(xml.tostring(top, encoding='unicode', xml_declaration=True) + '\n')


def clean(text):
    """Without what XML cannot hold, whatever an object is called."""
    return re.sub('[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]', '?', text)


# ---- plans ----

WORDS = {('create',): 'would be made', ('update',): 'would be changed', ('delete',): 'would be deleted',
         ('delete', 'create'): 'would be replaced', ('create', 'delete'): 'would be replaced',
         ('forget',): 'would be forgotten'}


def names(change):
    """Attributes that differ, or that are known only after."""
    before, after, unknown = ({} if change.get(k) in (None, True, False) else change[k]
                              for k in ('before', 'after', 'after_unknown'))
    return sorted({k for k in {*before, *after} if before.get(k) != after.get(k)} | {k for k, v in unknown.items() if v is True})


def differences(plan):
    """(type, address, what would be done or None, attributes that differ) of each object and output."""
    for r in plan.get('resource_changes', []):
        actions = tuple(r['change']['actions'])
        if r.get('mode') == 'managed' and actions != ('no-op',):
            yield r['type'], r['address'], WORDS.get(actions, ' '.join(actions)), names(r['change'])
        elif r.get('mode') == 'managed':
            yield r['type'], r['address'], None, []
    for name, change in plan.get('output_changes', {}).items():
        if change['actions'] != ['no-op']:
            yield 'output', 'output.' + name, WORDS.get(tuple(change['actions'])), []


def sentence(word, attributes):
    return word + (': ' + ', '.join(attributes) if attributes and word == WORDS['update',] else '')


def read_plan():
    plan = json.load(sys.stdin)
    if plan.get('errored'):
        sys.exit('report.py: the plan ended with an error')
    return plan


def plan_report(args):
    suite = Suite(args.name)
    for kind, address, word, attributes in differences(read_plan()):
        if word:
            suite.add(kind, address, sentence(word, attributes))
    if not suite.cases:
        suite.add('root', 'nothing to do')
    suite.write()


def read_known(file):
    """[(pattern, attributes)]"""
    with open(file) as f:
        lines = [line.split('#')[0].split() for line in f]
    return [(line[0], set(line[1:])) for line in lines if line]


def is_known(known, address, attributes):
    """Whether all that differs is expected to. Brackets of an address are meant as such."""
    allowed = [names for pattern, names in known if fnmatch.fnmatchcase(address, pattern.replace('[', '[[]'))]
    return any(not names for names in allowed) or bool(attributes and set(attributes) <= set().union(*allowed))


def drift_report(args):
    suite, known, code = Suite(args.name), read_known(args.ignore) if args.ignore else [], 0
    plan = read_plan()
    outside = {r['address'] for r in plan.get('resource_drift', [])}
    for kind, address, word, attributes in differences(plan):
        said = word and sentence(word, attributes)
        if word and not is_known(known, address, attributes):
            by = 'changed by somebody else' if address in outside else 'not as the files say'
            suite.add(kind, address, wrong='%s: %s' % (by, said))
            code = 2
        else:
            suite.add(kind, address, 'known: ' + said if word else '')
    if not suite.cases:
        suite.add('root', 'no objects')
    suite.write()
    sys.exit(code)


# ---- what was done ----

def events(lines):
    """What Terraform says as JSON; a line that is none is given as a message."""
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        yield event if isinstance(event, dict) else {'@message': line.rstrip('\n'), 'type': 'text'}


def apply_report(args):
    suite, ended = Suite(args.name), False
    for event in events(sys.stdin):
        kind, hook = event.get('type'), event.get('hook') or {}
        of = hook.get('resource') or {}
        if kind in ('apply_complete', 'apply_errored'):
            suite.add(of.get('resource_type', 'root'), of.get('addr', '?'), hook.get('action', ''),
                      wrong='not done: see the errors' if kind == 'apply_errored' else None,
                      seconds=float(hook.get('elapsed_seconds', 0)))
        elif kind == 'diagnostic' and event['diagnostic'].get('severity') == 'error':
            said = event['diagnostic']
            suite.add('error', said.get('address') or 'root', word='error',
                      wrong='\n'.join(x for x in (said.get('summary'), said.get('detail')) if x))
        ended = ended or kind == 'change_summary' and event.get('changes', {}).get('operation') == 'apply'
    if not ended and not any(c[3] for c in suite.cases):
        suite.add('root', 'apply', wrong='did not come to its end', word='error')
    elif not suite.cases:
        suite.add('root', 'nothing to do')
    suite.write()


def lines(_):
    for event in events(iter(sys.stdin.readline, '')):
        print(event.get('@message', ''), flush=True)
        detail = (event.get('diagnostic') or {}).get('detail')
        if detail:
            print('  ' + detail.replace('\n', '\n  '), flush=True)


# ---- playbooks ----

HEAD = re.compile(r'(PLAY|TASK|RUNNING HANDLER|PLAY RECAP) (?:\[(.*)\] )?\*+$')
STATUS = re.compile(r'(ok|changed|skipping|fatal|failed): \[([^]]+)\]')
DIFF = re.compile(r'[-+ ](?!--|\+\+)|@@')  # but for its head, where files have names that are never twice the same


def played(lines):
    """(task, host, status, differences) in order, of what the callback `default` prints without colours."""
    play, task, last = '', None, None
    for line in lines:
        line = line.rstrip('\n')
        head, status = HEAD.match(line), STATUS.match(line)
        if head:
            if last:
                yield last
            last, play, task = None, *((head[2], None) if head[1] == 'PLAY' else (play, head[2]))
        elif status and task is not None:
            if last and last[1] != status[2]:
                yield last
                last = None
            worst = max([status[1]] + ([last[2]] if last else []), key=('skipping ok changed failed fatal'.split()).index)
            last = ('%s: %s' % (play, task), status[2], worst, last[3] if last else diff)
            diff = []
        elif line == '...ignoring' and last:
            last = (*last[:2], 'ok', last[3])
        if head:
            diff = []
        elif not status and DIFF.match(line):
            diff.append(line)
    if last:
        yield last


def play_report(args):
    suite, ended = Suite(args.name), False

    def seen():
        nonlocal ended
        for line in sys.stdin:
            ended = ended or line.startswith('PLAY RECAP ')
            yield line

    for task, host, status, _ in played(seen()):
        failed = status in ('failed', 'fatal')
        suite.add(host, task, '' if failed else status, wrong='failed: see the log' if failed else None)
    if not ended:
        suite.add('play', 'end', wrong='did not come to its end', word='error')
    suite.write()


def changes(_):
    """The same text if the same would be done."""
    code = 0
    for task, host, status, diff in played(sys.stdin):
        if status in ('changed', 'failed', 'fatal'):
            print('\n'.join(['%s: [%s] %s' % (status, host, task), *diff]))
            code = 1 if code == 1 or status != 'changed' else 2
    if not code:
        print('nothing would be changed')
    sys.exit(code)


def main():
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = top.add_subparsers(dest='verb', required=True)
    for name, run in {'plan': plan_report, 'drift': drift_report, 'apply': apply_report, 'lines': lines,
                      'play': play_report, 'changes': changes}.items():
        verb = verbs.add_parser(name)
        verb.set_defaults(run=run)
        if run not in (lines, changes):
            verb.add_argument('--name', default='terraform')
        if run is drift_report:
            verb.add_argument('--ignore')
    args = top.parse_args()
    args.run(args)


main()
