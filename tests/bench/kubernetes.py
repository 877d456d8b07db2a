#!/usr/bin/env python3
"""Compares treenail.kubernetes with kubernetes.core 6.6.0 and kubectl, in one run, on the running lab. Writes
build/bench/kubernetes.md.

  ROUNDS=3         medians of so many rounds, in which all take turns; a ratio is the median of those of each round
  SLOW=1           in so many of them what takes minutes is run too: OBJECTS by kubernetes.core and by validating kubectl;
                   0: without them
  OBJECTS=1000     in one task, file or root
  TASKS=20         tasks in a play
  PAGES=50000      ConfigMaps that are listed page by page
  PEER=FILE        the peer's terraform-provider-kubernetes, run in turns with ours
  ONLY="one config_maps deployments info play terraform pages"

A module stands beside a module: both by ansible-playbook, with pipelining; our process stands beside kubectl's, and
beside the raw limit, which is what loadgen (in this folder) reaches with the same PATCHes. What one task costs is
(a play of TASKS of it - an empty play) / TASKS. All caches are empty at first, but for the compiled Python. Processor
time is that of all processes of ours or theirs, the server's left out; of Terraform, the provider's. Requests are those
of our program's own trace.
"""
import base64
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

from measured import Measured, finish  # it also says where the next are
from common import LAB, PROGRAM, ROOT, TEMP, Play, Run, venv
import yaml

ROUNDS, SLOW, OBJECTS, TASKS, PAGES = (int(os.environ.get(*kv)) for kv in (
    ('ROUNDS', '3'), ('SLOW', '1'), ('OBJECTS', '1000'), ('TASKS', '20'), ('PAGES', '50000')))
ONLY = os.environ.get('ONLY', 'one config_maps deployments info play terraform pages').split()
PEER = os.environ.get('PEER')
KUBECONFIG = os.path.join(LAB, 'kubernetes/one/kubeconfig')
KUBECTL = os.environ.get('KUBECTL', 'kubectl')
OURS, THEIRS = 'treenail.kubernetes.', 'kubernetes.core.'
MODULES = os.path.join(os.path.dirname(PROGRAM), 'treenail-kubernetes')
PROVIDER = os.path.join(os.path.dirname(PROGRAM), 'terraform-provider-kubernetes')
OUT = os.path.join(ROOT, 'build/bench')
NS = 'tn-bench-%d' % os.getpid()
APPLIED = {'apply': True, 'server_side_apply': {'field_manager': 'bench'}}
# Titles of rows, which targets look at.
ONE, MIXED = 'one ConfigMap, unchanged', 'play of 20 tasks, no change'


def made(what):
    return '%d %s, made' % (OBJECTS, what)


def unchanged(what):
    return '%d %s, unchanged' % (OBJECTS, what)


def info_of(n):
    return 'k8s_info of %d ConfigMaps' % n


def progress(text):
    print('%s %s' % (time.strftime('%H:%M:%S'), text), file=sys.stderr, flush=True)


def kubectl(*args):
    r = Run([KUBECTL, '--kubeconfig', KUBECONFIG, *args], env=dict(os.environ, HOME=TEMP), timeout=3600)
    if r.code:
        sys.exit('kubectl %s: %s' % (' '.join(args), r.err[-2000:]))
    return {'wall': r.wall, 'cpu': r.cpu, 'out': r.out}


def empty_namespace():
    kubectl('delete', 'namespace', NS, '--ignore-not-found', '--wait')
    kubectl('create', 'namespace', NS)


def config_maps(n):
    return [{'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'c%d' % i, 'namespace': NS},
             'data': {'a': str(i), 'b': '2', 'c': '3'}} for i in range(n)]


def deployments(n):
    return [{'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': 'd%d' % i, 'namespace': NS},
             'spec': {'replicas': 0, 'selector': {'matchLabels': {'app': 'd%d' % i}}, 'template': {
                 'metadata': {'labels': {'app': 'd%d' % i}},
                 'spec': {'containers': [{'name': 'c', 'image': 'registry.k8s.io/pause:3.10',
                                          'ports': [{'containerPort': 80, 'protocol': 'TCP'}],
                                          'resources': {'requests': {'cpu': '10m', 'memory': '16Mi'}}}]}}}}
            for i in range(n)]


def documents(objects):
    path = os.path.join(tempfile.mkdtemp(dir=TEMP), 'objects.yml')
    with open(path, 'w') as f:
        f.write('\n---\n'.join(map(json.dumps, objects)) + '\n')
    return path


