#!/usr/bin/env python3
"""treenail-external, started as Terraform's provider `external` starts a program, against the lab.

The provider's environment (the plugin handshake's variables), the query on standard input and then its
end, ten at a time, the answer a flat map of strings; and by real Terraform.
"""
import concurrent.futures
import hashlib
import json
import os
import socket
import sys

from common import (EXTERNAL, ROOT, TEMP, Project, Run, check, clouds_file, environment, finish, module,
                    proxies)

sys.path.insert(0, os.path.join(ROOT, 'tests/terraform'))
import terraform  # noqa: E402

# What a provider's child process finds in its environment (terraform's go-plugin), beside the user's.
HANDSHAKE = {'TF_PLUGIN_MAGIC_COOKIE': 'd602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2',
             'PLUGIN_MIN_PORT': '10000', 'PLUGIN_MAX_PORT': '25000', 'PLUGIN_PROTOCOL_VERSIONS': '6,5',
             'PLUGIN_CLIENT_CERT': '-----BEGIN CERTIFICATE-----\nnot one\n-----END CERTIFICATE-----\n'}

project = Project('tn-external', 'canary-7hx2')
via = proxies('identity', 'network')
entries = {'own': project.cloud(), 'via': project.cloud(proxies=via)}
env = {**environment(clouds_file(entries)), **HANDSHAKE}


def ask(query, env=env, **how):
    return Run([EXTERNAL], json.dumps(query).encode(), env, **how)


def well_formed(r, what):
    ok = r.code == 0 and not r.err and isinstance(r.json, dict) and all(isinstance(v, str) for v in r.json.values())
    return check(ok, '%s: a flat map of strings, nothing else' % what, 'rc %d, %s %s' % (r.code, r.out[:500], r.err))


def refused(r, words, what):
    check(r.code == 1 and not r.out and r.err.count('\n') == 1 and words in r.err, '%s: one line, exit code 1' % what,
          'rc %d, out %r, err %r' % (r.code, r.out[:300], r.err))


def do(what, **args):
    r = module(what, {'cloud': 'own', **args}, env)
    check(r.ok, 'made a %s' % what, r.msg)
    return r


def prepare():
    do('network', name='ext-net', mtu=1400, tags=['b', 'a'])
    do('subnet', name='ext-sub', network='ext-net', cidr='10.77.0.0/24')
    do('volume', name='ext-vol', size=1)
    small, big = project.flavor('-small', 256), project.flavor('-big', 4096)
    image = project.image()
    do('server', name='ext-srv', image=image, flavor=small, network='ext-net', auto_ip=False)
    project.image()  # a second one of that name
    return small, big, image


def tidy():
    for name, more in (('server', {}), ('volume', {}), ('subnet', {}), ('network', {})):
        module(name, {'cloud': 'own', 'name': 'ext-' + {'server': 'srv', 'volume': 'vol', 'subnet': 'sub',
                                                       'network': 'net'}[name], 'state': 'absent', **more}, env)


def protocol(small, big, image):
    r = ask({'resource': 'network', 'name': 'ext-net', 'cloud': 'own'})
    if well_formed(r, 'network'):
        whole = json.loads(r['json'])
        check(r['mtu'] == '1400' and r['tags'] == '["a","b"]' and whole['mtu'] == 1400, 'network: values', r.out)
        check(r['sha256'] == hashlib.sha256(r['json'].encode()).hexdigest(), 'network: digest')
        for key in ('id', 'network', 'name'):
            again = ask({'resource': 'subnet', 'cloud': 'own', **(
                {'network_id': r['id']} if key == 'id' else {'network': 'ext-net'} if key == 'network'
                else {'name': 'ext-sub'})})
            check(again['cidr'] == '10.77.0.0/24', 'subnet by %s' % key, again.err)
    r = ask({'resource': 'server', 'name': 'ext-srv', 'cloud': 'own'})
    if well_formed(r, 'server'):
        addresses = json.loads(r['addresses'])
        check(addresses['ext-net'][0]['addr'].startswith('10.77.0.'), "a server's addresses", r['addresses'])
    r = ask({'resource': 'flavor', 'min_ram': '200', 'cloud': 'own', 'name': small})
    check(r['ram'] == '256', 'flavor by name and size', r.err)
    r = ask({'resource': 'compute_flavor', 'min_ram': '4096', 'cloud': 'own', 'name': big})
    check(r['name'] == big, 'flavor by size', r.err)
    r = ask({'resource': 'image', 'name': image, 'cloud': 'own', 'most_recent': 'true'})
    well_formed(r, 'the newest image')
    r = ask({'resource': 'image', 'name': image, 'cloud': 'own'})
    refused(r, '2 images match name', 'two images of a name')
    r = ask({'resource': 'volume', 'name': 'ext-vol', 'cloud': 'own', 'status': 'available'})
    check(r['size'] == '1', 'volume', r.err)
    project.quota('block_storage', volumes=10)
    r = ask({'resource': 'quota', 'cloud': 'own'})
    if well_formed(r, 'quota'):
        check((r['volumes'], r['volumes_used'], r['volumes_left']) == ('10', '1', '9'), 'what is left of a quota', r.out)
    r = ask({'resource': 'auth', 'cloud': 'own'})
    check(r['name'] == project.name and r['id'] == project.id, "the login's project", r.out + r.err)
    r = Run([EXTERNAL], b'{"resource":"auth"}', {**env, 'OS_CLOUD': 'own'})
    check(r['id'] == project.id, 'cloud from OS_CLOUD', r.err)


