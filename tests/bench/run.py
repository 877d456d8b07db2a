#!/usr/bin/env python3
"""Compares this collection with openstack.cloud 2.6.0, in one run, on the running lab. Writes build/bench/table.md.

  ROUNDS=3    medians of so many rounds; in each, the two take turns
  TASKS=20    tasks in a play
  RULES=100   security group rules

Both are run by the same ansible-core with pipelining on. Ours begins each play with an empty cache: its login counts.
What one task costs is (a play of 20 of it - an empty play) / 20. Requests are those the services logged, so that
nobody else may use the lab meanwhile. Memory and processor time of the module process are measured
from outside, with one task.
"""
import json
import os
import statistics
import sys
import tempfile

from measured import finish  # it also says where the next are
from common import ROOT, TEMP, Play, Project, Requests, build, clouds_file, environment, logins, module, writes

ROUNDS, TASKS, RULES = (int(os.environ.get(*kv)) for kv in (('ROUNDS', '3'), ('TASKS', '20'), ('RULES', '100')))
OUT = os.path.join(ROOT, 'build/bench')
OURS, THEIRS = 'treenail.openstack.', 'openstack.cloud.'
project = Project('tn-bench', roles=('member', 'admin'))
CLOUDS = clouds_file({'bench': project.cloud()})
KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1p4sSCBS2w0A5c0XfjNhmWwnZK8jLrVvXv0ptLQw0E bench'
N = 'tn-bench'  # the name of everything
RULE = {'protocol': 'tcp', 'port_range_min': 22, 'port_range_max': 22, 'remote_ip_prefix': '192.0.2.0/24'}

SINGLE = {
    'server_info': {'name': N},
    'project_info': {'name': project.name},
    'networks_info': {'name': N},
    'network': {'name': N, 'mtu': 1400},
}


def mixed():
    """20 tasks that find everything as it should be."""
    return [
        ('network', SINGLE['network']),
        ('subnet', {'name': N, 'network': N, 'cidr': '10.6.0.0/24', 'dns_nameservers': ['192.0.2.53']}),
        ('router', {'name': N, 'network': 'public', 'interfaces': [N]}),
        ('security_group', {'name': N, 'description': 'bench'}),
        ('security_group_rule', {'security_group': N, **RULE}),
        ('security_group_rule', {'security_group': N, **RULE, 'port_range_min': 80, 'port_range_max': 80}),
        ('keypair', {'name': N, 'public_key': KEY}),
        ('port', {'name': N, 'network': N}),
        ('volume', {'name': N, 'size': 1}),
        ('server', {'name': N, 'image': project.name, 'flavor': project.name + '-f', 'network': N, 'key_name': N,
                    'auto_ip': False}),
        ('networks_info', {'name': N}), ('subnets_info', {'name': N}), ('routers_info', {'name': N}),
        ('security_group_info', {'name': N}), ('security_group_rule_info', {'security_group': N}),
        ('keypair_info', {'name': N}), ('image_info', {'image': project.name}), ('compute_flavor_info', {}),
        ('server_info', {'name': N}), ('project_info', {'name': project.name})]


def rules(first, last):
    return [{'protocol': 'tcp', 'port_range_min': p, 'port_range_max': p, 'remote_ip_prefix': '192.0.2.0/24'}
            for p in range(first, last)]


def play(prefix, tasks, extra=()):
    """Runs a play: {wall, cpu, requests, writes, logins, service (seconds it took to answer)}."""
    plays = [{'hosts': 'localhost', 'connection': 'local', 'gather_facts': False, 'tasks': [
        {prefix + name: {'cloud': 'bench', **args}, **more} for name, args, more in tasks]}]
    env = environment(CLOUDS, tempfile.mkdtemp(dir=TEMP), ANSIBLE_PIPELINING='1')
    sent = Requests()
    collections = {} if prefix == OURS else {'collections': tempfile.mkdtemp(dir=TEMP)}
    r = Play(plays, 'peer', extra, env, timeout=1800, **collections)
    if r.code:
        sys.exit(r.text[-3000:])
    found = sent.get('treenail' if prefix == OURS else 'openstacksdk')
    return {'wall': r.wall, 'cpu': r.cpu, 'requests': len(found), 'writes': len(writes(found)),
            'logins': len(logins(found)), 'service': sum(x[5] for x in found) / 1000}


