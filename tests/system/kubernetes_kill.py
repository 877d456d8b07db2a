#!/usr/bin/env python3
"""SIGKILL at random moments of a task and of an apply with a CRD, its objects and 30 others: the next run completes it.

  kubernetes_kill.py     KILLS (12; half as many removals are killed, too), SEED the points in time, LAB, B

After each kill the same is run again until it works; then all that is wanted is there, and nothing else; and a further
run sends no request that writes. Answers come late, so that many kills fall between a request and its answer.
"""
# First: it goes on in another interpreter.
from clusters import Cluster, Proxy, environment, has_terraform, module, root

import concurrent.futures
import json
import os
import random
import time

from common import check, finish

KILLS = int(os.environ.get('KILLS', '12'))
SEED = int(os.environ.get('SEED', time.time()))
DELAY = 0.02
WRITES = '^(POST|PUT|PATCH|DELETE) '
CORE = ('ConfigMap', 'Secret', 'Service', 'ServiceAccount')
one = Cluster('one')


class Wanted:
    """A namespace, a kind of our own, and objects in it; `name` is their beginning."""

    def __init__(self, name):
        self.name, self.group = name, name + '.example.com'
        self.crd = 'things.' + self.group
        spec = {'type': 'object', 'properties': {'size': {'type': 'integer'}}}
        schema = {'type': 'object', 'properties': {'spec': spec}}
        self.objects = [
            {'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': name}},
            {'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition',
             'metadata': {'name': self.crd}, 'spec': {'group': self.group, 'scope': 'Namespaced', 'names': {
                 'plural': 'things', 'singular': 'thing', 'kind': 'Thing', 'listKind': 'ThingList'},
                 'versions': [{'name': 'v1', 'served': True, 'storage': True, 'schema': {'openAPIV3Schema': schema}}]}}]
        self.objects += [self.one(self.group + '/v1', 'Thing', i, spec={'size': i}) for i in range(4)]
        self.objects += [self.one('v1', 'ConfigMap', i, data={'a': str(i)}) for i in range(12)]
        self.objects += [self.one('v1', 'Secret', i, type='Opaque', data={'a': 'YQ=='}) for i in range(6)]
        self.objects += [self.one('v1', 'ServiceAccount', i) for i in range(4)]
        self.objects += [self.one('v1', 'Service', i, spec={'ports': [{'port': 80}]}) for i in range(4)]

    def one(self, version, kind, i, **more):
        return {'apiVersion': version, 'kind': kind,
                'metadata': {'name': 'o%d' % i, 'namespace': self.name, 'labels': {'kill': 'yes'}}, **more}

    def found(self):
        """Of what is there: {(kind, name): what of it we want}."""
        ret = {}
        paths = {kind: '/api/v1/namespaces/%s/%ss' % (self.name, kind.lower()) for kind in CORE}
        paths['Thing'] = '/apis/%s/v1/namespaces/%s/things' % (self.group, self.name)
        for kind, path in paths.items():
            status, answer = one.call('GET', path + '?labelSelector=kill%3Dyes')
            for o in answer['items'] if status == 200 else ():
                ret[kind, o['metadata']['name']] = o.get('data') or (o.get('spec') if kind == 'Thing' else None)
        return ret

    def complete(self, what):
        wanted = {(o['kind'], o['metadata']['name']): o.get('data') or (o['spec'] if o['kind'] == 'Thing' else None)
                  for o in self.objects[2:]}
        found = self.found()
        check(found == wanted, '%s: what is wanted is there, and nothing else' % what, 'lacking %s, too many %s' % (
            set(wanted) - set(found), set(found) - set(wanted)))

    def empty(self):
        crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/'
        end = time.monotonic() + 30
        while (left := self.found() or one.get(crds + self.crd) or one.get('/api/v1/namespaces/' + self.name)):
            if time.monotonic() > end:
                return left
            time.sleep(0.1)
        return None

    def remove(self):
        one.call('DELETE', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/' + self.crd)
        one.call('DELETE', '/api/v1/namespaces/' + self.name)


class Worker:
    """Kills one thing again and again; `tally` are the moments that hit it at work."""

    def __init__(self, what):
        self.what, self.random = what, random.Random('%d %s' % (SEED, what))
        self.proxy = Proxy(one)
        self.cut, self.kills = 0, 0

    def fresh(self, number):
        self.proxy.reset(delay=DELAY)
        return Wanted('i-kill-%s-%d-%d' % (self.what, os.getpid(), number))

    def moment(self, took):
        self.kills += 1
        return self.random.random() * took * 0.95

    def writes(self):
        return self.proxy.count(WRITES)

    def hit(self):
        check(self.cut * 4 >= self.kills, '%s: %d of %d kills hit it at work' % (self.what, self.cut, self.kills))


# ---- a task ----

WAYS = ({}, {'apply': True}, {'apply': True, 'server_side_apply': {'field_manager': 'kill'}}, {'force': True})


def task(worker, wanted, way, state='present', kill_after=None):
    objects = wanted.objects
    return module('k8s', {'kubeconfig': worker.proxy.kubeconfig, 'definition': objects, 'state': state, 'wait': True,
                          'wait_timeout': 60, **way}, environment(), kill_after=kill_after)


def again(worker, run, what):
    """Repeats it until it works: at once, as nobody helps in between."""
    r = run()
    if not r.ok:
        r = run()
    return check(r.ok, '%s: works' % what, r.msg)


def tasks(kills):
    worker = Worker('task')
    took = {}
    for number in range(-1, kills):
        wanted, way = worker.fresh(number + 1), WAYS[number % len(WAYS)]
        for state in ('present', 'absent'):
            what = 'task %d, %s %s' % (number, state, ' '.join(way) or 'merged')
            if number < 0:  # how long it takes; the first of all also asks which kinds there are
                r = task(worker, wanted, way, state)
                took[state] = r.wall
                check(r.ok, 'a task that is not killed, %s: %.1f s' % (state, r.wall), r.msg)
                continue
            if state == 'absent' and number % 2:
                wanted.remove()  # a kill of each second removal is enough
                break
            at = worker.moment(took[state])
            killed = task(worker, wanted, way, state, kill_after=at)
            worker.cut += killed.code == -9
            if killed.code != -9:  # the machine was slower when it was measured
                took[state] = killed.wall
            what += ', killed at %.2f s%s' % (at, '' if killed.code == -9 else ' (missed)')
            again(worker, lambda: task(worker, wanted, way, state), what)
            if state == 'present':
                wanted.complete(what)
                before = worker.writes()
                r = task(worker, wanted, way)
                # A replacement leaves it to the server to find out that its defaults are nothing new.
                check(r.ok and not r['changed'] and (worker.writes() == before or 'force' in way),
                      '%s: then nothing is sent' % what,
                      'changed: %s\n%s' % (r['changed'], [s for s in worker.proxy.seen[-60:] if not s.startswith('GET')]))
        else:
            left = wanted.empty()
            check(not left, 'task %d: all is gone' % number, left)
    worker.hit()


# ---- an apply ----

def hcl(wanted):
    namespace, crd, *others = wanted.objects
    text = ''
    for name, o, needs in (('namespace', namespace, ''), ('crd', crd, '')):
        text += 'resource "kubernetes_manifest" "%s" {\n  manifest = %s\n%s}\n' % (name, json.dumps(o), needs)
    by_name = {'%s-%s' % (o['kind'], o['metadata']['name']): o for o in others}
    return text + '''locals {
  objects = jsondecode(<<-END
    %s
  END
  )
}
resource "kubernetes_manifest" "all" {
  for_each   = toset(keys(local.objects))
  manifest   = local.objects[each.key]
  depends_on = [kubernetes_manifest.namespace, kubernetes_manifest.crd]
}
''' % json.dumps(by_name)


def kill(worker, r, command, took):
    """Starts a command and ends it, or its provider, at some moment; tells which and when."""
    at, victim = worker.moment(took[command]), worker.random.choice(('provider', 'terraform'))
    done = r.kill(command, at, victim, took)
    worker.cut += done.hit
    return 'killed %s at %.2f s%s' % (victim, at, done.note)


def applies(kills):
    worker = Worker('apply')
    took = {}
    for number in range(-1, kills):
        wanted = worker.fresh(number + 1)
        r = root(worker.proxy.kubeconfig, hcl(wanted))
        for command in ('apply', 'destroy'):
            what = '%s %d' % (command, number)
            if number < 0:
                began = time.monotonic()
                done = getattr(r, command)()
                took[command] = time.monotonic() - began
                check(done.ok, '%s that is not killed: %.1f s' % (command, took[command]), done.text)
                continue
            if command == 'destroy' and number % 2:
                wanted.remove()
                break
            what += ', ' + kill(worker, r, command, took)
            done = getattr(r, command)()
            if not done.ok:
                done = getattr(r, command)()
            check(done.ok, '%s: works' % what, done.text)
            if command == 'apply':
                wanted.complete(what)
                before = worker.writes()
                plan = r.plan()
                check(plan.code == 0, '%s: then nothing is to be done' % what, plan.text)
                check(r.apply().ok and worker.writes() - before == dry_runs(worker, before),
                      '%s: and nothing is written' % what, worker.proxy.seen[-60:])
        else:
            left = wanted.empty()
            check(not left, 'destroy %d: all is gone' % number, '%s\n%s' % (left, done.text))
    worker.hit()


def dry_runs(worker, before):
    """Of the requests that write, from this one on: those that only ask what would be."""
    with worker.proxy.lock:
        sent = [s for s in worker.proxy.seen if s.split()[0] in ('POST', 'PUT', 'PATCH', 'DELETE')][before:]
    return len([s for s in sent if 'dryRun=All' in s])


def main():
    print('seed %d, %d kills' % (SEED, KILLS), flush=True)
    lanes = [(tasks, KILLS - KILLS // 3)]
    if has_terraform():
        lanes.append((applies, KILLS // 3))
    with concurrent.futures.ThreadPoolExecutor(len(lanes)) as pool:
        for lane in [pool.submit(*lane) for lane in lanes]:
            lane.result()
    finish()


if __name__ == '__main__':
    main()
