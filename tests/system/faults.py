#!/usr/bin/env python3
"""Bad input and faults: one clear error each, or a successful repeat; nothing half-made stays."""
import os
import re
import socket
import subprocess
import threading
import time

from common import (BASE, CLOSE, CUT, GARBAGE, HANG, LAB, LOSE, PORTS, PROGRAM, TEMP, TLS, Project, Run, answer,
                    build, check, cloud, clouds_file, environment, finish, instead, module, proxies, rest)

MIB = 1 << 20
project = Project('tn-faults')
via = proxies()
clouds = {'good': project.cloud(proxies=via), 'admin': cloud('admin', proxies=via),
          'hasty': project.cloud(proxies=via, api_timeout=2)}
env = environment(clouds_file(clouds), os.path.join(TEMP, 'faults-cache'))


def reset(*plan, delay=0.0):
    """Faults for all services from here on."""
    for proxy in via.values():
        proxy.reset(*plan, delay=delay)


def seen(pattern=''):
    for proxy in via.values():
        proxy.idle()
    return [line for proxy in via.values() for line in proxy.seen if re.search(pattern, line)]


def network(name='n', the_cloud='good', **how):
    return module('network', {'cloud': the_cloud, 'name': name}, env, **how)


def networks():
    return project.count('network', '/v2.0/networks?project_id=' + project.id)


def absent(name='n', kind='network'):
    reset()
    return module(kind, {'cloud': 'good', 'name': name, 'state': 'absent'}, env)


def fails(r, what, *words, sent=None, within=None):
    """One error on standard output and no other word, that has all these words (regular expressions)."""
    problems = [w for w in words if not re.search(w, r.msg, re.I)]
    if r.json is None or r['failed'] is not True or r.out.count('\n') != 1:
        problems.append('no single failed result: %r' % r.out[:500])
    if r['changed'] and not r['id']:
        problems.append('changed without an id')
    if r.err:
        problems.append('standard error: ' + r.err[:300])
    if r.code != 0:
        problems.append('exit code %d' % r.code)
    if sent is not None and len(seen()) > sent:
        problems.append('%d requests, at most %d wanted: %s' % (len(seen()), sent, seen()))
    if within and r.wall > within:
        problems.append('took %.1f s' % r.wall)
    return check(not problems, '%s: %s' % (what, r.msg[:300]), '\n'.join(problems))


def works(r, what, changed=None, sent=None, least=0.0, within=60.0):
    problems = [] if r.ok else ['failed: ' + r.msg]
    if changed is not None and r['changed'] is not changed:
        problems.append('changed is %s' % r['changed'])
    if sent is not None and len(seen()) != sent:
        problems.append('%d requests, not %d: %s' % (len(seen()), sent, seen()))
    if not least <= r.wall <= within:
        problems.append('took %.1f s' % r.wall)
    return check(not problems, what, '\n'.join(problems))


def fresh_cache(name):
    return {**env, 'TREENAIL_CACHE_DIR': os.path.join(TEMP, 'cache-' + name)}


