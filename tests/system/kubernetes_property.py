#!/usr/bin/env python3
"""Random changes to 20 kinds of objects: what is foretold is what happens, and once it has, nothing is left to do.

The server fills in its defaults, a webhook of ours changes what is written, and Deployments are scaled by the cluster's own
autoscaler: it needs no metrics to bring one to minReplicas. A third of the changes is made by Terraform, with manifests and
with typed resources, beside those of modules, many at a time.

Of a task: check mode's result, diff and `changed` are those of the real run; run again, it changes nothing and sends nothing
but GET; and nor does check mode see a change. Sent again is only what cannot be told from what is there: a replacement, and
a merge of values that the server drops (an empty text where there is none). Of an apply: what was planned is in the state
and, of manifests, in the cluster; the actions are those that were planned; the next plan is empty.

  CHANGES=500 SEED=7 kubernetes_property.py     LAB, B

SEED is told, and with it all changes are made again. SHOW=N prints what batch N of the modules is given, SHOWN is how many
of what is wrong are told.
"""
# First: it goes on in another interpreter.
from clusters import Cluster, Hook, coded, environment, has_terraform, module, root

import atexit
import collections
import concurrent.futures
import http.client
import json
import os
import random
import re
import threading
import time

from common import check, finish
from kubernetes_random import GROUP, KINDS, MARK, SEED, Thing, typed

CHANGES = int(os.environ.get('CHANGES') or 500)
SHOWN = int(os.environ.get('SHOWN') or 10)
one = Cluster('one')


def make(path, body):
    """For the time of the test."""
    one.make(path, body)
    atexit.register(one.call, 'DELETE', '%s/%s' % (path, body['metadata']['name']))


# ---- the webhook ----

WORKLOADS = ('Deployment', 'StatefulSet', 'DaemonSet')


def mutations(o):
    """What the webhook does to an object, as RFC 6902; done once, nothing is left to do."""
    notes = o['metadata'].get('annotations')
    if notes is None:
        yield {'op': 'add', 'path': '/metadata/annotations', 'value': {'lab.example.com/seen': 'yes'}}
    elif 'lab.example.com/seen' not in notes:
        yield {'op': 'add', 'path': '/metadata/annotations/lab.example.com~1seen', 'value': 'yes'}
    if o['kind'] == 'ConfigMap' and 'injected' not in o.get('data', {}):
        if 'data' in o:
            yield {'op': 'add', 'path': '/data/injected', 'value': 'by the webhook'}
        else:
            yield {'op': 'add', 'path': '/data', 'value': {'injected': 'by the webhook'}}
    if o['kind'] in WORKLOADS:
        containers = o['spec']['template']['spec']['containers']
        if not any(c['name'] == 'sidecar' for c in containers):
            yield {'op': 'add', 'path': '/spec/template/spec/containers/-',
                   'value': {'name': 'sidecar', 'image': 'sidecar:1'}}


def decide(o):
    return {'allowed': True, 'patchType': 'JSONPatch', 'patch': coded(json.dumps(list(mutations(o))))}


def register_kind():
    schema = {'type': 'object', 'properties': {'spec': {'type': 'object', 'properties': {
        'size': {'type': 'integer', 'default': 3}, 'color': {'type': 'string'},
        'tags': {'type': 'array', 'items': {'type': 'string'}, 'x-kubernetes-list-type': 'set'},
        'parts': {'type': 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'],
                  'items': {'type': 'object', 'required': ['name'], 'properties': {
                      'name': {'type': 'string'}, 'weight': {'type': 'integer', 'default': 1}}}},
        'free': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}}}}}
    make('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
        'metadata': {'name': 'things.' + GROUP}, 'spec': {
            'group': GROUP, 'scope': 'Namespaced', 'names': {'plural': 'things', 'kind': 'Thing'},
            'versions': [{'name': 'v1', 'served': True, 'storage': True, 'schema': {'openAPIV3Schema': schema}}]}})
    for _ in range(100):
        if one.get('/apis/%s/v1/namespaces/%s/things' % (GROUP, MARK)):
            return
        time.sleep(0.1)
    raise RuntimeError('the kind does not come')


# ---- the autoscaler ----