def traced(env):
    path = os.path.join(tempfile.mkdtemp(dir=TEMP), 'trace')
    return {**env, 'TREENAIL_LOG': 'debug', 'TREENAIL_LOG_FILE': path}, path


def requests_in(path):
    """{requests: all, discovery: those that ask which kinds there are}"""
    lines = []
    if os.path.exists(path):
        with open(path) as f:
            lines = [line for line in f if 'https://' in line]
    return {'requests': len(lines), 'discovery': len([x for x in lines if re.search(r'https://[^/]+/(apis?|openapi)\b[^/]*: ', x)])}


def environment():
    return {'PATH': os.environ['PATH'], 'HOME': TEMP, 'LANG': 'C.UTF-8', 'K8S_AUTH_KUBECONFIG': KUBECONFIG,
            'ANSIBLE_PIPELINING': '1', 'TREENAIL_CACHE_DIR': tempfile.mkdtemp(dir=TEMP)}


def play(prefix, tasks, trace=False):
    """{wall, cpu}, and requests if they are traced"""
    env, extra, collections, path = environment(), [], {}, None
    if prefix == THEIRS:
        extra = ['-e', 'ansible_python_interpreter=' + os.path.join(venv('peer-kubernetes'), 'bin/python')]
        collections = {'collections': tempfile.mkdtemp(dir=TEMP)}
    if trace:
        env, path = traced(env)
    plays = [{'hosts': 'localhost', 'connection': 'local', 'gather_facts': False,
              'tasks': [{prefix + name: args} for name, args in tasks]}]
    r = Play(plays, 'peer-kubernetes', extra, env, timeout=3600, **collections)
    if r.code:
        sys.exit(r.text[-3000:])
    return {'wall': r.wall, 'cpu': r.cpu, **(requests_in(path) if trace else {})}


def module(name, args):
    """One module process of ours, measured from outside: {wall, cpu, rss, requests}."""
    env, path = traced(environment())
    r = Run([MODULES], json.dumps({'_ansible_module_name': OURS + name, **args}).encode(), env, exact=True, timeout=3600)
    if not r.ok:
        sys.exit('%s: %s' % (name, r.msg))
    return {'wall': r.wall, 'cpu': r.cpu, 'rss': r.rss, **requests_in(path)}


def median(rounds):
    """Of each number; `rounds` are kept for ratios."""
    found = {k: statistics.median(r[k] for r in rounds) for k, v in rounds[0].items() if isinstance(v, (int, float))}
    return {**found, 'rounds': rounds}


def in_turns(ways, slow=()):
    """{name: median} of functions, in turns; those that are slow are not run in all rounds."""
    runs = {name: [] for name in ways}
    for i in range(ROUNDS):
        for name, fn in ways.items():
            if i < SLOW or name not in slow:
                progress('round %d: %s' % (i + 1, name))
                runs[name].append(fn())
    return {name: median(rounds) for name, rounds in runs.items() if rounds}


# ---- what is measured: each gives (title, {way: {wall, cpu, ...}}) ----

def one():
    objects = config_maps(1)
    path, args = documents(objects), {'definition': objects[0], **APPLIED}
    empty_namespace()
    play(THEIRS, [('k8s', args)])  # compiles its Python
    floor = {p: median([play(p, []) for _ in range(3)]) for p in (OURS, THEIRS)}

    def task(prefix):
        def run():
            r = play(prefix, [('k8s', args)] * TASKS)
            return {k: (r[k] - floor[prefix][k]) / TASKS for k in ('wall', 'cpu')}
        return run
    yield ONE, in_turns({
        'kubernetes.core, per task': task(THEIRS), 'ours, per task': task(OURS),
        **processes('k8s', args, ['apply', '--server-side', '-f', path])})


def processes(name, args, theirs):
    ways = {'kubectl': lambda: kubectl(*theirs), 'our process': lambda: module(name, args)}
    if theirs[0] == 'apply':
        ways['kubectl --validate=false'] = lambda: kubectl(*theirs, '--validate=false')
    return ways


def settled(what):
    """Once the cluster has done its own part of it."""
    while what == 'Deployments':
        page = json.loads(kubectl('get', '--raw', '/apis/apps/v1/namespaces/%s/replicasets?limit=1' % NS)['out'])
        if len(page['items']) + page['metadata'].get('remainingItemCount', 0) >= OBJECTS:
            return
        time.sleep(0.2)


