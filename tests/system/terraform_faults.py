#!/usr/bin/env python3
"""Bad input and faults of Terraform's side: the right caret, the right state, and a next apply that converges.

  terraform_faults.py [PART...]
"""
import base64
import glob
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import zipfile

import providers
from common import LAB, TEMP, Project, Run, answer, check, edit, environment, finish, proxies, rest, service_url

COOKIE = {'TF_PLUGIN_MAGIC_COOKIE': 'd602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2'}
project = Project('tn-tffaults')
project.quota('network', network=200)
via = proxies()
clouds = {'here': project.cloud(proxies=via)}
VOLUME = '''
resource "openstack_blockstorage_volume_v3" "v" {
  name = "v"
  size = 1
}
'''


def network(name, **more):
    lines = ''.join('  %s = %s\n' % (k, v) for k, v in more.items())
    return 'resource "openstack_networking_network_v2" "%s" {\n  name = "%s"\n%s}\n' % (name, name, lines)


def fresh(hcl='', **env):
    """A root module; no faults."""
    reset()
    return providers.root(clouds, hcl, **env)


def reset(*plan):
    for proxy in via.values():
        proxy.reset(*plan)


def plain(text):
    """Sentences as they were before they were laid out."""
    return re.sub(r'[\s│]+', ' ', text)


def there():
    return providers.counts(providers.inventory(project))


def end(root, what):
    reset()
    done = root.destroy()
    found = there()
    check(done.ok and not found, '%s: destroyed, nothing is left' % what, '%s\n%s' % (done.text, found))
    if found:
        providers.purge(project)


# ---- the program by itself ----

def by_hand():
    for what, env in (('by hand', {}), ('with a wrong cookie', {'TF_PLUGIN_MAGIC_COOKIE': 'biscuit'})):
        r = Run([providers.PROVIDER], env=environment(**env), timeout=5)
        check(r.code == 1 and not r.out and re.search('Terraform', r.err) and re.search('plugin|provider', r.err),
              'started %s: says what it is' % what, (r.code, r.out, r.err))
    r = Run([providers.PROVIDER], env=environment(PLUGIN_PROTOCOL_VERSIONS='4,5', **COOKIE), timeout=5)
    check(r.code == 1 and not r.out and '6' in r.err, 'a Terraform without protocol 6', (r.code, r.out, r.err))


# ---- diagnostics ----

WRONG = (  # what, the configuration with <- at the line of the caret, words of the message
    ('unknown attribute', network('n', colour='"red"  # <-'), 'not expected here|nsupported argument'),
    ('wrong type', network('n', mtu='"wide"  # <-'), 'number'),
    ('wrong type in a list', network('n', tags='[{}]  # <-'), 'string'),
    ('missing argument', 'resource "openstack_networking_subnet_v2" "s" {  # <-\n  cidr = "10.0.0.0/24"\n}\n',
     'network_id'),
    ('unknown block', network('n').replace('}\n', '  colours {  # <-\n  }\n}\n'), 'colours'),
    ('bad choice', '''resource "openstack_networking_secgroup_rule_v2" "r" {
  security_group_id = "11111111-1111-1111-1111-111111111111"
  ethertype = "IPv4"
  direction = "sideways"  # <-
}''', 'ingress'),
    ('conflicting attributes', '''data "openstack_networking_subnet_ids_v2" "s" {
  name = "a"  # <-
  name_regex = "a"  # <-
}''', 'Only one'),
    ('wrong duration', network('n').replace('}\n', '  timeouts {\n    create = "soon"  # <-\n  }\n}\n'), 'soon'),
    ('wrong choice of the provider', 'provider "openstack" {\n  endpoint_type = "secret"  # <-\n}\n' + network('n'),
     'public'),
)


def diagnostics():
    for what, hcl, words in WRONG:
        root = fresh(hcl)
        if hcl.startswith('provider'):
            root.write('main.tf', hcl)
        with open(root.path('main.tf')) as f:
            lines = {i + 1 for i, line in enumerate(f) if '<-' in line}
        found = root.run('validate', '-json').json.get('diagnostics', [])
        errors = [d for d in found if d['severity'] == 'error']
        at = {d.get('range', {}).get('start', {}).get('line') for d in errors}
        text = ' '.join(d['summary'] + ' ' + d.get('detail', '') for d in errors)
        check(errors and at <= lines and re.search(words, text), '%s: the caret stands right: %s' % (what, text),
              'lines %s, not %s: %s' % (at, lines, json.dumps(errors, indent=1)))


