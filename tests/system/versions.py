#!/usr/bin/env python3
"""The collection on the versions of ansible-core we promise: installation, documentation, both names, no warnings."""
import concurrent.futures
import glob
import json
import os
import re
import subprocess
import tempfile

from common import COLLECTIONS, PROGRAM, TEMP, Play, Project, Run, check, clouds_file, environment, finish, venv

project = Project('tn-versions')
ENV = environment(clouds_file({'v': project.cloud()}))
MODULES = subprocess.run([PROGRAM, '--list'], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
GALAXY = {'PATH': os.environ['PATH'], 'HOME': TEMP, 'ANSIBLE_NOCOLOR': '1', 'LANG': 'C.UTF-8',
          'http_proxy': 'http://127.0.0.1:9', 'https_proxy': 'http://127.0.0.1:9'}


def quiet(text):
    return not re.search(r'WARN|DEPRECAT|\[ERROR', text)


def tool(core, name, *args, path):
    r = Run([os.path.join(venv(core), 'bin', name), *args], env={**GALAXY, 'ANSIBLE_COLLECTIONS_PATH': path}, cwd=TEMP)
    check(r.code == 0 and quiet(r.out + r.err), '%s: %s %s' % (core, name, ' '.join(os.path.basename(a) for a in args)),
          (r.out + r.err)[-2000:])
    return r.out


def options_of(core, module):
    """Options of a module as its table has them, by its documentation."""
    text = subprocess.run([PROGRAM, '--doc', module], check=True, stdout=subprocess.PIPE).stdout
    code = 'import sys, yaml, json; d = yaml.safe_load(sys.stdin)["DOCUMENTATION"]; ' \
           'd = d if isinstance(d, dict) else yaml.safe_load(d); print(json.dumps(sorted(d["options"])))'
    return json.loads(subprocess.run([os.path.join(venv(core), 'bin/python'), '-c', code], input=text, check=True,
                                     stdout=subprocess.PIPE).stdout)


def documentation(core, path):
    listed = tool(core, 'ansible-doc', '-l', 'treenail.openstack', path=path)
    names = re.findall(r'^treenail\.openstack\.(\S+)', listed, re.M)
    check(sorted(names) == sorted(MODULES), '%s: ansible-doc -l lists all %d modules' % (core, len(MODULES)),
          set(MODULES) ^ set(names))
    docs = json.loads(tool(core, 'ansible-doc', '-j', *['treenail.openstack.' + m for m in MODULES], path=path))
    for module in MODULES:
        doc = docs.get('treenail.openstack.' + module, {})
        options, returns = doc.get('doc', {}).get('options', {}), doc.get('return') or {}
        wanted = options_of(core, module)
        check(sorted(options) == wanted and 'cloud' in options and returns and doc.get('examples'),
              '%s: %s has %d options, returns and examples' % (core, module, len(options)),
              (set(wanted) ^ set(options), sorted(returns), doc.get('examples')))
    text = tool(core, 'ansible-doc', 'treenail.openstack.server', path=path)
    missing = [o for o in options_of(core, 'server') if not re.search(r'^\s*[-=] %s\b' % o, text, re.M)]
    check(not missing, '%s: ansible-doc server shows every option' % core, missing)
    tool(core, 'ansible-doc', 'openstack.cloud.server', path=path)


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


def gone(prefix, name):
    for module in ('port', 'router', 'network', 'security_group'):
        yield {prefix + module: {'name': name, 'state': 'absent'}}


def life(core, what, prefix, path, defaults, cwd=None):
    for i, (list_of, changed) in enumerate(((tasks, 5), (tasks, 0), (gone, 4), (gone, 0))):
        plays = [{'hosts': 'localhost', 'connection': 'local', 'gather_facts': False, 'module_defaults': defaults,
                  'tasks': list(list_of(prefix, core))}]
        play = Play(plays, core, ['--check'] if i == 1 else [], {**ENV, 'ANSIBLE_DEPRECATION_WARNINGS': '1'}, cwd,
                    collections=path)
        check(play.ok and play.changed == changed, '%s: %s, run %d' % (core, what, i + 1), play.text[-2500:])
        check(quiet(play.text), '%s: %s, run %d: no warnings' % (core, what, i + 1),
              re.findall('.*(?:WARN|DEPRECAT|ERROR).*', play.text))


def binaries(core):
    """Plain ELF programs beside a playbook. Ansible itself leads the bare name `network` elsewhere: the prefix."""
    folder = tempfile.mkdtemp(dir=TEMP)
    os.makedirs(os.path.join(folder, 'library'))
    for module in MODULES:
        os.symlink(PROGRAM, os.path.join(folder, 'library', 'treenail_' + module))
    life(core, 'binaries in library/', 'treenail_', folder, {'treenail_' + m: {'cloud': 'v'} for m in MODULES}, folder)


def version(core):
    path = tempfile.mkdtemp(dir=TEMP)
    for archive in sorted(glob.glob(os.path.join(COLLECTIONS, '*.tar.gz')), reverse=True):
        tool(core, 'ansible-galaxy', 'collection', 'install', '--offline', '-p', path, archive, path=path)
    documentation(core, path)
    ours, theirs = 'treenail.openstack.', 'openstack.cloud.'
    life(core, 'our names', ours, path, {'group/%sopenstack' % ours: {'cloud': 'v'}})
    life(core, 'names of openstack.cloud', theirs, path, {'group/%sopenstack' % theirs: {'cloud': 'v'}})
    binaries(core)


with concurrent.futures.ThreadPoolExecutor(3) as pool:
    for done in [pool.submit(version, core) for core in ('core-2.16', 'core-2.19', 'core-newest')]:
        check(not done.exception(), 'all was tried', repr(done.exception()))
finish()
