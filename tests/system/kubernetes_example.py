#!/usr/bin/env python3
"""examples/kubernetes-app on the lab: the playbook, by our names and by those of kubernetes.core, and the root.

Check mode or a plan first, for real as foretold, again without a write; a rolling change, a drain, and all gone.
"""
import json
import os
import re
import sys
import tempfile

from common import LAB, PROGRAM, ROOT, TEMP, Play, Run, check, environment, finish

sys.path.insert(0, os.path.join(ROOT, 'tests/terraform'))
import terraform  # noqa: E402

EXAMPLE = os.path.join(ROOT, 'examples/kubernetes-app')
STATE = os.path.join(LAB, 'kubernetes')
KUBECONFIG = os.path.join(STATE, 'kubeconfig')
PREFIX = 'tn-ex%d' % os.getpid()
NODE = 'fake-2'
NEXT = {'release': 2, 'replicas': 5}
TRACE = os.path.join(TEMP, 'trace')
ENV = environment(KUBECONFIG=KUBECONFIG, TREENAIL_LOG='debug', TREENAIL_LOG_FILE=TRACE)
KINDS = 'configmap,secret,service,poddisruptionbudget,deployment'


def kubectl(*args, context='one'):
    return Run([os.path.join(STATE, 'bin/kubectl'), '--kubeconfig', KUBECONFIG, '--context', context, *args], env=ENV)


def things(prefix, context='one'):
    """What there is of ours."""
    found = kubectl('get', 'namespace,customresourcedefinition', '-o', 'name', context=context).out.split()
    found = [x for x in found if prefix in x]
    if 'namespace/' + prefix in found:
        found += kubectl('get', KINDS, '-n', prefix, '-o', 'name', context=context).out.split()
    return set(found)


def pods(prefix, context='one'):
    """(image, node) of those that are to stay."""
    listed = kubectl('get', 'pods', '-n', prefix, '-l', 'app=web', '-o', 'json', context=context).json['items']
    return sorted((p['spec']['containers'][0]['image'], p['spec'].get('nodeName')) for p in listed
                  if 'deletionTimestamp' not in p['metadata'])


def writes():
    """What was sent that may change something, since the last call."""
    try:
        with open(TRACE) as f:
            lines = f.read().splitlines()
    except FileNotFoundError:
        return ['nothing was traced']
    os.unlink(TRACE)
    return [x for x in lines if re.search(r' (POST|PUT|PATCH|DELETE) https?://', x) and 'dryRun=All' not in x]


# ---- the playbook ----

def run(what, playbook, more, changed=None, reads=False, missing=False):
    given = {'context': 'one', 'prefix': PREFIX, **more}
    args = ['--diff', '-e', json.dumps({k: v for k, v in given.items() if k != 'check'})]
    play = Play(playbook, args=args + ['--check'] * ('check' in given), env=ENV)
    check(play.ok, '%s: ok, %.0f s' % (what, play.wall), play.text[-3000:])
    sent = writes()
    if changed is not None:
        check(play.changed == changed, '%s: %s tasks changed' % (what, play.changed), 'not %s\n%s' % (changed, play.out))
    if reads:
        check(not sent, '%s: sends only reads' % what, sent)
    said = re.findall('.*(?:WARNING|DEPRECAT).*', play.text)
    if missing:  # of what would only be made by then
        said = [x for x in said if 'check mode takes it' not in x]
    check(not said, '%s: no warnings' % what, said)
    check('swordfish' not in play.text and 'c3dvcmRmaXNo' not in play.text, '%s: the password is not shown' % what)
    return play


def foretold(what, playbook, more, **how):
    """In check mode, for real, again, and in check mode again; what there was is what there is after the first."""
    before = things(PREFIX), pods(PREFIX)
    changed = run(what + ', in check mode', playbook, {**more, 'check': True}, **how).changed
    check((things(PREFIX), pods(PREFIX)) == before, what + ', in check mode: all is as it was')
    check(changed, what + ', in check mode: changes something')
    run(what, playbook, more, changed=changed)
    run(what + ', again', playbook, more, changed=0, reads=True)
    run(what + ', in check mode again', playbook, {**more, 'check': True}, changed=0, reads=True)


