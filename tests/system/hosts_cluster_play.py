#!/usr/bin/env python3
"""Clusters on hosts and treenail.host by real ansible-playbook, on two hosts of the lab.

Everything has its check mode held against the run, and a second run: examples/cluster-on-hosts from bare hosts until nothing is
left, and in between the modules and their documented examples on its cluster. What fails says what to do.
NODES names the folder of hosts that are up already (hosted.py).
"""
import clusters  # noqa: F401  first: it brings the environment

import json  # noqa: E402
import os  # noqa: E402
import re  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402
import xml.etree.ElementTree as xml  # noqa: E402

import yaml  # noqa: E402

import hosted  # noqa: E402
from common import COLLECTIONS, ROOT, TEMP, Play, Run, check, environment, finish, venv  # noqa: E402

EXAMPLE = os.path.join(ROOT, 'examples/cluster-on-hosts/cluster.yml')
RECORDS = os.path.join(TEMP, 'records')
ENV = environment(ANSIBLE_CALLBACK_PLUGINS=os.path.join(ROOT, 'tests/integration'), ANSIBLE_CALLBACKS_ENABLED='recorder',
                  RECORDER_FILE=RECORDS, TREENAIL_LOG_FILE=os.path.join(TEMP, 'trace'))
MODULES = {'kubernetes': ('cluster', 'cluster_info', 'cluster_node', 'cluster_upgrade', 'cluster_backup'),
           'host': ('exec', 'copy', 'facts')}


def written(name, value):
    path = os.path.join(TEMP, name)
    with open(path, 'w') as f:
        f.write(value if isinstance(value, str) else json.dumps(value))
    os.chmod(path, 0o600)
    return path


def play(playbook, *args, **how):
    """A run of ansible-playbook; `results` has each task's by its name, with `status`."""
    if os.path.exists(RECORDS):
        os.unlink(RECORDS)
    p = Play(playbook, args=['--diff', *args], env=ENV, timeout=3000, **how)
    with open(RECORDS) as f:
        p.results = {r['task']: {**r['result'], 'status': r['status']} for r in map(json.loads, f)}
    return p


def tasks(named, *args, **how):
    """Tasks by name, one after another, whatever becomes of them."""
    inventory, _ = hosted.site(hosted.OLD)
    defaults = {'known_hosts_file': os.path.join(hosted.NODES, 'ssh/known_hosts'), 'ssh_config': 'none', 'connect_timeout': 120}
    return play([{'hosts': 'localhost', 'connection': 'local', 'gather_facts': False,
                  'module_defaults': {'group/treenail.host.host': defaults},
                  'tasks': [{'name': name, 'ignore_errors': True, **task} for name, task in named.items()]}],
                '-i', written('inventory.yml', inventory), *args, **how)


def foretold(what, run, changed, same_diff=True):
    """In check mode, for real, and again; `run` takes further arguments of ansible-playbook. Returns the second."""
    would, real, again = run('--check'), run(), run()
    for when, p in (('in check mode', would), ('for real', real), ('again', again)):
        check(p.ok and not p.recap.get('ignored'), '%s, %s: ok, %.1f s' % (what, when, p.wall), p.text[-3000:])
    check(changed(would) and changed(real), what + ': something is changed, as check mode says', would.out + real.out)
    check(not again.changed, what + ': and not again', again.out)
    diffs = [re.findall(r'(?m)^[-+](?![-+]).*$', p.out) for p in (would, real, again)]
    check(diffs[0] and not diffs[2] and (not same_diff or set(diffs[0]) <= set(diffs[1])), what + ': the diff of check mode is the run\'s', diffs)
    return real


# ---- treenail.host ----

def who(user, **more):
    return {'name': user, 'address': hosted.address('h1'), 'user': user, 'private_key_file': os.path.join(hosted.NODES, 'ssh/id'), **more}


