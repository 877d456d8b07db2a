#!/usr/bin/env python3
"""Compares treenail.kubernetes with kubernetes.core 6.6.0 and kubectl, in one run, on the running lab. Writes
build/bench/kubernetes.md.

  ROUNDS=1         medians of so many rounds
  OBJECTS=1000     in one task, file or root
  TASKS=20         tasks in a play
  PAGES=50000      ConfigMaps that are listed page by page
  ONLY="one many info play terraform pages"

Ours begins each play with an empty cache: what it asks of the server before its work counts. Requests are those of
our program's own trace. The raw limit is what loadgen (beside this file) reaches with the same PATCHes.
"""
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), 'system'), os.path.join(os.path.dirname(HERE), 'terraform')]
from common import LAB, PROGRAM, ROOT, TEMP, Play, Run, venv  # noqa: E402

ROUNDS, OBJECTS, TASKS, PAGES = (int(os.environ.get(*kv)) for kv in (
    ('ROUNDS', '1'), ('OBJECTS', '1000'), ('TASKS', '20'), ('PAGES', '50000')))
ONLY = os.environ.get('ONLY', 'one many info play terraform pages').split()
KUBECONFIG = os.path.join(LAB, 'kubernetes/one/kubeconfig')
KUBECTL = os.environ.get('KUBECTL', 'kubectl')
OURS, THEIRS = 'treenail.kubernetes.', 'kubernetes.core.'
MODULES = os.path.join(os.path.dirname(PROGRAM), 'treenail-kubernetes')
PROVIDER = os.path.join(os.path.dirname(PROGRAM), 'terraform-provider-kubernetes')
OUT = os.path.join(ROOT, 'build/bench')
NS = 'tn-bench'


def progress(text):
    print(text, file=sys.stderr, flush=True)


def kubectl(*args, text=None):
    return Run([KUBECTL, '--kubeconfig', KUBECONFIG, *args], (text or '').encode(), dict(os.environ, HOME=TEMP),
               timeout=1800)


def empty_namespace():
    kubectl('delete', 'namespace', NS, '--ignore-not-found', '--wait')
    made = kubectl('create', 'namespace', NS)
    if made.code:
        sys.exit(made.err)


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
    if not os.path.exists(path):
        return 0
    with open(path) as f:
        return sum('https://' in line for line in f)


def environment():
    return {'PATH': os.environ['PATH'], 'HOME': TEMP, 'LANG': 'C.UTF-8', 'K8S_AUTH_KUBECONFIG': KUBECONFIG,
            'ANSIBLE_PIPELINING': '1', 'TREENAIL_CACHE_DIR': tempfile.mkdtemp(dir=TEMP)}


def play(prefix, tasks, trace=False):
    """{wall, cpu}"""
    env, extra, collections = environment(), [], {}
    if prefix == THEIRS:
        extra = ['-e', 'ansible_python_interpreter=' + os.path.join(venv('peer-kubernetes'), 'bin/python')]
        collections = {'collections': tempfile.mkdtemp(dir=TEMP)}
    path = None
    if trace:
        env, path = traced(env)
    plays = [{'hosts': 'localhost', 'connection': 'local', 'gather_facts': False,
              'tasks': [{prefix + name: args} for name, args in tasks]}]
    r = Play(plays, 'peer-kubernetes', extra, env, timeout=3600, **collections)
    if r.code:
        sys.exit(r.text[-3000:])
    return {'wall': r.wall, 'cpu': r.cpu, 'changed': r.changed, 'requests': requests_in(path) if trace else None}


def module(name, args, trace=False):
    """One module process of ours, measured from outside: {wall, cpu, rss, requests}."""
    env, path = environment(), None
    if trace:
        env, path = traced(env)
    r = Run([MODULES], json.dumps({'_ansible_module_name': OURS + name, **args}).encode(), env, exact=True, timeout=1800)
    if not r.ok:
        sys.exit('%s: %s' % (name, r.msg))
    return {'wall': r.wall, 'cpu': r.cpu, 'rss': r.rss, 'requests': requests_in(path) if trace else None,
            'changed': r['changed']}


