#!/usr/bin/env python3
"""Secrets appear nowhere: canaries in options, files and environment; outputs, traces, caches and argv are searched."""
import base64
import concurrent.futures
import glob
import json
import os
import stat
import threading
import time
import urllib.parse

from common import (EXTERNAL, PROGRAM, TEMP, Play, Project, Run, answer, check, clouds_file, environment, finish, login,
                    module, proxies, rest, tasks_play)

CANARY = {name: 'Ca/nary+%s%%&%s=' % (name, os.urandom(5).hex()) for name in (
    'password', 'wrong', 'appcred', 'userdata', 'admin', 'url', 'typo', 'nested', 'file', 'env', 'echo')}
project = Project('tn-secrets', CANARY['password'])
CANARY['token'] = login(project.name, CANARY['password'])
INPUT = os.path.join(TEMP, 'input')  # may hold secrets; nothing else in TEMP may
SECURE = os.path.join(INPUT, 'secure.yaml')
os.makedirs(INPUT)
AUTH = project.cloud()['auth']
CREDENTIAL = rest('POST', 'identity', '/users/%s/application_credentials' % project.user, {
    'application_credential': {'name': 'tn', 'secret': CANARY['appcred']}}, token=CANARY['token'])[1]
via = proxies()
outputs, argv, done = {}, set(), threading.Event()


