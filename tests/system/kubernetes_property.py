#!/usr/bin/env python3
"""Random changes to 20 kinds of objects: what check mode tells is what happens, and once it has, nothing is left to do.

The server fills in its defaults, a webhook of ours changes what is written, and somebody else writes replicas. For each
change: check mode's result, diff and `changed` are those of the real run; run again, it changes nothing and sends nothing
but GET; and nor does check mode see a change. Sent again is only what cannot be told from what is there: a replacement, and
a merge of values that the server drops (an empty text where there is none).

  CHANGES=500 SEED=7 kubernetes_property.py     LAB, B

CHANGES are 100 by default; SEED is told, and with it all is made again. SHOW=N prints what change N is given, SHOWN is how
many of what is wrong are told.
"""
# First: it goes on in another interpreter.
from clusters import Cluster, Hook, coded, environment, module

import atexit
import json
import os
import random
import time

from common import check, finish

SEED = int(os.environ.get('SEED') or time.time())
CHANGES = int(os.environ.get('CHANGES') or 100)
SHOWN = int(os.environ.get('SHOWN') or 10)
MARK = 'property-%d-%d' % (SEED, os.getpid())
GROUP = MARK + '.example.com'
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


# ---- objects ----

class Maker:
    """Random contents. What a kind does not let change is made of the object's name alone."""

    def __init__(self, rng, name, way):
        self.rng, self.name, self.way = rng, name, way
        self.fixed = random.Random('%d %s' % (SEED, name[len(MARK):]))

    def chance(self, p=0.5):
        return self.rng.random() < p

    def some(self, **fields):
        """Each of them, or not."""
        return {k: v for k, v in fields.items() if self.chance(0.6)}

    def word(self):
        return self.rng.choice(('red', 'green', 'blue', 'a b', '7', 'true', 'x' * 40, 'ä', ''))

    def labels(self):
        return {k: self.rng.choice(('a', 'b', 'c-1', '')) for k in self.rng.sample(('l1', 'l2', 'l3'),
                                                                                  self.rng.randrange(3))}

    def cpu(self):
        return self.rng.choice(('100m', '1000m', '0.5', '1', 2, '1500m'))

    def memory(self):
        return self.rng.choice(('64Mi', '1024Mi', '1Gi', '0.5Gi', '2e6', '131072Ki', 100000000))

    def env(self):
        names = self.rng.sample(('A', 'B', 'C', 'D'), self.rng.randrange(4))
        # A merge keeps what is not named: what excludes each other stays as it is, here and below.
        return [{'name': n, 'value': self.word()} if n != 'D' else
                {'name': n, 'valueFrom': {'fieldRef': {'fieldPath': 'metadata.name'}}} for n in names]

    def ports(self):
        return [{'containerPort': 8000 + i, **self.some(name='p%d' % i, protocol='TCP')}
                for i in self.rng.sample(range(4), self.rng.randrange(3))]

    def container(self, name):
        return {'name': name, 'image': self.rng.choice(('nginx', 'nginx:1', 'busybox:latest')), **self.some(
            env=self.env(), ports=self.ports(), args=[self.word() for _ in range(self.rng.randrange(3))],
            resources={'requests': {'cpu': '0.05', 'memory': '1000Ki'}, 'limits': {'cpu': self.cpu(),
                                                                               'memory': self.memory()}},
            readinessProbe={'httpGet': {'path': '/', 'port': self.rng.choice((80, 'web'))},
                            **self.some(periodSeconds=self.rng.randrange(1, 20))},
            securityContext=self.some(runAsUser=1000, allowPrivilegeEscalation=False))}

    def template(self, restart=None):
        names = ['main', *self.rng.sample(('two', 'three'), self.rng.randrange(3))]
        if self.chance(0.3):
            names.reverse()
        return {'metadata': {'labels': {'app': self.name, **self.labels()}}, 'spec': {
            'containers': [self.container(n) for n in names], 'nodeSelector': {'lab.example.com/none': 'yes'},
            **({'restartPolicy': restart} if restart else {}), **self.some(
                terminationGracePeriodSeconds=self.rng.randrange(5, 40),
                tolerations=[{'key': 'k', 'operator': 'Exists'}], securityContext={},
                volumes=[{'name': 'v', 'emptyDir': {}}, {'name': 'c', 'configMap': {'name': 'cm'}}])}}

    def selector(self):
        return {'matchLabels': {'app': self.name}}

    def text(self):
        return {k: self.word() for k in self.rng.sample(('k1', 'k2', 'k.3', 'k_4'), self.rng.randrange(4))}

    # One for each kind.

    def config_map(self):
        return self.some(data=self.text(), binaryData={'b': coded(self.word())})

    def secret(self):
        return {'type': 'Opaque', **self.some(
            data={k: coded(v) for k, v in self.text().items()}, stringData=self.text())}

    def service(self):
        ports = [{'port': self.fixed.choice((80, 443, 9000)),
                  **self.some(targetPort=self.rng.choice((8080, 'web')), protocol='TCP')}]
        return {'spec': {'selector': {'app': 'x', **self.labels()}, 'ports': ports,
                         **self.some(sessionAffinity=self.rng.choice(('None', 'ClientIP')))}}

    def service_account(self):
        return self.some(automountServiceAccountToken=self.chance(), imagePullSecrets=[{'name': 'pull'}])

    def rules(self):
        return {'rules': [{'apiGroups': [''], 'resources': self.rng.sample(('pods', 'services', 'secrets'), 2),
                           'verbs': self.rng.sample(('get', 'list', 'watch'), 2)}
                          for _ in range(self.rng.randrange(3))]}

    def binding(self):
        return {'roleRef': {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'ClusterRole', 'name': 'view'},
                'subjects': [{'kind': 'ServiceAccount', 'name': n, 'namespace': MARK}
                             for n in self.rng.sample(('a', 'b', 'c'), self.rng.randrange(1, 3))]}

    def deployment(self):
        spec = self.some(replicas=self.rng.randrange(3), minReadySeconds=self.rng.randrange(9),
                         revisionHistoryLimit=2, paused=self.chance(), strategy=self.rng.choice(
                             ({'type': 'RollingUpdate', 'rollingUpdate': {'maxSurge': 1}},
                              {'rollingUpdate': {'maxSurge': '50%', 'maxUnavailable': 0}})))
        if self.fixed.random() < 0.3:
            spec['strategy'] = {'type': 'Recreate'}
        return {'spec': {'selector': self.selector(), 'template': self.template(), **spec}}

    def stateful_set(self):
        claims = [{'metadata': {'name': 'v'}, 'spec': {'accessModes': ['ReadWriteOnce'],
                                                       'resources': {'requests': {'storage': '1024Mi'}}}}]
        return {'spec': {'selector': self.selector(), 'serviceName': self.name, 'template': self.template(),
                         **({'volumeClaimTemplates': claims} if self.fixed.random() < 0.5 else {}),
                         **({'updateStrategy': {'type': 'OnDelete'}} if self.fixed.random() < 0.5 else {}),
                         **self.some(replicas=self.rng.randrange(2), minReadySeconds=3)}}

    def daemon_set(self):
        return {'spec': {'selector': self.selector(), 'template': self.template(), **self.some(
            updateStrategy=self.fixed.choice(({'type': 'OnDelete'},
                                              {'type': 'RollingUpdate', 'rollingUpdate': {'maxUnavailable': '10%'}})))}}

    def job(self):
        pod = {'spec': {'restartPolicy': 'Never', 'nodeSelector': {'lab.example.com/none': 'yes'},
                        'containers': [{'name': 'main', 'image': 'nginx'}]}}
        return {'spec': {'template': pod, 'suspend': True,
                         **self.some(activeDeadlineSeconds=600, backoffLimit=3, ttlSecondsAfterFinished=3600)}}

    def cron_job(self):
        return {'spec': {'schedule': self.rng.choice(('0 3 1 1 *', '@yearly')), 'suspend': True,
                         'jobTemplate': {'spec': {'template': self.template('Never')}},
                         **self.some(concurrencyPolicy='Forbid', timeZone='Etc/UTC', successfulJobsHistoryLimit=1)}}

    def ingress(self):
        paths = [{'path': p, 'pathType': 'Prefix', 'backend': {'service': {'name': 's', 'port': {'number': 80}}}}
                 for p in self.rng.sample(('/', '/a', '/b'), self.rng.randrange(1, 3))]
        return {'spec': {'rules': [{'host': self.rng.choice(('a.test', '*.b.test')), 'http': {'paths': paths}}],
                         **self.some(tls=[{'hosts': ['a.test'], 'secretName': 't'}], ingressClassName='none')}}

    def network_policy(self):
        return {'spec': {'podSelector': self.rng.choice(({}, self.selector())), **self.some(
            policyTypes=['Ingress'], ingress=self.rng.choice((
                [], [{}], [{'from': [{'podSelector': {}}, {'ipBlock': {'cidr': '10.0.0.0/8'}}],
                            'ports': [{'port': 80, 'protocol': 'TCP'}, {'port': 'dns', 'protocol': 'UDP'}]}])))}}

    def claim(self):
        return {'spec': {'accessModes': ['ReadWriteOnce'], 'storageClassName': 'none',
                         'resources': {'requests': {'storage': self.fixed.choice(('1024Mi', '1Gi', '1.5Gi'))}}}}

    def storage_class(self):
        return {'provisioner': 'none.example.com', 'parameters': {'n': self.name}, 'reclaimPolicy': 'Retain',
                **self.some(allowVolumeExpansion=self.chance())}

    def disruption_budget(self):
        least = {'minAvailable': self.rng.choice((1, '50%', 2))}
        return {'spec': {'selector': self.selector(),
                         **(least if self.fixed.random() < 0.5 else {'maxUnavailable': self.rng.randrange(3)})}}

    def autoscaler(self):
        metric = {'type': 'Resource', 'resource': {'name': 'cpu', 'target': {
            'type': 'Utilization', 'averageUtilization': self.rng.randrange(10, 90)}}}
        return {'spec': {'maxReplicas': self.rng.randrange(3, 9),
                         'scaleTargetRef': {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'name': 'nobody'},
                         **self.some(minReplicas=2, metrics=[metric],
                                     behavior={'scaleDown': {'stabilizationWindowSeconds': 60}})}}

    def quota(self):
        return {'spec': {'hard': {'requests.example.com/none': self.rng.choice(('1', '5', 7)),
                                  'count/things.' + GROUP: self.rng.choice(('1000', '1k', '2000'))}}}

    def limits(self):
        return {'spec': {'limits': [{'type': 'Pod', 'max': {'cpu': self.rng.choice(('100', '100000m', 64)),
                                                          'memory': self.rng.choice(('64Gi', '65536Mi'))}}]}}

    def thing(self):
        # Of lists that are a whole a merge cannot tell the server's defaults from what somebody else added.
        parts = [{'name': n, **({} if self.way == 'server-side apply' and self.chance() else
                                {'weight': self.rng.randrange(5)})}
                 for n in self.rng.sample(('p', 'q', 'r'), self.rng.randrange(4))]
        return {'spec': self.some(size=self.rng.randrange(9), color=self.word(), parts=parts,
                                  tags=self.rng.sample(('t', 'u', 'v'), self.rng.randrange(4)),
                                  free={'a': {'b': [1, {'c': self.word()}]}, 'n': self.rng.random()})}


