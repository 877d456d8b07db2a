#!/usr/bin/env python3
"""The collections on the versions of ansible-core we promise: installation, documentation, both names, no warnings.

Of a system that is not up in the lab only what needs none is tried.
"""
import concurrent.futures
import glob
import json
import os
import re
import subprocess
import tempfile

from common import BASE, COLLECTIONS, LAB, PROGRAM, TEMP, Play, Project, Run, check, clouds_file, environment, finish, venv

KUBECONFIG = os.path.join(LAB, 'kubernetes/kubeconfig')
GALAXY = {'PATH': os.environ['PATH'], 'HOME': TEMP, 'ANSIBLE_NOCOLOR': '1', 'LANG': 'C.UTF-8',
          'http_proxy': 'http://127.0.0.1:9', 'https_proxy': 'http://127.0.0.1:9'}


class System:
    """One collection, and the tasks that it lives through."""
    up = False
    env = {}

    def __init__(self):
        self.program = os.path.join(os.path.dirname(PROGRAM), 'treenail-' + self.name)
        self.ours = 'treenail.%s.' % self.name
        self.modules = subprocess.run([self.program, '--list'], check=True, stdout=subprocess.PIPE,
                                      text=True).stdout.split()

    def doc(self, module):
        return subprocess.run([self.program, '--doc', module], check=True, stdout=subprocess.PIPE).stdout


class OpenStack(System):
    name, theirs, group, busiest = 'openstack', 'openstack.cloud.', 'openstack', 'server'
    connects, apart, changes = 'cloud', (), (5, 4)
    options = {'cloud': 'v'}

    def __init__(self):
        super().__init__()
        self.up = BASE is not None
        if self.up:
            self.env = environment(clouds_file({'v': Project('tn-versions').cloud()}))

    @staticmethod
    def tasks(prefix, name):
        """The example, short. The cloud comes from module defaults."""
        net = {'name': name, 'network': name, 'cidr': '10.7.0.0/24'}
        rules = [{'protocol': 'tcp', 'port_range_min': p, 'port_range_max': p} for p in (22, 80)]
        yield {prefix + 'network': {'name': name, 'tags': ['a']}}
        yield {prefix + 'subnet': net}
        yield {prefix + 'router': {'name': name, 'network': 'public', 'interfaces': [name]}}
        yield {prefix + 'security_group': {'name': name, 'description': 'x', 'security_group_rules': rules}}
        yield {prefix + 'port': {'name': name, 'network': name, 'security_groups': [name]}}
        yield {prefix + 'networks_info': {'name': name}, 'register': 'found'}
        yield {'ansible.builtin.assert': {'that': ['found.networks | length == 1', 'found.networks[0].tags == ["a"]']}}

    @staticmethod
    def gone(prefix, name):
        for module in ('port', 'router', 'network', 'security_group'):
            yield {prefix + module: {'name': name, 'state': 'absent'}}


class Kubernetes(System):
    name, theirs, group, busiest = 'kubernetes', 'kubernetes.core.', 'k8s', 'k8s'
    connects, changes = 'context', (2, 1)
    apart = ('kubeconfig', 'cluster', 'cluster_backup', 'cluster_info', 'cluster_node', 'cluster_upgrade')
    options = {'kubeconfig': KUBECONFIG}

    def __init__(self):
        super().__init__()
        self.up = os.path.exists(KUBECONFIG)
        self.env = environment()

    @staticmethod
    def tasks(prefix, name):
        """A template is read on the controller, which a bare program has nobody for."""
        name = 'tn-versions-%d-%s' % (os.getpid(), name.replace('.', '-'))
        settings = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'settings', 'namespace': name},
                    'data': {'color': '{{ color }}'}}
        path = os.path.join(TEMP, name + '.j2')
        with open(path, 'w') as f:
            json.dump(settings, f)
        given = {'template': path} if '.' in prefix else {'definition': settings}
        yield {prefix + 'k8s': {'kind': 'Namespace', 'name': name}}
        yield {prefix + 'k8s': {**given, 'wait': True}, 'vars': {'color': 'blue'}}
        yield {prefix + 'k8s_info': {'kind': 'ConfigMap', 'name': 'settings', 'namespace': name}, 'register': 'found'}
        yield {'ansible.builtin.assert': {'that': ['found.resources[0].data.color == "blue"']}}

    @staticmethod
    def gone(prefix, name):
        name = 'tn-versions-%d-%s' % (os.getpid(), name.replace('.', '-'))
        yield {prefix + 'k8s': {'kind': 'Namespace', 'name': name, 'state': 'absent', 'wait': True}}


def quiet(text):
    return not re.search(r'WARN|DEPRECAT|\[ERROR', text)


