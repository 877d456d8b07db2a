#!/usr/bin/env python3
"""What starting a module costs, with a warm cache: printed; only gross faults fail."""
from common import Project, check, cloud, clouds_file, environment, finish, module, proxies

MIB = 1 << 20
project = Project('tn-start')
via = proxies()
env = environment(clouds_file({'direct': project.cloud(), 'via': project.cloud(proxies=via),
                               'admin-direct': cloud('admin'), 'admin-via': cloud('admin', proxies=via)}))
TASKS = {'networks_info': {'name': 'public'}, 'network': {'name': 'start'}, 'keypair': {'name': 'x', 'state': 'absent'},
         'server_info': {'name': 'none'}, 'project_info': {'name': project.name}}
# What a warm process sends when there is nothing to do; versions were discovered by the first one.
REQUESTS = {'networks_info': 1, 'network': 1, 'keypair': 1, 'server_info': 1, 'project_info': 1}

for name, args in TASKS.items():
    who = 'admin-' if name == 'project_info' else ''
    for entry in ('via', 'direct'):
        r = module(name, {'cloud': who + entry, **args}, env)
        check(r.ok, '%s: first run' % name, r.msg)
    for proxy in via.values():
        proxy.reset()
    module(name, {'cloud': who + 'via', **args}, env)
    sent = [line for proxy in via.values() for line in proxy.seen]
    check(len(sent) <= REQUESTS[name], '%s: %d requests' % (name, len(sent)), sent)
    runs = [module(name, {'cloud': who + 'direct', **args}, env, exact=True) for _ in range(15)]
    cpu, wall, rss = (min(getattr(r, x) for r in runs) for x in ('cpu', 'wall', 'rss'))
    check(rss < 16 * MIB, '%s: %.1f ms of processor time, %.1f ms in all, %.1f MiB at most'
          % (name, cpu * 1000, wall * 1000, rss / MIB))
module('network', {'cloud': 'direct', 'name': 'start', 'state': 'absent'}, env)
finish()
