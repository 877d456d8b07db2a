#!/usr/bin/env python3
"""Runs tests/terraform/cases/*.yml with real Terraform (and OpenTofu, where it is found) against the lab.

A case is a root module that changes step by step. Of each step is asserted: the plan has the actions that
the case names and no other; what was applied is what was expected; a second plan is empty and sees no drift.
After the steps the objects are taken out of the state and imported again, which has to plan no change, and
destroyed, after which the lab has none of them. No log of the provider has a token or a secret of the case.

  run.py --lab DIR --state DIR --bin DIR [CASE ...]
  run.py --kubeconfig FILE --cases DIR --state DIR --bin DIR [CASE ...]      the provider kubernetes

A case (YAML): `cloud`; `setup`: HCL of all steps; `steps`, each `hcl` with
  actions   {address: create | update | replace | delete}; a first step without: all are created
  expect    {address.path: value} in the state then, output.NAME too; lists in any order, objects by the keys
            that are named; "~x" is a regular expression, "=address.path" that other value
  drift     [address.attribute] that the service may change behind our back
  fails     regular expression of the error; the state then is as before but for `tainted` (addresses)
`import`: {address: {id: TEXT, ignore: [attributes]}, or false: cannot be}; `import: false` for none at all.
`secrets`: texts that no state, plan or log may have; `hidden`: that no log may have.
"""
import argparse
import base64
import concurrent.futures
import glob
import json
import os
import re
import shutil
import ssl
import sys
import tempfile
import time
import urllib.error
import urllib.request

import yaml

import terraform

HERE = os.path.dirname(os.path.abspath(__file__))
WORDS = {('create',): 'create', ('update',): 'update', ('delete',): 'delete', ('delete', 'create'): 'replace',
         ('create', 'delete'): 'replace'}
# Everything that a case may leave behind: service's port after Keystone's, URI, and the key of its list.
LISTS = [(4, '/v2.0/' + kind.replace('_', '-'), kind) for kind in (
            'networks', 'subnets', 'routers', 'ports', 'floatingips', 'security_groups', 'security_group_rules')]
LISTS += [(3, '/v2.1/servers?all_tenants=1', 'servers'), (3, '/v2.1/flavors?is_public=none', 'flavors'),
          (3, '/v2.1/os-server-groups?all_projects=1', 'server_groups'), (3, '/v2.1/os-keypairs', 'keypairs'),
          (1, '/v2/images?visibility=all&limit=1000', 'images'), (1, '/v2/images?limit=1000', 'images')]
LISTS += [(0, '/v3/' + kind, kind) for kind in ('projects', 'users', 'roles', 'groups', 'domains')]
LISTS += [(5, '/v3/{project}/volumes?all_tenants=1', 'volumes')]


class Lab:
    provider, token = 'openstack', 'gAAAAA'

    def __init__(self, folder):
        self.clouds = os.path.join(folder, 'clouds.yaml')
        with open(self.clouds) as f:
            self.entries = yaml.safe_load(f)['clouds']
        self.port = int(re.search(r':(\d+)', self.entries['admin']['auth']['auth_url']).group(1))
        self.env = {'OS_CLIENT_CONFIG_FILE': self.clouds}

    @staticmethod
    def calm(plan):
        return plan

    @staticmethod
    def block(case):
        return 'cloud = "%s"' % case.get('cloud', 'demo')

    def login(self, cloud):
        """(token, project ID, user ID)"""
        auth = self.entries[cloud]['auth']
        who = {'name': auth['username'], 'domain': {'id': 'default'}, 'password': auth['password']}
        body = {'auth': {'identity': {'methods': ['password'], 'password': {'user': who}}, 'scope': {
            'project': {'name': auth['project_name'], 'domain': {'id': 'default'}}}}}
        req = urllib.request.Request('http://127.0.0.1:%d/v3/auth/tokens' % self.port, json.dumps(body).encode(),
                                     {'Content-Type': 'application/json'})
        with urllib.request.urlopen(req, timeout=60) as answer:
            token = json.load(answer)['token']
            return answer.headers['X-Subject-Token'], token['project']['id'], token['user']['id']

    def get(self, port, uri, token):
        req = urllib.request.Request('http://127.0.0.1:%d%s' % (self.port + port, uri), headers={'X-Auth-Token': token})
        with urllib.request.urlopen(req, timeout=60) as answer:
            return json.load(answer)

    def objects(self):
        """All objects that admin and demo can see: (kind, ID, name)."""
        ret = set()
        for cloud in 'admin', 'demo':
            token, project, user = self.login(cloud)
            lists = LISTS + [(0, '/v3/users/%s/application_credentials' % user, 'application_credentials')]
            for port, uri, key in lists:
                if cloud == 'demo' and (port == 0 and 'application' not in uri or 'all_' in uri or '=none' in uri):
                    continue
                for one in self.get(port, uri.format(project=project), token)[key]:
                    one = one.get('keypair', one)
                    ret.add((key, one.get('id', ''), one.get('name', '')))
        return ret