class Replicas(threading.Thread):
    """Watches who changes how many replicas these Deployments have: `writers` of each change."""

    def __init__(self, names):
        super().__init__(daemon=True)
        self.names, self.writers, self.known = names, [], {}
        self.start()

    def run(self):
        while True:
            connection = one.connect()
            try:
                connection.request('GET', '/apis/apps/v1/namespaces/%s/deployments?watch=true' % MARK)
                answer = connection.getresponse()
                while line := answer.readline():
                    self.hear(json.loads(line)['object'])
            except (OSError, http.client.HTTPException, ValueError):
                pass  # nothing came for a while, or half of a line
            finally:
                connection.close()

    def hear(self, o):
        if o['kind'] != 'Deployment' or o['metadata']['name'] not in self.names:
            return
        uid, now = o['metadata']['uid'], o['spec']['replicas']
        if self.known.setdefault(uid, now) != now:
            self.writers.append({f['manager'] for f in o['metadata']['managedFields']
                                 if 'f:replicas' in f['fieldsV1'].get('f:spec', {})})
        self.known[uid] = now

    def rescaled(self):
        """How often the autoscaler did it; at least once, which takes it some time."""
        end = time.monotonic() + 180
        while not any('kube-controller-manager' in w for w in self.writers) and time.monotonic() < end:
            time.sleep(0.2)
        return sum('kube-controller-manager' in w for w in self.writers)


def make_scaled(replicas):
    """One that has too few, whatever chance makes of the others."""
    name = MARK + '-scaled'
    labels = {'app': name}
    replicas.names.add(name)
    make('/apis/apps/v1/namespaces/%s/deployments' % MARK, {'metadata': {'name': name}, 'spec': {
        'selector': {'matchLabels': labels}, 'template': {
            'metadata': {'labels': labels}, 'spec': {'containers': [{'name': 'c', 'image': 'registry.example/c:1'}]}}}})
    while not replicas.known:
        time.sleep(0.1)
    make('/apis/autoscaling/v2/namespaces/%s/horizontalpodautoscalers' % MARK, {'metadata': {'name': name}, 'spec': {
        'minReplicas': 2, 'maxReplicas': 3,
        'scaleTargetRef': {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'name': name}}})


def scale(thing, replicas):
    """By hand: the autoscaler corrects it, if it is below its least."""
    status, answer = one.call('PATCH', '%s/%s/scale?fieldManager=somebody' % (thing.folder, thing.name),
                              {'spec': {'replicas': replicas}}, 'application/merge-patch+json')
    if status != 200:
        raise RuntimeError(answer)


# ---- what became of it ----

WAYS = {
    'merge': {},
    'server-side apply': {'apply': True, 'server_side_apply': {'field_manager': 'property', 'force_conflicts': True}},
    'apply': {'apply': True},
    'replace': {'force': True},
}
PROPERTIES = ('no run fails', 'check mode tells what happens', 'again nothing changes', 'again nothing is sent',
              'check mode sees nothing to do after', 'a plan tells what the apply does', 'then the plan is empty')
FAILS, FORETOLD, AGAIN, SENT, AFTER, PLANNED, EMPTY = PROPERTIES


class Findings:
    """What is wrong, by property; and how much was done."""

    def __init__(self):
        self.bad, self.done, self.kinds = {name: [] for name in PROPERTIES}, collections.Counter(), set()

    def add(self, which, where, what):
        self.bad[which].append('%s: %s' % (where, what))

    def did(self, who, things):
        self.done[who] += len(things)
        self.kinds.update(t.kind for t in things)

    def tell(self):
        done = ' and '.join('%d changes by %s' % (n, who) for who, n in self.done.items())
        for name, lines in self.bad.items():
            more = ['and %d more' % (len(lines) - SHOWN)] if len(lines) > SHOWN else []
            check(not lines, 'SEED=%d: %s: %s to %d kinds' % (SEED, name, done, len(self.kinds)),
                  '\n'.join(lines[:SHOWN] + more))


