#!/usr/bin/env python3
"""Measures terraform-provider-openstack on the running lab. Writes build/bench/terraform.md.

  ROUNDS=1         medians of so many rounds
  NETWORKS=200  RULES=1000  TARGETS=500  PARALLEL=10
  PEER=FILE        the peer's terraform-provider-openstack, run in turns with ours; without it ours stands
                   beside figures that were measured on another day (BEFORE below): ratios to those are rough
  ONLY="start one networks rules targets"

Processor time and memory are those of the provider's processes, measured from outside; wall is that of the
whole `terraform` command. Requests are those the services logged: nobody else may use the lab meanwhile.
"""
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from measured import Measured, finish  # it also says where the next are
from common import PROGRAM, ROOT, TEMP, Project, Requests, clouds_file

ROUNDS, NETWORKS, RULES, TARGETS, PARALLEL = (
    int(os.environ.get(*kv)) for kv in (('ROUNDS', '1'), ('NETWORKS', '200'), ('RULES', '1000'), ('TARGETS', '500'),
                                        ('PARALLEL', '10')))
ONLY = os.environ.get('ONLY', 'start one networks rules targets').split()
OURS = os.path.join(os.path.dirname(PROGRAM), 'terraform-provider-openstack')
PEER = os.environ.get('PEER')
OUT = os.path.join(ROOT, 'build/bench')
# terraform-provider-openstack 3.4.0 in a lab like this one, under load: (wall s, processor s of the provider).
# Of rules 200 were measured; what 1,000 take rule by rule, with what Neutron needs for one in this run, is one_by_one().
BEFORE = {'networks': {'apply': (107, 2.44), 'plan': (18.7, 1.22), 'destroy': (60, 2.41), 'rss': 34},
          'rules': {'rss': 33},
          'start': (26, 21, 26.1)}
COOKIE = {'TF_PLUGIN_MAGIC_COOKIE': 'd602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2',
          'PLUGIN_PROTOCOL_VERSIONS': '6,5'}
project = Project('tn-bench', roles=('member', 'admin'))
project.quota('network', network=-1, security_group_rule=-1, security_group=-1)


def progress(text):
    print(text, file=sys.stderr, flush=True)


def certificate():
    """A client's certificate, as Terraform makes one for each process."""
    key, cert = os.path.join(TEMP, 'client.key'), os.path.join(TEMP, 'client.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-521', '-nodes',
                    '-keyout', key, '-out', cert, '-subj', '/O=HashiCorp/CN=localhost', '-days', '1',
                    '-addext', 'subjectAltName=DNS:localhost'], check=True, capture_output=True)
    with open(cert) as f:
        return f.read()


