#!/usr/bin/env python3
"""Waits, on a cluster whose nodes are played by kwok: when they end, what they cost, and what they say of who blocks."""
# First: it goes on in another interpreter.
from clusters import Cluster, Hook, environment, module

import atexit
import os
import re
import threading
import time

from common import check, finish

MARK = 'waits-%d' % os.getpid()
GROUP = MARK + '.example.com'
one = Cluster('one')
pods = '/api/v1/namespaces/%s/pods' % MARK


def k8s(what=None, *, mod='k8s', wait_timeout=60, **args):
    if what is not None:
        args['resource_definition'] = what
    return module(mod, {'kubeconfig': one.kubeconfig, 'wait': True, 'wait_timeout': wait_timeout, **args},
                  environment(TREENAIL_LOG='debug'))


def requests(r, pattern):
    return [line for line in r.err.splitlines() if re.search(pattern, line)]


def ends(name, r, words, least=0.0, most=5.0):
    """With an error that has these words, neither sooner nor later."""
    missing = [w for w in words if w not in r.msg]
    check(r['failed'] and not missing and least <= r.wall <= most, '%s: %s' % (name, r.msg[:300]),
          '%.1f s, without %s: %s' % (r.wall, missing, r.msg))


def waited(name, r, most=30.0):
    check(r.ok and r.wall <= most, '%s, in %.1f s' % (name, r.wall), r.msg)


def meta(name, **more):
    return {'name': name, 'namespace': MARK, **more}


def template(name, labels=None, **spec):
    return {'metadata': {'labels': {'app': name, **(labels or {})}},
            'spec': {'containers': [{'name': 'main', 'image': 'nginx'}], **spec}}


def workload(kind, name, replicas=1, pod=None, **spec):
    more = {} if kind == 'DaemonSet' else {'replicas': replicas}
    return {'apiVersion': 'apps/v1', 'kind': kind, 'metadata': meta(name), 'spec': {
        'selector': {'matchLabels': {'app': name}}, 'template': pod or template(name), **more,
        **({'serviceName': name} if kind == 'StatefulSet' else {}), **spec}}


def later(seconds, call, *args):
    timer = threading.Timer(seconds, call, args)
    timer.start()
    return timer


def ready():
    for kind, n in (('Deployment', 2), ('StatefulSet', 2), ('DaemonSet', 3)):
        waited('%s becomes ready' % kind, k8s(workload(kind, kind.lower(), n)))
        items = one.items('%s?labelSelector=app%%3D%s' % (pods, kind.lower()))
        check(len(items) == n and all(p['status']['phase'] == 'Running' for p in items), 'and its pods run', items)
    waited('a rolling change is waited for', k8s(workload('Deployment', 'deployment', 3, template('deployment', {'v': '2'}))))
    o = one.get('/apis/apps/v1/namespaces/%s/deployments/deployment' % MARK)
    check(o['status']['updatedReplicas'] == o['status']['replicas'] == o['status']['availableReplicas'] == 3,
          'and all replicas are new ones', o['status'])
    r = k8s(workload('Deployment', 'deployment', 3, template('deployment', {'v': '2'})))
    waited('what is ready is not waited for', r, 2)
    check(not requests(r, 'watch=true') and not r['changed'], 'nor watched', r.err)
    waited('a job is waited for', k8s({'apiVersion': 'batch/v1', 'kind': 'Job', 'metadata': meta('job'), 'spec': {
        'template': {'spec': {'restartPolicy': 'Never', 'containers': [{'name': 'c', 'image': 'nginx'}]}}}}))
    waited('a claim that binds with its pod is ready', k8s([
        {'apiVersion': 'storage.k8s.io/v1', 'kind': 'StorageClass', 'metadata': {'name': MARK},
         'provisioner': 'none.example.com', 'volumeBindingMode': 'WaitForFirstConsumer'},
        {'apiVersion': 'v1', 'kind': 'PersistentVolumeClaim', 'metadata': meta('late'), 'spec': {
            'storageClassName': MARK, 'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': '1Gi'}}}}]), 3)
    k8s(kind='StorageClass', api_version='storage.k8s.io/v1', name=MARK, state='absent')