def stable(v, uid, scaled=False):
    """Without what only the server can know, and what its controllers write at any moment."""
    if isinstance(v, dict):
        return {k: stable(x, uid, scaled) for k, x in v.items() if k not in (
            'resourceVersion', 'uid', 'creationTimestamp', 'time', 'status', 'clusterIP', 'clusterIPs', 'nodePort')
            and not k.startswith('deployment.kubernetes.io/') and not (scaled and k in ('replicas', 'generation'))}
    if isinstance(v, list):
        return [stable(x, uid, scaled) for x in v if not (isinstance(x, dict) and (x.get('subresource') or str(
            x.get('manager')).startswith('kube-')))]
    return 'UID' if uid and v == uid else v


def comparable(result, scaled):
    o = result.get('result') or {}
    return stable({'result': o, 'diff': result.get('diff'), 'method': result.get('method')},
                  (o.get('metadata') or {}).get('uid'), scaled)


def first_difference(a, b, path=''):
    if isinstance(a, dict) and isinstance(b, dict):
        for k in sorted({*a, *b}):
            if a.get(k) != b.get(k):
                return first_difference(a.get(k), b.get(k), '%s.%s' % (path, k))
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            if x != y:
                return first_difference(x, y, '%s[%d]' % (path, i))
    return '%s: %s, not %s' % (path, json.dumps(a)[:400], json.dumps(b)[:400])


def lacking(wanted, have, path=''):
    """The first of what is wanted that is not there as it was written; for people."""
    if isinstance(wanted, dict) and isinstance(have, dict):
        for k, v in wanted.items():
            if have.get(k) != v:
                found = lacking(v, have.get(k), '%s.%s' % (path, k))
                if found:
                    return found
        return ''
    if isinstance(wanted, list) and isinstance(have, list) and len(wanted) <= len(have):
        return next(filter(None, (lacking(w, h, '%s[%d]' % (path, i)) for i, (w, h) in enumerate(zip(wanted, have)))), '')
    return '' if wanted == have else '%s: %s, written %s' % (path, json.dumps(have)[:200], json.dumps(wanted)[:200])


def may_be_sent_again(wanted, args, result):
    if args.get('force'):
        return True
    if args.get('state') == 'absent':
        return False
    if args.get('server_side_apply'):  # what others put into a map that is to be empty
        return {} in wanted.values()
    return dropped(wanted, result.get('result'))


def dropped(wanted, have):
    """Whether a value that counts as none was written, and is not there."""
    if wanted and isinstance(wanted, dict):
        return any(dropped(v, have.get(k) if isinstance(have, dict) else None) for k, v in wanted.items())
    if isinstance(wanted, list):
        have = have if isinstance(have, list) else []
        names = {x['name']: x for x in have if isinstance(x, dict) and 'name' in x}
        return any(dropped(w, names.get(w.get('name')) if isinstance(w, dict) else w) for w in wanted)
    return have is None and wanted in ('', 0, False, {})


# ---- by modules ----

def run(objects, args, check_mode=False):
    """(what became of each, what was sent that writes: the last part of its path, error)."""
    r = module('k8s', {'kubeconfig': one.kubeconfig, 'resource_definition': objects, **args},
               environment(TREENAIL_LOG='debug'), check_mode)
    if not r.ok:
        return [], [], r.msg
    lines = [line.split() for line in r.err.splitlines() if line.startswith('treenail: ')]
    return (r['result']['results'] if len(objects) > 1 else [r.json],
            [re.sub('[:?].*', '', line[2].split('/')[-1]) for line in lines if line[1] != 'GET'], None)


def batch(found, where, things, objects, args):
    """Foretold, done, done again, foretold again."""
    runs = []
    for check_mode in (True, False, False, True):
        each, sent, error = run(objects, args, check_mode)
        if error:
            found.add(FAILS, where, error)
            return
        runs.append(each)
        if len(runs) == 3:
            writes = sent
    excused = {t.name for t, o, again in zip(things, objects, runs[2]) if may_be_sent_again(o, args, again)}
    for name in set(writes) - excused:
        wanted, again = next(((o, a) for t, o, a in zip(things, objects, runs[2]) if t.name == name), ({}, {}))
        found.add(SENT, where, '%s: %s' % (name, lacking(wanted, again.get('result'))))
    for thing, *each in zip(things, *runs):
        look('%s, %s' % (where, thing), found, thing.scaled, *each)


