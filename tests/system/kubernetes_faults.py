#!/usr/bin/env python3
"""Bad input and faults of clusters, as users meet them: one clear error in time and nothing changed, or it converges.

  kubernetes_faults.py [PART...]     LAB, B

What is secret is looked for in all that was said meanwhile. The API server of the cluster `two` is killed and
started again.
"""
import sys

# First: it goes on in another interpreter.
from clusters import (LAB, PROGRAM, TEMP, Cluster, Hook, Proxy, coded, environment, has_terraform, module, root, written)

import base64
import datetime
import glob
import json
import os
import re
import socket
import subprocess
import threading
import time

from common import CLOSE, HANG, LOSE, answer, check, finish

MARK = 'faults-%d' % os.getpid()
LONG_AGO = datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
CANARY = {name: 'canary-%s-%s' % (name, os.urandom(8).hex()) for name in (
    'wrong', 'plugin', 'complaint', 'password', 'proxy', 'secret', 'other', 'third', 'fourth')}
one, two = Cluster('one'), Cluster('two')
KEYS = {}
said, argv, done = {}, set(), threading.Event()
LOGGED = {'TREENAIL_LOG': 'debug'}


def heard(what, r):
    """Remembers all that a run said, but for the objects that a module was given and returns, as the peer's do."""
    told = {k: v for k, v in (r.json or {}).items() if k not in ('result', 'resources')}
    said[what] = (json.dumps(told) if r.json else r.out) + r.err
    return r


def k8s(what, mod='k8s', /, kubeconfig=None, check_mode=False, env=None, exact=False, **args):
    args['kubeconfig'] = one.kubeconfig if kubeconfig is None else kubeconfig
    return heard(what, module(mod, args, environment(**LOGGED, **env or {}), check_mode, timeout=100, exact=exact))


def info(what, config, **env):
    return k8s(what, 'k8s_info', written(config) if not isinstance(config, str) else config, kind='Namespace',
               name='default', env=env)


def fails(what, r, *words, within=10):
    """With one error that has all of these words, in time."""
    missing = [w for w in words if not re.search(w, r.msg, re.S)]
    return check(r.code in (0, 1) and r['failed'] is True and not missing and r.wall < within,
                 '%s: %s' % (what, ' '.join(r.msg.split())[:200]),
                 'code %s, %.1f s, without %s\n%s\n%s' % (r.code, r.wall, missing, r.msg, r.err[-1000:]))


def works(what, r, changed=None):
    return check(r.ok and changed in (None, r['changed']), what, '%s\nchanged: %s' % (r.msg, r['changed']))


def config_map(name, labels=None, **data):
    return {'apiVersion': 'v1', 'kind': 'ConfigMap', 'data': data,
            'metadata': {'name': name, 'namespace': MARK, **({'labels': labels} if labels else {})}}


def deployment(name, **pod):
    labels = {'app': name}
    return {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': name, 'namespace': MARK}, 'spec': {
        'replicas': 2, 'selector': {'matchLabels': labels}, 'template': {
            'metadata': {'labels': labels}, 'spec': {'containers': [{'name': 'main', 'image': 'main:1'}], **pod}}}}


def there(name, kind='configmaps', cluster=one, group='/api/v1'):
    return cluster.get('%s/namespaces/%s/%s/%s' % (group, MARK, kind, name))


# ---- what takes a minute each, beside all others ----

class Later(threading.Thread):
    """A call whose result is asked for at the end."""

    def __init__(self, call):
        super().__init__(daemon=True)
        self.call, self.result = call, None
        self.start()

    def run(self):
        self.result = self.call()

    def get(self):
        self.join(120)
        return self.result


def hanging():
    """Begins them; returns what looks at them."""
    deaf = Proxy(one)
    deaf.reset(('.', HANG, 99))
    half = Proxy(one)
    half.reset(('POST', HANG, 1))
    asked = os.path.join(TEMP, 'plugin-pid')
    cache = os.path.join(TEMP, 'hanging-cache')  # for others would wait a moment for what it asks
    late = {
        'an API server that never answers': (r'127\.0\.0\.1:%d' % deaf.port, r'60|no answer|time'),
        'an exec plugin that hangs': ("user 'admin-one'", '/bin/sh', '60 s')}
    calls = (
        lambda: info('deaf', deaf.kubeconfig),
        lambda: info('hangs', plugin('echo $$ >%s; sleep 300; echo' % asked), TREENAIL_CACHE_DIR=cache))
    begun = [Later(call) for call in calls]
    written_late = Later(lambda: k8s('half', kubeconfig=half.kubeconfig, definition=config_map('half', a='1')))

    def look():
        for (what, words), later in zip(late.items(), begun):
            fails(what, later.get(), *words, within=80)
        works('a write without an answer: it is looked for and sent again', written_late.get(), True)
        check(there('half') is not None and half.count('POST') == 2, 'and made', half.seen)
        with open(asked) as f:
            pid = f.read().strip()
        check(not os.path.exists('/proc/' + pid), 'the plugin was killed')

    return look


