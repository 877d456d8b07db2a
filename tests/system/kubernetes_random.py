"""Random objects of 20 kinds and one of our own, as manifests and as typed resources of Terraform's."""
import base64
import os
import random
import re
import time

from clusters import coded

SEED = int(os.environ.get('SEED') or time.time())
MARK = 'property-%d-%d' % (SEED, os.getpid())  # namespace, and how all names begin
GROUP = MARK + '.example.com'


class Maker:
    """Random contents. What a kind does not let change is made of the object's name alone."""

    def __init__(self, rng, name, way, target):
        self.rng, self.name, self.way, self.target = rng, name, way, target
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
        least = {'minReplicas': self.rng.randrange(2, 5)} if self.target else self.some(minReplicas=2)
        return {'spec': {'maxReplicas': self.rng.randrange(5, 9), **least,
                         'scaleTargetRef': {'apiVersion': 'apps/v1', 'kind': 'Deployment',
                                            'name': self.target or 'nobody'},
                         **self.some(metrics=[metric], behavior={'scaleDown': {'stabilizationWindowSeconds': 60}})}}

    def limits(self):
        return {'spec': {'limits': [{'type': 'Pod', 'max': {'cpu': self.rng.choice(('100', '100000m', 64)),
                                                          'memory': self.rng.choice(('64Gi', '65536Mi'))}}]}}

    def thing(self):
        # Of lists that are a whole a merge cannot tell the server's defaults from what somebody else added. Applied,
        # an empty one in place of one with members is none to the server, and the next time it is empty.
        applied = self.way == 'server-side apply'
        parts = [{'name': n, **({} if applied and self.chance() else {'weight': self.rng.randrange(5)})}
                 for n in self.rng.sample(('p', 'q', 'r'), self.rng.randrange(applied, 4))]
        return {'spec': self.some(size=self.rng.randrange(9), color=self.word(), parts=parts,
                                  tags=self.rng.sample(('t', 'u', 'v'), self.rng.randrange(applied, 4)),
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


class Thing:
    """One object that is changed again and again, always in the same way; those of one group belong together."""

    def __init__(self, group, kind, way, scaled, typed=False):
        self.version, self.kind, self.make, self.namespaced = kind
        self.way, self.typed = way, typed
        self.name = '%s-%s-%d' % (MARK, self.kind.lower(), group)
        self.there = False
        # Others scale it: who applies it leaves replicas out.
        self.scaled = scaled and self.kind in ('Deployment', 'StatefulSet')
        self.target = '%s-deployment-%d' % (MARK, group) if scaled else None

    def __str__(self):
        return '%s %s by %s' % (self.kind, self.name, self.way)

    @property
    def key(self):
        return self.kind, self.name

    def identity(self):
        where = {'namespace': MARK} if self.namespaced else {}
        return {'apiVersion': self.version, 'kind': self.kind, 'metadata': {'name': self.name, **where}}

    def wanted(self, rng):
        m = Maker(rng, self.name, self.way, self.target)
        o = {**self.identity(), **getattr(m, self.make)()}
        o['metadata'].update(labels={'hook': MARK, **m.labels()}, **m.some(annotations={'note': m.word()}))
        if self.scaled:
            o['spec'].pop('replicas', None)
        return o

    @property
    def folder(self):
        """Of the API."""
        many = re.sub('y$', 'ie', self.kind.lower() + ('e' if self.kind.endswith('s') else '')) + 's'
        return '/%s/%s%s%s' % ('apis' if '/' in self.version else 'api', self.version,
                               '/namespaces/%s/' % MARK if self.namespaced else '/', many)

    @property
    def resource(self):
        """Terraform's type, and where it is in the plan."""
        kind = re.sub('(?<=.)([A-Z])', r'_\1', self.kind).lower()
        version = 'v2' if self.version == 'autoscaling/v2' else 'v1'
        return 'kubernetes_%s_%s' % (kind, version) if self.typed else 'kubernetes_manifest'

    @property
    def address(self):
        return '%s.%s' % (self.resource, self.name)


# ---- the same as typed resources ----

RENAMED = {'containers': 'container', 'volumes': 'volume', 'tolerations': 'toleration', 'ports': 'port', 'rules': 'rule',
           'subjects': 'subject', 'paths': 'path', 'metrics': 'metric', 'image_pull_secrets': 'image_pull_secret',
           'volume_claim_templates': 'volume_claim_template', 'provisioner': 'storage_provisioner',
           'time_zone': 'timezone'}
OF_KIND = {'NetworkPolicy': {'ports': 'ports'}, 'DaemonSet': {'update_strategy': 'strategy'}}
# What they do not wait for: pods that no node takes, and storage that nobody makes.
PATIENCE = {'Deployment': 'wait_for_rollout', 'StatefulSet': 'wait_for_rollout', 'DaemonSet': 'wait_for_rollout',
            'Job': 'wait_for_completion', 'PersistentVolumeClaim': 'wait_until_bound'}


def renamed(v, names):
    if isinstance(v, dict):
        snake = {re.sub('(?<=[a-z])([A-Z])', r'_\1', k).lower() if k[:1].islower() else k: x for k, x in v.items()}
        return {names.get(k, k): renamed(x, names) for k, x in snake.items()}
    return [renamed(x, names) for x in v] if isinstance(v, list) else v


def typed(o):
    """A manifest as the arguments of the typed resource, in Terraform's JSON."""
    kind = o['kind']
    o = {k: v for k, v in o.items() if k not in ('apiVersion', 'kind', 'stringData')}
    if kind == 'Secret' and 'data' in o:
        o['data'] = {k: base64.b64decode(v).decode() for k, v in o['data'].items()}
    o = renamed(o, {**RENAMED, **OF_KIND.get(kind, {})})
    if kind in PATIENCE:
        o[PATIENCE[kind]] = False
    spec = o.get('spec', {})
    if kind == 'Job':  # which is never suspended there
        del spec['suspend']
        spec['template']['metadata'] = {}
    elif kind == 'CronJob':
        spec['job_template']['metadata'] = {}
    elif kind == 'NetworkPolicy':
        spec.setdefault('policy_types', ['Ingress'])
    elif kind == 'Role':  # not without
        o['rule'] = o['rule'] or [{'api_groups': [''], 'resources': ['pods'], 'verbs': ['get']}]
    elif kind == 'HorizontalPodAutoscaler':  # policies would be needed
        spec.pop('behavior', None)
    return o