def look(where, found, scaled, foretold, done, again, after):
    if foretold['changed'] != done['changed']:
        found.add(FORETOLD, where, 'changed %s, not %s' % (foretold['changed'], done['changed']))
    elif comparable(foretold, scaled) != comparable(done, scaled):
        found.add(FORETOLD, where, first_difference(comparable(foretold, scaled), comparable(done, scaled)))
    for which, result in ((AGAIN, again), (AFTER, after)):
        if result['changed']:
            found.add(which, where, first_difference(result['diff'].get('before'), result['diff'].get('after')))


def tasks(found, groups, share):
    """A batch has one of each kind, of one way, and then removes some."""
    rng = random.Random('%d modules' % SEED)
    number = 0
    while found.done['modules'] < share:
        way = list(WAYS)[number % len(WAYS)]
        mine = [rng.choice(pair) for pair in zip(*(g for g in groups if g[0].way == way))]
        mine = rng.sample(mine, min(rng.randrange(15, len(mine) + 1), share - found.done['modules']))
        gone = [t for t in mine if t.there and rng.random() < 0.15]
        kept = [t for t in mine if t not in gone]
        for t in mine:
            if t.there and t.scaled and rng.random() < 0.5:
                scale(t, rng.randrange(1, 4))
        where = 'batch %d by %s' % (number, way)
        objects = [t.wanted(rng) for t in kept]
        if os.environ.get('SHOW') == str(number):
            print(json.dumps(objects, indent=1), '\ngone:', *gone)
        for what, things, given, args in (
                ('', kept, objects, WAYS[way]),
                (', removed', gone, [t.identity() for t in gone], {'state': 'absent', 'wait': True, 'wait_timeout': 60})):
            if things:
                batch(found, where + what, things, given, args)
                found.did('modules', things)
            for t in things:
                t.there = things is kept
        number += 1
    rest = [t.identity() for g in groups for t in g if t.there and not t.namespaced]
    _, _, error = run(rest, {'state': 'absent'})
    if error:
        found.add(FAILS, 'the end', error)


# ---- by Terraform ----

def live(things):
    """{key: object}, of all that are there; in a list they do not say what they are."""
    return {(t.kind, o['metadata']['name']): {'apiVersion': t.version, 'kind': t.kind, **o}
            for t in {t.folder: t for t in things}.values() for o in one.items('%s?labelSelector=hook%%3D%s' % (t.folder, MARK))}


def surprise(planned, unknown, real, path=''):
    """The first of what was planned that is not so; '' if all is."""
    if unknown is True or planned == real:
        return ''
    if isinstance(planned, dict) and isinstance(real, dict):
        pairs = [(k, '.' + k) for k in planned]
    elif isinstance(planned, list) and isinstance(real, list) and len(planned) == len(real):
        pairs = [(i, '[%d]' % i) for i in range(len(planned))]
    else:
        return '%s: planned %s, is %s' % (path, json.dumps(planned)[:300], json.dumps(real)[:300])
    for k, name in pairs:
        u = unknown.get(k) if isinstance(unknown, dict) else unknown[k] if isinstance(unknown, list) else None
        r = real.get(k) if isinstance(real, dict) else real[k]
        if what := surprise(planned[k], u, r, path + name):
            return what
    return ''


def actions(before, after, scaled):
    """What happened to an object, as a plan may tell it."""
    if not before or not after:
        return [['create']] if after else [['delete']]
    if before['metadata']['uid'] != after['metadata']['uid']:
        return [['delete', 'create'], ['create', 'delete']]
    # Other words for the same are an update for Terraform, and none in the cluster.
    same = stable(before, None, scaled) == stable(after, None, scaled)
    return [['update'], ['no-op']] if same else [['update']]


def look_at(found, where, thing, change, before, after, values):
    if change['actions'] not in actions(before, after, thing.scaled):
        found.add(PLANNED, where, 'planned %s, but %s' % (change['actions'], actions(before, after, thing.scaled)))
    if not values or not after:
        return
    what = surprise(change['after'], change['after_unknown'], values)
    if not what and not thing.typed:
        planned = stable(change['after'].get('object') or {}, None, thing.scaled)
        if thing.kind == 'Secret':  # of which only digests are told
            planned.pop('data', None)
            planned.pop('stringData', None)
        unknown = change['after_unknown'].get('object') if isinstance(change['after_unknown'], dict) else None
        what = surprise(planned, unknown, after, 'in the cluster')
    if what:
        found.add(PLANNED, where, what)