# ---- who we are, and where ----

def plugin(script, **more):
    return one.config(user={'exec': {'apiVersion': 'client.authentication.k8s.io/v1', 'interactiveMode': 'Never',
                                     'command': '/bin/sh', 'args': ['-c', script], **more}})


def kubeconfigs():
    works('a kubeconfig without faults', info('good', one.kubeconfig))
    fails('one that is not there', info('absent', '/nowhere/kubeconfig'), '/nowhere/kubeconfig')
    fails('one that is a folder', info('folder', TEMP), TEMP, 'directory')
    fails('none', k8s('none', 'k8s_info', kubeconfig='', kind='Namespace'), 'KUBECONFIG', 'in-cluster')
    for what, text, words in (
            ('no YAML', 'clusters:\n- name: a\n  cluster: {server: [x\n', ('/kubeconfig:[34]', 'YAML')),
            ('tabs', 'clusters:\n\t- name: a\n', ('/kubeconfig:2', 'YAML')),
            ('a key twice', 'clusters: []\nclusters: []\n', ('/kubeconfig:2', "'clusters'", 'twice')),
            ('another kind of object', {'kind': 'Pod', 'apiVersion': 'v1'}, ('Pod', 'kubeconfig')),
            ('a list', [1, 2], ('list',)),
            ('noise', os.urandom(4096), ('/kubeconfig',))):
        fails('a kubeconfig: ' + what, info(what, written(text)), *words)
    wrong = one.config()
    wrong['current-context'] = 'onne'
    fails('no such context', info('context', wrong), "'onne'", "'one'")
    for part in ('cluster', 'user'):
        wrong = one.config()
        wrong['contexts'][0]['context'][part] = 'nope'
        fails('no such ' + part, info('no ' + part, wrong), "'one'", "'nope'", part)
    user = one.config()['users'][0]['user']
    for what, change, words in (
            ('no base64', {'client-key-data': '%%%' + CANARY['other']}, ('admin-one', 'client-key-data', 'base64')),
            ('no PEM', {'client-key-data': coded(CANARY['third'])}, ('admin-one', 'client-key-data', 'PEM')),
            ('of another certificate', {'client-key-data': one.user('x')['client-key-data']}, ('client certificate', 'key'))):
        fails('a client key: ' + what, info(what, one.config(user={**user, **change})), *words)
    fails('files that are not there', info('no key', one.config(user={'client-certificate': 'a.crt', 'client-key': 'a.key'})),
          'a.crt', 'No such file')
    fails('no URL', info('no URL', one.config(server='ftp://127.0.0.1')), 'server', 'https://')
    both = '%s:%s' % (one.kubeconfig, written('clusters: ['))
    fails('the second of two files is broken', k8s('both', 'k8s_info', kubeconfig=both, kind='Namespace'), '/kubeconfig',
          'YAML')


def certificates():
    r = info('expired', one.config(user=one.user('old', LONG_AGO, 'system:masters')))
    fails('an expired client certificate', r, '401', "'old'", '2020-01-02 03:04:05', one.kubeconfig.split('/')[-1])
    proxy = Proxy(one, LONG_AGO)
    fails('an expired server certificate', info('expired server', proxy.kubeconfig), 'expired', "'server'",
          '2020-01-02 03:04:05', str(proxy.port))
    check(not proxy.seen, 'nothing was said to that server')
    with open(two.path('pki/ca.crt')) as f:
        fails('a wrong CA', info('wrong CA', one.config(ca=f.read())), 'certificate', one.host, "context 'one'")
    fails('a CA that is none', info('no CA', one.config(ca='rubbish')), 'certificate-authority-data', 'PEM')
    fails('a server of another name', info('name', one.config(**{'tls-server-name': 'elsewhere.example.com'})),
          'certificate', 'elsewhere.example.com')
    fails('a token that is none', info('token', one.config(user={'token': CANARY['wrong']})), '401', "'admin-one'")
    fails('a password', info('password', one.config(user={'username': 'u', 'password': CANARY['password']})), '40[13]')
    closed = 'https://127.0.0.1:9'
    fails('a port where nobody is', info('closed', one.config(server=closed)), closed, within=75)
    proxied = one.config(**{'proxy-url': 'http://u:%s@127.0.0.1:9' % CANARY['proxy']})
    fails('a proxy that is not there', info('proxy', proxied), '127.0.0.1', within=75)


