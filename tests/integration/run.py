#!/usr/bin/env python3
"""Runs tests/integration/{cases,kubernetes}/*.yml with real ansible-playbook against the lab.

Each step of a case is run three times: in check mode, for real, and again. Asserted of all of them:
check mode predicts `changed` and the diff of the real run and sends only reads (of Kubernetes, dry runs,
too), what the diff says is what the object then is, and the second run changes nothing and sends only reads.
A step's `expect` is of the real run's result, its `foretold` of check mode's.

  run.py --ansible DIR/bin/ansible-playbook --collections DIR --lab DIR --state DIR [CASE ...]
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
READS = ('GET', 'HEAD')
SYSTEMS = {  # folder of cases: collection, action group, options for all modules of it
    'cases': ('treenail.openstack', 'openstack', lambda case, lab: {'cloud': case.get('cloud', 'demo')}),
    'kubernetes': ('treenail.kubernetes', 'k8s', lambda case, lab: {'kubeconfig': kubeconfig(case, lab)}),
}
STEP_KEYS = {'writes', 'expect', 'foretold', 'changed', 'requests', 'fails', 'again', 'vars', 'check'}


def kubeconfig(case, lab):
    return os.path.join(lab, 'kubernetes', case.get('cluster', ''), 'kubeconfig')


def module_task(case, task):
    """A task of a case, with the module's full name."""
    out = {}
    for key, value in task.items():
        plain = key in ('name', 'register', 'loop', 'vars', 'when', 'environment', 'delegate_to',
                        'set_fact', 'loop_control', 'until', 'retries', 'delay', 'failed_when') or '.' in key
        out[key if plain else '%s.%s' % (case['system'][0], key)] = value
    return out


def step_tasks(case, number, step):
    body = module_task(case, {k: v for k, v in step.items() if k not in STEP_KEYS - {'vars'}})
    base = dict(body, diff=True, ignore_errors=True)
    kinds = ['check', 'real', 'again']
    if step.get('check') == 'skip':
        kinds.remove('check')
    if step.get('again') == 'skip' or 'fails' in step:
        kinds.remove('again')
    for kind in kinds:
        yield dict(base, name='%d %s' % (number, kind), check_mode=kind == 'check')


def playbook(case, lab):
    collection, group, defaults = case['system']
    tasks = [t for i, step in enumerate(case['steps']) for t in step_tasks(case, i, step)]
    tidy = [dict(module_task(case, t), ignore_errors=True) for t in case.get('cleanup', [])]
    setup = [module_task(case, t) for t in case.get('setup', [])]
    block = {'block': setup + tasks}
    if tidy:
        block['always'] = tidy
    return [{'hosts': 'localhost', 'connection': 'local', 'gather_facts': False,
             'module_defaults': {'group/%s.%s' % (collection, group): defaults(case, lab)},
             'vars': case.get('vars', {}), 'tasks': [block]}]


def method(line):
    """The request method of a line of the trace, or None."""
    m = re.search(r'\b(GET|HEAD|POST|PUT|PATCH|DELETE) https?://(\S+)', line)
    return (m.group(1), m.group(2)) if m else None


def sent(record, writes):
    """Requests of a task, logins and version discovery left out."""
    found = [m for m in map(method, record['requests']) if m]
    found = [m for m in found if '/auth/tokens' not in m[1]]
    return [' '.join(m) for m in found if not writes or (m[0] not in READS and 'dryRun=All' not in m[1])]


def at(value, path):
    for part in path.split('.'):
        if isinstance(value, list) and part.lstrip('-').isdigit() and -len(value) <= int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return None
    return value


def covers(want, have):
    """Whether `have` says all that `want` says."""
    if isinstance(want, dict) and isinstance(have, dict):
        return all(covers(v, have.get(k)) for k, v in want.items())
    if isinstance(want, list) and isinstance(have, list):
        left = list(have)
        for item in want:
            hit = next((x for x in left if covers(item, x)), left)
            if hit is left:
                return False
            left.remove(hit)
        return not left
    return want == have or (want in (None, '', [], {}) and have in (None, '', [], {})) \
        or str(want) == str(have)