KINDS = [
    ('v1', 'ConfigMap', 'config_map', True), ('v1', 'Secret', 'secret', True), ('v1', 'Service', 'service', True),
    ('v1', 'ServiceAccount', 'service_account', True),
    ('rbac.authorization.k8s.io/v1', 'Role', 'rules', True),
    ('rbac.authorization.k8s.io/v1', 'RoleBinding', 'binding', True),
    ('rbac.authorization.k8s.io/v1', 'ClusterRole', 'rules', False),
    ('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', 'binding', False),
    ('apps/v1', 'Deployment', 'deployment', True), ('apps/v1', 'StatefulSet', 'stateful_set', True),
    ('apps/v1', 'DaemonSet', 'daemon_set', True), ('batch/v1', 'Job', 'job', True),
    ('batch/v1', 'CronJob', 'cron_job', True), ('networking.k8s.io/v1', 'Ingress', 'ingress', True),
    ('networking.k8s.io/v1', 'NetworkPolicy', 'network_policy', True),
    ('v1', 'PersistentVolumeClaim', 'claim', True), ('storage.k8s.io/v1', 'StorageClass', 'storage_class', False),
    ('policy/v1', 'PodDisruptionBudget', 'disruption_budget', True),
    ('autoscaling/v2', 'HorizontalPodAutoscaler', 'autoscaler', True),
    ('v1', 'LimitRange', 'limits', True), (GROUP + '/v1', 'Thing', 'thing', True),
]
WAYS = {
    'merge': {},
    'server-side apply': {'apply': True, 'server_side_apply': {'field_manager': 'property', 'force_conflicts': True}},
    'apply': {'apply': True},
    'replace': {'force': True},
}


