#!/usr/bin/env python3
"""treenail-external on the lab's Kubernetes: objects, lists, readiness, and secrets that only a file gets."""
import atexit
import json
import os
import shutil
import stat
import subprocess
import tempfile

LAB = os.path.abspath(os.environ.get('LAB', 'build/lab'))
PROGRAM = os.path.join(os.path.abspath(os.environ.get('B', 'build/bin')), 'treenail-external')
TEMP = tempfile.mkdtemp(prefix='treenail-test-')
atexit.register(shutil.rmtree, TEMP, ignore_errors=True)
ENV = {'PATH': os.environ['PATH'], 'HOME': TEMP, 'KUBECONFIG': os.path.join(LAB, 'kubernetes/kubeconfig'),
       'TREENAIL_CACHE_DIR': TEMP}
tally = [0, 0]


def ask(**query):
    done = subprocess.run([PROGRAM], input=json.dumps({k.replace('__', '.'): v for k, v in query.items()}), env=ENV,
                          capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def check(ok, what, detail=''):
    tally[not ok] += 1
    print('%s %s%s' % ('ok    ' if ok else 'FAILED', what, '' if ok else ': %s' % (detail,)))


def program(name, args):
    """Makes what is looked up with our own module: no other client is needed."""
    tool = os.path.join(os.path.dirname(PROGRAM), 'treenail-kubernetes')
    out = subprocess.run([tool], input=json.dumps({'_ansible_module_name': name, **args}), env=ENV,
                         stdout=subprocess.PIPE, text=True, check=True).stdout
    result = json.loads(out)
    if result.get('failed'):
        raise SystemExit(result['msg'])


NS = 'tn-external'
program('k8s', {'definition': [
    {'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': NS}},
    {'apiVersion': 'v1', 'kind': 'Secret', 'metadata': {'name': 's', 'namespace': NS}, 'stringData': {'a': 'canary-value'}},
    {'apiVersion': 'v1', 'kind': 'Secret', 'metadata': {'name': 'bytes', 'namespace': NS},
     'data': {'lone': 'gIGC', 'long': 'wIA=', 'half': '7aCA', 'cut': '4oI=', 'text': '4oKs', 'zero': 'YQBi'}},
    {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'a', 'namespace': NS, 'labels': {'x': 'y'}},
     'data': {'color': 'blue'}},
    {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'b', 'namespace': NS, 'labels': {'x': 'y'}}}]})

code, got, err = ask(kind='Cluster')
check(code == 0 and got['ready'] == 'true' and got['gitVersion'].startswith('v1.'), 'the cluster: version, ready', err)
code, got, err = ask(kind='Cluster', health='true', path__first='.nodes[0].name')
check(code == 0 and got['nodes_ready'] == got['nodes_total'] and int(got['nodes_total']) >= 3 and got['first'] and
      int(got['api_certificate_days_left']) > 30 and (got['healthy'] == 'true') == (not got['problems']) and
      'nodes' in json.loads(got['json']), 'its health: nodes, versions, certificate', (got, err))
code, got, err = ask(kind='Pod', health='true', name='x')
check(code and 'only a Cluster' in err, 'which objects have not', (got, err))
code, got, err = ask(kind='cm', namespace=NS, name='a')
check(got.get('data.color') == 'blue' and got.get('ready') == 'true', 'an object by a short name', (got, err))
check(json.loads(got['json'])['metadata']['name'] == 'a' and len(got['sha256']) == 64, 'all of it, and its digest')
code, got, err = ask(kind='ConfigMap', namespace=NS, name='a', path__color='.data.color', path__no='{.data.none}')
check((got.get('color'), got.get('no')) == ('blue', '') and 'data.color' not in got, 'what JSONPaths select', (got, err))
code, got, err = ask(kind='ConfigMap', namespace=NS, label_selector='x=y', list='true', path__n='.items[*].metadata.name')
check((got.get('count'), got.get('names'), json.loads(got.get('n', 'null'))) == ('2', '["a","b"]', ['a', 'b']), 'a list',
      (got, err))
check(all(isinstance(v, str) for v in got.values()), 'only strings')
code, got, err = ask(kind='ConfigMap', namespace=NS, label_selector='x=y')
check(code == 1 and '2 match' in err and err.count('\n') == 1, 'two where one is wanted', err)
code, got, err = ask(kind='ConfigMap', namespace=NS, name='none')
check(code == 1 and 'no ConfigMap' in err, 'none', err)
code, got, err = ask(kind='ConfigMaps.', namespace=NS, name='none')
check(code == 1 and 'ConfigMap' in err, 'a kind there is not names the nearest', err)
code, got, err = ask(kind='ConfigMap', api_key='canary')
check(code == 1 and 'K8S_AUTH_' in err and 'canary' not in err, 'no secrets in queries', err)
code, got, err = ask(kind='ConfigMap', name='a', path__x='{.a[')
check(code == 1 and 'path' in err.lower(), 'a JSONPath that is none', err)
path = os.path.join(TEMP, 'secret')
code, got, err = ask(kind='Secret', namespace=NS, name='s', secret_file=path)
check(code == 0 and 'canary' not in json.dumps(got) and 'Y2FuYXJ5' not in json.dumps(got), 'a Secret shows nothing', err)
check(json.load(open(path)) == {'a': 'canary-value'}, 'the file has it')
check(stat.S_IMODE(os.stat(path).st_mode) == 0o600, 'and nobody else may read it')
code, got, err = ask(kind='Secret', namespace=NS, name='bytes', secret_file=path)
check(code == 0 and json.load(open(path, encoding='utf-8')) == {
    'lone': 'gIGC', 'long': 'wIA=', 'half': '7aCA', 'cut': '4oI=', 'text': '\u20ac', 'zero': 'YQBi'},
      'what is no text stays in base64', err)
os.unlink(path)
for what, query in (('of a ConfigMap', {'kind': 'ConfigMap', 'namespace': NS, 'name': 'a'}),
                    ('with list', {'kind': 'Secret', 'namespace': NS, 'list': 'true'}),
                    ('of the cluster', {'kind': 'Cluster'})):
    code, got, err = ask(secret_file=path, **query)
    check(code == 1 and 'secret_file' in err and not os.path.exists(path), 'no secret_file ' + what, (code, got, err))
program('k8s', {'kind': 'Namespace', 'name': NS, 'state': 'absent'})
print('%d passed, %d failed' % tuple(tally))
raise SystemExit(1 if tally[1] else 0)