def empty():
    return play(OURS, [])


def wrapper():
    """A Python interpreter that measures itself: for the module process of openstack.cloud."""
    path, out = os.path.join(TEMP, 'python'), os.path.join(TEMP, 'measured')
    with open(path, 'w') as f:
        f.write('#!/bin/sh\nexec %s %s "$PYTHON" "$@"\n' % (build('bench/measure.c'), out))
    os.chmod(path, 0o755)
    return path, out


def process(prefix, name, args):
    """The module process of one task: {cpu, rss}."""
    if prefix == OURS:
        env = environment(CLOUDS)
        module(name, {'cloud': 'bench', **args}, env)
        runs = [module(name, {'cloud': 'bench', **args}, env, exact=True) for _ in range(10)]
        return {'cpu': statistics.median(r.cpu for r in runs), 'rss': max(r.rss for r in runs)}
    path, out = wrapper()
    from common import venv  # the interpreter behind the wrapper
    os.environ['PYTHON'] = os.path.join(venv('peer'), 'bin/python')
    play(prefix, [(name, args, {'environment': {'PYTHON': os.environ['PYTHON']}})],
         ['-e', 'ansible_python_interpreter=' + path])
    with open(out) as f:
        cpu, _, rss = map(float, f.read().split())
    return {'cpu': cpu / 1000, 'rss': rss * 1024}


def median(rounds):
    return {k: statistics.median(r[k] for r in rounds) for k in rounds[0]}


def progress(text):
    print(text, file=sys.stderr, flush=True)


def setup():
    project.image()
    project.flavor('-f', 64)
    for name, args in mixed():
        if not name.endswith('_info'):
            r = module(name, {'cloud': 'bench', **args}, environment(CLOUDS))
            if not r.ok:
                sys.exit('%s: %s' % (name, r.msg))
    play(THEIRS, [(name, args, {}) for name, args in mixed()])  # compiles its Python, fills the services' caches


def teardown():
    for name in ('server', 'volume', 'port', 'router', 'network', 'keypair', 'security_group'):
        module(name, {'cloud': 'bench', 'name': N, 'state': 'absent'}, environment(CLOUDS))


def plays():
    """{row: {prefix: {...}}} for plays of TASKS tasks, per task but for the mixed one."""
    kinds = {name: [(name, args, {})] * TASKS for name, args in SINGLE.items()}
    kinds['mixed'] = [(name, args, {}) for name, args in mixed()]
    runs = {row: {OURS: [], THEIRS: []} for row in kinds}
    floor = []
    for i in range(ROUNDS):
        for row, tasks in kinds.items():
            for prefix in (OURS, THEIRS) if i % 2 else (THEIRS, OURS):
                progress('round %d: %s%s' % (i + 1, prefix, row))
                runs[row][prefix].append(play(prefix, tasks))
            floor.append(empty())
    floor = median(floor)
    result = {}
    for row, both in runs.items():
        result[row] = {}
        for prefix, rounds in both.items():
            m = result[row][prefix] = median(rounds)
            if row != 'mixed':
                for key in ('wall', 'cpu', 'requests'):
                    m[key] = (m[key] - floor[key]) / TASKS
                m['process'] = process(prefix, row, SINGLE[row])
    return floor, result


def hundred():
    """{way: {...}}: RULES rules made, from a group without them."""
    items = rules(1000, 1000 + RULES)
    ways = {'theirs, loop': (THEIRS, [('security_group_rule', {'security_group': 'many', **{
        k: '{{ item.%s }}' % k for k in items[0]}}, {'loop': items})])}
    ways['ours, loop'] = (OURS, ways['theirs, loop'][1])
    ways['ours, items'] = (OURS, [('security_group_rule', {'security_group': 'many', 'items': items}, {})])
    runs = {way: [] for way in ways}
    group, env = {'cloud': 'bench', 'name': 'many'}, environment(CLOUDS)
    for i in range(ROUNDS):
        for way, (prefix, tasks) in ways.items():
            progress('round %d: %d rules, %s' % (i + 1, RULES, way))
            module('security_group', {**group, 'state': 'absent'}, env)
            module('security_group', group, env)
            runs[way].append(play(prefix, tasks))
            made = project.count('network', '/v2.0/security-group-rules?remote_ip_prefix=192.0.2.0/24&project_id='
                                 + project.id)
            if made != RULES + 2:
                sys.exit('%s made %d rules, not %d' % (way, made - 2, RULES))
    module('security_group', {**group, 'state': 'absent'}, env)
    return {way: median(rounds) for way, rounds in runs.items()}