class Thing:
    """One object that is changed again and again, always in the same way."""

    def __init__(self, i, way):
        self.version, self.kind, self.make, self.namespaced = KINDS[i % len(KINDS)]
        self.way = way
        self.name = '%s-%s-%d' % (MARK, self.kind.lower(), i)
        self.there = False
        # What a PUT does to those is no more than to refuse it, or to take finalizers away that come back.
        if way == 'replace' and self.kind in ('Job', 'PersistentVolumeClaim'):
            self.way = 'apply'
        # Somebody else scales it: who applies it leaves replicas out.
        self.scaled = self.kind in ('Deployment', 'StatefulSet') and way != 'replace' and i // len(KINDS) % 2

    def wanted(self, rng):
        m = Maker(rng, self.name, self.way)
        o = {'apiVersion': self.version, 'kind': self.kind, **getattr(m, self.make)()}
        o['metadata'] = {'name': self.name, 'labels': {'hook': MARK, **m.labels()}, **m.some(
            annotations={'note': m.word()})}
        if self.namespaced:
            o['metadata']['namespace'] = MARK
        if self.scaled:
            o['spec'].pop('replicas', None)
        return o

    def identity(self):
        o = {'apiVersion': self.version, 'kind': self.kind, 'metadata': {'name': self.name}}
        if self.namespaced:
            o['metadata']['namespace'] = MARK
        return o

    def scale(self, rng):
        path = '/apis/apps/v1/namespaces/%s/%ss/%s/scale' % (MARK, self.kind.lower(), self.name)
        status, answer = one.call('PATCH', path + '?fieldManager=autoscaler', {'spec': {'replicas': rng.randrange(4)}},
                                  'application/merge-patch+json')
        if status != 200:
            raise RuntimeError(answer)