def plugins():
    for what, config, words in (
            ('fails', plugin('echo no luck >&2; exit 3'), ('exit code 3', 'no luck')),
            ('fails with a secret in its argument', plugin('exit 4', args=['-c', 'exit 4', CANARY['complaint']]), ('exit code 4',)),
            ('is killed', plugin('kill -9 $$'), ('signal 9',)),
            ('prints rubbish', plugin('echo %s' % CANARY['fourth']), ('JSON',)),
            ('prints something else', plugin('echo "{}"'), ('ExecCredential',)),
            ('prints without end', plugin('cat /dev/zero'), ('1024 KiB',)),
            ('is not there', plugin('', command='no-such-plugin'), ('no-such-plugin', 'No such file')),
            ('wants a terminal', plugin('', interactiveMode='Always'), ('terminal',))):
        fails('an exec plugin that ' + what, info('plugin ' + what, config), "user 'admin-one'", 'exec', *words)
    granted = json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential',
                          'status': {'token': CANARY['plugin']}})
    fails('an exec plugin with a wrong token', info('wrong plugin', plugin("echo '%s'" % granted)), '401', "'admin-one'")
    with open(one.path('token')) as f:
        KEYS['token'] = f.read().strip()
    granted = granted.replace(CANARY['plugin'], KEYS['token'])
    works('an exec plugin with a right one', info('right plugin', plugin("cat %s" % written(granted))))
    works('a token', info('right token', one.config(user={'token': KEYS['token']})))


# ---- objects ----

def kinds():
    for what, change, words in (
            ('kind', {'kind': 'Deploymnet'}, ("'Deploymnet'", 'Deployment of apps/v1')),
            ('group', {'apiVersion': 'app/v1'}, ('app/v1', 'Deployment of apps/v1')),
            ('version', {'apiVersion': 'apps/v9'}, ('apps/v9', 'Deployment of apps/v1'))):
        fails('an unknown ' + what, k8s('unknown ' + what, definition={**deployment('d'), **change}), '%s/d' % MARK, *words)
    fails('an unknown kind to look up', k8s('unknown kind', definition={
        'apiVersion': 'v1', 'kind': 'ConfigMapp', 'metadata': {'name': 'x'}}), 'ConfigMap of v1')


def invalid():
    bad = deployment('bad', containers=[{'name': 'No_Good'}, {'name': 'b', 'image': 'b', 'ports': [{'containerPort': 99999}]}])
    bad['spec']['replicas'] = -3
    bad['spec']['selector'] = {'matchLabels': {'app': 'other'}}
    words = ('422', r'spec\.replicas', r'template\.metadata\.labels', r'containers\[0\]\.name', r'containers\[0\]\.image',
             r'containers\[1\]\.ports\[0\]\.containerPort')
    for check_mode in (False, True):
        fails('an invalid object%s: all of its faults' % (' in check mode' if check_mode else ''),
              k8s('invalid %s' % check_mode, definition=bad, check_mode=check_mode), 'Deployment %s/bad' % MARK, *words)
    check(there('bad', 'deployments', group='/apis/apps/v1') is None, 'it was not made')
    typo = {**config_map('typo', a='1'), 'dta': {}, 'immutabel': True}
    r = k8s('strict', definition=typo, validate={'fail_on_error': True})
    fails('unknown fields', r, 'dta', 'immutabel')
    r = k8s('strict applied', definition=typo, apply=True, server_side_apply={'field_manager': 'm'})
    check(there('typo') is None or r.ok, 'with unknown fields it is made only if the task says so')
    r = k8s('one of three', definition=[config_map('good-1', a='1'), bad, config_map('good-2', a='1')])
    fails('one invalid among three', r, 'Deployment %s/bad' % MARK)
    check(there('good-1') and there('good-2'), 'the others are made')
    fails('a ConfigMap of 2 MiB', k8s('too long', definition=config_map('long', a='x' * (2 << 20))), 'ConfigMap %s/long' % MARK,
          '1048576')


def conflicts():
    def apply(manager, force=False, **data):
        how = {'field_manager': manager, 'force_conflicts': force}
        return k8s('%s %s %s' % (manager, force, data), definition=config_map('ssa', **data), apply=True, server_side_apply=how)

    works('alice applies two fields', apply('alice', a='1', b='1'), True)
    works('carol adds one', apply('carol', c='1'), True)
    r = apply('bob', a='2', b='2', c='2', d='2')
    fails('bob meets conflicts, field by field', r, '409', r'alice.*\.data\.a', r'alice.*\.data\.b', r'carol.*\.data\.c',
          'force_conflicts')
    check(r.msg.count('.data.a') == 1, 'each is told once', r.msg)
    check(there('ssa')['data'] == {'a': '1', 'b': '1', 'c': '1'}, 'and nothing was changed')
    works('bob forces it', apply('bob', True, a='2', b='2', c='2', d='2'), True)
    works('again: nothing to do', apply('bob', a='2', b='2', c='2', d='2'), False)
    fails('now alice meets bob', apply('alice', a='1', b='1'), r'bob.*\.data\.a')
    stale = config_map('ssa', a='9')
    stale['metadata']['resourceVersion'] = '1'
    fails('409 on replace', k8s('replace', definition=stale, force=True), '409', 'ConfigMap %s/ssa' % MARK, 'modified')
    fails('409 on patch', k8s('patch', definition=stale), '409', 'modified')
    check(there('ssa')['data']['a'] == '2', 'what is there stays')
    proxy = Proxy(one)
    status = {'kind': 'Status', 'apiVersion': 'v1', 'status': 'Failure', 'reason': 'Conflict', 'code': 409,
              'message': 'the object has been modified'}
    for way in ({'force': True}, {}):
        verb = 'PUT' if way else 'PATCH'
        proxy.reset((verb, answer(409, json.dumps(status).encode()), 3))
        works('%s: others are quicker three times' % verb, k8s('raced ' + verb, kubeconfig=proxy.kubeconfig, **way,
                                                               definition=config_map('ssa', a=verb, b='2')), True)
        check(proxy.count(verb) == 4 and there('ssa')['data']['a'] == verb, '%s: sent until it was done' % verb, proxy.seen)