def login_faults():
    def wrong(name, entry, *words, **how):
        reset()
        file = clouds_file({'bad': entry})
        r = module('networks_info', {'cloud': 'bad'}, {**fresh_cache(name), 'OS_CLIENT_CONFIG_FILE': file})
        fails(r, name, *words, **how)

    with socket.create_server(('127.0.0.1', 0)) as s:
        closed = s.getsockname()[1]
    wrong('wrong password', cloud(project.name, 'wrong', proxies=via), '401', 'bad', project.name, sent=2)
    wrong('unknown project', project.cloud(proxies=via, auth={'project_name': 'no-such'}), '401', 'no-such', sent=2)
    wrong('unreachable Keystone', project.cloud(auth={'auth_url': 'http://127.0.0.1:%d/v3' % closed}, api_timeout=2),
          '127.0.0.1:%d' % closed, 'refused', within=5)
    wrong('Keystone\'s host does not exist', project.cloud(auth={'auth_url': 'http://no-such.invalid:5000/v3'},
                                                           api_timeout=10), 'no-such.invalid', 'resolve', within=12)
    wrong('no auth_url', {'auth': {'username': 'u', 'password': 'p', 'user_domain_id': 'default'}}, 'auth_url')
    wrong('auth_url is no URL', project.cloud(auth={'auth_url': 'nonsense'}), 'auth_url|nonsense')
    wrong('no such region', project.cloud(proxies={'identity': via['identity']}, region_name='Mars'), 'Mars',
          'RegionOne')
    tls = project.cloud(auth={'auth_url': 'https://127.0.0.1:%d/v3' % (BASE + PORTS['identity'] + TLS)})
    wrong('a CA that nobody trusts', tls, 'certificate', 'ca_?cert', within=5)
    other = os.path.join(TEMP, 'other.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                    '-keyout', os.devnull, '-out', other, '-days', '2', '-subj', '/CN=other'], check=True,
                   stderr=subprocess.DEVNULL)
    wrong('another CA', {**tls, 'cacert': other}, 'certificate', within=5)
    wrong('a CA file that is not there', {**tls, 'cacert': '/no/such.pem'}, '/no/such.pem', within=5)
    wrong('the right CA, another host', {**tls, 'cacert': os.path.join(LAB, 'tls/ca.crt'),
                                         'auth': {**tls['auth'], 'auth_url': tls['auth']['auth_url'].replace(
                                             '127.0.0.1', '127.0.0.2')}, 'api_timeout': 3}, '127.0.0.2', within=5)
    wrong('HTTPS to a port of HTTP', project.cloud(auth={'auth_url': 'https://127.0.0.1:%d/v3' % (
        BASE + PORTS['identity'])}, api_timeout=5), 'TLS|SSL', within=7)
    reset()
    r = module('networks_info', {'cloud': 'nowhere'}, env)
    fails(r, 'unknown cloud', 'nowhere', re.escape(env['OS_CLIENT_CONFIG_FILE']), 'good', sent=0)
    broken = os.path.join(TEMP, 'broken.yaml')
    with open(broken, 'w') as f:
        f.write('clouds:\n  good: {auth: [unclosed\n')
    r = module('networks_info', {'cloud': 'good'}, {**env, 'OS_CLIENT_CONFIG_FILE': broken})
    fails(r, 'clouds.yaml is no YAML', re.escape(broken), 'line', sent=0)


def tokens():
    info = ('project_info', {'cloud': 'admin', 'name': 'admin'})
    reset()
    r = module('auth', {'cloud': 'admin'}, env)
    check(r.ok and r['auth_token'], 'auth gives a token', r.msg)
    reset()
    works(module(*info, env), 'the next process takes it from the cache', sent=1)
    status, _ = rest('DELETE', 'identity', '/auth/tokens', user='admin',
                     headers={'X-Subject-Token': str(r['auth_token'])})
    check(status == 204, 'token revoked', status)
    reset()
    works(module(*info, env), 'revoked token in the cache: one more login, one repeat')
    check(len(seen('POST .*/auth/tokens')) == 1, 'exactly one login', seen())
    reset()
    works(module(*info, env), 'then the cache is good again', sent=1)
    reset(('GET .*/projects', answer(401, b'{"error": {"code": 401, "message": "no"}}'), 99))
    fails(module(*info, env), 'a service that refuses every token', '401', sent=5)
    reset()
    library = build('system/clock.c', '-shared', '-fPIC', '-D_GNU_SOURCE', '-ldl')
    for shift, after, wanted in ((86400, 0, 1), (-86400, 0, None), (86400, 3, None), (-86400, 3, None),
                                 (40 * 365 * 86400, 0, 1)):
        works(module(*info, fresh_cache('clock')), 'login, then')
        reset()
        jump = {'LD_PRELOAD': library, 'CLOCK_SHIFT': str(shift), 'CLOCK_AFTER': str(after)}
        r = module(*info, {**fresh_cache('clock'), **jump})
        works(r, 'clock off by %d s after %d looks' % (shift, after))
        if wanted is not None:
            check(len(seen('POST .*/auth/tokens')) == wanted, 'an expired entry: %d login' % wanted, seen())