def many(what, objects):
    path = documents(objects)
    args = {'src': path, **APPLIED}
    ways = {'kubernetes.core': lambda: play(THEIRS, [('k8s', args)]), 'ours': lambda: play(OURS, [('k8s', args)]),
            **processes('k8s', args, ['apply', '--server-side', '-f', path])}
    again = {name: [] for name in ways}

    def twice(name, fn):
        def run():
            empty_namespace()
            first = fn()
            settled(what)
            progress('         again')
            again[name].append(fn())
            return first
        return run

    def limit():
        empty_namespace()
        return raw(objects)
    first = {name: twice(name, fn) for name, fn in ways.items()}
    yield made(what), in_turns({**first, 'raw limit': limit}, ('kubernetes.core', 'kubectl'))
    yield unchanged(what), {name: median(rounds) for name, rounds in again.items() if rounds}


def raw(objects):
    """What the server needs for the same PATCHes."""
    folder = tempfile.mkdtemp(dir=TEMP)
    with open(KUBECONFIG) as f:
        config = yaml.safe_load(f)
    user = config['users'][0]['user']
    for name, text in (('ca.crt', config['clusters'][0]['cluster']['certificate-authority-data']),
                       ('client.crt', user['client-certificate-data']), ('client.key', user['client-key-data'])):
        with open(os.open(os.path.join(folder, name), os.O_CREAT | os.O_WRONLY, 0o600), 'wb') as f:
            f.write(base64.b64decode(text))
    paths = {'ConfigMap': '/api/v1/namespaces/%s/configmaps/', 'Deployment': '/apis/apps/v1/namespaces/%s/deployments/'}
    lines = '\n'.join('%s%s?fieldManager=raw&fieldValidation=Strict %s' % (
        paths[o['kind']] % NS, o['metadata']['name'], json.dumps(o)) for o in objects)
    r = Run([loadgen(), '-dir', folder, '-server', config['clusters'][0]['cluster']['server']], lines.encode())
    if '201:%d]' % len(objects) not in r.out:
        sys.exit('loadgen: %s %s' % (r.out, r.err[-2000:]))
    return {'wall': float(r.out.split()[0]), 'cpu': r.cpu}


def loadgen():
    path = os.path.join(TEMP, 'loadgen')
    if not os.path.exists(path):
        subprocess.run(['go', 'build', '-o', path, '.'], check=True,
                       cwd=os.path.join(os.path.dirname(os.path.abspath(__file__)), 'loadgen'))
    return path


def info():
    empty_namespace()
    module('k8s', {'src': documents(config_maps(OBJECTS))})
    args = {'kind': 'ConfigMap', 'namespace': NS}
    yield info_of(OBJECTS), in_turns({
        'kubernetes.core': lambda: play(THEIRS, [('k8s_info', args)]), 'ours': lambda: play(OURS, [('k8s_info', args)]),
        **processes('k8s_info', args, ['get', 'configmaps', '-n', NS, '-o', 'json'])})


def mixed():
    """20 tasks that find everything as it should be."""
    tasks = [('k8s', {'definition': o}) for o in config_maps(8) + deployments(4)]
    tasks += [('k8s_info', {'kind': 'Deployment', 'api_version': 'apps/v1', 'namespace': NS, 'name': 'd%d' % i})
              for i in range(4)]
    tasks += [('k8s_scale', {'kind': 'Deployment', 'api_version': 'apps/v1', 'namespace': NS, 'name': 'd%d' % i,
                             'replicas': 0, 'wait': False}) for i in range(3)]
    return tasks + [('k8s_info', {'kind': 'Namespace', 'name': NS})]


def mixed_play():
    empty_namespace()
    play(THEIRS, mixed())
    yield MIXED, in_turns({'kubernetes.core': lambda: play(THEIRS, mixed()), 'ours': lambda: play(OURS, mixed(), True),
                           'an empty play': lambda: play(OURS, [])})


def pages():
    """Memory, while more and more is listed."""
    empty_namespace()
    for first in range(0, PAGES, 10000):
        progress('pages: %d are there' % first)
        module('k8s', {'src': documents(config_maps(PAGES)[first:first + 10000])})
    args = {'kind': 'ConfigMap', 'namespace': NS}
    yield info_of(PAGES), {'our process': module('k8s_info', args)}


HCL = '''
provider "kubernetes" {
  config_path = "%s"
}
resource "kubernetes_manifest" "c" {
  count = %d
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "c${count.index}", namespace = "%s" }
    data       = { a = tostring(count.index), b = "2", c = "3" }
  }
}
'''
STEPS = (('plan of what is to be made', 'plan', '-out=plan'), ('apply of it', 'apply', 'plan'), ('plan without change', 'plan'),
         ('destroy', 'destroy', '-auto-approve'))


