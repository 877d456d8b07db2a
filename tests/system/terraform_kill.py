#!/usr/bin/env python3
"""SIGKILL of Terraform or of the provider at random moments of an apply: the next one adopts what was made.

  terraform_kill.py     POINTS (40) kills, SEED the points in time, JOBS (2) at once

Names here are no help: networks and ports have the same name, floating IPs and rules have none. Answers come
late, so that many kills fall between a request and its answer. After each kill `apply` is repeated until it
succeeds; then the project has exactly the objects that are wanted, and they are those in the state.
"""
import concurrent.futures
import os
import random
import time
import traceback

import providers
from common import Project, check, finish, proxies

POINTS = int(os.environ.get('POINTS', '40'))
JOBS = int(os.environ.get('JOBS', '2'))
SEED = int(os.environ.get('SEED', time.time()))
DELAY = 0.08
HCL = '''
resource "openstack_networking_network_v2" "twin" {
  count = 2
  name  = "twin"
  tags  = ["twin", "red"]
}
resource "openstack_networking_subnet_v2" "subnet" {
  network_id = openstack_networking_network_v2.twin[0].id
  cidr       = "10.8.0.0/24"
}
resource "openstack_networking_port_v2" "twin" {
  count          = 2
  name           = "port"
  network_id     = openstack_networking_network_v2.twin[0].id
  description    = "twin"
  admin_state_up = true
  fixed_ip {
    subnet_id = openstack_networking_subnet_v2.subnet.id
  }
  allowed_address_pairs {
    ip_address = "10.8.0.200"
  }
}
resource "openstack_networking_floatingip_v2" "unnamed" {
  count = 2
  pool  = "public"
  tags  = ["spare"]
}
resource "openstack_networking_secgroup_v2" "group" {
  name                 = "group"
  delete_default_rules = true
}
resource "openstack_networking_secgroup_rule_v2" "open" {
  count             = 3
  security_group_id = openstack_networking_secgroup_v2.group.id
  direction         = "ingress"
  ethertype         = "IPv4"
  protocol          = "tcp"
  port_range_min    = 80 + count.index
  port_range_max    = 80 + count.index
  remote_ip_prefix  = "192.0.2.0/24"
}
'''
WANTED = {'networks': 2, 'subnets': 1, 'ports': 2, 'floatingips': 2, 'security_groups': 1, 'security_group_rules': 3}


class Worker:
    """A project and a root module; plays one point after the other."""

    def __init__(self, number):
        self.random = random.Random('%d %d' % (SEED, number))
        self.project = Project('tn-tfkill%d' % number)
        self.via = proxies('network', delay=DELAY)
        self.clouds = {'here': self.project.cloud(proxies=self.via)}
        self.killed = self.cut = self.adopted = 0
        self.took = {}

    def root(self):
        return providers.root(self.clouds, HCL)

    def idle(self):
        for proxy in self.via.values():
            proxy.idle()

    def measure(self):
        root = self.root()
        root.apply()  # what comes after is timed without login and discovery
        root.destroy()
        for command in ('apply', 'destroy'):
            began = time.monotonic()
            done = getattr(root, command)()
            self.took[command] = time.monotonic() - began
            found = providers.counts(providers.inventory(self.project))
            if not check(done.ok and found == (WANTED if command == 'apply' else {}),
                         '%s without a kill: %.1f s' % (command, self.took[command]), '%s\n%s' % (done.text, found)):
                return False
        return True

    def kill(self, root, command):
        """Starts a command and ends it, or its provider, at some moment; what was hit."""
        at = self.random.random() * self.took[command] * 0.9
        victim = self.random.choice(('provider', 'terraform'))
        done = root.kill(command, at, victim, self.took)
        self.killed += 1
        self.cut += done.hit
        return '%s of %s at %.2f s%s' % (victim, command, at, done.note), done.theirs

    def converge(self, root, command, what):
        """Repeats a command until it works; nobody helps in between."""
        for _ in range(3):
            done = root.run(command, '-auto-approve', '-input=false', '-no-color')
            if done.ok:
                break
        return check(done.ok, '%s: %s works' % (what, command), done.text)

    def compare(self, root, what):
        found = providers.inventory(self.project)
        check(providers.counts(found) == WANTED, '%s: what is wanted, once' % what,
              providers.counts(found))
        there = {i for objects in found.values() for i in objects}
        known = {v[0]['id'] for v in root.instances().values()}
        check(there == known, '%s: the state has what is there' % what,
              'only there %s, only in the state %s' % (there - known, known - there))
        check(root.plan().code == 0, '%s: nothing more to do' % what)

    def point(self, number):
        root = self.root()
        what, theirs = self.kill(root, 'apply')
        what = 'point %d: %s' % (number, what)
        # A provider that lost its Terraform may be at work for a moment yet: the next apply comes at once, or later.
        if self.random.random() < 0.5:
            check(providers.gone(theirs, 65), '%s: the provider ends' % what, theirs)
            self.idle()
        if self.random.random() < 0.3:
            what += ', then ' + self.kill(root, 'apply')[0]
        if self.converge(root, 'apply', what):
            self.compare(root, what)
        if self.random.random() < 0.3:
            what += ', then ' + self.kill(root, 'destroy')[0]
        self.converge(root, 'destroy', what)
        self.idle()
        found = providers.counts(providers.inventory(self.project))
        check(not found, '%s: destroyed, nothing is left' % what, found)
        if found:
            providers.purge(self.project)

    def play(self, points):
        try:
            for number in points if self.measure() else ():
                self.point(number)
        except Exception:
            check(False, 'the test itself', traceback.format_exc())
        finally:
            providers.purge(self.project)
        check(self.cut * 4 >= self.killed, '%d of %d kills hit something' % (self.cut, self.killed))


print('seed %d, %d points' % (SEED, POINTS), flush=True)
workers = [Worker(n) for n in range(JOBS)]
with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
    for n, worker in enumerate(workers):
        pool.submit(worker.play, range(n, POINTS, JOBS))
finish()