def cycle(found, where, r, things):
    """Plan, apply, plan."""
    by_address = {t.address: t for t in things}
    before = live(things)
    plan = r.plan()
    if plan.code == 1:
        return found.add(FAILS, where, plan.text[:2000])
    changes = {c['address']: c['change'] for c in r.planned()['resource_changes']}
    done = r.run('apply', '-input=false', '-no-color', 'plan')
    after = live(things)
    if not done.ok:
        return found.add(FAILS, where, done.text[-2000:])
    have = r.run('show', '-json').json.get('values', {}).get('root_module', {}).get('resources', [])
    values = {h['address']: h['values'] for h in have}
    for address, change in changes.items():
        t = by_address[address]
        look_at(found, '%s, %s' % (where, address), t, change, before.get(t.key), after.get(t.key), values.get(address))
    second = r.plan(file='second')
    if second.code != 0:
        left = [c for c in r.planned('second').get('resource_changes', []) if c['change']['actions'] != ['no-op']]
        for c in left or [{'address': 'the plan', 'change': {'before': second.text, 'after': None}}]:
            found.add(EMPTY, '%s, %s' % (where, c['address']), surprise(c['change']['after'], c['change'].get('after_unknown'), c['change']['before']))


def applies(found, groups, share):
    """A round changes half of all that the root has or may have."""
    rng = random.Random('%d Terraform' % SEED)
    r = root(one.kubeconfig)
    things = [t for g in groups for t in g]
    config, number = {}, 0
    while found.done['Terraform'] < share:
        chosen = rng.sample(things, min(len(things) // 2, share - found.done['Terraform']))
        for t in chosen:
            if t.there and t.scaled and rng.random() < 0.5:
                scale(t, rng.randrange(1, 4))
            if t.there and rng.random() < 0.1:
                del config[t]
            else:
                o = t.wanted(rng)
                config[t] = typed(o) if t.typed else {'manifest': o}
        resources = collections.defaultdict(dict)
        for t, block in config.items():
            resources[t.resource][t.name] = block
        r.write('objects.tf.json', json.dumps({'resource': resources}, indent=1))
        cycle(found, 'round %d' % number, r, things)
        found.did('Terraform', chosen)
        for t in things:
            t.there = t in config
        number += 1
    done = r.destroy()
    if not done.ok:
        found.add(FAILS, 'destroy', done.text[-2000:])


def main():
    print('SEED=%d' % SEED, flush=True)
    # What a PUT does to a Job or a claim is no more than to refuse it, or to take finalizers away that come back; and
    # so does the number of a Deployment's revision.
    modules = [[Thing(g, kind, way, g >= 4 and way != 'replace') for kind in KINDS
                if way != 'replace' or kind[1] not in ('Job', 'PersistentVolumeClaim', 'Deployment')]
               for g, way in enumerate([*WAYS, *WAYS])]
    resources = [[Thing(8 + g, kind, 'server-side apply', g % 2 == 1, g >= 2) for kind in KINDS
                  if g < 2 or kind[1] not in ('LimitRange', 'Thing')] for g in range(4)]
    share = CHANGES // 3 if has_terraform() else 0
    found = Findings()
    make('/api/v1/namespaces', {'metadata': {'name': MARK}})
    register_kind()
    replicas = Replicas({t.name for g in modules + resources for t in g if t.scaled})
    make_scaled(replicas)
    with Hook(one, MARK, mutating=True, timeout=30) as hook, concurrent.futures.ThreadPoolExecutor(2) as pool:
        hook.decide = decide
        lanes = [pool.submit(tasks, found, modules, CHANGES - share)]
        lanes += [pool.submit(applies, found, resources, share)] if share else []
        for lane in lanes:
            lane.result()
        rescaled = replicas.rescaled()
    check(hook.calls >= CHANGES, 'the webhook was asked', hook.calls)
    check(replicas.is_alive() and rescaled > 0, 'the autoscaler scaled %d times' % rescaled)
    strangers = [w for w in replicas.writers if not w <= {'kube-controller-manager', 'somebody'}]
    check(not strangers, 'and nobody of ours did', strangers)
    found.tell()
    finish()


if __name__ == '__main__':
    main()