def unordered(value):
    """Neutron tells of groups and labels in another order each time."""
    if isinstance(value, dict):
        return {k: unordered(v) for k, v in value.items()}
    return sorted(map(unordered, value), key=json.dumps) if isinstance(value, list) else value


def diff_of(result):
    diffs = result.get('diff') or []
    diffs = diffs if isinstance(diffs, list) else [diffs]
    return [(unordered(d.get('before')), unordered(d.get('after'))) for d in diffs]


def objects(result):
    """The objects that a result shows, one for each diff."""
    for one in result.get('results') or [result]:
        yield next((v for k, v in one.items() if isinstance(v, dict) and k not in ('diff', 'invocation', 'error')),
                   None)


class Check:
    def __init__(self):
        self.passed, self.problems = 0, []

    def that(self, ok, text):
        if ok:
            self.passed += 1
        else:
            self.problems.append(text)


def check_fails(c, where, step, records):
    for kind, r in records.items():
        c.that(r['status'] == 'failed', '%s %s: should have failed' % (where, kind))
        msg = str(r['result'].get('msg'))
        c.that(re.search(step['fails'], msg), '%s %s: msg is %r' % (where, kind, msg))
        # An object of Kubernetes that is only on the diff's left side is gone.
        c.that(r['result'].get('changed') or all(after or not (before or {}).get('apiVersion')
                                                 for before, after in diff_of(r['result'])),
               '%s %s: the diff of what failed: %s' % (where, kind, r['result'].get('diff')))
        c.that(r['result'].get('changed') or 'method' not in r['result'],
               '%s %s: what failed says it did %s' % (where, kind, r['result'].get('method')))
        # Some refusals only the service can tell.
        c.that(step.get('writes') or not sent(r, True), '%s %s: wrote %s' % (where, kind, sent(r, True)))


def check_prediction(c, where, check, real):
    c.that(check['result'].get('changed') == real['result'].get('changed'),
           '%s: check mode said changed=%s, but it is %s'
           % (where, check['result'].get('changed'), real['result'].get('changed')))
    c.that(diff_of(check['result']) == diff_of(real['result']),
           '%s: check mode showed %s, the real run %s'
           % (where, diff_of(check['result']), diff_of(real['result'])))
    c.that(not sent(check, True), '%s check: wrote %s' % (where, sent(check, True)))
    for (_, after), now in zip(diff_of(real['result']), objects(real['result'])):
        for key, value in (after or {}).items():
            if now and key in now and value != '(hidden)' and now.get('kind') != 'Secret':
                c.that(covers(value, now[key]),
                       '%s: the diff says %s=%r, but it is %r' % (where, key, value, now[key]))


def check_step(c, where, step, records):
    if 'fails' in step:
        return check_fails(c, where, step, records)
    for kind, r in records.items():
        c.that(r['status'] == 'ok', '%s %s: %s' % (where, kind, r['result'].get('msg', r['status'])))
    real, again = records['real'], records.get('again')
    c.that(real['result'].get('changed') == step.get('changed', True),
           '%s: changed is %s' % (where, real['result'].get('changed')))
    for path, value in step.get('expect', {}).items():
        have = at(real['result'], path)
        c.that(covers(value, have), '%s: %s is %r, not %r' % (where, path, have, value))
    for path, value in step.get('foretold', {}).items():
        have = at(records['check']['result'], path)
        c.that(covers(value, have), '%s check: %s is %r, not %r' % (where, path, have, value))
    if 'check' in records:
        check_prediction(c, where, records['check'], real)
    if not again:
        return None
    expected = step.get('again') is True
    c.that(again['result'].get('changed') == expected,
           '%s again: changed, diff %s' % (where, diff_of(again['result'])))
    c.that(expected or step.get('writes') or not sent(again, True), '%s again: wrote %s' % (where, sent(again, True)))
    if 'requests' in step:
        c.that(len(sent(again, False)) == step['requests'],
               '%s again: %d requests: %s' % (where, len(sent(again, False)), sent(again, False)))
    return None