def median(rounds):
    return {k: statistics.median(r[k] for r in rounds) if isinstance(rounds[0][k], (int, float)) else rounds[0][k]
            for k in rounds[0]}


def in_turns(ways):
    """{name: median} of functions, in turns."""
    runs = {name: [] for name in ways}
    for i in range(ROUNDS):
        for name, fn in ways.items():
            progress('round %d: %s' % (i + 1, name))
            runs[name].append(fn())
    return {name: median(rounds) for name, rounds in runs.items()}


# ---- what is measured: each gives (title, {way: {wall, cpu, ...}}) ----

def one():
    args = {'definition': config_maps(1)[0]}
    empty_namespace()
    play(THEIRS, [('k8s', args)])  # compiles its Python
    floor = {p: min(play(p, [])['cpu'] for _ in range(2)) for p in (OURS, THEIRS)}

    def task(prefix):
        def run():
            r = play(prefix, [('k8s', args)] * TASKS)
            return {'wall': r['wall'] / TASKS, 'cpu': (r['cpu'] - floor[prefix]) / TASKS}
        return run
    ways = in_turns({'kubernetes.core': task(THEIRS), 'ours': task(OURS), 'our process': lambda: module('k8s', args, True)})
    yield 'one ConfigMap, unchanged, per task', ways


def kubectl_apply(path, *args):
    def run():
        r = kubectl('apply', '--server-side', '-f', path, *args)
        if r.code:
            sys.exit(r.err[-2000:])
        return {'wall': r.wall, 'cpu': r.cpu}
    return run


def fresh(run):
    def again():
        empty_namespace()
        return run()
    return again


def many():
    for what, objects in ('ConfigMaps', config_maps(OBJECTS)), ('Deployments', deployments(OBJECTS)):
        path = documents(objects)
        args = {'src': path, 'apply': True, 'server_side_apply': {'field_manager': 'bench'}}
        ours = lambda: module('k8s', args, True)  # noqa: E731
        ways = {'kubectl': kubectl_apply(path), 'kubectl --validate=false': kubectl_apply(path, '--validate=false'),
                'kubernetes.core': lambda: play(THEIRS, [('k8s', args)]), 'ours': ours,
                'raw': lambda: raw(objects)}
        yield '%d %s, made' % (OBJECTS, what), in_turns({k: fresh(v) for k, v in ways.items()})
        empty_namespace()
        ours()
        del ways['raw']
        unchanged = in_turns({'ours': ours})  # before others own the fields as well
        unchanged.update(in_turns({k: v for k, v in ways.items() if k in ('kubernetes.core', 'kubectl --validate=false')}
                                  if what == 'ConfigMaps' else {}))
        yield '%d %s, unchanged' % (OBJECTS, what), unchanged


def raw(objects):
    """Seconds that the server needs for the same PATCHes."""
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
    seconds, statuses = r.out.split(' ', 1)
    if '201:%d' % len(objects) not in statuses:
        sys.exit('loadgen: %s %s' % (r.out, r.err[-2000:]))
    return {'wall': float(seconds), 'cpu': r.cpu}


def loadgen():
    path = os.path.join(TEMP, 'loadgen')
    if not os.path.exists(path):
        subprocess.run(['go', 'build', '-o', path, '.'], cwd=os.path.join(HERE, 'loadgen'), check=True)
    return path


def info():
    empty_namespace()
    module('k8s', {'src': documents(config_maps(OBJECTS))})
    args = {'kind': 'ConfigMap', 'namespace': NS}
    yield 'k8s_info of %d ConfigMaps' % OBJECTS, in_turns({
        'kubernetes.core': lambda: play(THEIRS, [('k8s_info', args)]), 'ours': lambda: play(OURS, [('k8s_info', args)]),
        'our process': lambda: module('k8s_info', args, True)})


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
    floor = play(OURS, [])
    ways = in_turns({'kubernetes.core': lambda: play(THEIRS, mixed()), 'ours': lambda: play(OURS, mixed(), True)})
    ways['an empty play'] = floor
    yield 'play of %d tasks, no change' % len(mixed()), ways