# ---- the way there ----

def watches():
    proxy = Proxy(one)
    status = {'kind': 'Status', 'apiVersion': 'v1', 'status': 'Failure', 'reason': 'Expired', 'code': 410,
              'message': 'too old resource version'}
    event = json.dumps({'type': 'ERROR', 'object': status}).encode() + b'\n'
    proxy.reset(('watch=true', answer(200, event), 1), ('watch=true', answer(410, json.dumps(status).encode()), 1),
                ('watch=true', CLOSE, 1))
    waited = deployment('waited')
    waited['spec']['replicas'] = 0
    work = Later(lambda: k8s('expired watch', kubeconfig=proxy.kubeconfig, definition=waited, wait=True, wait_timeout=60,
                             wait_condition={'type': 'Tested', 'status': 'True'}))
    end = time.monotonic() + 30
    while proxy.count('watch=true') < 4 and time.monotonic() < end:
        time.sleep(0.1)
    condition = [{'type': 'Tested', 'status': 'True', 'reason': 'Seen', 'message': 'by the test'}]
    status, _ = one.call('PATCH', '/apis/apps/v1/namespaces/%s/deployments/waited/status' % MARK,
                         {'status': {'conditions': condition}}, 'application/strategic-merge-patch+json')
    r = work.get()
    works('a watch that expires, twice, and breaks off: it resumes', r, True)
    check(status == 200 and proxy.count('watch=true') >= 4 and r.wall < 35, 'and hears of what it waits for', proxy.seen)
    r = k8s('never ready', definition=deployment('never', nodeSelector={'none': 'yes'}), wait=True, wait_timeout=2)
    fails('what does not become ready', r, 'Deployment %s/never' % MARK, within=15)


def busy():
    proxy = Proxy(one)
    proxy.reset(('POST', answer(429, b'Too many requests, please try again later.\n',
                                (('Content-Type', 'text/plain'), ('Retry-After', '1'))), 2))
    r = k8s('429', kubeconfig=proxy.kubeconfig, definition=config_map('throttled', a='1'))
    works('429 as plain text, twice', r, True)
    check(r.wall >= 2 and proxy.count('POST') == 3, 'it waits as long as it was asked to', (r.wall, proxy.seen))
    objects = [config_map('busy-%d' % i, a='1') for i in range(60)]
    r = k8s('throttled', kubeconfig=one.path('throttled.kubeconfig'), definition=objects)
    works('60 objects by a user who may ask two things at once', r, True)
    check(' 429' in r.err, 'who was told so', r.err[-500:])
    works('again: nothing to do', k8s('throttled', kubeconfig=one.path('throttled.kubeconfig'), definition=objects), False)
    for what, plan, times in (('a lost answer', ('POST', LOSE, 1), 2), ('a broken connection', ('POST', CLOSE, 1), 2),
                              ('503', ('POST', answer(503, b'starting'), 1), 2)):
        name = re.sub('[^a-z0-9]', '-', what)
        proxy.reset(plan)
        works('%s: it is made' % what, k8s(what, kubeconfig=proxy.kubeconfig, definition=config_map(name, a='1')), True)
        check(there(name) is not None and proxy.count('POST') <= times, '%s: once' % what, proxy.seen)
    proxy.reset(('GET /apis', answer(200, b'<html>Welcome</html>'), 9), ('GET /api', answer(200, b'<html>Welcome</html>'), 9))
    r = heard('a portal', module('k8s_info', {'kubeconfig': proxy.kubeconfig, 'kind': 'Namespace'},
                                 environment(os.path.join(TEMP, 'fresh-cache'), **LOGGED)))
    fails('something else answers', r, str(proxy.port))


def drains():
    """That a budget refused it is told, though the last attempt was not answered in time."""
    node = one.get('/api/v1/nodes')['items'][0]['metadata']['name']
    selector = {'drained': MARK}
    one.make('/api/v1/namespaces/%s/pods' % MARK, {'metadata': {'name': 'drained', 'labels': selector}, 'spec': {
        'nodeName': node, 'containers': [{'name': 'main', 'image': 'example.com/none'}]}})
    said = {'kind': 'Status', 'apiVersion': 'v1', 'status': 'Failure', 'reason': 'TooManyRequests', 'code': 429,
            'message': "Cannot evict pod as it would violate the pod's disruption budget."}
    proxy = Proxy(one)
    proxy.reset(('/eviction', answer(429, json.dumps(said).encode()), 1), ('/eviction', HANG, 99))
    r = k8s('refused, then hanging', 'k8s_drain', kubeconfig=proxy.kubeconfig, name=node,
            pod_selectors=['drained=' + MARK], delete_options={'wait_timeout': 3, 'force': True, 'ignore_daemonsets': True})
    fails('an eviction that is refused, and then not answered', r, "violate the pod's disruption budget", within=30)
    check(proxy.count('/eviction') == 2, 'it was tried again', proxy.seen)
    proxy.reset()
    r = k8s('uncordon', 'k8s_drain', kubeconfig=proxy.kubeconfig, name=node, state='uncordon')
    works('uncordoned', r, True)