def life(name, playbook):
    foretold(name + ': made', playbook, {}, missing=True)
    check(len(things(PREFIX)) == 8, name + ': all of it is there', things(PREFIX))
    check([i for i, _ in pods(PREFIX)] == ['registry.example/web:1'] * 3, name + ': three pods', pods(PREFIX))
    foretold(name + ': rolled to the next release, and more of it', playbook, NEXT)
    check([i for i, _ in pods(PREFIX)] == ['registry.example/web:2'] * 5, name + ': five new pods', pods(PREFIX))
    try:
        foretold(name + ': a node emptied', playbook, {**NEXT, 'empty': NODE})
        found = pods(PREFIX)
        check(len(found) == 5 and NODE not in [n for _, n in found], name + ': five pods, none of them there', found)
    finally:
        kubectl('uncordon', NODE)
    foretold(name + ': taken away', playbook, {'state': 'absent'})
    check(not things(PREFIX), name + ': nothing is left', things(PREFIX))


def task_by_task():
    """In check mode, what is to go into a namespace that an earlier task would make."""
    tasks = [{'treenail.kubernetes.k8s': {'context': 'one', **task}} for task in (
        {'kind': 'Namespace', 'name': PREFIX + '-later'},
        {'definition': {'apiVersion': 'v1', 'kind': 'ConfigMap', 'data': {'a': 'b'},
                        'metadata': {'name': 'c', 'namespace': PREFIX + '-later'}}})]
    plays = [{'hosts': 'localhost', 'connection': 'local', 'gather_facts': False, 'tasks': tasks}]
    writes()
    play = Play(plays, args=['--check'], env=ENV)
    check(play.ok and play.changed == 2, 'task by task, in check mode: both tasks change something', play.text)
    check('check mode takes it that an earlier task makes it' in play.text, 'task by task: warned of', play.text)
    check(not writes(), 'task by task, in check mode: sends only reads')


# ---- the root ----

def root():
    program = terraform.found(os.environ.get('TERRAFORM', 'terraform'))
    if not program:
        return print('LEFT OUT  examples/kubernetes-app by Terraform: there is none')
    made = terraform.Root(tempfile.mkdtemp(dir=TEMP), os.path.dirname(PROGRAM), ENV, program, head=False)
    with open(os.path.join(EXAMPLE, 'main.tf')) as f:
        made.write('main.tf', f.read())
    prefix = PREFIX + '-tf'
    first = ['-var', 'context=two', '-var', 'kubeconfig=' + KUBECONFIG, '-var', 'prefix=' + prefix]
    later = first + [x for k, v in NEXT.items() for x in ('-var', '%s=%d' % (k, v))]

    def applied(what, args, changes):
        writes()
        plan = made.plan(*args)
        check(plan.code == 2 and changes in plan.out, '%s: plan: %s' % (what, changes), plan.text)
        check(not writes(), '%s: plan: sends only reads' % what)
        done = made.apply('plan')
        check(done.ok, what + ': apply', done.text)
        writes()
        plan = made.plan(*args)
        check(plan.code == 0, what + ': the next plan is empty', plan.text)
        check(not writes(), what + ': the next plan: sends only reads')

    try:
        applied('root: made', first, '8 to add, 0 to change, 0 to destroy')
        check(len(things(prefix, 'two')) == 8, 'root: all of it is there', things(prefix, 'two'))
        applied('root: rolled to the next release', later, '0 to add, 1 to change, 0 to destroy')
        check([i for i, _ in pods(prefix, 'two')] == ['registry.example/web:2'] * 5, 'root: five new pods')
        shown = made.run('output', '-json').json
        check(len(shown.get('pods', {}).get('value', {})) == 5, 'root: tells of them', shown)
    finally:
        done = made.destroy(*later)
    check(done.ok, 'root: destroy', done.text)
    return check(not things(prefix, 'two'), 'root: nothing is left', things(prefix, 'two'))


def main():
    playbook = os.path.join(EXAMPLE, 'app.yml')
    with open(playbook) as f:
        text = f.read()
    renamed = os.path.join(TEMP, 'renamed.yml')
    with open(renamed, 'w') as f:
        f.write(text.replace('treenail.kubernetes.', 'kubernetes.core.'))
    kubectl('uncordon', NODE)  # the demo leaves it so
    life('example', playbook)
    life('with names of kubernetes.core', renamed)
    task_by_task()
    root()


main()
finish()