# ---- the program ----

def run(args, check_mode=False):
    """(result, methods of the requests it sent)."""
    r = module('k8s', {'kubeconfig': one.kubeconfig, **args}, environment(TREENAIL_LOG='debug'), check_mode)
    return r.json or {'failed': True, 'msg': r.msg}, [
        line.split()[1] for line in r.err.splitlines() if line.startswith('treenail: ')]


def stable(v, uid):
    """Without what only the server can know, and what its controllers write at any moment."""
    if isinstance(v, dict):
        return {k: stable(x, uid) for k, x in v.items() if k not in (
            'resourceVersion', 'uid', 'creationTimestamp', 'time', 'status', 'clusterIP', 'clusterIPs', 'nodePort')
            and not k.startswith('deployment.kubernetes.io/')}
    if isinstance(v, list):
        return [stable(x, uid) for x in v if not (isinstance(x, dict) and (x.get('subresource') or str(
            x.get('manager')).startswith('kube-')))]
    return 'UID' if uid and v == uid else v


def comparable(result):
    o = result.get('result') or {}
    return stable({'result': o, 'diff': result.get('diff'), 'method': result.get('method')},
                  (o.get('metadata') or {}).get('uid'))


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


def may_be_sent_again(args, result):
    if args.get('force'):
        return True
    if args.get('state') == 'absent' or args.get('server_side_apply'):
        return False
    return dropped(args['resource_definition'], result.get('result'))


