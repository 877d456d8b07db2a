#!/usr/bin/env python3
"""The provider's schema is the peer's (tests/data/terraform/NAME-schema.json), but for differences.yml.

  schema.py --bin DIR --state DIR [--provider NAME] [--show]     --show: only list the differences

Each difference is a line "resource NAME path: what it is" ("data NAME", "provider"; names without
"openstack_"). differences.yml (kubernetes/differences.yml of that provider) has regular expressions that match whole lines, each with its reason; a line
that none of them matches fails, and so does one that matches no line any more.
"""
import argparse
import json
import os
import re
import sys

import yaml

import terraform

HERE = os.path.dirname(os.path.abspath(__file__))
PEER = os.path.join(HERE, '../data/terraform/%s-schema.json')
RULES = {'openstack': 'differences.yml', 'kubernetes': 'kubernetes/differences.yml',
         'kubectl': 'kubernetes/kubectl.yml'}
FLAGS = ('required', 'optional', 'computed', 'sensitive')


def flags(attribute):
    return ' '.join(f for f in FLAGS if attribute.get(f)) or 'neither optional nor computed'


def compare_attribute(where, peer, ours):
    if peer['type'] != ours.get('type'):
        yield '%s: type %s, not %s' % (where, json.dumps(ours.get('type')), json.dumps(peer['type']))
    if flags(peer) != flags(ours):
        yield '%s: %s, not %s' % (where, flags(ours), flags(peer))


def compare_nesting(where, peer, ours):
    for what in ('nesting', 'min_items', 'max_items'):
        if (peer.get(what) or 0) != (ours.get(what) or 0):
            yield '%s: %s %s, not %s' % (where, what, ours.get(what), peer.get(what))


def compare(where, peer, ours):
    """Differences of two blocks, with the peer's keys."""
    for key, same in (('attributes', compare_attribute), ('blocks', compare_nesting)):
        here, there = ours.get(key) or {}, peer.get(key) or {}
        for name in sorted(set(here) | set(there)):
            path = ('%s.%s' if ' ' in where and where.count(' ') > 1 else '%s %s') % (where, name)
            if name not in there:
                yield '%s: added, %s' % (path, flags(here[name]) if key == 'attributes' else 'block')
            elif name not in here:
                yield '%s: missing, %s' % (path, flags(there[name]) if key == 'attributes' else 'block')
            else:
                yield from same(path, there[name], here[name])
                if key == 'blocks':
                    yield from compare(path, there[name], here[name])


def block(shown):
    """A block of `providers schema -json` with the peer's keys."""
    return {'attributes': shown.get('attributes', {}),
            'blocks': {n: {**block(b['block']), 'nesting': b['nesting_mode'], 'min_items': b.get('min_items'),
                           'max_items': b.get('max_items')} for n, b in shown.get('block_types', {}).items()}}


def unpacked(value, blocks):
    """The peer's schema with the blocks that are in several places."""
    if not isinstance(value, dict):
        return value
    return unpacked(blocks[value['same']], blocks) if list(value) == ['same'] else {
        k: unpacked(v, blocks) for k, v in value.items()}


def read(provider):
    with open(PEER % provider) as f:
        peer = json.load(f)
    blocks = peer.pop('blocks', [])
    return {k: unpacked(v, blocks) for k, v in peer.items()}


def differences(peer, ours, prefix):
    # A path of the provider begins as one of a kind does, after two words.
    yield from compare('provider block', peer['provider'], block(ours['provider']['block']))
    for what, key in (('resource', 'resource_schemas'), ('data', 'data_source_schemas'),
                      ('ephemeral', 'ephemeral_resource_schemas')):
        here, there = ours.get(key, {}), peer.get(what, {})
        for name in sorted(set(here) | set(there)):
            where = '%s %s' % (what, name.replace(prefix, '', 1))
            if name not in there:
                yield where + ': added'
            elif name not in here:
                yield where + ': missing'
            else:
                if what != 'ephemeral' and here[name]['version'] != (there[name].get('schema_version') or 0):
                    yield '%s: version %d, not %s' % (where, here[name]['version'], there[name].get('schema_version'))
                yield from compare(where, there[name], block(here[name]['block']))


def judge(lines, rules):
    """Prints what is wrong; (passed, failed)."""
    used = [0] * len(rules)
    failed = 0
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
    return len(lines) + len(rules) - failed, failed


def main():
    p = argparse.ArgumentParser()
    for option in ('state', 'bin'):
        p.add_argument('--' + option, required=True, type=os.path.abspath)
    p.add_argument('--provider', default='openstack', choices=RULES)
    p.add_argument('--show', action='store_true')
    args = p.parse_args()
    peer = read(args.provider)
    with open(os.path.join(HERE, RULES[args.provider])) as f:
        rules = yaml.safe_load(f)
    passed = failed = 0
    for program in terraform.programs():
        root = terraform.Root(os.path.join(args.state, 'schema-' + args.provider), args.bin, {}, program,
                              provider=args.provider)
        root.write('main.tf', 'provider "%s" {}\n' % args.provider)
        done = root.run('providers', 'schema', '-json')
        if not done.ok:
            sys.exit('%s\n0 passed, 1 failed' % done.text)
        ours = next(v for k, v in done.json['provider_schemas'].items() if k.endswith('/treenail/' + args.provider))
        lines = list(differences(peer, ours, args.provider + '_'))
        if args.show:
            print('\n'.join(lines))
            return
        good, bad = judge(lines, rules)
        # Of what is the same one is counted for each kind.
        passed, failed = passed + good + len(ours['resource_schemas']) + len(ours['data_source_schemas']), failed + bad
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


main()