def hooks():
    labels = {'hook': MARK}
    with Hook(one, MARK) as hook:
        hook.decide = lambda o: {'allowed': False, 'status': {'message': 'not on a Sunday', 'code': 403}}
        for check_mode in (False, True):
            fails('a webhook that denies%s' % (', in check mode' if check_mode else ''),
                  k8s('denied %s' % check_mode, definition=config_map('hooked', labels, a='1'), check_mode=check_mode),
                  'ConfigMap %s/hooked' % MARK, re.escape(hook.name), 'not on a Sunday')
        check(hook.calls == 2 and there('hooked') is None, 'it was asked, and nothing was made', hook.calls)
    with Hook(one, MARK, port=9) as hook:
        fails('a webhook that is down', k8s('down', definition=config_map('hooked', labels, a='1')),
              'ConfigMap %s/hooked' % MARK, re.escape(hook.name), 'refused', within=75)
        check(there('hooked') is None, 'nothing was made')
    with Hook(one, MARK, timeout=1) as hook:
        hook.decide = lambda o: time.sleep(3) or {'allowed': True}
        fails('a webhook that is slow', k8s('slow', definition=config_map('hooked', labels, a='1')),
              'ConfigMap %s/hooked' % MARK, re.escape(hook.name), 'deadline|timeout', within=75)
    with Hook(one, MARK, mutating=True) as hook:
        patch = coded(json.dumps([{'op': 'add', 'path': '/data/added', 'value': 'by the webhook'}]))
        hook.decide = lambda o: {'allowed': True, 'patchType': 'JSONPatch', 'patch': patch}
        wanted = config_map('hooked', labels, a='1')
        foretold = k8s('mutated', definition=wanted, check_mode=True)
        made = k8s('mutated', definition=wanted)
        works('a webhook that mutates', made, True)
        check((foretold['result'] or {}).get('data') == (made['result'] or {}).get('data') == {'a': '1', 'added': 'by the webhook'},
              'check mode has told it', (foretold['result'], made['result']))
        works('again: nothing to do', k8s('mutated', definition=wanted), False)


def restart():
    """1,000 objects; the API server is killed when some hundred are there."""
    path = '/api/v1/namespaces/%s/configmaps?' % MARK
    objects = [config_map('restart-%d' % i, {'restart': 'yes'}, a=str(i)) for i in range(1000)]
    work = Later(lambda: k8s('restart', kubeconfig=two.kubeconfig, definition=objects))
    n = 0
    while n < 100 and work.is_alive():
        page = two.call('GET', path + 'limit=1')[1]
        n = len(page['items']) + page['metadata'].get('remainingItemCount', 0)
    two.kill_apiserver()
    two.repair()
    r = work.get()
    check(100 <= n < 1000, 'the API server was killed when %d of 1000 objects were there' % n)
    works('it is waited for, and all is done after %.1f s' % r.wall, r, True)
    found = two.items(path + 'labelSelector=restart%3Dyes')
    check({o['metadata']['name']: o['data'] for o in found} == {o['metadata']['name']: o['data'] for o in objects},
          'all objects are there', len(found))
    works('again: nothing to do', k8s('restart', kubeconfig=two.kubeconfig, definition=objects), False)


# ---- texts ----

BOMB = 'a: &a [%s]\n' % ','.join('x' * 9) + ''.join(
    '%c: &%c [%s]\n' % (c + 1, c + 1, ','.join(['*%c' % c] * 9)) for c in range(ord('a'), ord('j')))
TEXTS = (  # what, text, words
    ('tabs', 'a: b\n\tc: d\n', (':2', 'tab')),
    ('a key twice', 'kind: ConfigMap\ndata: {a: "1", a: "2"}\n', (':2', "'a'", 'twice')),
    ('an anchor bomb', BOMB, ('alias', '64 MiB')),
    ('an alias of itself', 'a: &a {x: *a}\n', (':1', r'\*a')),
    ('two million brackets', '[' * (2 << 20), (':1', 'deeper')),
    ('a quote that does not end', 'a: "b\n', ('YAML',)),
    ('not UTF-8', b'a: \xff\xfe\xfa\n', ('YAML|UTF-8',)),
    ('no object', 'just a text\n', ()),
    ('no kind', 'metadata: {name: a}\n', ('kind',)),
    ('no name', 'apiVersion: v1\nkind: ConfigMap\n', ('name',)),
)