def tool(core, name, *args, path):
    r = Run([os.path.join(venv(core), 'bin', name), *args], env={**GALAXY, 'ANSIBLE_COLLECTIONS_PATH': path}, cwd=TEMP)
    check(r.code == 0 and quiet(r.out + r.err), '%s: %s %s' % (core, name, ' '.join(os.path.basename(a) for a in args)),
          (r.out + r.err)[-2000:])
    return r.out


def options_of(core, system, module):
    """Options of a module as its table has them, by its documentation."""
    code = 'import sys, yaml, json; d = yaml.safe_load(sys.stdin)["DOCUMENTATION"]; ' \
           'd = d if isinstance(d, dict) else yaml.safe_load(d); print(json.dumps(sorted(d["options"])))'
    return json.loads(subprocess.run([os.path.join(venv(core), 'bin/python'), '-c', code], input=system.doc(module),
                                     check=True, stdout=subprocess.PIPE).stdout)


def documentation(core, system, path):
    ours, modules = system.ours, system.modules
    listed = tool(core, 'ansible-doc', '-l', ours[:-1], path=path)
    names = re.findall(r'^%s(\S+)' % re.escape(ours), listed, re.M)
    check(sorted(names) == sorted(modules), '%s: ansible-doc -l lists all %d modules of %s' % (core, len(modules), ours[:-1]),
          set(modules) ^ set(names))
    docs = json.loads(tool(core, 'ansible-doc', '-j', *[ours + m for m in modules], path=path))
    for module in modules:
        doc = docs.get(ours + module, {})
        options, returns = doc.get('doc', {}).get('options', {}), doc.get('return') or {}
        wanted = options_of(core, system, module)
        check(sorted(options) == wanted and (system.connects in options or module in system.apart) and returns
              and doc.get('examples'), '%s: %s has %d options, returns and examples' % (core, module, len(options)),
              (set(wanted) ^ set(options), sorted(returns), doc.get('examples')))
    text = tool(core, 'ansible-doc', ours + system.busiest, path=path)
    missing = [o for o in options_of(core, system, system.busiest) if not re.search(r'^\s*[-=] %s\b' % o, text, re.M)]
    check(not missing, '%s: ansible-doc %s shows every option' % (core, system.busiest), missing)
    tool(core, 'ansible-doc', system.theirs + system.busiest, path=path)


def life(core, system, what, prefix, path, defaults, cwd=None):
    made, gone = system.changes
    for i, (list_of, changed) in enumerate(((system.tasks, made), (system.tasks, 0), (system.gone, gone), (system.gone, 0))):
        plays = [{'hosts': 'localhost', 'connection': 'local', 'gather_facts': False, 'module_defaults': defaults,
                  'tasks': list(list_of(prefix, core))}]
        play = Play(plays, core, ['--check'] if i == 1 else [], {**system.env, 'ANSIBLE_DEPRECATION_WARNINGS': '1'}, cwd,
                    collections=path)
        check(play.ok and play.changed == changed, '%s: %s, run %d' % (core, what, i + 1), play.text[-2500:])
        check(quiet(play.text), '%s: %s, run %d: no warnings' % (core, what, i + 1),
              re.findall('.*(?:WARN|DEPRECAT|ERROR).*', play.text))


def binaries(core, system):
    """Plain ELF programs beside a playbook. Ansible itself leads the bare name `network` elsewhere: the prefix."""
    folder = tempfile.mkdtemp(dir=TEMP)
    os.makedirs(os.path.join(folder, 'library'))
    for module in system.modules:
        os.symlink(system.program, os.path.join(folder, 'library', 'treenail_' + module))
    defaults = {'treenail_' + m: system.options for m in system.modules if m not in system.apart}
    life(core, system, '%s: binaries in library/' % system.name, 'treenail_', folder, defaults, folder)


def version(core):
    path = tempfile.mkdtemp(dir=TEMP)
    for archive in sorted(glob.glob(os.path.join(COLLECTIONS, '*.tar.gz')), reverse=True):
        tool(core, 'ansible-galaxy', 'collection', 'install', '--offline', '-p', path, archive, path=path)
    for system in SYSTEMS:
        documentation(core, system, path)
        if not system.up:
            continue
        for prefix in (system.ours, system.theirs):
            life(core, system, 'names of ' + prefix[:-1], prefix, path,
                 {'group/%s%s' % (prefix, system.group): system.options})
        binaries(core, system)


SYSTEMS = [OpenStack(), Kubernetes()]
for system in SYSTEMS:
    if not system.up:
        print('LEFT OUT: playbooks for %s, which is not up' % system.name)
with concurrent.futures.ThreadPoolExecutor(3) as pool:
    for done in [pool.submit(version, core) for core in ('core-2.16', 'core-2.19', 'core-newest')]:
        check(not done.exception(), 'all was tried', repr(done.exception()))
finish()
