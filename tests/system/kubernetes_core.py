#!/usr/bin/env python3
"""The modules' options and returns are the peer's (tests/data/kubernetes.core.json), but for kubernetes_core.yml.

Each difference is a line "MODULE OPTION[.OPTION]: what it is", or "connection OPTION: ...". kubernetes_core.yml has
regular expressions that match whole lines, each with its reason; a line that none of them matches fails, and so does
one that matches no line any more. B names the folder of the programs; --show only lists the differences.
"""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PROGRAM = os.path.join(os.path.abspath(os.environ.get('B', 'build/bin')), 'treenail-kubernetes')
VENV = subprocess.run([os.path.join(ROOT, 'tests/env/venv.sh'), 'core-2.19'], check=True, stdout=subprocess.PIPE,
                      text=True).stdout.strip()
if sys.prefix != VENV:
    os.execv(os.path.join(VENV, 'bin/python'), [os.path.join(VENV, 'bin/python'), *sys.argv])

import yaml  # noqa: E402

FACTS = ('type', 'elements', 'required', 'default', 'choices', 'aliases')


def documented(module):
    return yaml.safe_load(subprocess.run([PROGRAM, '--doc', module], check=True, stdout=subprocess.PIPE).stdout)


def fact(option, name):
    value = option.get(name)
    return sorted(value) if isinstance(value, list) and name != 'default' else value or None if name == 'required' else value


def compare(where, peer, ours):
    for name in sorted({*peer, *ours}):
        path = ('%s.%s' if ' ' in where else '%s %s') % (where, name)
        if name not in peer:
            yield '%s: added' % path
        elif name not in ours:
            yield '%s: missing' % path
        else:
            for f in FACTS:
                if fact(peer[name], f) != fact(ours[name], f):
                    yield '%s: %s %s, not %s' % (path, f, json.dumps(fact(ours[name], f)), json.dumps(fact(peer[name], f)))
            yield from compare(path, peer[name].get('suboptions') or {}, ours[name].get('suboptions') or {})


def differences(peer):
    have = subprocess.run([PROGRAM, '--list'], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    connection = set(peer['connection'])
    seen = set()
    for module in sorted({*have, *peer['modules']}):
        if module not in have or module not in peer['modules']:
            yield '%s: %s' % (module, 'added' if module in have else 'missing')
            continue
        doc = documented(module)
        ours, theirs = doc['DOCUMENTATION']['options'], peer['modules'][module]['options']
        connects = 'host' in ours
        wanted = {**peer['connection'], **theirs} if connects else theirs
        for line in compare(module, wanted, ours):
            option = re.match(r'\S+ ([^ .:]+)', line).group(1)
            # What connects is the same in all modules: told of once.
            line = 'connection' + line[len(module):] if option in connection or option == 'expect_cluster_uid' else line
            if line not in seen:
                yield line
            seen.add(line)
        for key in sorted(set(peer['modules'][module]['returns']) - set(doc['RETURN'])):
            yield '%s returns %s: missing' % (module, key)


def judge(lines, rules):
    """Prints what is wrong; the number of it."""
    failed = 0
    used = [0] * len(rules)
    for line in lines:
        hits = [i for i, rule in enumerate(rules) if re.fullmatch(rule['match'], line)]
        for i in hits:
            used[i] += 1
        if not hits:
            failed += 1
            print('not listed: ' + line)
    for rule, count in zip(rules, used):
        if not count or not rule.get('why'):
            failed += 1
            print('%s: %s' % ('no longer there' if not count else 'no reason', rule['match']))
    return failed


def main():
    with open(os.path.join(ROOT, 'tests/data/kubernetes.core.json')) as f:
        peer = json.load(f)
    with open(os.path.join(HERE, 'kubernetes_core.yml')) as f:
        rules = yaml.safe_load(f)
    lines = list(differences(peer))
    if '--show' in sys.argv:
        print('\n'.join(lines))
        return
    failed = judge(lines, rules)
    same = sum(len(m['options']) for m in peer['modules'].values()) + len(peer['connection'])
    print('%d passed, %d failed' % (same, failed))
    sys.exit(1 if failed else 0)


main()