def become():
    """As root by sudo with a password, which is nowhere to be seen."""
    password = os.path.join(hosted.NODES, 'ssh/password')
    asks = {'hosts': [who('asks')], 'sudo': True, 'sudo_password_file': password}
    p = tasks({
        'exec': {'treenail.host.exec': {**asks, 'command': 'id -u; cat', 'stdin': 'words'}},
        'facts': {'treenail.host.facts': {**asks, 'files': ['/etc/shadow']}},
        'by password': {'treenail.host.exec': {'hosts': [who('ops', private_key_file=[], password_file=password)], 'command': 'id -un'}},
    }, '-vvv')
    one = {name: r.get('results', [{}])[0] for name, r in p.results.items()}
    check(one['exec'].get('stdout') == '0\nwords\n', 'exec by sudo with a password', p.text)
    check(one['facts'].get('facts', {}).get('files', {}).get('/etc/shadow', {}).get('sha256'), 'facts that root alone can find out', p.text)
    check(one['by password'].get('stdout') == 'ops\n', 'a login by password', p.text)
    check(hosted.read('ssh/password').strip() not in p.text, 'no password is shown')
    copy = {'treenail.host.copy': {**asks, 'content': 'words\n', 'dest': '/etc/motd.lab', 'owner': 'root', 'group': 'adm', 'mode': '0640'}}
    foretold('copy by sudo with a password', lambda *args: tasks({'copy': copy}, *args), lambda p: p.changed == 1)
    check(hosted.on('h1', 'stat -c %U:%G:%a /etc/motd.lab; cat /etc/motd.lab') == 'root:adm:640\nwords', 'and it is there')


def refusals():
    """By what they are refused: on the way there, at the login, or by sudo."""
    password = os.path.join(hosted.NODES, 'ssh/password')
    wrong = written('wrong', 'wrong\n')
    net = hosted.address('h1').rsplit('.', 1)[0]
    cases = {
        'sudo wants a password': (who('asks'), 'sudo', "sudo wants a password of 'asks': give it by sudo_password_file"),
        'a wrong one': (who('asks', sudo_password_file=wrong), 'sudo', 'sudo refuses the password'),
        'no sudoer': (who('guest', sudo_password_file=password), 'sudo', 'guest is not in the sudoers file'),
        'an expired password, by sudo': (who('stale'), 'sudo', "the host runs nothing for 'stale' until its password is changed there"),
        'an expired password': (who('stale'), 'login', 'Password change required'),
        'nobody': (who('nobody-such'), 'login', "permission denied for user 'nobody-such'"),
        'nobody at that port': (who('ops', port=1, connect_timeout=20), 'way', 'nobody listens there'),
        'no route': (who('ops', address=net + '.250', connect_timeout=20), 'way', 'No route to host: is the host up, and is this its address?'),
        'a black hole': (who('ops', port=9, connect_timeout=1), 'hole', 'no answer: is the host up, and does a firewall let this port through?'),
    }
    hosted.on('h1', 'nft -f - <<E\ntable inet lab { chain in { type filter hook input priority 0; tcp dport 9 drop; }; }\nE')
    modules = {'exec': {'command': 'true'}, 'facts': {'names': ['os']}, 'copy': {'content': 'x', 'dest': '/tmp/x'}}
    named = {}
    for module, options in modules.items():
        for by in ('hole', 'way', 'login', 'sudo') if module == 'exec' else ('login', 'sudo'):
            hosts = [dict(host, name=what) for what, (host, how, _) in cases.items() if how == by]
            named['%s, %s' % (module, by)] = {'treenail.host.' + module: {'hosts': hosts, 'sudo': by == 'sudo', **options}}
    p = tasks(named)
    for name, r in p.results.items():
        check(r['status'] == 'failed' and len(r['failed_hosts']) == len(r['results']), name + ': all of them fail', r)
        for one in r['results']:
            words = cases[one['host']][2]
            check(words in one['msg'], '%s: %s: %s' % (name, one['host'], words), one)
    hosted.on('h1', 'nft delete table inet lab')