def caches():
    reset()
    runs = []
    start = [threading.Thread(target=lambda: runs.append(
        module('networks_info', {'cloud': 'good', 'name': 'public'}, fresh_cache('shared')))) for _ in range(8)]
    for t in start:
        t.start()
    for t in start:
        t.join()
    check(len(runs) == 8 and all(r.ok for r in runs), '8 processes on an empty cache', [r.msg for r in runs])
    check(len(seen('POST .*/auth/tokens')) == 1, 'they log in once', seen())
    folder = fresh_cache('shared')['TREENAIL_CACHE_DIR']
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), 'r+b') as f:
            f.seek(50)
            f.write(b'garbage')
    reset()
    works(module('networks_info', {'cloud': 'good'}, fresh_cache('shared')), 'a damaged cache costs a login')
    check(len(seen('POST .*/auth/tokens')) == 1, 'one', seen())
    for name in os.listdir(folder):
        os.truncate(os.path.join(folder, name), 20)
    works(module('networks_info', {'cloud': 'good'}, fresh_cache('shared')), 'so does a truncated one')
    locked = fresh_cache('file')
    with open(locked['TREENAIL_CACHE_DIR'], 'w'):
        works(module('networks_info', {'cloud': 'good'}, locked), 'a file where the cache\'s folder should be')
    reset()
    off = {**env, 'TREENAIL_CACHE': 'off', 'TREENAIL_CACHE_DIR': os.path.join(TEMP, 'cache-off')}
    works(module('networks_info', {'cloud': 'good'}, off), 'TREENAIL_CACHE=off')
    check(not os.path.exists(off['TREENAIL_CACHE_DIR']), 'makes no cache')
    full_disk()


def full_disk():
    """On a disk of 8 KiB that is full; in a mount namespace of its own."""
    disk = os.path.join(TEMP, 'disk')
    os.makedirs(disk)
    script = '''mount -t tmpfs -o size=8k,mode=700 none "$1" || exit 99
        head -c 100000 /dev/zero >"$1/full" 2>/dev/null
        "$2" && "$2" <"$3" && ls "$1" >&2'''
    given = os.path.join(TEMP, 'given.json')
    text = '{"_ansible_module_name": "networks_info", "cloud": "good", "name": "public"}'
    with open(given, 'w') as f:
        f.write(text)
    reset()
    names = ['unshare', '-m'] if os.getuid() == 0 else ['unshare', '-Urm']
    r = Run([*names, 'sh', '-c', script, 'sh', disk, PROGRAM, given], text.encode(),
            {**env, 'TREENAIL_CACHE_DIR': disk})
    if r.code == 99 or 'unshare' in r.err:
        check(False, 'a cache on a full disk: SKIPPED, no right to mount', r.err)
        return
    lines = r.out.splitlines()
    check(len(lines) == 2 and all('"failed"' not in x and '"networks"' in x for x in lines),
          'a cache on a full disk costs a login each', r.out + r.err)
    left = [x for x in r.err.split() if x != 'full' and not x.endswith('.lock')]
    check(not left, 'and leaves nothing half-written', r.err)


def objects():
    reset()
    for _ in range(2):
        project.rest('POST', 'network', '/v2.0/networks', {'network': {'name': 'twin'}})
    for state in ('present', 'absent'):
        reset()
        r = module('network', {'cloud': 'good', 'name': 'twin', 'state': state, 'mtu': 1300}, env)
        fails(r, 'two objects of one name, state %s' % state, 'twin', r'\b2\b|two|more than one|several', r'\bID')
        check(not seen('^(POST|PUT|DELETE) .*/networks'), 'no write request', seen())
    twins = project.rest('GET', 'network', '/v2.0/networks?name=twin')[1]['networks']
    for twin in twins:
        works(module('network', {'cloud': 'good', 'name': twin['id'], 'state': 'absent'}, env), 'by ID it goes',
              changed=True)
    project.quota('network', network=0)
    reset()
    fails(network(), 'network quota', "network 'n'", 'quota', '409', 'req-|request', sent=4)
    project.quota('network', network=10)
    check(networks() == 0, 'no network was made', networks())
    works(network(), 'with quota it works', changed=True)
    works(absent(), 'and goes again', changed=True)