def forms(secret):
    """What a secret may look like: as it is, URL-encoded, in JSON, in base64 wherever it begins."""
    found = {secret, urllib.parse.quote(secret), urllib.parse.quote(secret, safe=''),
             urllib.parse.quote_plus(secret), secret.replace('/', '\\/')}
    for shift in range(3):
        whole = base64.b64encode(b'\0' * shift + secret.encode() + b'\0' * 3).decode()
        inner = whole[(shift * 4 + 2) // 3 + 1:(shift + len(secret)) * 4 // 3 - 1]
        found |= {inner, inner.replace('+', '-').replace('/', '_')}
    return found


FORMS = {name: forms(secret) for name, secret in CANARY.items()}


def search(text, where):
    hits = [(name, text.index(form)) for name, all_forms in FORMS.items() for form in all_forms if form in text]
    check(not hits, 'no canary in ' + where,
          '\n'.join('%s: ...%s...' % (name, text[max(0, at - 200):at + 100]) for name, at in hits))


def watch():
    """Collects the command lines of all processes."""
    while not done.is_set():
        for path in glob.glob('/proc/[0-9]*/cmdline'):
            try:
                with open(path, 'rb') as f:
                    argv.add(f.read().decode(errors='replace'))
            except OSError:
                pass
        time.sleep(0.02)


def files():
    """clouds.yaml with one password in it, one in secure.yaml, and faulty ones."""
    entry = project.cloud()
    bare = {**entry, 'auth': {k: v for k, v in entry['auth'].items() if k != 'password'}}
    entries = {
        'file': entry, 'secure': bare,
        'nested': {**entry, 'auth': {**AUTH, 'password': {'a': CANARY['nested']}}},
        'typo': {**bare, 'auth': {**bare['auth'], 'passwrod': CANARY['typo']}},
        'url': project.cloud(network_endpoint_override='http://u:%s@127.0.0.1:9/?token=%s' % (
            urllib.parse.quote(CANARY['url'], safe=''), CANARY['url']), api_timeout=1)}
    path = os.path.join(INPUT, 'clouds.yaml')
    for name, value in ((path, entries), (SECURE, {'secure': {'auth': {'password': CANARY['password']}}})):
        with open(name, 'w') as f:
            json.dump({'clouds': value}, f)
    with open(os.path.join(INPUT, 'broken.yaml'), 'w') as f:
        f.write('clouds:\n  file:\n    auth:\n      password: "%s\n      x: [%s\n' % (CANARY['file'], CANARY['file']))
    return path


def task_list(prefix):
    """(name of the task, module, options, environment)"""
    for name, mod, args, env in tasks_of(prefix):
        yield name, mod, {'region_name': 'RegionOne', **args} if 'auth' in args else args, env


def tasks_of(prefix):
    wrong = {**AUTH, 'password': CANARY['wrong']}
    secret = {'auth_url': AUTH['auth_url'], 'application_credential_id': CREDENTIAL['application_credential']['id']}
    token = {k: v for k, v in AUTH.items() if 'user' not in k and k != 'password'}
    os_ = {'OS_REGION_NAME': 'RegionOne', **{'OS_' + k.upper(): v for k, v in AUTH.items()}}
    server = {'auth': AUTH, 'name': prefix + 's', 'image': project.name, 'flavor': project.name + '-small',
              'network': prefix + 'n', 'auto_ip': False}
    unreachable = {**AUTH, 'auth_url': 'http://u:%s@127.0.0.1:9/v3' % urllib.parse.quote(CANARY['url'], safe='')}
    net = {'name': prefix + 'n'}
    yield 'auth dict', 'networks_info', {'auth': AUTH}, {}
    yield 'auth as text', 'networks_info', {'auth': ','.join('%s=%s' % kv for kv in AUTH.items())}, {}
    yield 'clouds.yaml', 'networks_info', {'cloud': 'file'}, {}
    yield 'secure.yaml', 'networks_info', {'cloud': 'secure'}, {}
    yield 'cloud as dict', 'networks_info', {'cloud': {'auth': AUTH, 'region_name': 'RegionOne'}}, {}
    yield 'environment', 'networks_info', {}, os_
    yield 'application credential', 'networks_info', {
        'auth_type': 'v3applicationcredential', 'auth': {
            **secret, 'application_credential_secret': CANARY['appcred']}}, {}
    yield 'token', 'networks_info', {'auth_type': 'token', 'auth': {**token, 'token': CANARY['token']}}, {}
    yield 'network', 'network', {'auth': AUTH, **net}, {}
    yield 'subnet', 'subnet', {'cloud': 'file', 'network': prefix + 'n', **net, 'cidr': '10.8.0.0/24'}, {}
    yield 'server', 'server', {**server, 'userdata': CANARY['userdata']}, {}
    yield 'server, other userdata', 'server', {**server, 'userdata': 'x' + CANARY['userdata']}, {}
    yield 'rebuild', 'server_action', {'cloud': 'file', 'name': prefix + 's', 'action': 'rebuild',
                                       'image': project.name, 'admin_password': CANARY['admin']}, {}
    yield 'wrong password', 'networks_info', {'auth': wrong}, {}
    yield 'wrong password in the environment', 'networks_info', {}, {**os_, 'OS_PASSWORD': CANARY['env']}
    yield 'wrong secret', 'networks_info', {'auth_type': 'v3applicationcredential', 'auth': {
        **secret, 'application_credential_secret': CANARY['wrong']}}, {}
    yield 'wrong token', 'networks_info', {'auth_type': 'token', 'auth': {**token, 'token': CANARY['wrong']}}, {}
    yield 'unreachable', 'networks_info', {'auth': unreachable, 'api_timeout': 1}, {}
    yield 'secrets in URLs', 'networks_info', {'cloud': 'url'}, {}
    yield 'unknown option', 'network', {**net, 'auth': AUTH, 'nmae': 3}, {}
    yield 'missing option', 'network', {'auth': AUTH}, {}
    yield 'auth is a list', 'network', {**net, 'auth': [CANARY['wrong']]}, {}
    yield 'auth is no dict', 'network', {**net, 'auth': CANARY['wrong']}, {}
    yield 'password is a dict', 'network', {**net, 'auth': {**AUTH, 'password': {'a': CANARY['nested']}}}, {}
    yield 'the same in clouds.yaml', 'network', {**net, 'cloud': 'nested'}, {}
    yield 'unknown key in auth', 'network', {**net, 'auth': {**AUTH, 'password': None, 'passwrod': CANARY['typo']}}, {}
    yield 'the same in the file', 'network', {**net, 'cloud': 'typo'}, {}
    yield 'unknown auth_type', 'network', {**net, 'auth_type': 'nonsense', 'auth': AUTH}, {}
    yield 'userdata is a dict', 'server', {**server, 'flavor': 'none', 'userdata': {'a': CANARY['userdata']}}, {}
    yield 'items', 'server', {'cloud': 'file', 'items': [{**server, 'userdata': CANARY['userdata'], 'nmae': 1}]}, {}
    yield 'item is no dict', 'server', {'cloud': 'file', 'items': ['name=x,nmae=1,userdata=' + CANARY['userdata']]}, {}
    yield 'server gone', 'server', {'auth': AUTH, 'name': prefix + 's', 'state': 'absent'}, {}
    yield 'network gone', 'network', {'auth': AUTH, **net, 'state': 'absent'}, {}


GOOD = ('auth dict', 'auth as text', 'clouds.yaml', 'secure.yaml', 'cloud as dict', 'environment',
        'application credential', 'token', 'network', 'subnet', 'server', 'rebuild', 'server gone', 'network gone')


def by_hand(clouds):
    """The program itself: traces on standard error and in files."""
    for name, mod, args, env in task_list('hand-'):
        e = environment(clouds, os.path.join(TEMP, 'hand-cache'), TREENAIL_LOG='debug', OS_CLIENT_SECURE_FILE=SECURE,
                        **env)
        r = module(mod, args, e)
        outputs['by hand: ' + name] = r.out + r.err
        if name in GOOD:
            check(r.ok, 'works: ' + name, r.msg)
        elif name != 'server, other userdata':
            check(r.json is not None and r['failed'] is True, 'fails: ' + name, r.out)
    path = os.path.join(TEMP, 'trace')
    e = environment(clouds, os.path.join(TEMP, 'hand-cache'), TREENAIL_LOG='debug', TREENAIL_LOG_FILE=path)
    r = module('networks_info', {'auth': AUTH, 'region_name': 'RegionOne'}, e)
    check(r.ok and not r.err, 'a trace in a file', r.msg or r.err)
    check(stat.S_IMODE(os.stat(path).st_mode) == 0o600, 'of mode 0600')
    e['OS_CLIENT_CONFIG_FILE'] = os.path.join(INPUT, 'broken.yaml')
    r = module('networks_info', {'cloud': 'file'}, e)
    outputs['by hand: broken clouds.yaml'] = r.out + r.err
    e['OS_CLIENT_CONFIG_FILE'] = clouds
    for query in ({'cloud': 'file', 'resource': 'network', 'name': 'public'},
                  {'cloud': 'nested', 'resource': 'network', 'name': 'public'},
                  {'cloud': 'typo', 'resource': 'network', 'name': 'public'},
                  {'cloud': 'file', 'resource': 'network', 'password': CANARY['wrong']}):
        r = Run([EXTERNAL], json.dumps(query).encode(), {**e, 'TREENAIL_LOG_FILE': '/dev/stderr'})
        outputs['external: %s' % query['cloud']] = r.out + r.err


def echoes():
    """A service that repeats in its message what it was sent."""
    clouds = clouds_file({'echo': project.cloud(proxies=via)}, INPUT)
    text = json.dumps({'badRequest': {'code': 400, 'message': 'cannot use %s with %s' % (
        CANARY['echo'], CANARY['password'])}}).encode()
    for proxy in via.values():
        proxy.reset(('POST .*/servers', answer(400, text), 9))
    r = module('server', {'cloud': 'echo', 'name': 'echo', 'image': project.name, 'flavor': project.name + '-small',
                          'network': 'public', 'userdata': CANARY['echo']}, environment(clouds, TREENAIL_LOG='debug'))
    check(r['failed'], 'fails: a service repeats secrets', r.out)
    outputs['a service repeats secrets'] = r.out + r.err


def by_ansible(core, clouds, plain):
    """All tasks by ansible-playbook at its most talkative; secrets come from a file of variables."""
    name = 'ansible %s, %s' % (core, 'binary modules' if plain else 'collection')
    folder = os.path.join(TEMP, name.replace(' ', '-').replace(',', ''))
    os.makedirs(os.path.join(folder, 'library'))
    tasks, values = [], {}
    for i, (task, mod, args, env) in enumerate(task_list(core + '-')):
        if env and plain:
            continue  # Ansible itself would put them on a command line
        values['args%d' % i] = args
        values['env%d' % i] = env
        if plain and not os.path.exists(os.path.join(folder, 'library', 'treenail_' + mod)):
            os.symlink(PROGRAM, os.path.join(folder, 'library', 'treenail_' + mod))
        options = {k: '{{ args%d["%s"] }}' % (i, k) for k in args}
        tasks.append({'name': task, ('treenail_' if plain else 'treenail.openstack.') + mod: options,
                      'environment': '{{ env%d }}' % i, 'ignore_errors': True})
    path = os.path.join(INPUT, name.replace(' ', '-') + '.json')
    with open(path, 'w') as f:
        json.dump(values, f)
    env = environment(clouds, os.path.join(TEMP, 'play-cache'), TREENAIL_LOG='debug', OS_CLIENT_SECURE_FILE=SECURE,
                      TREENAIL_LOG_FILE=os.path.join(folder, 'trace'), ANSIBLE_LOG_PATH=os.path.join(folder, 'log'))
    plays = tasks_play(tasks)
    if plain:
        del plays[0]['module_defaults']
    play = Play(plays, core, ['-vvvv', '--diff', '-e', '@' + path], env, folder)
    outputs[name] = play.text
    check(play.recap.get('ok', 0) + play.recap.get('failed', 0) == len(tasks) and play.recap['ignored'] > 9,
          '%s: all tasks ran' % name, play.text[-2000:])


def main():
    project.image()
    project.flavor('-small', 64)
    clouds = files()
    threading.Thread(target=watch, daemon=True).start()
    by_hand(clouds)
    echoes()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for core in ('core-2.16', 'core-2.19', 'core-newest'):
            pool.submit(by_ansible, core, clouds, core == 'core-2.16')
    done.set()
    check(sum(w.startswith('ansible') for w in outputs) == 3, 'ansible ran three times')
    for where, text in outputs.items():
        search(text, where)
    check(any(PROGRAM in a or 'treenail-openstack' in a for a in argv), 'command lines were seen')
    search('\n'.join(argv), 'command lines')
    caches = 0
    for folder, _, names in os.walk(TEMP):
        if folder.startswith(INPUT):
            continue
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                with open(path, 'rb') as f:
                    search(f.read().decode('latin-1'), os.path.relpath(path, TEMP))
            if os.path.basename(folder).endswith('cache'):
                caches += 1
                check(stat.S_IMODE(os.lstat(path).st_mode) == 0o600, 'mode 0600: ' + name)
                check(stat.S_IMODE(os.stat(folder).st_mode) == 0o700, 'in a folder of mode 0700')
    check(caches > 4, 'there were cache files', caches)
    for path in glob.glob(os.path.join(TEMP, '.ansible/tmp/*')):
        check(False, 'left behind: ' + path)


main()
finish()