def errors():
    for query, words in (
            ({'resource': 'network', 'name': 'ext-none', 'cloud': 'own'}, "no network is there with name 'ext-none'"),
            ({'resource': 'netwrok', 'cloud': 'own'}, "did you mean 'network'?"),
            ({'resource': 'network', 'nmae': 'x', 'cloud': 'own'}, "did you mean 'name'?"),
            ({'resource': 'network', 'name': 'x', 'cloud': 'nowhere'}, "nowhere"),
            ({'resource': 'network', 'password': 'x', 'cloud': 'own'}, "has no key 'password'"),
            ({'resource': 'network', 'auth': '{"password":"x"}', 'cloud': 'own'}, 'Terraform keeps queries in its state'),
            ({}, "no 'resource'"), ({'resource': 7}, 'strings')):
        refused(ask(query), words, str(query))
    refused(Run([EXTERNAL], b'', env), 'query on standard input', 'no query')
    refused(Run([EXTERNAL], b'{"resource":', env), 'query on standard input', 'half a query')
    refused(Run([EXTERNAL], b'{}' * 600000, env), 'bytes', 'too long a query')
    refused(Run([EXTERNAL, 'network'], b'{}', env), '--help', 'an argument')
    wrong = {**env, 'OS_CLIENT_CONFIG_FILE': clouds_file({'own': project.cloud(auth={'password': 'wrong-secret'})}),
             'TREENAIL_CACHE': 'off'}
    r = ask({'resource': 'network', 'cloud': 'own'}, wrong)
    refused(r, '401', 'a wrong password')
    check('wrong-secret' not in r.err, 'which is not shown')
    for option in ('--help', '--version'):
        r = Run([EXTERNAL, option], b'', env)
        check(r.code == 0 and 'treenail-external' in r.out and not r.err, option, r.err)
    r = Run([EXTERNAL, '--help', 'image'], b'', env)
    check('most_recent' in r.out and 'min_disk' in r.out, '--help image', r.out)


def deadline():
    silent = socket.create_server(('127.0.0.1', 0))
    entry = project.cloud()
    entry['auth']['auth_url'] = 'http://127.0.0.1:%d/v3' % silent.getsockname()[1]
    r = ask({'resource': 'network', 'cloud': 'own', 'deadline': '2'},
            {**env, 'OS_CLIENT_CONFIG_FILE': clouds_file({'own': entry}), 'TREENAIL_CACHE': 'off'})
    refused(r, 'deadline', 'a service that does not answer')
    check(r.wall < 30, 'it ended by itself after %.1f s' % r.wall)
    silent.close()


def parallel():
    cold = {**env, 'TREENAIL_CACHE_DIR': os.path.join(TEMP, 'cold')}
    for proxy in via.values():
        proxy.reset()
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        runs = list(pool.map(lambda _: ask({'resource': 'network', 'name': 'ext-net', 'cloud': 'via'}, cold), range(10)))
    check(len({r.out for r in runs}) == 1 and all(r.code == 0 and not r.err for r in runs),
          'ten at a time answer the same', [r.err for r in runs])
    sent = [line for proxy in via.values() for line in proxy.seen]
    check(sum('/auth/tokens' in line for line in sent) == 1, 'they log in once', sent)
    check(all(line.startswith('GET ') or '/auth/tokens' in line for line in sent), 'they only read', sent)


ROOT_MODULE = '''
module "network" {
  source   = "%(modules)s/openstack-lookup"
  program  = ["%(program)s"]
  cloud    = "own"
  resource = "network"
  query    = { name = "ext-net" }
}
module "ten" {
  count    = 10
  source   = "%(modules)s/openstack-lookup"
  program  = ["%(program)s"]
  cloud    = "own"
  resource = "subnet"
  query    = { network = "ext-net" }
}
output "mtu" { value = module.network.object.mtu }
output "tags" { value = module.network.object.tags }
output "cidrs" { value = module.ten[*].object.cidr }
'''


def by_terraform():
    """Through the native provider `external`."""
    if not terraform.found(os.environ.get('TERRAFORM', 'terraform')):
        return print('LEFT OUT: real Terraform, as there is none on PATH')
    root = terraform.Root(os.path.join(TEMP, 'root'), os.path.dirname(EXTERNAL), env, head=False)
    root.write('main.tf', ROOT_MODULE % {'modules': os.path.join(ROOT, 'modules'), 'program': EXTERNAL})
    r = root.run('fmt', '-check', '-recursive', '-diff', os.path.join(ROOT, 'modules'))
    check(r.ok, 'modules: terraform fmt', r.text)
    for step in (['get'], ['validate'], ['apply', '-auto-approve', '-input=false'],
                 ['plan', '-detailed-exitcode', '-input=false']):
        r = root.run(*step, '-no-color')
        check(r.ok, 'terraform %s' % step[0], r.text)
    out = {k: v['value'] for k, v in root.run('output', '-json').json.items()}
    check(out.get('mtu') == 1400 and out['tags'] == ['a', 'b'] and set(out['cidrs']) == {'10.77.0.0/24'},
          'values with their types', out)
    with open(root.path('terraform.tfstate')) as f:
        return check(project.password not in f.read(), 'no password in the state')


try:
    names = prepare()
    protocol(*names)
    errors()
    deadline()
    parallel()
    by_terraform()
finally:
    tidy()
finish()