class Cluster:
    """A Kubernetes cluster that the client certificate of a kubeconfig file opens."""
    provider, token = 'kubernetes', 'PRIVATE KEY'
    # What a namespace does not take along.
    LISTS = ['/api/v1/namespaces', '/api/v1/namespaces/default/configmaps', '/api/v1/namespaces/default/secrets']
    LISTS += ['/apis/rbac.authorization.k8s.io/v1/clusterroles', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings']
    LISTS += ['/apis/storage.k8s.io/v1/storageclasses']

    def __init__(self, kubeconfig):
        self.path, self.env = kubeconfig, {}
        with open(kubeconfig) as f:
            config = yaml.safe_load(f)
        cluster, user = config['clusters'][0]['cluster'], config['users'][0]['user']
        self.server = cluster['server']
        self.tls = ssl.create_default_context(cadata=base64.b64decode(cluster['certificate-authority-data']).decode())
        with tempfile.NamedTemporaryFile() as f:
            f.write(base64.b64decode(user['client-certificate-data']) + base64.b64decode(user['client-key-data']))
            f.flush()
            self.tls.load_cert_chain(f.name)

    def block(self, case):
        return 'config_path = "%s"' % self.path

    @staticmethod
    def calm(plan):
        """The plan without drift of what controllers write all the time."""
        def plain(values):
            meta = [{k: v for k, v in m.items() if k not in ('generation', 'resource_version')}
                    for m in (values or {}).get('metadata') or []]
            return {**(values or {}), 'metadata': meta, 'status': None}

        return {'resource_drift': [r for r in plan.get('resource_drift', [])
                                   if plain(r['change']['before']) != plain(r['change']['after'])]}

    def objects(self):
        ret = set()
        for uri in self.LISTS:
            with urllib.request.urlopen(self.server + uri, timeout=60, context=self.tls) as answer:
                for one in json.load(answer)['items']:
                    meta = one['metadata']
                    ret.add((uri, '/'.join(filter(None, (meta.get('namespace'), meta['name']))), meta['name']))
        return ret


class Check:
    def __init__(self):
        self.passed, self.problems = 0, []

    def that(self, ok, text):
        if ok:
            self.passed += 1
        else:
            self.problems.append(text)
        return ok


def at(value, path):
    for part in [p for p in re.split(r'\.|\[(\d+)\]', path) if p]:
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return None
    return value


def covers(want, have):
    """Whether `have` is what `want` says: keys that are not named do not matter, nor does order."""
    if isinstance(want, dict) and isinstance(have, dict):
        return all(covers(v, have.get(k)) for k, v in want.items())
    if isinstance(want, list) and isinstance(have, list):
        left = list(have)
        for item in want:
            hit = [i for i, x in enumerate(left) if covers(item, x)]
            if not hit:
                return False
            del left[hit[0]]
        return not left
    if isinstance(want, str) and want.startswith('~'):
        return isinstance(have, str) and re.search(want[1:], have) is not None
    return want == have and isinstance(want, bool) == isinstance(have, bool)


def resource_of(address):
    return re.sub(r'\[.*', '', address)


class Case:
    def __init__(self, path, program, lab, args):
        self.name = os.path.basename(path)[:-4]
        with open(path) as f:
            self.case = yaml.safe_load(f)
        if not program.endswith('terraform'):
            self.name += '-' + os.path.basename(program)
        self.c, self.lab, self.ids = Check(), lab, set()
        folder = os.path.join(args.state, self.name)
        self.log = os.path.join(folder, 'provider.log')
        self.root = terraform.Root(folder, args.bin, {
            **lab.env, 'TREENAIL_CACHE_DIR': os.path.join(args.state, 'cache'),
            'TREENAIL_LOG': 'debug', 'TF_LOG_PROVIDER': 'TRACE', 'TF_LOG_PATH': self.log,
            'TREENAIL_TEST_FILES': os.path.join(HERE, 'files')}, program, provider=lab.provider)

    # ---- what is in the state and in plans ----

    def value(self, path):
        """Of "address.path" or "output.NAME"."""
        state = self.root.state()
        if path.startswith('output.'):
            return at({k: v['value'] for k, v in state.get('outputs', {}).items()}, path[len('output.'):])
        found = {**self.root.instances(), **self.root.instances('data')}
        for address in sorted(found, key=len, reverse=True):
            if path.startswith(address + '.'):
                return at(found[address][0], path[len(address) + 1:])
        return 'nothing: the state has no such address'

    def remember(self):
        self.ids |= {v[0].get('id') for v in self.root.instances().values()} - {None, ''}

    def clean(self, where, text):
        for secret in self.case.get('secrets', []):
            self.c.that(secret not in text, '%s: has the secret %r' % (where, secret))

    def actions(self, file='plan'):
        """{address: word} of all that a plan changes."""
        plan = self.root.planned(file)
        self.clean('plan', json.dumps({k: v for k, v in plan.items() if k != 'configuration'}))
        return {r['address']: WORDS.get(tuple(r['change']['actions']), str(r['change']['actions']))
                for r in plan.get('resource_changes', [])
                if r['mode'] == 'managed' and r['change']['actions'] != ['no-op']}, plan

    # ---- steps ----

    def check_actions(self, where, step, first):
        found, plan = self.actions()
        wanted = step.get('actions')
        if wanted is None and first:
            return self.c.that(found and set(found.values()) == {'create'}, '%s: planned %s' % (where, found))
        # A resource's address without an index is that of all its instances.
        wanted = {k: v for k, v in (wanted or {}).items() if v != 'no-op'}
        spread = {a: wanted[resource_of(a)] for a in found if resource_of(a) in wanted}
        wanted = {**{k: v for k, v in wanted.items() if k not in map(resource_of, found)}, **spread}
        why = {r['address']: r['change'].get('replace_paths') for r in plan.get('resource_changes', [])
               if r['change'].get('replace_paths')}
        return self.c.that(found == wanted, '%s: planned %s, not %s; replaced for %s' % (where, found, wanted, why))

    def check_expected(self, where, step):
        for path, wanted in step.get('expect', {}).items():
            if isinstance(wanted, str) and wanted.startswith('='):
                wanted = self.value(wanted[1:])
            have = self.value(path)
            self.c.that(covers(wanted, have), '%s: %s is %r, not %r' % (where, path, have, wanted))

    def check_empty(self, where, may_drift=()):
        """A second plan has nothing to do, and what it read is what the state has."""
        again = self.root.plan(file='again')
        if again.code == 1:
            return self.c.that(False, '%s: second plan: %s' % (where, again.text))
        _, plan = self.actions('again')
        self.c.that(again.code == 0, '%s: second plan: %s' % (where, differences(plan, 'resource_changes')))
        drift = [d for d in differences(self.lab.calm(plan), 'resource_drift') if d[0] + '.' + d[1] not in may_drift]
        return self.c.that(not drift, '%s: drift: %s' % (where, drift))

    def fail(self, where, step):
        before = self.root.instances()
        done = self.root.plan()
        if done.code == 2:
            done = self.root.run('apply', '-input=false', '-no-color', 'plan')
        text = re.sub(r'\s*\n[│ ]*\s*', ' ', done.text)  # sentences as they were before they were laid out
        self.c.that(done.code == 1 and re.search(step['fails'], text),
                    '%s: should have failed with %r: %s' % (where, step['fails'], done.text))
        tainted = {a for a, v in self.root.instances().items() if v[1] == 'tainted'}
        after = {a: v for a, v in self.root.instances().items() if a not in tainted}
        self.remember()
        self.c.that(tainted == set(step.get('tainted', [])), '%s: tainted: %s' % (where, tainted))
        self.c.that(after == {a: v for a, v in before.items() if a not in tainted},
                    '%s: the state changed: %s' % (where, after))

    def step(self, number, step):
        where = 'step %d' % number
        self.root.write('step.tf', step['hcl'])
        if 'fails' in step:
            return self.fail(where, step)
        done = self.root.plan()
        if not self.c.that(done.code != 1, '%s: plan: %s' % (where, done.text)):
            return False
        self.check_actions(where, step, number == 0)
        done = self.root.run('apply', '-input=false', '-no-color', 'plan')
        self.remember()
        if not self.c.that(done.ok, '%s: apply: %s' % (where, done.text)):
            return False
        self.clean(where + ': state', json.dumps(self.root.state()))
        self.check_expected(where, step)
        return self.check_empty(where, step.get('drift', []))

    # ---- import ----

    @staticmethod
    def import_id(values):
        """Of what is in another cloud than the provider's, that too."""
        where = 'cloud:%(cloud)s/region:%(region)s/' % values if values.get('cloud') else ''
        return where + values['id']

    def is_ours(self, address):
        return address.startswith(self.lab.provider + '_')

    def import_files(self, wanted):
        """Import blocks, and for what an import cannot know lifecycle blocks in files that override others."""
        blocks, ignored = '', {}
        for address, (values, _) in wanted.items():
            how = self.how(address)
            blocks += 'import {\n  to = %s\n  id = %s\n}\n' % (address, json.dumps(how.get('id', self.import_id(values))))
            names = set(how.get('ignore', [])) | {k for k in values if k.endswith(('_wo_version', '_wo_revision')) and values[k]}
            if any((values.get('timeouts') or {}).values()):
                names.add('timeouts')
            ignored.setdefault(resource_of(address), set()).update(names)
        lines = ''.join('resource "%s" "%s" {\n  lifecycle { ignore_changes = [%s] }\n}\n'
                        % (*a.split('.'), ', '.join(sorted(names))) for a, names in ignored.items() if names)
        self.root.write('import.tf', blocks)
        self.root.write('import_override.tf', lines)

    def how(self, address):
        given = (self.case.get('import') or {})
        return given.get(address, given.get(resource_of(address), {}))

    def check_import(self):
        last = self.case['steps'][-1]
        if self.case.get('import') is False:
            return
        mine = set(re.findall(r'^\s*resource\s+"(\w+)"\s+"(\w+)"', last['hcl'], re.M))
        wanted = {a: v for a, v in self.root.instances().items()
                  if tuple(resource_of(a).split('.')) in mine and self.how(a) is not False
                  and self.is_ours(a)}
        if not self.c.that(wanted, 'import: the last step has nothing to import'):
            return
        shutil.copy(self.root.path('terraform.tfstate'), self.root.path('before-import'))
        done = self.root.run('state', 'rm', *wanted)
        self.import_files(wanted)
        plan = self.root.plan()
        changes, shown = self.actions()
        taken = [r['address'] for r in shown.get('resource_changes', []) if 'importing' in r['change']]
        good = self.c.that(done.ok and plan.code != 1, 'import: %s' % (done.text + plan.text))
        good = self.c.that(good and not changes, 'import: %s' % differences(shown, 'resource_changes')) and good
        good = self.c.that(sorted(taken) == sorted(wanted), 'import: took %s, not %s' % (taken, list(wanted))) and good
        if good:
            done = self.root.run('apply', '-input=false', '-no-color', 'plan')
            good = self.c.that(done.ok, 'import: %s' % done.text)
            self.check_empty('import')
        if not good:
            shutil.copy(self.root.path('before-import'), self.root.path('terraform.tfstate'))
        self.root.remove('import.tf')
        self.root.remove('import_override.tf')

    # ---- all of it ----

    def names(self):
        """Beginnings of the names of all objects of this case."""
        texts = [self.case.get('setup', '')] + [s['hcl'] for s in self.case['steps']]
        return tuple(set(re.findall(r'"(tf-[a-z0-9_]+-[^"$%]*)', '\n'.join(texts))))

    def end(self):
        done = self.root.destroy()
        self.c.that(done.ok, 'destroy: %s' % done.text)
        self.c.that(not self.root.instances(), 'destroy: the state still has %s' % list(self.root.instances()))
        names = self.names()
        left = [o for o in self.lab.objects() if o[1] in self.ids or (names and o[2].startswith(names))]
        self.c.that(not left, 'left behind: %s' % left)

    def check_logs(self):
        text = ''
        if self.c.that(os.path.exists(self.log), 'no log of the provider'):
            with open(self.log, errors='replace') as f:
                text = f.read()
        self.c.that(self.lab.token not in text, 'the log of the provider has a token')
        for secret in self.case.get('secrets', []) + self.case.get('hidden', []):
            self.c.that(secret not in text, 'the log of the provider has %r' % secret)

    def run(self):
        began = time.monotonic()
        if self.root.instances():  # of a run that was broken off
            self.root.destroy()
        for path in glob.glob(self.root.path('*')):
            if not path.endswith(('cli.rc', 'versions.tf')) and os.path.isfile(path):
                os.unlink(path)
        head = 'provider "%s" {' % self.lab.provider
        provider = '' if head in self.case.get('setup', '') else '%s\n  %s\n}\n' % (head, self.lab.block(self.case))
        self.root.write('setup.tf', provider + self.case.get('setup', ''))
        ok = True
        try:
            if self.case.get('setup'):
                done = self.root.apply()
                ok = self.c.that(done.ok, 'setup: %s' % done.text)
                self.remember()
            for number, step in enumerate(self.case['steps'] if ok else []):
                ok = self.step(number, step) is not None and ok
            if ok and not self.c.problems:
                self.check_import()
        finally:
            self.end()
        self.check_logs()
        return self.name, self.c, time.monotonic() - began


def differences(plan, key):
    """(address, attribute, before, after) of what differs in a plan."""
    ret = []
    for r in plan.get(key, []):
        change = r['change']
        if r['mode'] != 'managed' or change['actions'] == ['no-op']:
            continue
        before, after = change.get('before') or {}, change.get('after') or {}
        unknown = change.get('after_unknown') or {}
        for name in sorted(set(before) | set(after) | set(unknown if isinstance(unknown, dict) else {})):
            later = after.get(name) if name in after else '(not known yet)' if unknown.get(name) else None
            if before.get(name) != later:
                ret.append((r['address'], name, before.get(name), later))
        if not ret or ret[-1][0] != r['address']:
            ret.append((r['address'], str(change['actions']), None, None))
    return ret


def one(job):
    path, program, lab, args = job
    case = None
    try:
        case = Case(path, program, lab, args)
        return case.run()
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError, urllib.error.URLError) as e:
        c = case.c if case else Check()
        c.that(False, 'the test itself: %s: %s' % (type(e).__name__, e))
        return os.path.basename(path)[:-4], c, 0