def refused():
    """What the cloud says of logins, as Terraform shows it."""
    entry = {'here': {**clouds['here'], 'auth': {**clouds['here']['auth'], 'password': 'wrong'}}}
    done = providers.root(entry, network('n')).apply()
    check(done.code == 1 and '401' in plain(done.text) and 'wrong' not in plain(done.text), 'wrong password', done.text)
    root = fresh(network('n'))
    root.write('main.tf', 'provider "openstack" {\n  cloud = "nowhere"\n}\n' + network('n'))
    done = root.apply()
    check(done.code == 1 and 'nowhere' in plain(done.text) and 'clouds.yaml' in plain(done.text), 'unknown cloud', done.text)
    root = fresh(network('n'))
    reset(('GET .*/networks', answer(503), 3))
    check(root.apply().ok and root.plan().code == 0, '503, three times')
    reset(('GET .*/networks', answer(403, b'{"error": {"message": "not yours"}}'), 99))
    done = root.plan()
    check(done.code == 1 and 'not yours' in plain(done.text) and len(root.instances()) == 1,
          'a refresh that is refused: the object stays in the state', done.text)
    end(root, 'refusals')


# ---- the provider block is not known yet ----

def unknown_provider():
    root = fresh()
    block = 'provider "openstack" {\n  cloud = terraform_data.cloud.output\n}\n' \
            'resource "terraform_data" "cloud" {\n  input = "here"\n}\n'
    root.write('main.tf', block + network('n', tags='["x"]'))
    done = root.plan()
    check(done.code == 2, 'provider block not known: creation is planned', done.text)
    done = root.apply()
    check(done.ok and there() == {'networks': 1}, 'provider block not known: apply works', done.text)
    check(root.plan().code == 0, 'provider block not known: then nothing to do')
    end(root, 'provider block not known')
    root = fresh()
    root.write('main.tf', block + 'data "openstack_networking_network_v2" "d" {\n  name = "public"\n}\n')
    done = root.plan()
    check(done.code == 1 and 'cloud' in plain(done.text) and 'known' in plain(done.text),
          'provider block not known: a data source says so', done.text)
    done = root.apply('-target=terraform_data.cloud')
    check(done.ok and root.apply().ok, 'and works when that was applied first', done.text)


# ---- stopped in the middle ----

def never(old, new):
    """An object that stays in this state."""
    assert len(old) == len(new)
    return edit(lambda reply: reply.replace(old, new))


def slow_volume():
    reset(('(GET|POST) .*/volumes', never(b'"status": "available"', b'"status": "creating" '), 10 ** 6))


def waiting(p):
    """Until the volume is there, and the provider waits for it."""
    end_s = time.monotonic() + 30
    while not there().get('volumes') and time.monotonic() < end_s and p.poll() is None:
        time.sleep(0.05)
    time.sleep(0.3)


