#!/usr/bin/env python3
"""SIGKILL at random moments: the same task again converges, a third run changes nothing, nothing is there twice.

  kill.py [SCENARIO...]    ROUNDS (4) kills for each step, SEED the points in time

Each scenario has a project of its own and answers that come late, so that the kills spread over the requests.
"""
import concurrent.futures
import os
import random
import sys
import time
import traceback

from common import TEMP, Project, check, clouds_file, environment, finish, module, proxies

ROUNDS = int(os.environ.get('ROUNDS', '4'))
SEED = int(os.environ.get('SEED', time.time()))
IMAGE = os.path.join(TEMP, 'disk.raw')
RULES = [{'protocol': 'tcp', 'port_range_min': 1000 + i, 'port_range_max': 1000 + i,
          'remote_ip_prefix': '192.0.2.0/24'} for i in range(20)]


class Scenario:
    """`setup` is done once, each of `steps` and then `gone` (the absent tasks) are killed and repeated."""

    def __init__(self, name, steps, gone, state, setup=(), rate=None):
        self.name, self.setup, self.steps, self.gone, self.state = name, setup, steps, gone, state
        self.random = random.Random('%d %s' % (SEED, name))
        self.project = Project('tn-kill-' + name)
        self.via = proxies(delay=0.06, rate=rate)
        self.env = environment(clouds_file({'k': self.project.cloud(proxies=self.via)}),
                               os.path.join(TEMP, 'cache-' + name))
        self.killed = self.cut = 0

    def run(self, task, kill_after=None):
        name, args = task
        return module(name, {'cloud': 'k', **args}, self.env, kill_after=kill_after)

    def good(self, task, what, changed=None):
        r = self.run(task)
        wanted = changed is None or r['changed'] is changed
        return check(r.ok and wanted, '%s: %s' % (self.name, what),
                     '%s\nchanged %s\n%s' % (r.msg, r['changed'], r['diff'])) and r

    def kill(self, task, at):
        r = self.run(task, kill_after=at)
        self.cut += r.code == -9
        self.killed += 1
        for proxy in self.via.values():
            proxy.idle()

    def step(self, task, took, number, wanted, what):
        self.kill(task, took * (number + self.random.random()) / ROUNDS)
        if self.random.random() < 0.3:
            self.kill(task, took * self.random.random())
        self.good(task, what + ': converges')
        self.good(task, what + ': then nothing changes', changed=False)
        found = self.state(self.project)
        check(found == wanted, '%s: %s: is what it should be' % (self.name, what), '%s\nnot %s' % (found, wanted))

    def play(self):
        for task in self.setup:
            self.good(task, 'setup of %s' % task[0])
        for task in self.gone:  # nothing is there yet, but what follows is timed without a login
            self.good(task, 'absent from the start', changed=False)
        took, wanted, empty = [], [], self.state(self.project)
        for task in (*self.steps, *self.gone):  # once without a kill
            r = self.good(task, '%s %s without a kill' % (task[0], task[1].get('state', 'present')), changed=True)
            took.append(r.wall if r else 3)
            wanted.append(self.state(self.project))
        check(wanted[-1] == empty, '%s: in the end all is as before' % self.name, '%s\n%s' % (wanted[-1], empty))
        for number in range(ROUNDS):
            for i, task in enumerate((*self.steps, *self.gone)):
                self.step(task, took[i], number, wanted[i], 'round %d, step %d (%s)' % (number, i, task[0]))
        for task in reversed(self.setup):
            name, args = task
            self.run((name, {**{k: v for k, v in args.items() if k == 'name'}, 'state': 'absent'}))
        check(self.cut > 0, '%s: %d of %d kills hit a running program'
              % (self.name, self.cut, self.killed))


def listed(p, service, path, key, *fields):
    objects = p.rest('GET', service, path)[1][key]
    return sorted(str([o.get(f) for f in fields]) for o in objects)


def networks(p):
    own = '/v2.0/networks?project_id=' + p.id
    return listed(p, 'network', own, 'networks', 'name', 'mtu', 'tags')


def routers(p):
    ports = listed(p, 'network', '/v2.0/ports?device_owner=network:router_interface', 'ports', 'fixed_ips')
    found = p.rest('GET', 'network', '/v2.0/routers')[1]['routers']
    return len(ports), [(r['name'], bool(r['external_gateway_info'])) for r in found]