def pages():
    """Memory while many more are listed than fit."""
    empty_namespace()
    for first in range(0, PAGES, 10000):
        module('k8s', {'src': documents(config_maps(PAGES)[first:first + 10000])})
    args = {'kind': 'ConfigMap', 'namespace': NS}
    yield 'k8s_info of %d ConfigMaps' % PAGES, {'our process': module('k8s_info', args, True)}
    empty_namespace()


def terraform():
    from terraform import Root
    empty_namespace()
    folder = tempfile.mkdtemp(dir=TEMP)
    root = Root(folder, os.path.dirname(PROVIDER), {'KUBE_CONFIG_PATH': KUBECONFIG})
    root.write('main.tf', '''
resource "kubernetes_manifest" "c" {
  count = %d
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "c${count.index}", namespace = "%s" }
    data       = { a = tostring(count.index), b = "2", c = "3" }
  }
}
''' % (OBJECTS, NS))
    result = {}
    for step, args in ('apply', ['-auto-approve', '-parallelism=32']), ('plan', []), ('destroy', ['-auto-approve', '-parallelism=32']):
        begin = time.monotonic()
        done = root.run(step, '-input=false', '-no-color', *args, timeout=3600)
        if not done.ok:
            sys.exit('%s: %s' % (step, done.text[-3000:]))
        result[step] = {'wall': time.monotonic() - begin, 'cpu': done.cpu}
    yield '%d kubernetes_manifest, whole terraform' % OBJECTS, result


def cell(v):
    return '' if v is None else '%.0f ms' % (v * 1000) if v < 1 else '%.1f s' % v


def table(rows):
    yield '| | way | wall | processor time | requests | memory |'
    yield '|---|---|---|---|---|---|'
    for title, ways in rows:
        for way, m in ways.items():
            yield '| %s | %s | %s | %s | %s | %s |' % (
                title, way, cell(m['wall']), cell(m['cpu']), m.get('requests') or '',
                '%.1f MiB' % (m['rss'] / (1 << 20)) if m.get('rss') else '')


def targets(rows):
    rows = dict(rows)

    def ratio(title, way, than, key='wall'):
        ways = rows.get(title, {})
        return ways[way][key] / ways[than][key] if way in ways and than in ways else None
    for what in 'ConfigMaps', 'Deployments':
        made, same = '%d %s, made' % (OBJECTS, what), '%d %s, unchanged' % (OBJECTS, what)
        if made in rows:
            for way, least in ('raw', 0.9), ('kubectl', 20), ('kubectl --validate=false', 2):
                r = ratio(made, way, 'ours')
                yield r >= least, '%s: %.2f times the rate of %s, %.1f at least' % (made, r, way, least)
            m = rows[same]['ours']
            yield m['wall'] <= 1 and m['requests'] <= 10, '%s: %.2f s and %d requests, 1 s and 10 at most' % (
                same, m['wall'], m['requests'])
    play_ = 'play of %d tasks, no change' % len(mixed())
    if play_ in rows:
        r = ratio(play_, 'kubernetes.core', 'ours', 'cpu')
        yield r >= 12, '%s: %.1f times less processor time, 12 at least' % (play_, r)
    process = rows.get('one ConfigMap, unchanged, per task', {}).get('our process')
    if process:
        yield process['rss'] <= 24 << 20, 'one object: %.1f MiB, 24 at most' % (process['rss'] / (1 << 20))
    small, large = (rows.get('k8s_info of %d ConfigMaps' % n, {}).get('our process') for n in (OBJECTS, PAGES))
    if small and large:
        yield large['rss'] < 1.5 * small['rss'], 'listing %d: %.1f MiB, %d: %.1f MiB' % (
            OBJECTS, small['rss'] / (1 << 20), PAGES, large['rss'] / (1 << 20))


def main():
    parts = {'one': one, 'many': many, 'info': info, 'play': mixed_play, 'terraform': terraform, 'pages': pages}
    rows = [row for name, part in parts.items() if name in ONLY for row in part()]
    lines = list(table(rows))
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, 'kubernetes.md'), 'w') as f:
        f.write('\n'.join(lines) + '\n')
    print('\n'.join(lines) + '\n')
    for reached, text in targets(rows):
        print('%s %s' % ('reached' if reached else 'SHORT  ', text))
    kubectl('delete', 'namespace', NS, '--wait=false')


main()