def main():
    p = argparse.ArgumentParser()
    for option in ('state', 'bin'):
        p.add_argument('--' + option, required=True, type=os.path.abspath)
    where = p.add_mutually_exclusive_group(required=True)
    for option in ('lab', 'kubeconfig'):
        where.add_argument('--' + option, type=os.path.abspath)
    p.add_argument('--jobs', type=int, default=2)
    p.add_argument('--cases', default=os.path.join(HERE, 'cases'), help='folder of the cases')
    p.add_argument('names', nargs='*')
    args = p.parse_args()
    programs = terraform.programs()
    os.makedirs(args.state, exist_ok=True)
    lab = Cluster(args.kubeconfig) if args.kubeconfig else Lab(args.lab)
    paths = [os.path.join(args.cases, n + '.yml') for n in args.names] or sorted(
        glob.glob(os.path.join(args.cases, '*.yml')))
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for name, c, took in pool.map(one, [(path, program, lab, args) for program in programs for path in paths]):
            print('%-32s %3d checks, %d failed, %.0f s' % (name, c.passed + len(c.problems), len(c.problems), took))
            for problem in c.problems:
                print('    ' + problem[:3000].replace('\n', '\n    '))
            sys.stdout.flush()
            passed, failed = passed + c.passed, failed + len(c.problems)
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


if __name__ == '__main__':
    main()