# ---- the cluster ----

def example(*args, inventory=None, version=hosted.OLD, **values):
    own, site = hosted.site(version)
    return play(EXAMPLE, '-i', written('inventory.yml', inventory or own), '-e', json.dumps(site), '-e', json.dumps(values), *args)


def made():
    own, _ = hosted.site(hosted.OLD)
    own['all']['children']['worker']['hosts']['h2']['labels'] = {'disk': 'fast'}
    p = foretold('the example', lambda *args: example('-vvv', *args, inventory=own), lambda p: p.changed)
    check(not re.search('PRIVATE KEY|key-data', p.text), 'no key is shown, not even at -vvv')
    check(hosted.kubectl('get', 'nodes', '-l', 'disk=fast', '-o', 'name') == 'node/h2', 'its nodes, by the names and with the labels of the inventory')
    check(hosted.kubectl('logs', '-l', 'app=hello') == 'Hello from h2\nHello from h2', 'its pods say hello', hosted.kubectl('get', 'pods'))


def refused():
    """Before any host is reached; the option is named."""
    good = hosted.declaration(hosted.OLD, 2)
    before = sessions()
    cases = [
        ('cluster', {**good, 'nodes': [good['nodes'][0], {**good['nodes'][1], 'taints': ['a=b']}]}, {}, "nodes[1].taints[0]: 'a=b'"),
        ('cluster', {**good, 'nods': []}, {}, 'nods'),
        ('cluster', {**good, 'version': '1.33'}, {}, 'version'),
        ('cluster', {**good, 'nodes': []}, {}, 'nodes'),
        ('cluster', {**good, 'ssh': {'password': 'swordfish'}}, {}, 'password_file'),
        ('cluster', {**good, 'ssh': {'known_hosts_file': '/no/such/file'}}, {}, '/no/such/file'),
        ('cluster', {**good, 'cni': {'manifests': ['/no/such/file']}}, {}, 'cni.manifests'),
        ('cluster', good, {'state': 'gone'}, 'state'),
        ('cluster_node', good, {'name': 'h9'}, "'h9'"),
        ('cluster_node', good, {}, 'name'),
        ('cluster_upgrade', good, {'version': 'new'}, 'version'),
        ('cluster_backup', good, {}, 'path'),
        ('cluster_info', {k: v for k, v in good.items() if k != 'name'}, {}, 'name'),
    ]
    p = tasks({'%d %s' % (i, module): {'treenail.kubernetes.' + module: {'cluster': cluster, **options}}
               for i, (module, cluster, options, _) in enumerate(cases)}, '-vvv')
    for (module, _, _, words), r in zip(cases, p.results.values()):
        check(r['status'] == 'failed' and words in r['msg'], '%s refused: %s' % (module, words), r.get('msg'))
    check(len(p.results) == len(cases) and sessions() == before, 'and no host was connected to', [before, sessions()])
    check('swordfish' not in p.text, 'a password that was refused is not shown')


def sessions():
    return hosted.on('h1', 'journalctl -q -u ssh -g Accepted -o cat | grep -c "for ops"')


