#!/usr/bin/env python3
"""Runs tests/terraform/kubernetes/cases/*.yml with real Terraform against a real API server, as ../run.py does.

  run.py --kubeconfig FILE [--second FILE] --state DIR --bin DIR [CASE ...]

Beside what ../run.py says of cases: `shell` of a step is run between its apply and its second plan, with
KUBECONFIG set, and the second plan is then what `then` says ({address: word}) and not empty; `offline: true`: the
step is planned where there is no network at all, and the plan has to be there without a connection. All objects of a
case are in namespaces, and have names, that begin with PREFIX ("{prefix}" in the case), after which nothing may be left.
A case with `second: true` is left out where there is no second cluster.
"""
import argparse
import glob
import json
import os
import re
import subprocess
import sys

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import run  # noqa: E402
import terraform  # noqa: E402

HEAD = '''terraform {
  required_providers {
    kubernetes = { source = "treenail/kubernetes" }
    kubectl    = { source = "treenail/kubectl" }
  }
}
'''
LEFT = 'namespaces,customresourcedefinitions,clusterroles,clusterrolebindings,storageclasses,priorityclasses'


class Case(run.Case):
    TYPES = ('kubernetes_', 'kubectl_')

    def __init__(self, path, program, lab, args):
        self.args = args
        super().__init__(path, program, lab, args)
        # Names of two runs at once must not meet.
        text = json.dumps(self.case).replace('{prefix}', args.prefix).replace('{kubeconfig}', args.kubeconfig)
        self.case = json.loads(text.replace('{second}', args.second or ''))

    def environment(self, args):
        return {'KUBECONFIG_FILE': args.kubeconfig}

    def make_root(self, folder, args, env, program):
        root = terraform.Root(folder, args.bin, env, program, head=False)
        root.write('versions.tf', HEAD)
        return root

    def provider(self):
        return ''.join('' if 'provider "%s" {' % name in self.case.get('setup', '') else
                       'provider "%s" {\n  config_path = "%s"\n}\n' % (name, self.args.kubeconfig)
                       for name in ('kubernetes', 'kubectl'))

    def kubectl(self, *args, config=None):
        done = subprocess.run(['kubectl', '--kubeconfig', config or self.args.kubeconfig, *args], capture_output=True,
                              text=True, timeout=120)
        return done.stdout

    def left(self):
        ret = []
        for config in filter(None, [self.args.kubeconfig, self.args.second]):
            names = self.kubectl('get', LEFT, '-o', 'name', config=config).split()
            mine = re.findall(re.escape(self.args.prefix) + r'[a-z0-9-]+', json.dumps(self.case))
            ret += [n for n in names if any(n.split('/', 1)[1].startswith(m) for m in mine)]
        return ret

    def import_id(self, values):
        """kubernetes_manifest has no ID of its own."""
        if 'manifest' in values and 'id' not in values:
            m = values['manifest']['value']
            meta = m['metadata']
            ns = ',namespace=' + meta['namespace'] if 'namespace' in meta else ''
            text = 'apiVersion=%s,kind=%s%s,name=%s' % (m['apiVersion'], m['kind'], ns, meta['name'])
        elif 'yaml_body' in values:
            text = '//'.join(filter(None, (values[k] for k in ('api_version', 'kind', 'name', 'namespace'))))
        else:
            text = values['id']
        return ('cluster:%s/' % values['cluster'] if values.get('cluster') else '') + text

    def check_offline(self, where):
        """The same plan in a network namespace that has not even a loopback; strace sees each connect()."""
        trace = self.root.path('connects')
        done = self.root.start('plan', '-input=false', '-no-color', '-detailed-exitcode')
        done.communicate()
        command = ['unshare', '-n', 'strace', '-f', '-qq', '-e', 'trace=connect', '-o', trace, self.root.program,
                   'plan', '-input=false', '-no-color', '-detailed-exitcode']
        done = subprocess.run(command, cwd=self.root.folder, env=self.root.env, capture_output=True, text=True,
                              timeout=300, stdin=subprocess.DEVNULL)
        self.c.that(done.returncode == 2, '%s: offline plan: %s' % (where, done.stdout + done.stderr))
        with open(trace) as f:
            calls = [line for line in f if 'AF_INET' in line]
        self.c.that(not calls, '%s: offline plan connects: %s' % (where, calls[:3]))

    def step(self, number, step):
        where = 'step %d' % number
        self.root.write('step.tf', step['hcl'])
        if step.get('offline'):
            self.check_offline(where)
        ret = super().step(number, step)
        if 'shell' in step:
            env = {**os.environ, 'KUBECONFIG': self.args.kubeconfig}
            done = subprocess.run(['sh', '-ec', step['shell']], env=env, capture_output=True, text=True, timeout=120)
            self.c.that(done.returncode == 0, '%s: shell: %s' % (where, done.stdout + done.stderr))
            again = self.root.plan(file='again')
            found, plan = self.actions('again')
            self.c.that(again.code != 1 and found == (step.get('then') or {}), '%s: then: planned %s: %s %s' % (
                where, found, again.text if again.code == 1 else '', run.differences(plan, 'resource_changes')))
            done = self.root.apply()
            self.c.that(done.ok, '%s: then: %s' % (where, done.text))
            self.check_empty(where + ': then', step.get('drift', []))
        return ret


def main():
    p = argparse.ArgumentParser()
    for option in ('kubeconfig', 'state', 'bin'):
        p.add_argument('--' + option, required=True, type=os.path.abspath)
    p.add_argument('--second', type=os.path.abspath, help='kubeconfig of another cluster')
    p.add_argument('--prefix', default='tf-')
    p.add_argument('--jobs', type=int, default=2)
    p.add_argument('names', nargs='*')
    args = p.parse_args()
    os.makedirs(args.state, exist_ok=True)
    paths = [os.path.join(HERE, 'cases', n + '.yml') for n in args.names] or sorted(
        glob.glob(os.path.join(HERE, 'cases', '*.yml')))
    chosen = []
    for path in paths:
        with open(path) as f:
            if args.second or not yaml.safe_load(f).get('second'):
                chosen.append(path)
            else:
                print('%s: LEFT OUT: there is no second cluster' % os.path.basename(path)[:-4])
    sys.exit(run.run_all(Case, None, args, chosen))


if __name__ == '__main__':
    main()