def starts(program, cert):
    """(ms until the handshake line, MiB then, MiB on disk), the least of 30 and their median."""
    times, rss = [], 0
    env = {**os.environ, **COOKIE, 'PLUGIN_CLIENT_CERT': cert}
    for _ in range(30):
        begin = time.monotonic()
        p = subprocess.Popen([program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
        line = p.stdout.readline()
        times.append((time.monotonic() - begin) * 1000)
        base64.b64decode(line.rstrip().rsplit(b'|', 1)[1] + b'===')
        with open('/proc/%d/status' % p.pid) as f:
            rss = max(rss, int(next(x for x in f if x.startswith('VmRSS')).split()[1]) / 1024)
        p.kill()
        p.wait()
    return min(times), statistics.median(times), rss, os.path.getsize(program) / (1 << 20)


class Bench(Measured):
    """A root whose provider is measured, and what it asks is counted."""

    def __init__(self, name, program, hcl, clouds):
        self.agent = 'treenail' if program == OURS else ''
        super().__init__(tempfile.mkdtemp(dir=TEMP, prefix=name), program, 'openstack', {'OS_CLIENT_CONFIG_FILE': clouds},
                         'provider "openstack" { cloud = "bench" }\n' + hcl)

    def step(self, command, *args):
        """{wall, cpu, rss: MiB, requests, text}"""
        sent = Requests()
        ret = super().step(command, '-parallelism=%d' % PARALLEL, *args)
        return {**ret, 'rss': ret['rss'] / (1 << 20), 'requests': len(sent.get(self.agent))}


def one_rule(group, port):
    begin = time.monotonic()
    status, made = project.rest('POST', 'network', '/v2.0/security-group-rules', {'security_group_rule': {
        'security_group_id': group, 'direction': 'egress', 'ethertype': 'IPv4', 'protocol': 'tcp',
        'port_range_min': port, 'port_range_max': port}})
    took = time.monotonic() - begin
    if status != 201:
        sys.exit('a rule: %s' % made)
    return took, made['security_group_rule']['id']


def one_by_one():
    """
    What RULES rules take if each is a request: Neutron serialises them and needs longer the more there are, so
    that it is RULES times the mean of what one takes in an empty group and in a full one.
    """
    group = project.rest('POST', 'network', '/v2.0/security-groups', {'security_group': {'name': 'tn-bench'}})[1]
    group = group['security_group']['id']
    times = []
    for full in (False, True):
        if full:
            for first in range(0, RULES, 200):
                project.rest('POST', 'network', '/v2.0/security-group-rules', {'security_group_rules': [
                    {'security_group_id': group, 'direction': 'ingress', 'ethertype': 'IPv4', 'protocol': 'tcp',
                     'port_range_min': p, 'port_range_max': p} for p in range(first + 1, first + 201)]})
        times.append(statistics.median(one_rule(group, port)[0] for port in range(10 + 5 * full, 13 + 5 * full)))
    project.rest('DELETE', 'network', '/v2.0/security-groups/' + group)
    return RULES * sum(times) / 2


def rounds(name, hcl, clouds):
    """{who: {step: {...}}}, medians."""
    runs = {}
    for i in range(ROUNDS):
        for who, program in [('ours', OURS)] + ([('peer', PEER)] if PEER else []):
            root = Bench(name, program, hcl, clouds)
            for step, args in (('plan empty', ('plan',)), ('apply', ('apply', '-auto-approve')), ('plan', ('plan',)),
                               ('destroy', ('destroy', '-auto-approve'))):
                progress('round %d: %s, %s: %s' % (i + 1, name, who, step))
                runs.setdefault(who, {}).setdefault(step, []).append(root.step(*args))
                if step == 'plan' and 'No changes' not in runs[who][step][-1]['text']:
                    sys.exit('the plan after the apply is not empty')
    return {who: {step: {k: statistics.median(r[k] for r in many) for k in ('wall', 'cpu', 'rss', 'requests')}
                  for step, many in steps.items()} for who, steps in runs.items()}


ROOTS = {
    'one': 'resource "openstack_networking_network_v2" "n" { name = "tn-bench" }\n',
    'networks': 'resource "openstack_networking_network_v2" "n" {\n  count = %d\n  name  = "tn-bench-${count.index}"\n}\n'
                % NETWORKS,
    'rules': 'resource "openstack_networking_secgroup_v2" "g" { name = "tn-bench" }\n'
             'resource "openstack_networking_secgroup_rule_v2" "r" {\n  count = %d\n'
             '  security_group_id = openstack_networking_secgroup_v2.g.id\n  direction = "ingress"\n'
             '  ethertype = "IPv4"\n  protocol = "tcp"\n  port_range_min = 1000 + count.index\n'
             '  port_range_max = 1000 + count.index\n}\n' % RULES,
    'targets': 'data "openstack_networking_network_v2" "n" {\n  for_each = toset([for i in range(%d) : "c${i}"])\n'
               '  cloud = each.key\n  name = "public"\n}\n' % TARGETS,
}
TITLES = {'one': '1 network', 'networks': '%d networks' % NETWORKS, 'rules': '%d security group rules' % RULES}


def main():
    clouds = clouds_file({'bench': project.cloud(), **{'c%d' % i: project.cloud() for i in range(TARGETS)}})
    result, cert = {}, certificate()
    if 'start' in ONLY:
        result['start'] = {'ours': starts(OURS, cert), **({'peer': starts(PEER, cert)} if PEER else {})}
    for name in ('one', 'networks', 'rules'):
        if name in ONLY:
            result[name] = rounds(name, ROOTS[name], clouds)
    if 'rules' in ONLY and not PEER:
        progress('rules, one by one')
        result['one by one'] = one_by_one()
    if 'targets' in ONLY:
        root = Bench('targets', OURS, ROOTS['targets'], clouds)
        progress('%d targets' % TARGETS)
        result['targets'] = root.step('plan')
        result['targets'].pop('text')
    lines = list(table(result))
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, 'terraform.md'), 'w') as f:
        f.write('\n'.join(lines) + '\n')
    with open(os.path.join(OUT, 'terraform.json'), 'w') as f:
        json.dump(result, f, indent=1)
    print('\n'.join(lines) + '\n')
    finish(targets(result))