def terraform():
    runs = {}
    for i in range(ROUNDS):
        for who, program in [('ours', PROVIDER)] + ([('the peer', PEER)] if PEER else []):
            empty_namespace()
            root = Measured(tempfile.mkdtemp(dir=TEMP), program, 'kubernetes', {}, HCL % (KUBECONFIG, OBJECTS, NS))
            for title, command, *args in STEPS:
                progress('round %d: %s, %s' % (i + 1, title, who))
                done = root.step(command, *args)
                runs.setdefault(title, {}).setdefault(who, []).append(done)
                if title == 'plan without change' and 'No changes' not in done['text']:
                    sys.exit('the plan after the apply is not empty: %s' % done['text'][-3000:])
    for title, ways in runs.items():
        yield '%d kubernetes_manifest: %s' % (OBJECTS, title), {
            'the peer': None, **{who: median(rounds) for who, rounds in ways.items()}}


# ---- what is told ----

def cell(v):
    return '' if v is None else '%.0f ms' % (v * 1000) if v < 1 else '%.1f s' % v


def table(rows):
    yield '| | way | wall | processor time | requests | memory |'
    yield '|---|---|---|---|---|---|'
    for title, ways in rows:
        for way, m in ways.items():
            yield '| %s | %s | %s | %s | %s | %s |' % (
                title, way, cell(m['wall']), cell(m['cpu']), '%d' % m['requests'] if 'requests' in m else '',
                '%.1f MiB' % (m['rss'] / (1 << 20)) if 'rss' in m else '') if m else \
                '| %s | %s | not to be had here | | | |' % (title, way)


def ratio(ways, way, than, key='wall'):
    """How many times what `than` took the other did: the median of the rounds that have both."""
    return statistics.median(a[key] / b[key] for a, b in zip(ways[way]['rounds'], ways[than]['rounds']))


def targets(rows):
    """(whether it was reached, what it is)"""
    rows = dict(rows)
    for what in 'ConfigMaps', 'Deployments':
        if made(what) not in rows:
            continue
        for way, least in ('raw limit', 0.9), ('kubectl', 20), ('kubectl --validate=false', 2):
            if way not in rows[made(what)]:
                continue
            r = ratio(rows[made(what)], way, 'our process')
            yield r >= least, '%s: our process has %.2f times the rate of %s, %.1f at least' % (made(what), r, way, least)
        m = rows[unchanged(what)]['our process']
        yield m['wall'] <= 1 and m['requests'] <= 10, '%s: %.2f s and %d requests, 1 s and 10 at most' % (
            unchanged(what), m['wall'], m['requests'])
    if MIXED in rows:
        r = ratio(rows[MIXED], 'kubernetes.core', 'ours', 'cpu')
        yield r >= 12, '%s: %.1f times less processor time, 12 at least' % (MIXED, r)
        asked = rows[MIXED]['ours']['discovery']
        yield asked <= 2, '%s: %d requests ask which kinds there are, at most once of each API' % (MIXED, asked)
    if ONE in rows:
        rss = rows[ONE]['our process']['rss']
        yield rss <= 24 << 20, 'one object: %.1f MiB, 24 at most' % (rss / (1 << 20))
    if info_of(OBJECTS) in rows and info_of(PAGES) in rows:
        small, large = (rows[info_of(n)]['our process']['rss'] for n in (OBJECTS, PAGES))
        yield large < 1.5 * small, 'listing %d: %.1f MiB, %d: %.1f MiB, 1.5 times as much at most' % (
            OBJECTS, small / (1 << 20), PAGES, large / (1 << 20))


def main():
    parts = {'one': one, 'config_maps': lambda: many('ConfigMaps', config_maps(OBJECTS)),
             'deployments': lambda: many('Deployments', deployments(OBJECTS)), 'info': info, 'play': mixed_play,
             'terraform': terraform, 'pages': pages}
    rows = []
    try:
        for name in ONLY:
            for row in parts[name]():
                rows.append(row)
                print('\n'.join(list(table([row]))[2:]), flush=True)
    finally:
        kubectl('delete', 'namespace', NS, '--ignore-not-found', '--wait=false')
    lines = list(table(rows))
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, 'kubernetes.md'), 'w') as f:
        f.write('\n'.join(lines) + '\n')
    print('\n'.join(['', *lines, '']))
    finish(targets(rows))


main()