def modules():
    cluster = hosted.declaration(hosted.OLD, 2, labels={'disk': 'slow'})
    cluster.update(name='demo', endpoint={'host': hosted.address('h1')})
    node = {'treenail.kubernetes.cluster_node': {'cluster': cluster, 'name': 'h2'}}
    foretold('cluster_node', lambda *args: tasks({'node': node}, *args), lambda p: p.changed == 1)
    check(hosted.kubectl('get', 'nodes', '-l', 'disk=slow', '-o', 'name') == 'node/h2', 'a label is another')
    absent = {'treenail.kubernetes.cluster_node': {'cluster': cluster, 'name': 'h2', 'state': 'absent'}}
    p = tasks({'absent': absent}, '--check')
    check(p.changed == 1 and '+remove h2' in p.out, 'its removal, in check mode', p.text)
    own, _ = hosted.site(hosted.OLD)
    own['all']['children']['worker']['hosts'] = {}
    p = example('--check', inventory=own)
    check(p.ok and p.changed == 0 and 'h2' in p.text, 'one that left the inventory is told of', p.text)
    p = example('--check', inventory=own, prune=True)
    check(p.ok and '+remove h2' in p.out, 'and removed if that is wanted', p.text)

    path = os.path.join(TEMP, 'snapshot.db')
    save = {'treenail.kubernetes.cluster_backup': {'cluster': cluster, 'path': path}}
    p = tasks({'save': save}, '--check')
    check(p.changed == 1 and not os.path.exists(path), 'a snapshot, in check mode', p.text)
    p = tasks({'save': save, 'info': {'treenail.kubernetes.cluster_info': {'cluster': cluster}}})
    said = p.results['save'].get('snapshot') or {}
    check(p.changed == 1 and os.path.getsize(path) == said.get('bytes') and os.stat(path).st_mode & 0o777 == 0o600, 'a snapshot', p.text)
    health = p.results['info'].get('health') or {}
    check(health.get('healthy') and p.results['info']['exists'] and not p.results['info']['plan']['actions'], 'how it is', [p.results['info'].get('plan'), health])


def pipeline():
    """The example's main.tf takes the cluster over as it is, by what examples/jenkins runs: plan, digest, apply, reports."""
    if not shutil.which('terraform'):
        return print('LEFT OUT: examples/cluster-on-hosts by Terraform: there is none')
    subprocess.run(['make', '-s', '-C', ROOT, 'providers'], check=True, stdout=subprocess.DEVNULL)
    root, out = os.path.join(TEMP, 'root'), os.path.join(TEMP, 'out')
    os.mkdir(root)
    with open(os.path.join(os.path.dirname(EXAMPLE), 'main.tf')) as f:
        written('root/main.tf', f.read().replace('../../modules', os.path.join(ROOT, 'modules')))
    given = hosted.declaration(hosted.OLD, 2, labels={'disk': 'slow'})
    written('root/terraform.tfvars.json', {
        'kubernetes_version': hosted.OLD, 'hosts': given['nodes'], 'endpoint': {'host': hosted.address('h1')},
        'settings': {k: v for k, v in given.items() if k not in ('name', 'version', 'nodes')}})
    env = environment(TF_CLI_CONFIG_FILE=os.path.join(ROOT, 'build/providers/terraform.rc'), PLAN_KEY=written('key', 'swordfish\n'))

    def step(*args):
        return Run([os.path.join(ROOT, 'examples/jenkins/terraform.sh'), args[0], root, out, *args[1:]], env=env, timeout=3000)

    def report(name):
        return {case.get('name'): [x.tag for x in case] for case in xml.parse(os.path.join(out, name)).iter('testcase')}

    planned = step('plan')
    check(planned.code == 2 and len(report('plan.xml')) >= 3, 'the root: planned', str(planned.code) + str(report('plan.xml')) + planned.out + planned.err)
    with open(os.path.join(out, 'plan.sha256')) as f:
        digest = f.read().strip()
    other = step('apply', digest[::-1])
    check(other.code == 1 and 'is not the plan that was approved' in other.err, 'another plan than the approved one is refused', other.err)
    done = step('apply', digest)
    check(done.code == 0 and len(report('apply.xml')) == 3 and not any('failure' in x or 'error' in x for x in report('apply.xml').values()),
          'the root: applied, as the report says', done.out + done.err)
    check(hosted.kubectl('get', 'configmap', 'greeting', '-n', 'web', '-o', 'jsonpath={.data.text}') == 'Hello', 'with its objects')
    again = step('plan')
    check(again.code == 0, 'the root: the next plan is empty', again.out + again.err)
    said = planned.out + done.out + done.err + ''.join(open(os.path.join(out, n), errors='replace').read() for n in os.listdir(out))
    return check(not re.search('PRIVATE KEY|key-data|swordfish', said), 'and nothing secret is in what is kept of it')