def dropped(wanted, have):
    """Whether a value that counts as none was written, and is not there."""
    if isinstance(wanted, dict):
        return any(dropped(v, have.get(k) if isinstance(have, dict) else None) for k, v in wanted.items())
    if isinstance(wanted, list):
        have = have if isinstance(have, list) else []
        names = {x['name']: x for x in have if isinstance(x, dict) and 'name' in x}
        return any(dropped(w, names.get(w.get('name')) if isinstance(w, dict) else w) for w in wanted)
    return have is None and wanted in ('', 0, False)


PROPERTIES = ('no run fails', 'check mode tells what happens', 'again nothing changes', 'again nothing is sent',
              'check mode sees nothing to do after')


def change(wrong, where, args):
    """Foretold, done, done again, foretold again."""
    foretold, _ = run(args, check_mode=True)
    done, _ = run(args)
    again, methods = run(args)
    after, _ = run(args, check_mode=True)
    for result in (foretold, done, again, after):
        if result.get('failed'):
            wrong(0, where, result.get('msg'))
            return False
    if foretold.get('changed') != done.get('changed'):
        wrong(1, where, 'changed %s, not %s' % (foretold.get('changed'), done.get('changed')))
    elif comparable(foretold) != comparable(done):
        wrong(1, where, first_difference(comparable(foretold), comparable(done)))
    if again.get('changed'):
        wrong(2, where, first_difference(again['diff'].get('before'), again['diff'].get('after')))
    if set(methods) - {'GET'} and not may_be_sent_again(args, again):
        wrong(3, where, '%s: %s' % (' '.join(methods), lacking(args['resource_definition'], again.get('result'))))
    if after.get('changed'):
        wrong(4, where, first_difference(after['diff'].get('before'), after['diff'].get('after')))
    return True


def main():
    print('SEED=%d' % SEED, flush=True)
    rng = random.Random(SEED)
    bad = [[] for _ in PROPERTIES]
    ways = list(WAYS)
    things = [Thing(i, ways[(i + i // len(KINDS)) % len(ways)]) for i in range(4 * len(KINDS))]
    kinds, order = set(), []

    def wrong(which, where, what):
        bad[which].append('%s: %s' % (where, what))

    make('/api/v1/namespaces', {'metadata': {'name': MARK}})
    register_kind()
    with Hook(one, MARK, mutating=True, timeout=30) as hook:
        hook.decide = decide
        for i in range(CHANGES):
            # All kinds in turn, and what is there again and again.
            order = order or [rng.choice(things[k::len(KINDS)]) for k in rng.sample(range(len(KINDS)), len(KINDS))]
            thing = order.pop() if rng.random() < 0.5 else rng.choice([t for t in things if t.there] or things)
            kinds.add(thing.kind)
            gone = thing.there and rng.random() < 0.1
            where = 'change %d, %s %s by %s' % (i, 'absent' if gone else 'update' if thing.there else 'create',
                                                thing.kind, thing.way)
            if thing.there and thing.scaled:
                thing.scale(rng)
            if gone:
                args = {'state': 'absent', 'resource_definition': thing.identity(), 'wait': True, 'wait_timeout': 60}
            else:
                args = {'resource_definition': thing.wanted(rng), **WAYS[thing.way]}
            if os.environ.get('SHOW') == str(i):
                print(json.dumps(args, indent=1))
            if change(wrong, where, args):
                thing.there = not gone
        for thing in things:
            if thing.there and not thing.namespaced:
                run({'state': 'absent', 'resource_definition': thing.identity()})
        check(hook.calls >= CHANGES, 'the webhook was asked', hook.calls)
    for name, lines in zip(PROPERTIES, bad):
        check(not lines, '%s: %d changes to %d kinds' % (name, CHANGES, len(kinds)),
              '\n'.join(lines[:SHOWN] + (['and %d more' % (len(lines) - SHOWN)] if len(lines) > SHOWN else [])))
    finish()


if __name__ == '__main__':
    main()