def server(name, flavor, **options):
    return module('server', {'cloud': 'good', 'name': name, 'image': project.name, 'flavor': flavor, 'network': 'net',
                             'auto_ip': False, 'timeout': 120, **options}, env)


def servers():
    reset()
    works(network('net'), 'a network for servers')
    works(module('subnet', {'cloud': 'good', 'name': 'net', 'network': 'net', 'cidr': '10.9.0.0/24'}, env), 'subnet')
    project.image()
    small, huge = project.flavor('-small', 64), project.flavor('-huge', 10 ** 8)
    project.quota('compute', instances=0)
    fails(server('s', small), 'server quota', "server 's'", 'quota', 'instances', '403')
    project.quota('compute', instances=10)
    check(project.count('compute', '/servers') == 0, 'no server was made')
    r = server('s', huge)
    fails(r, 'a server that goes to ERROR', "server 's'", 'No valid host')
    check(r['id'], 'its ID is told', r.out)
    fails(server('s', huge), 'again: the same error, no second server', "server 's'", 'No valid host')
    check(project.count('compute', '/servers') == 1, 'one server')
    works(module('server', {'cloud': 'good', 'name': 's', 'state': 'absent'}, env), 'it goes', changed=True)
    fails(server('s', 'no-such-flavor'), 'unknown flavor', 'no-such-flavor')
    fails(module('server', {'cloud': 'good', 'name': 's', 'image': 'no-such-image', 'flavor': small, 'network': 'net'},
                 env), 'unknown image', 'no-such-image')
    check(project.count('compute', '/servers') == 0, 'no server was made')
    reset(('GET .*/servers/[0-9a-f-]{36}', answer(503), 3))
    works(server('s', small), '503 while waiting for a server', changed=True)
    reset()
    works(server('s', small), 'again: no change', changed=False)
    works(module('server', {'cloud': 'good', 'name': 's', 'state': 'absent'}, env), 'it goes', changed=True)
    works(module('network', {'cloud': 'good', 'name': 'net', 'state': 'absent'}, env), 'so does its network')