def interrupt(times, group):
    """SIGINT as a terminal sends it (to the group), or to Terraform alone."""
    what = 'SIGINT %s%s' % ('once' if times == 1 else 'twice', ' from the terminal' if group else '')
    root = fresh(VOLUME)
    slow_volume()
    p = root.start('apply', '-auto-approve', '-input=false', '-no-color', stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    waiting(p)
    theirs = providers.children(p.pid)
    began = time.monotonic()
    for _ in range(times):
        if group:
            os.killpg(p.pid, signal.SIGINT)
        else:
            p.send_signal(signal.SIGINT)
        time.sleep(0.02)
    try:
        code = p.wait(20)
    except subprocess.TimeoutExpired:
        p.kill()
        code = 'none: it did not end'
    took = time.monotonic() - began
    check(code == 1 and took < 15, '%s: ends at once (%.2f s)' % (what, took), code)
    check(providers.gone(theirs, 15), '%s: so does the provider' % what)
    kept = root.instances()
    if times == 1:
        check([v[1] for v in kept.values()] == ['tainted'] and all(v[0]['id'] for v in kept.values()),
              '%s: the volume is in the state, tainted' % what, kept)
    reset()
    done = root.apply()
    check(done.ok and there() == {'volumes': 1}, '%s: the next apply converges' % what, '%s\n%s' % (done.text, there()))
    check(root.plan().code == 0, '%s: then nothing to do' % what)
    end(root, what)


def timeout():
    root = fresh(VOLUME.replace('size = 1', 'size = 1\n  timeouts {\n    create = "3s"\n  }'))
    slow_volume()
    done = root.apply()
    check(done.code == 1 and 'creating' in done.text, 'a wait that ends: the last state is told', done.text)
    check([v[1] for v in root.instances().values()] == ['tainted'], 'it is in the state, tainted', root.instances())
    reset()
    root.write('main.tf', open(root.path('main.tf')).read().replace('"3s"', '"60s"'))
    done = root.apply()
    check(done.ok and there() == {'volumes': 1}, 'the next apply replaces it', '%s\n%s' % (done.text, there()))
    end(root, 'a wait that ends')


def orphans():
    root = fresh(VOLUME)
    slow_volume()
    p = root.start('apply', '-auto-approve', '-input=false', stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    waiting(p)
    theirs = providers.children(p.pid)
    p.kill()
    p.wait()
    check(theirs and providers.gone(theirs, 30), 'SIGKILL of Terraform: the provider ends', theirs)
    reset()
    done = root.apply()
    check(done.ok and there() == {'volumes': 1}, 'the next apply adopts the volume', '%s\n%s' % (done.text, there()))
    end(root, 'SIGKILL')


# ---- secrets ----

CANARY = {name: 'Ca/nary+%s&%s=' % (name, os.urandom(5).hex()) for name in ('user', 'credential', 'server', 'login')}
SECRETS = '''
variable "secret" {
  type      = map(string)
  ephemeral = true
}
provider "openstack" {
  auth_url            = "%(url)s"
  user_name           = "%(user)s"
  password            = var.secret.login
  tenant_name         = "%(user)s"
  user_domain_name    = "Default"
  project_domain_name = "Default"
  region              = "RegionOne"
}
provider "openstack" {
  alias = "admin"
  cloud = "admin"
}
resource "openstack_identity_user_v3" "u" {
  provider            = openstack.admin
  name                = "%(user)s-u"
  password_wo         = var.secret.user
  password_wo_version = 1
}
resource "openstack_identity_application_credential_v3" "c" {
  name              = "c"
  secret_wo         = var.secret.credential
  secret_wo_version = 1
  # Keystone 27, asked while it makes a user, does not find the roles of another: 400, seen twice.
  depends_on = [openstack_identity_user_v3.u]
}
resource "openstack_networking_network_v2" "n" {
  name = "n"
}
resource "openstack_networking_subnet_v2" "s" {
  network_id = openstack_networking_network_v2.n.id
  cidr       = "10.9.0.0/24"
}
resource "openstack_compute_instance_v2" "i" {
  name                  = "i"
  image_name            = "cirros"
  flavor_name           = "m1.tiny"
  admin_pass_wo         = var.secret.server
  admin_pass_wo_version = %(version)d
  network {
    uuid = openstack_networking_network_v2.n.id
  }
  depends_on = [openstack_networking_subnet_v2.s]
}
'''


def contents(folder):
    """(path, text) of all files below, those in archives too."""
    for path in glob.glob(os.path.join(folder, '**'), recursive=True) + glob.glob(
            os.path.join(folder, '.terraform/**'), recursive=True):
        if not os.path.isfile(path):
            continue
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as z:
                for name in z.namelist():
                    yield '%s:%s' % (path, name), z.read(name).decode(errors='replace')
        else:
            with open(path, errors='replace') as f:
                yield path, f.read()


def secrets():
    keeper = Project('tn-tfsecrets', CANARY['login'])
    root = fresh(TF_LOG='TRACE', TF_VAR_secret=json.dumps(CANARY))
    root.env['TF_LOG_PATH'] = root.path('trace.log')
    root.env['OS_CLIENT_CONFIG_FILE'] = os.path.join(LAB, 'clouds.yaml')
    known = {'url': service_url('identity'), 'user': keeper.name}
    texts = []
    for version in (1, 2):  # the second changes what is write-only
        root.write('main.tf', SECRETS % {**known, 'version': version})
        done = root.plan()
        texts.append(('output of plan', done.text))
        check(done.code == 2, 'write-only secrets: planned', done.text)
        done = root.run('apply', '-input=false', '-no-color', 'plan')
        texts.append(('output of apply', done.text))
        check(done.ok, 'write-only secrets: applied', done.text)
    done = root.plan(file='empty')
    check(done.code == 0, 'write-only secrets: then nothing to do', done.text)
    user = '%s-u' % keeper.name
    status = try_login(user, CANARY['user'])
    check(status == 201, 'the user has its password', status)
    texts += list(contents(root.folder))
    traces = [t for n, t in texts if n.endswith('trace.log')]
    check(traces and 'TRACE' in traces[0] and 'openstack_identity_user_v3' in traces[0], 'there is a trace of all that')
    check(traces and re.search(r'\[DEBUG\] provider\S* POST http\S+: 201, ', traces[0]), 'and of its requests')
    for name, secret in CANARY.items():
        forms = disguises(secret)
        hits = [(n, t[max(0, t.index(f) - 200):t.index(f) + 80]) for n, t in texts for f in forms if f in t]
        check(not hits, 'no %s password in states, plans, outputs and traces' % name, hits[:3])
    tokens = [n for n, t in texts if 'gAAAAA' in t]
    check(not tokens, 'nor a token', tokens)
    done = root.destroy()
    check(done.ok, 'write-only secrets: destroyed', done.text)


def disguises(secret):
    """How it may look in what was written: escaped for JSON and URLs, in base64 from any byte on."""
    raw = secret.encode()
    # Of what stands in the middle of something longer, the first and the last quantum are others'.
    base64s = {base64.b64encode(b'x' * i + raw).decode()[4 if i else 0:len(raw) * 4 // 3 - 4] for i in range(3)}
    return {secret, json.dumps(secret)[1:-1], secret.replace('/', '\\/'), urllib.parse.quote(secret, safe=''),
            urllib.parse.quote(secret), urllib.parse.quote_plus(secret)} | base64s | {
                b.replace('+', '-').replace('/', '_') for b in base64s}


def try_login(user, password):
    who = {'name': user, 'domain': {'id': 'default'}, 'password': password}
    return rest('POST', 'identity', '/auth/tokens', {'auth': {'identity': {
        'methods': ['password'], 'password': {'user': who}}}}, user='admin')[0]


# ---- many ----

def sent_now(pattern):
    return [line for proxy in via.values() for line in proxy.seen if re.search(pattern, line)]


def many():
    root = fresh('resource "openstack_networking_network_v2" "n" {\n  count = 100\n  name  = "n${count.index}"\n}\n')
    began = time.monotonic()
    done = root.apply('-parallelism=50')
    sent = sent_now('POST .*/networks')
    check(done.ok and there() == {'networks': 100}, '100 networks at once: %.1f s' % (time.monotonic() - began),
          done.text[-2000:])
    check(0 < len(sent) <= 20, 'made with few requests: %d' % len(sent), sent)
    reset()
    done = root.plan('-parallelism=50')
    sent = sent_now('GET .*/networks')
    check(done.code == 0 and 0 < len(sent) <= 5, 'refreshed with few requests: %d' % len(sent), done.text[-2000:])
    done = root.destroy('-parallelism=50')
    check(done.ok and not there(), 'destroyed at once', done.text[-2000:])


# ---- by hand, for a debugger ----

def debug():
    p = subprocess.Popen([providers.PROVIDER, '-debug'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         cwd=TEMP, env=environment(clouds=fresh().env['OS_CLIENT_CONFIG_FILE']))
    text = ''
    while 'TF_REATTACH_PROVIDERS' not in text or not re.search(r"='(\{.*\})'", text):
        line = p.stdout.readline()
        if not line:
            break
        text += line
    found = re.search(r"='(\{.*\})'", text)
    if check(found, '-debug prints what to set', text):
        root = fresh(network('n'))
        addresses = json.loads(found.group(1))
        check(all(v['Pid'] == p.pid and v['ProtocolVersion'] == 6 for v in addresses.values()), 'with its process ID')
        host = 'registry.opentofu.org' if root.program.endswith('tofu') else 'registry.terraform.io'
        given = {re.sub('^[^/]*', host, k): v for k, v in addresses.items()}
        root.env['TF_REATTACH_PROVIDERS'] = json.dumps(given)
        root.write('cli.rc', '')  # nowhere else to take it from
        done = root.apply()
        check(done.ok and there() == {'networks': 1}, 'Terraform works with it', done.text)
        check(root.plan().code == 0, 'and again')
        check(p.poll() is None, 'and it is still there')
        end(root, '-debug')
    p.send_signal(signal.SIGINT)
    check(providers.gone([p.pid], 30), 'SIGINT ends it')
    p.communicate()


def interrupts():
    for times in (1, 2):
        for group in (False, True):
            interrupt(times, group)


PARTS = (by_hand, diagnostics, refused, unknown_provider, interrupts, timeout, orphans, many, debug, secrets)
for part in PARTS:
    if not sys.argv[1:] or part.__name__ in sys.argv[1:]:
        part()
check(not glob.glob(os.path.join(TEMP, '**/crash*.log'), recursive=True), 'nothing crashed')
finish()