def play(case, name, args):
    base = os.path.join(args.state, name)
    for suffix in ('.trace', '.records', '.log'):
        if os.path.exists(base + suffix):
            os.unlink(base + suffix)
    with open(base + '.playbook.yml', 'w') as f:
        json.dump(playbook(case, args.lab), f, indent=1)
    env = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=args.collections, ANSIBLE_CALLBACK_PLUGINS=HERE,
               ANSIBLE_CALLBACKS_ENABLED='recorder', ANSIBLE_LOCALHOST_WARNING='0',
               ANSIBLE_INVENTORY_UNPARSED_WARNING='0', ANSIBLE_NOCOLOR='1', ANSIBLE_RETRY_FILES_ENABLED='0',
               OS_CLIENT_CONFIG_FILE=os.path.join(args.lab, 'clouds.yaml'),
               TREENAIL_CACHE_DIR=os.path.join(args.state, 'cache'), TREENAIL_LOG='debug',
               TREENAIL_LOG_FILE=base + '.trace', RECORDER_FILE=base + '.records',
               TREENAIL_TEST_FILES=os.path.join(HERE, 'files'), TREENAIL_TEST_STATE=args.state)
    with open(base + '.log', 'w') as log:
        subprocess.run([args.ansible, base + '.playbook.yml'], env=env, stdin=subprocess.DEVNULL, stdout=log,
                       stderr=log, timeout=1500, check=False)
    with open(base + '.records') as f:
        return [json.loads(line) for line in f]


def run_case(path, args):
    name = os.path.basename(path)[:-4]
    began = time.monotonic()
    with open(path) as f:
        case = dict(yaml.safe_load(f), system=SYSTEMS[os.path.basename(os.path.dirname(path))])
    c = Check()
    if 'cluster' in case and not os.path.exists(kubeconfig(case, args.lab)):
        print('LEFT OUT: %s: the lab has no cluster %s here' % (name, case['cluster']))
        return name, c, 0
    records = play(case, name, args)
    by_task = {r['task']: r for r in records}
    for r in records:
        if not re.match(r'\d+ (check|real|again)$', r['task']):
            c.that(r['status'] == 'ok', '%s: %s' % (r['task'], r['result'].get('msg', r['status'])))
    for i, step in enumerate(case['steps']):
        kinds = [t['name'].split()[1] for t in step_tasks(case, i, step)]
        where = 'step %d (%s)' % (i, next(k for k in step if k not in STEP_KEYS))
        found = {k: by_task['%d %s' % (i, k)] for k in kinds if '%d %s' % (i, k) in by_task}
        if len(found) < len(kinds):
            c.that(False, '%s: not run, see %s.log' % (where, os.path.join(args.state, name)))
        else:
            check_step(c, where, step, found)
    return name, c, time.monotonic() - began


def main():
    p = argparse.ArgumentParser()
    for option in ('ansible', 'collections', 'lab', 'state'):
        p.add_argument('--' + option, required=True, type=os.path.abspath)
    p.add_argument('--jobs', type=int, default=2)
    p.add_argument('cases', nargs='*')
    args = p.parse_args()
    os.makedirs(args.state, exist_ok=True)
    cases = sorted(os.path.join(HERE, folder, f) for folder in SYSTEMS for f in os.listdir(os.path.join(HERE, folder))
                   if f.endswith('.yml') and (not args.cases or f[:-4] in args.cases))
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for name, c, took in pool.map(lambda path: run_case(path, args), cases):
            print('%-28s %3d checks, %d failed, %.0f s' % (name, c.passed + len(c.problems), len(c.problems), took))
            for problem in c.problems:
                print('    ' + problem[:1500])
            sys.stdout.flush()
            passed, failed = passed + c.passed, failed + len(c.problems)
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


if __name__ == '__main__':
    main()