def conditions():
    timer = later(2, one.call, 'PATCH', '/api/v1/namespaces/%s/configmaps/slow' % MARK,
                  {'metadata': {'finalizers': None}}, 'application/merge-patch+json')
    k8s({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': meta('slow', finalizers=['example.com/hold'])})
    r = k8s(kind='ConfigMap', name='slow', namespace=MARK, state='absent')
    waited('what is gone 2 s later is waited for', r, 4)
    check(r.wall > 1, 'and not less', r.wall)
    timer.join()
    r = k8s(workload('Deployment', 'deployment', 3, template('deployment', {'v': '2'})),
            wait_condition={'type': 'Progressing', 'reason': 'NewReplicaSetAvailable'})
    waited('a condition that is there', r, 2)
    ends('a condition that does not come', k8s(
        workload('Deployment', 'deployment', 3, template('deployment', {'v': '2'})), wait_timeout=2,
        wait_condition={'type': 'Sunny'}), ['is not as wished after 2 s: it has no condition Sunny yet'], 2, 4)


def failures():
    """Those that end a wait at once."""
    ends('a rollout that is too late', k8s(workload(
        'Deployment', 'nowhere', pod=template('nowhere', nodeSelector={'disk': 'gold'}), progressDeadlineSeconds=2)),
         ['Progressing is False: ProgressDeadlineExceeded', 'cannot be scheduled: Unschedulable',
          "didn't match Pod's node affinity/selector"], 1.5, 8)
    one.make('/api/v1/namespaces/%s/resourcequotas' % MARK, {'metadata': {'name': 'q'}, 'spec': {
        'hard': {'requests.cpu': '1'}}})
    time.sleep(1)
    pod = template('much')
    pod['spec']['containers'][0]['resources'] = {'requests': {'cpu': '2'}}
    ends('a quota', k8s(workload('Deployment', 'much', 2, pod)), ['exceeded quota: q'], 1, 6)
    one.call('DELETE', '/api/v1/namespaces/%s/resourcequotas/q' % MARK)
    with Hook(one, MARK) as hook:
        hook.decide = lambda o: {'allowed': False, 'status': {'message': 'not on a Sunday'}}
        ends('a webhook that denies pods', k8s(workload('Deployment', 'denied', pod=template('denied', {'hook': MARK}))),
             ['denied the request: not on a Sunday'], 1.4)
    def fail():
        for _ in range(100):
            items = one.items(pods + '?labelSelector=job-name%3Dfails')
            if items:
                one.call('PATCH', '%s/%s/status' % (pods, items[0]['metadata']['name']), {'status': {
                    'phase': 'Failed', 'reason': 'Evicted', 'message': 'no room'}}, 'application/merge-patch+json')
                return
            time.sleep(0.1)
    timer = later(0.5, fail)
    ends('a job that fails', k8s({'apiVersion': 'batch/v1', 'kind': 'Job', 'metadata': meta('fails'), 'spec': {
        'backoffLimit': 0, 'template': {'spec': {
            'restartPolicy': 'Never', 'nodeSelector': {'disk': 'gold'},
            'containers': [{'name': 'c', 'image': 'nginx'}]}}}}), ['Failed is True: BackoffLimitExceeded'], 0.3, 8)
    timer.join()
    taken = later(1, one.call, 'DELETE', '/apis/apps/v1/namespaces/%s/statefulsets/taken' % MARK)
    ends('what somebody deletes', k8s(workload('StatefulSet', 'taken', pod=template('taken', nodeSelector={'disk': 'gold'}))),
         ['somebody deleted it in the meantime'], 0.5, 4)
    taken.join()


def blocked():
    """What is said at the deadline."""
    ends('a claim without a class', k8s(workload('StatefulSet', 'stuck', volumeClaimTemplates=[{
        'metadata': {'name': 'v'}, 'spec': {'accessModes': ['ReadWriteOnce'], 'storageClassName': 'missing',
                                            'resources': {'requests': {'storage': '1Gi'}}}}]), wait_timeout=3),
         ['StatefulSet %s/stuck is not ready after 3 s' % MARK, 'pod stuck-0: it cannot be scheduled',
          'claim v-stuck-0 is Pending', 'storageclass.storage.k8s.io "missing" not found'], 3, 6)
    k8s({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': meta('held', finalizers=['example.com/hold'])})
    ends('a finalizer', k8s(kind='ConfigMap', name='held', namespace=MARK, state='absent', wait_timeout=2),
         ["it has finalizer 'example.com/hold', set by 'treenail'"], 2, 4)
    one.call('PATCH', '/api/v1/namespaces/%s/configmaps/held' % MARK, {'metadata': {'finalizers': None}},
             'application/merge-patch+json')
    ns = MARK + '-held'
    k8s([{'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': ns}},
         {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'inner', 'namespace': ns,
                                                               'finalizers': ['example.com/hold']}}])
    ends('a namespace and what is in it', k8s(kind='Namespace', name=ns, state='absent', wait_timeout=12),
         ['Namespace %s is still there after 12 s' % ns, "ConfigMap %s/inner has finalizer 'example.com/hold'" % ns], 12, 15)
    one.call('PATCH', '/api/v1/namespaces/%s/configmaps/inner' % ns, {'metadata': {'finalizers': None}},
             'application/merge-patch+json')
    waited('and now it goes', k8s(kind='Namespace', name=ns, state='absent'))
    ends('a load balancer', k8s({'apiVersion': 'v1', 'kind': 'Service', 'metadata': meta('lb'), 'spec': {
        'type': 'LoadBalancer', 'ports': [{'port': 80}]}}, wait_timeout=2), ['its load balancer has no address'], 2, 4)


def kinds():
    def crd(plural, kind):
        return {'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition',
                'metadata': {'name': '%s.%s' % (plural, GROUP)}, 'spec': {
                    'group': GROUP, 'scope': 'Namespaced', 'names': {'plural': plural, 'kind': kind}, 'versions': [{
                        'name': 'v1', 'served': True, 'storage': True, 'subresources': {'status': {}}, 'schema': {
                            'openAPIV3Schema': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}}}]}}
    thing = {'apiVersion': GROUP + '/v1', 'kind': 'Thing', 'metadata': meta('t'), 'spec': {}}
    waited('a kind and its object, in one task', k8s([thing, crd('things', 'Thing')]))
    ends('a kind whose name is taken', k8s(crd('others', 'Thing')), ['NamesAccepted is False', 'already in use'])
    path = '/apis/%s/v1/namespaces/%s/things/t/status' % (GROUP, MARK)

    def say(status, **more):
        one.call('PATCH', path, {'status': {'conditions': [
            {'type': 'Ready', 'status': status, 'reason': 'Because', 'message': 'of it'}]}}, 'application/merge-patch+json')
    say('False')
    timer = later(1, say, 'True')
    r = k8s(thing)
    waited('the condition of a kind of ours', r, 4)
    check(r.wall > 0.5, 'which comes later', r.wall)
    timer.join()
    say('False')
    ends('which does not come', k8s(thing, wait_timeout=2), ['Ready is False: Because: of it'], 2, 4)
    for plural in ('others', 'things'):
        k8s(kind='CustomResourceDefinition', api_version='apiextensions.k8s.io/v1', name='%s.%s' % (plural, GROUP),
            state='absent')


def many(n=200):
    r = k8s([workload('Deployment', 'many-%d' % i, 0) for i in range(n)])
    waited('%d at once' % n, r, 60)
    check(len(requests(r, 'watch=true')) <= 3 and len(requests(r, 'GET .*deployments')) <= 8,
          '%d are read and watched together' % n, '\n'.join(requests(r, 'GET'))[:2000])
    r = k8s(mod='k8s_info', kind='Deployment', api_version='apps/v1', namespace=MARK, name='many-0')
    waited('an object that is told of is waited for', r, 3)


def main():
    one.make('/api/v1/namespaces', {'metadata': {'name': MARK}})
    atexit.register(one.call, 'DELETE', '/api/v1/namespaces/' + MARK)
    for part in (ready, conditions, failures, blocked, kinds, many):
        print('-- ' + part.__name__, flush=True)
        part()
    finish()


if __name__ == '__main__':
    main()