def against(result, name, step):
    """The peer's (wall, cpu) in this run, else of another day; None if there are none."""
    if 'peer' in result[name]:
        peer = result[name]['peer'][step]
        return peer['wall'], peer['cpu']
    return BEFORE.get(name, {}).get(step)


def table(result):
    yield '| | wall: peer%s | ours | | provider\'s processor time: peer%s | ours | | requests, ours | memory, ours |' \
        % (('', '') if PEER else (' (before)', ' (before)'))
    yield '|---|---|---|---|---|---|---|---|---|'
    for name, title in TITLES.items():
        for step, ours in result.get(name, {}).get('ours', {}).items():
            cells = ['%s: %s' % (title, step)]
            peer = against(result, name, step)
            for i, key in enumerate(('wall', 'cpu')):
                cells += ['%.2f s' % peer[i], '%.2f s' % ours[key], '%.0fx' % (peer[i] / max(ours[key], 0.001))] \
                    if peer else ['', '%.2f s' % ours[key], '']
            yield '| %s | %d | %.1f MiB |' % (' | '.join(cells), ours['requests'], ours['rss'])
    if 'targets' in result:
        t = result['targets']
        yield '| %d targets: plan | | %.2f s | | | %.2f s | | %d | %.1f MiB |' % (
            TARGETS, t['wall'], t['cpu'], t['requests'], t['rss'])


def targets(result):
    if 'start' in result:
        least, median, rss, disk = result['start']['ours']
        peer = result['start'].get('peer', BEFORE['start'][:1] + (None,) + BEFORE['start'][1:])
        yield least <= 10, 'start to handshake: %.1f ms at least, %.1f in the middle, 10 at most (the peer: %.0f)' % (
            least, median, peer[0])
        yield rss <= 10, 'memory then: %.1f MiB, 10 at most (the peer: %.0f); %.1f MiB on disk (%.1f)' % (
            rss, peer[2], disk, peer[3])
    if 'targets' in result:
        yield result['targets']['rss'] <= 100, '%d targets: %.1f MiB, 100 at most' % (TARGETS, result['targets']['rss'])
    if 'rules' in result:
        ours = result['rules']['ours']
        yield ours['plan']['requests'] <= 20, 'plan of %d rules without change: %d requests, 20 at most' % (
            RULES, ours['plan']['requests'])
        yield ours['plan']['cpu'] <= 0.2, '... %.0f ms of the provider\'s processor time, 200 at most' % (
            ours['plan']['cpu'] * 1000)
        peer = result['rules']['peer']['apply']['wall'] if PEER else result['one by one']
        yield peer / ours['apply']['wall'] >= 10, 'apply of %d rules: %.1f times faster than %s (%.0f s), 10 at least' \
            % (RULES, peer / ours['apply']['wall'], 'the peer' if PEER else 'Neutron can take them one by one', peer)


main()