def texts():
    for what, text, words in TEXTS:
        if isinstance(text, str):
            fails('definition: ' + what, k8s('text ' + what, definition=text, namespace=MARK), *words)
        path = written(text, 'objects.yml')
        fails('src: ' + what, k8s('file ' + what, src=path, namespace=MARK), *words)
    fails('src that is not there', k8s('no src', src='/nowhere/objects.yml'), '/nowhere/objects.yml')
    head = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: large}\ndata:\n'
    for what, text in (('one text', head + '  a: "%s"\n' % ('x' * (100 << 20))),
                       ('many keys', head + ''.join('  k%d: v\n' % i for i in range(8 << 20))),
                       ('many documents', '---\na: 1\n' * (12 << 20))):
        path = written(text, 'large.yml')
        r = k8s('large ' + what, src=path, exact=True)
        fails('100 MiB, %s' % what, r, path, 'more than')
        check(r.rss < 400 << 20, '100 MiB, %s: %d MiB of memory' % (what, r.rss >> 20))
        os.unlink(path)


# ---- secrets ----

WAYS = ({}, {'apply': True}, {'force': True},
        {'apply': True, 'server_side_apply': {'field_manager': 's', 'force_conflicts': True}})


def secrets():
    def secret(value):
        return {'apiVersion': 'v1', 'kind': 'Secret', 'metadata': {'name': 'canary', 'namespace': MARK},
                'stringData': {'password': value}, 'data': {'raw': coded(value)}}

    for way in WAYS:
        for i, value in enumerate((CANARY['secret'], CANARY['other'])):
            for check_mode in (True, False):
                r = k8s('secret %s %d %s' % (way, i, check_mode), definition=secret(value), check_mode=check_mode, **way)
                check(r.ok and r['diff'], 'a Secret, %s%s' % (way or 'merged', ', check mode' if check_mode else ''), r.msg)
    bad = secret(CANARY['third'])
    bad['data']['not base64'] = CANARY['third']
    for way in WAYS:
        fails('a Secret the server refuses, %s' % ' '.join(way), k8s('bad secret %s' % way, definition=bad, **way),
              'Secret %s/canary' % MARK)
        fails('a Secret of the wrong type, %s' % ' '.join(way), k8s('typed secret %s' % way, **way, definition={
            **bad, 'stringData': [CANARY['third']]}), 'Secret')
    fails('a Secret in broken YAML', k8s('broken secret', definition='stringData: {a: "%s", b: [%s' % (
        CANARY['third'], CANARY['third'])), 'YAML')