def seconds(s):
    return '%.0f ms' % (s * 1000) if s < 1 else '%.1f s' % s


def row(name, wall, cpu, requests, process=None):
    """Each of wall, cpu: (theirs, ours)."""
    cells = [name]
    for theirs, ours in (wall, cpu):
        cells += [seconds(theirs), seconds(ours), '%.0fx' % (theirs / max(ours, 0.0001))]
    cells.append('%.3g / %.3g' % requests)
    if process:
        cells += ['%.0f / %.1f ms' % tuple(p['cpu'] * 1000 for p in process),
                  '%.0f / %.1f MiB' % tuple(p['rss'] / (1 << 20) for p in process)]
    else:
        cells += ['', '']
    return '| %s |' % ' | '.join(cells)


def table(floor, result, many):
    yield '| | wall: theirs | ours | | processor time: theirs | ours | | requests | module process: processor time ' \
          '| memory |'
    yield '|---|---|---|---|---|---|---|---|---|---|'
    for name, both in result.items():
        t, o = both[THEIRS], both[OURS]
        title = 'play of %d tasks, no change' % len(mixed()) if name == 'mixed' else name + ', per task'
        process_ = (t['process'], o['process']) if 'process' in t else None
        yield row(title, (t['wall'], o['wall']), (t['cpu'], o['cpu']), (t['requests'], o['requests']), process_)
    t = many['theirs, loop']
    for way in ('ours, loop', 'ours, items'):
        o = many[way]
        yield row('%d rules: their loop, %s' % (RULES, way.replace('ours, ', 'our ')), (t['wall'], o['wall']),
                  (t['cpu'], o['cpu']), (t['requests'], o['requests']))
    yield ''
    yield 'Theirs / ours; processor time is user and system of the whole tree. An empty play: %s wall, %s. ' \
          'Medians of %d rounds.' % (seconds(floor['wall']), seconds(floor['cpu']), ROUNDS)


def targets(floor, result, many):
    ours = [both[OURS]['process'] for name, both in result.items() if name != 'mixed']
    play_, items, loop = result['mixed'], many['ours, items'], many['theirs, loop']
    whole = play_[THEIRS]['cpu'] / play_[OURS]['cpu']
    above = (play_[THEIRS]['cpu'] - floor['cpu']) / (play_[OURS]['cpu'] - floor['cpu'])
    yield max(p['cpu'] for p in ours) <= 0.012, 'module process: %.1f ms of processor time, 12 at most' % (
        max(p['cpu'] for p in ours) * 1000)
    yield max(p['rss'] for p in ours) <= 12 << 20, 'module process: %.1f MiB, 12 at most' % (
        max(p['rss'] for p in ours) / (1 << 20))
    yield whole >= 12, 'play of 20 tasks: %.1f times less processor time, 12 at least (%.1f without the empty play)' % (
        whole, above)
    yield play_[OURS]['logins'] == 1, 'play of 20 tasks: %d login' % play_[OURS]['logins']
    yield items['writes'] <= 3, '%d rules by items: %d write requests, 3 at most' % (RULES, items['writes'])
    yield loop['wall'] / items['wall'] >= 40, '%d rules by items: %.0f times faster than their loop, 40 at least; ' \
        'of %.1f s Neutron takes %.1f s, of %.1f s in the loop %.1f s' % (
            RULES, loop['wall'] / items['wall'], items['wall'], items['service'], loop['wall'], loop['service'])


def main():
    setup()
    floor, result = plays()
    many = hundred()
    teardown()
    lines = list(table(floor, result, many))
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, 'table.md'), 'w') as f:
        f.write('\n'.join(lines) + '\n')
    with open(os.path.join(OUT, 'numbers.json'), 'w') as f:
        json.dump({'empty': floor, 'plays': result, 'rules': many}, f, indent=1)
    print('\n'.join(lines) + '\n')
    finish(targets(floor, result, many))


main()