def upgraded():
    cluster = hosted.declaration(hosted.NEW, 2, labels={'disk': 'slow'})
    cluster.update(name='demo', version=hosted.OLD, endpoint={'host': hosted.address('h1')})
    task = {'treenail.kubernetes.cluster_upgrade': {'cluster': cluster, 'version': hosted.NEW}}
    p = foretold('an upgrade', lambda *args: tasks({'upgrade': task}, *args), lambda p: p.changed == 1)
    check(p.results['upgrade']['version'] == hosted.OLD, 'from the older version', p.results['upgrade'])
    check(hosted.kubectl('get', 'nodes', '-o', "jsonpath='{.items[*].status.nodeInfo.kubeletVersion}'") == 'v%s v%s' % (hosted.NEW, hosted.NEW),
          'to the newer one')


# ---- what the documentation shows ----

def documented():
    """The examples of all modules, on these hosts in place of those that they name."""
    names = ['treenail.%s.%s' % (c, m) for c, modules in MODULES.items() for m in modules]
    doc = subprocess.run([os.path.join(venv('core-2.19'), 'bin/ansible-doc'), '-j', *names], check=True, stdout=subprocess.PIPE, text=True,
                         env={**ENV, 'ANSIBLE_COLLECTIONS_PATH': COLLECTIONS}).stdout
    shown = {name: entry['examples'] for name, entry in json.loads(doc).items()}
    check(sorted(shown) == sorted(names), 'ansible-doc shows all of them', sorted(shown))
    site = {k: v for k, v in hosted.declaration(hosted.NEW, 2).items() if k not in ('name', 'version', 'nodes')}
    here = {'10.0.0.11': hosted.address('h1'), '10.0.0.12': hosted.address('h2'), 'name: c1': 'name: h1', 'name: w1': 'name: h2',
            '/var/backups/demo.db': os.path.join(TEMP, 'documented.db'), '/run/secrets/sudo': os.path.join(hosted.NODES, 'ssh/password'),
            'src: nginx.conf': 'src: ' + written('nginx.conf', 'events {}\n'), '/etc/nginx/nginx.conf': '/etc/nginx.conf'}
    inventory, _ = hosted.site(hosted.NEW)
    inventory['all']['children']['web'] = {'hosts': {'h1': {}, 'h2': {}}}
    listed = []
    for name in names:  # the last one goes back to a snapshot
        text = shown[name]
        for there, is_here in here.items():
            text = text.replace(there, is_here)
        for task in yaml.safe_load(text):
            options = task.get(name) or {}
            if 'cluster' in options:
                options['cluster'].update(site)
            listed.append({'name': name, **task})
    defaults = {'known_hosts_file': os.path.join(hosted.NODES, 'ssh/known_hosts'), 'ssh_config': 'none', 'connect_timeout': 120,
                'private_key_file': os.path.join(hosted.NODES, 'ssh/id')}
    p = play([{'hosts': 'localhost', 'connection': 'local', 'gather_facts': False,
               'module_defaults': {'group/treenail.host.host': defaults}, 'tasks': listed}],
             '-i', written('web.yml', inventory), '-e', 'ansible_user=ops')
    check(p.ok and p.recap['ok'] == len(listed), 'the examples of the documentation', p.text[-3000:])


def gone():
    p = foretold('the end', lambda *args: example(*args, version=hosted.NEW, state='absent'), lambda p: p.changed == 1)
    check(hosted.on('h1', 'ls /etc/kubernetes/*.conf /etc/kubernetes/pki 2>/dev/null') == '', 'nothing is left', p.text)


def main():
    for test in (become, refusals, refused, made, modules, pipeline, upgraded, documented, gone):
        test()


hosted.with_hosts(2, main)
finish()