def forms(secret):
    """What a secret may look like: as it is, and in base64 wherever it begins."""
    found = {secret}
    for shift in range(3):
        whole = base64.b64encode(b'\0' * shift + secret.encode() + b'\0' * 3).decode()
        found.add(whole[(shift * 4 + 2) // 3 + 1:(shift + len(secret)) * 4 // 3 - 1])
    return found


def watch_argv():
    """Collects the command lines of all processes that are ours."""
    while not done.is_set():
        for path in glob.glob('/proc/[0-9]*/cmdline'):
            try:
                if os.path.basename(os.readlink(path.replace('cmdline', 'exe'))).startswith(('treenail', 'terraform')):
                    with open(path, 'rb') as f:
                        argv.add(f.read().decode(errors='replace'))
            except OSError:
                pass
        time.sleep(0.05)


def search():
    """All that was said, the caches, and the command lines."""
    user = one.config()['users'][0]['user']
    key = base64.b64decode(user['client-key-data']).decode()
    found = {name: forms(value) for name, value in {**CANARY, **KEYS}.items()}
    found['client key'] = {max(key.split('\n')[2:-2], key=len, default=key), user['client-key-data'][100:160]}
    texts = {**said, 'command lines': '\n'.join(argv)}
    for path in glob.glob(os.path.join(TEMP, '*cache', '**'), recursive=True):
        if os.path.isfile(path):
            with open(path, errors='replace') as f:
                texts[path] = f.read()
    hits = ['%s: %s: ...%s...' % (where, name, text[max(0, text.index(form) - 100):][:250])
            for where, text in texts.items() for name, all_forms in found.items() for form in all_forms if form in text]
    check(not hits, 'no secret in %d outputs and files' % len(texts), '\n'.join(hits))
    traced = len([t for t in said.values() if 'treenail: ' in t])
    check(traced > 20 and argv, 'there were traces (%d) and command lines (%d) to search' % (traced, len(argv)))
    broken = [what for what, text in said.items() if re.search('Traceback|Sanitizer|panic:|core dumped', text)]
    check(not broken, 'nothing crashed', broken)


# ---- Terraform ----

def refused(what, done, *words):
    said['terraform ' + what] = done.text
    text = re.sub(r'[\s│]+', ' ', done.text)
    missing = [w for w in words if not re.search(w, text)]
    check(done.code == 1 and not missing and 'rashed' not in text, 'terraform: %s' % what, 'code %d, without %s\n%s' % (
        done.code, missing, done.text))


def manifest(name, o):
    return 'resource "kubernetes_manifest" "%s" {\n  manifest = %s\n}\n' % (name, json.dumps(o))


def terraform():
    hcl = manifest('a', config_map('tf', a='1'))
    r = root(written('clusters: [\n'), hcl)
    refused('a broken kubeconfig', r.plan(), '/kubeconfig:', 'YAML')
    r = root(written(one.config(user=one.user('old', LONG_AGO))), hcl)
    refused('an expired client certificate', r.plan(), "'old'", '2020-01-02')
    r = root(Proxy(one, LONG_AGO).kubeconfig, hcl)
    refused('an expired server certificate', r.plan(), 'expired', '2020-01-02')
    r = root(written(plugin('echo no luck >&2; exit 3')), hcl)
    refused('an exec plugin that fails', r.plan(), 'exit code 3', 'no luck')
    bad = deployment('tf-bad')
    bad['spec'].update(replicas=-3, selector={'matchLabels': {'app': 'other'}})
    hook = Hook(one, MARK)
    r = root(one.kubeconfig, manifest('a', {**config_map('tf-1', a='1'), 'kind': 'ConfigMapp'}) + manifest('b', bad)
             + manifest('c', config_map('tf-2', {'hook': MARK}, a='1')))
    with hook:
        hook.decide = lambda o: {'allowed': False, 'status': {'message': 'not on a Sunday', 'code': 403}}
        refused('an unknown kind, an invalid object and a webhook that denies', r.apply(), "'ConfigMapp'", 'ConfigMap of v1',
                r'spec\.replicas', r'template\.metadata\.labels', 'not on a Sunday')
    check(not r.instances() and not any(map(there, ('tf-1', 'tf-2'))), 'terraform: nothing was made')
    for what, text, words in TEXTS[:4]:
        r = root(one.kubeconfig, 'resource "kubectl_manifest" "a" {\n  provider  = kubernetes\n  yaml_body = file("a.yml")\n}\n')
        r.write('a.yml', text)
        refused('yaml_body: ' + what, r.plan(), *words[1:])


def terraform_conflicts():
    works('somebody has it', k8s('ssa', definition=config_map('tf', a='1'), apply=True,
                                 server_side_apply={'field_manager': 'alice'}))
    r = root(one.kubeconfig, manifest('a', config_map('tf', a='2')))
    refused('somebody else has made it', r.apply(), 'is there already', 'terraform import', 'name=tf')
    check(there('tf')['data'] == {'a': '1'}, 'terraform: it was left alone')
    r = root(one.kubeconfig, manifest('a', config_map('tf-own', a='1')))
    check(r.apply().ok, 'terraform: one of its own')
    works('somebody takes it', k8s('ssa', definition=config_map('tf-own', a='3'), apply=True, server_side_apply={
        'field_manager': 'alice', 'force_conflicts': True}))
    refused('a conflict', r.apply(), 'alice', r'\.data\.a')
    check(there('tf-own')['data'] == {'a': '3'}, 'terraform: it was left alone, too')
    # Terraform plans what is there before it destroys it.
    check(r.destroy('-refresh=false').ok and not there('tf-own'), 'terraform: it goes')
    proxy = Proxy(one)
    objects = ''.join(manifest('m%d' % i, config_map('tf-%d' % i, a='1')) for i in range(8))
    r = root(proxy.kubeconfig, objects)
    plain = answer(429, b'Too many requests.\n', (('Content-Type', 'text/plain'), ('Retry-After', '1')))
    proxy.reset(('PATCH.*tf-', plain, 6), ('PATCH.*tf-', CLOSE, 2), ('PATCH.*tf-', LOSE, 2), ('GET.*tf-', answer(503), 2))
    done = r.apply()
    check(done.ok and len(r.instances()) == 8, 'terraform: 429, broken connections, lost answers and 503: all is made', done.text)
    check(r.plan().code == 0, 'terraform: nothing more to do')
    check(r.destroy().ok and not there('tf-0'), 'terraform: destroyed')


class Server(Cluster):
    """etcd and an API server alone, run as those of `two` and with their keys, for the time of a part."""

    def __init__(self):
        super().__init__('two')
        first = int(self.host.split(':')[1])
        # Of the lab's own: one that the system gives away would be gone when the server comes back.
        self.ports = {str(first + i): str(first + 500 + i) for i in range(3)}
        self.host = '127.0.0.1:' + self.ports[str(first)]
        self.kubeconfig = written(self.config(server='https://' + self.host))
        self.running = {}

    def start(self, name):
        with open(os.path.join(LAB, 'run/two-%s.pid' % name)) as f, open('/proc/%s/cmdline' % f.read().split()[0]) as g:
            command = g.read().split('\0')[1:-1]
        with open(self.path('data-folder')) as f:
            names = {**self.ports, f.read().strip(): os.path.join(TEMP, 'etcd')}
        command = [re.sub('|'.join(r'\b%s\b' % n if n.isdigit() else re.escape(n) for n in names),
                          lambda m: names[m.group()], word) for word in command]
        self.running[name] = subprocess.Popen([os.path.join(LAB, 'bin', name), *command], stdout=subprocess.DEVNULL,
                                              stderr=subprocess.DEVNULL)

    def kill(self, name):
        self.running[name].kill()
        self.running.pop(name).wait()

    def await_ready(self):
        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                if self.call('GET', '/readyz')[0] == 200:
                    return
            except (OSError, ValueError):
                pass  # not yet: it tells what is lacking, in a text that begins as a list does
            time.sleep(0.1)
        raise RuntimeError('%s does not answer' % self.host)

    def __enter__(self):
        self.start('etcd')
        self.start('kube-apiserver')
        self.await_ready()
        return self

    def __exit__(self, *args):
        for name in list(self.running):
            self.kill(name)


def terraform_restart():
    """500 manifests; the API server is killed when a hundred are there."""
    wanted = {'restart-%d' % i: {'a': str(i)} for i in range(500)}
    with Server() as server:
        server.make('/api/v1/namespaces', {'metadata': {'name': MARK}})
        path = '/api/v1/namespaces/%s/configmaps?' % MARK
        r = root(server.kubeconfig, '''
resource "kubernetes_manifest" "all" {
  for_each = toset([for i in range(%d) : tostring(i)])
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "restart-${each.key}", namespace = "%s" }
    data       = { a = each.key }
  }
}
''' % (len(wanted), MARK))

        def made():
            return {o['metadata']['name']: o['data'] for o in server.items(path)}

        def known():
            return {v[0]['manifest']['value']['metadata']['name'] for v in r.instances().values()}

        work = Later(r.apply)
        n = 0
        while n < 100 and work.is_alive():
            page = server.call('GET', path + 'limit=1')[1]
            n = len(page['items']) + page['metadata'].get('remainingItemCount', 0)
        server.kill('kube-apiserver')
        server.start('kube-apiserver')
        server.await_ready()
        work.join(300)
        done = work.result
        check(100 <= n < len(wanted), 'terraform: the API server was killed when %d of %d objects were there' % (
            n, len(wanted)))
        if check(done is not None, 'terraform: the apply ends') and done.ok:
            check(made() == wanted and known() == set(wanted), 'terraform: it was waited for, and all is made')
        elif done:
            refused('it was not waited for', done, 'restart-', server.host)
            check(known() <= set(made()), 'terraform: the state has nothing that is not there', known() - set(made()))
            done = r.apply()
            check(done.ok and made() == wanted and known() == set(wanted), 'terraform: a second apply makes the rest',
                  done.text[-2000:])
        check(r.plan().code == 0, 'terraform: nothing more to do')


def terraform_secrets():
    data = coded(CANARY['secret'])
    hcl = '''
resource "kubernetes_secret_v1" "s" {
  metadata {
    name      = "tf-s"
    namespace = "%s"
  }
  data = { password = "%s" }
}
resource "kubectl_manifest" "k" {
  provider  = kubernetes
  yaml_body = <<-END
    apiVersion: v1
    kind: Secret
    metadata: {name: tf-k, namespace: %s}
    data: {password: %s}
  END
}
''' % (MARK, '%s', MARK, '%s')
    config = one.config(user={'token': KEYS['token']}) if 'token' in KEYS else one.config()
    r = root(written(config), TF_LOG='trace', TREENAIL_LOG='debug')
    with open(r.path('main.tf')) as f:
        head = f.read()
    for value in (CANARY['secret'], CANARY['other']):
        r.write('main.tf', head + hcl % (value, coded(value)))
        for command in ('plan', 'apply', 'plan'):
            ran = getattr(r, command)()
            said['terraform %s of %s' % (command, value)] = ran.text
            check(ran.code in (0, 2), 'terraform: %s with secrets' % command, ran.text[-2000:])
    check(there('tf-k', 'secrets')['data'] != {'password': data}, 'terraform: they were changed')
    ran = r.destroy()
    said['terraform destroy of secrets'] = ran.text
    check(ran.ok, 'terraform: destroyed', ran.text[-2000:])


def main():
    parts = {f.__name__: f for f in (kubeconfigs, certificates, plugins, kinds, invalid, conflicts, watches, busy, drains,
                                     hooks, restart, texts, secrets)}
    if has_terraform():
        parts.update({f.__name__: f for f in (
            terraform, terraform_conflicts, terraform_restart, terraform_secrets)})
    chosen = [p for p in parts if not sys.argv[1:] or p in sys.argv[1:]]
    for cluster in (one, two):
        cluster.make('/api/v1/namespaces', {'metadata': {'name': MARK}})
    watcher = threading.Thread(target=watch_argv, daemon=True)
    watcher.start()
    look = hanging() if not sys.argv[1:] else None
    try:
        for name in chosen:
            began = time.monotonic()
            parts[name]()
            print('       %s: %.1f s' % (name, time.monotonic() - began))
        if look:
            look()
        done.set()
        watcher.join()
        if not sys.argv[1:]:
            search()
    finally:
        for cluster in (one, two):
            cluster.call('DELETE', '/api/v1/namespaces/' + MARK)
    finish()


if __name__ == '__main__':
    main()