def groups(p):
    rules = listed(p, 'network', '/v2.0/security-group-rules', 'security_group_rules', 'protocol', 'port_range_min',
                   'direction', 'ethertype', 'remote_ip_prefix')
    return rules, listed(p, 'network', '/v2.0/security-groups', 'security_groups', 'name', 'description')


def servers(p):
    found = listed(p, 'compute', '/servers/detail', 'servers', 'name', 'status')
    flavors = [s['flavor']['id'] for s in p.rest('GET', 'compute', '/servers/detail')[1]['servers']]
    ips = p.rest('GET', 'network', '/v2.0/floatingips')[1]['floatingips']
    ports = p.count('network', '/v2.0/ports?device_owner=compute:nova')
    return found, flavors, [bool(i['port_id']) for i in ips], ports


def images(p):
    return listed(p, 'image', '/v2/images?owner=' + p.id, 'images', 'name', 'status', 'size', 'checksum', 'tags')


def volumes(p):
    return listed(p, 'block_storage', '/%s/volumes/detail' % p.id, 'volumes', 'name', 'status', 'size')


def subnet(name, cidr):
    return [('network', {'name': name}), ('subnet', {'name': name, 'network': name, 'cidr': cidr})]


def server_scenario():
    scenario = Scenario('server', [], [], servers)
    small, big = scenario.project.flavor('-small', 64), scenario.project.flavor('-big', 128)
    image = scenario.project.image()
    args = {'name': 's', 'image': image, 'network': 'net', 'auto_ip': True, 'timeout': 120}
    scenario.setup = [*subnet('net', '10.9.1.0/24'),
                      ('router', {'name': 'r', 'network': 'public', 'interfaces': ['net']})]
    scenario.steps = [('server', {**args, 'flavor': small}), ('server', {**args, 'flavor': big})]
    scenario.gone = [('server', {'name': 's', 'state': 'absent', 'delete_ips': True})]
    return scenario


def scenarios():
    yield 'network', lambda: Scenario(
        'network', [('network', {'name': 'a', 'tags': ['x', 'y'], 'mtu': 1300}),
                    ('network', {'name': 'a', 'tags': ['z'], 'mtu': 1400})],
        [('network', {'name': 'a', 'state': 'absent'})], networks)
    yield 'router', lambda: Scenario(
        'router', [('router', {'name': 'r', 'network': 'public', 'interfaces': ['one', 'two']}),
                   ('router', {'name': 'r', 'network': 'public', 'interfaces': ['two', 'three']})],
        [('router', {'name': 'r', 'state': 'absent'})], routers,
        setup=[*subnet('one', '10.9.1.0/24'), *subnet('two', '10.9.2.0/24'), *subnet('three', '10.9.3.0/24')])
    yield 'security_group', lambda: Scenario(
        'security_group', [('security_group', {'name': 'g', 'description': 'one', 'security_group_rules': RULES[:6]}),
                           ('security_group', {'name': 'g', 'description': 'two', 'security_group_rules': RULES[3:9]})],
        [('security_group', {'name': 'g', 'state': 'absent'})], groups)
    yield 'rules', lambda: Scenario(
        'rules', [('security_group_rule', {'security_group': 'g', 'items': RULES})],
        [('security_group_rule', {'security_group': 'g', 'state': 'absent', 'items': RULES})], groups,
        setup=[('security_group', {'name': 'g'})])
    yield 'image', lambda: Scenario(
        'image', [('image', {'name': 'i', 'filename': IMAGE, 'disk_format': 'raw', 'tags': ['x']})],
        [('image', {'name': 'i', 'state': 'absent'})], images, rate=8 << 20)
    yield 'volume', lambda: Scenario(
        'volume', [('volume', {'name': 'v', 'size': 1}), ('volume', {'name': 'v', 'size': 2})],
        [('volume', {'name': 'v', 'state': 'absent'})], volumes)
    yield 'server', server_scenario


def play(name, make):
    began = time.monotonic()
    try:
        make().play()
    except Exception:
        check(False, '%s: the test itself' % name, traceback.format_exc())
        raise
    print('   %s: %.0f s' % (name, time.monotonic() - began), flush=True)


print('seed %d, %d rounds' % (SEED, ROUNDS), flush=True)
with open(IMAGE, 'wb') as f:
    f.write(os.urandom(4 << 20))
chosen = [(n, s) for n, s in scenarios() if not sys.argv[1:] or n in sys.argv[1:]]
with concurrent.futures.ThreadPoolExecutor(len(chosen)) as pool:
    for future in [pool.submit(play, n, s) for n, s in reversed(chosen)]:
        future.exception()
finish()