def transport():
    listing, creating = 'GET .*/networks', 'POST .*/networks'
    works(network(), 'a network through the proxies', changed=True)
    reset((listing, answer(429, headers=['Retry-After: 1']), 2))
    works(network(), '429 with Retry-After, twice', changed=False, least=2, within=20)
    reset((listing, answer(503), 3))
    works(network(), '503, three times', changed=False)
    for fault, name in ((CLOSE, 'closed without an answer'), (LOSE, 'answer lost'), (CUT, 'cut in the middle')):
        reset((listing, fault, 1))
        works(network(), 'GET: connection ' + name, changed=False)
    big = b'{"networks": [' + b'"' + b'a' * (70 * MIB) + b'"]}'
    for body, name, words in (
            (b'{"networks": [{"id": "x", "na', 'truncated JSON', 'JSON|parse|unexpected'),
            (b'\xff\xfe\x00garbage', 'garbage for JSON', 'JSON|parse|unexpected|UTF'),
            (b'[' * 100000, 'too deep JSON', 'deep|nest'),
            (big, 'an answer of 70 MiB', 'MiB|bytes|large|size'),
            (b'[]', 'JSON of another shape', 'network'), (b'null', 'null', 'network'),
            (b'{"networks": {"a": 1}}', 'an object for a list', 'network'),
            (b'', 'an empty answer', 'network')):
        reset((listing, instead(body), 99))
        r = network('other')
        fails(r, name, 'network', words, within=20)
        check(not seen('^(POST|PUT|DELETE) .*/networks'), '%s: no write request' % name, seen())
        check(r.rss < 200 * MIB, '%s: memory stays below 200 MiB' % name, r.rss)
    reset((listing, GARBAGE, 99))
    fails(network('other', 'hasty'), 'no HTTP at all', 'network', within=6)
    reset((listing, answer(503, b'<html><h1>Service Unavailable</h1>come back</html>'), 99))
    fails(network('other', 'hasty'), '503 for ever: ends at the deadline', '503', within=6)
    reset((listing, answer(429, headers=['Retry-After: 3600']), 99))
    fails(network('other', 'hasty'), '429 with a long Retry-After: not begun', '429', within=6)
    reset((listing, HANG, 99))
    fails(network('other', 'hasty'), 'a black hole', r'\bs\b|time|deadline', within=6)
    reset(delay=4)
    fails(network('other', 'hasty'), 'answers later than the deadline', r'\bs\b|time|deadline', within=6)
    works(absent(), 'gone', changed=True)
    for fault, name in ((answer(503), '503'), (answer(429, headers=['Retry-After: 1']), '429'), (CLOSE, 'closed'),
                        (LOSE, 'answer lost'), (CUT, 'answer cut'), (instead(b'garbage'), 'garbage'),
                        (answer(502), '502'), (answer(504), '504'), (HANG, 'black hole')):
        reset((creating, fault, 1))
        r = network(the_cloud='hasty')
        if not r.ok:
            fails(r, 'POST, %s: one error' % name, "network 'n'", within=8)
        seen()
        reset()
        works(network(), 'POST, %s: then it is there' % name)
        works(network(), 'and nothing is left to do', changed=False)
        check(networks() == 1, 'one network', networks())
        reset(('DELETE .*/networks', fault, 1))
        r = module('network', {'cloud': 'hasty', 'name': 'n', 'state': 'absent'}, env)
        if not r.ok:
            fails(r, 'DELETE, %s: one error' % name, "network 'n'", within=8)
        works(absent(), 'DELETE, %s: then it is gone' % name)
        check(networks() == 0, 'no network', networks())


def arguments():
    reset()
    files = {'no JSON': b'this is no JSON', 'empty': b'', 'array': b'[1, 2]', 'null': b'null', 'cut': b'{"name": "x"',
             'not UTF-8': b'{"_ansible_module_name": "network", "cloud": "good", "name": "\xff\xfe"}',
             'too deep': b'{"a":' * 100000, 'no module': b'{"name": "x"}',
             'too large': b'{"a": "' + b'x' * (17 * MIB) + b'"}',
             'unknown module': b'{"_ansible_module_name": "treenail.openstack.netwrok"}'}
    for name, text in files.items():
        path = os.path.join(TEMP, 'args')
        with open(path, 'wb') as f:
            f.write(text)
        fails(Run([PROGRAM, path], env=env), 'arguments: ' + name, sent=0, within=5)
    fails(Run([PROGRAM, '/no/such/file'], env=env), 'arguments: file not there', '/no/such/file')
    fails(Run([PROGRAM, TEMP], env=env), 'arguments: a folder', 'directory')
    for args, words in (({}, ('name', 'required')), ({'name': 'n', 'mtuu': 3}, ('mtuu', 'mtu')),
                        ({'name': 'n', 'mtu': 'many'}, ('mtu', 'int')),
                        ({'name': 'n', 'state': 'here'}, ('state', 'present')),
                        ({'name': 'n', 'items': 3}, ('items',)),
                        ({'items': [{'name': 'a'}, {'nmae': 'b'}]}, ('items', '1', 'nmae'))):
        fails(module('network', {'cloud': 'good', **args}, env), 'options %s' % args, *words, sent=0)


for part in (arguments, login_faults, tokens, caches, objects, transport, servers):
    began = time.monotonic()
    print('-- %s' % part.__name__)
    part()
    print('   %.0f s' % (time.monotonic() - began))
finish()
