#!/usr/bin/env python3
"""Runs tests/terraform/kubernetes/cases/*.yml as ../run.py does, with what manifests need beside that.

  run.py --kubeconfig FILE --state DIR --bin DIR [CASE ...]      SECOND_KUBECONFIG: of another cluster

Both kubernetes and kubectl are providers. A step may also have
  shell     run after its apply, with KUBECONFIG set; the plan after that is `then` ({address: word}), and applied
  offline   true: it is planned first where there is no network at all: the plan is there, and nothing connects
{kubeconfig} and {second} are the paths of the two files; a case that has {second} is left out without it.
"""
import glob
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import run  # noqa: E402

CASES = os.path.join(HERE, 'cases')
SECOND = os.environ.get('SECOND_KUBECONFIG')
HEAD = '''terraform {
  required_providers {
    kubernetes = { source = "treenail/kubernetes" }
    kubectl    = { source = "treenail/kubectl" }
  }
}
'''


class Case(run.Case):
    def __init__(self, path, program, lab, args):
        super().__init__(path, program, lab, args)
        text = json.dumps(self.case).replace('{kubeconfig}', lab.path).replace('{second}', SECOND or '')
        self.case = json.loads(text)
        if 'provider "kubectl" {' not in self.case.get('setup', ''):
            self.case['setup'] = 'provider "kubectl" {\n  config_path = "%s"\n}\n%s' % (
                lab.path, self.case.get('setup', ''))
        self.root.write('versions.tf', HEAD)

    def is_ours(self, address):
        return address.startswith(('kubernetes_', 'kubectl_'))

    def import_id(self, values):
        """A manifest has no ID of its own."""
        if 'yaml_body' in values:
            return '//'.join(values[k] for k in ('api_version', 'kind', 'name', 'namespace') if values[k])
        if 'manifest' not in values:
            return super().import_id(values)
        m = values['manifest']['value']
        meta = m['metadata']
        ns = ',namespace=' + meta['namespace'] if 'namespace' in meta else ''
        where = 'cluster:%s/' % values['cluster'] if values.get('cluster') else ''
        return '%sapiVersion=%s,kind=%s%s,name=%s' % (where, m['apiVersion'], m['kind'], ns, meta['name'])

    def check_offline(self, where):
        """In a network namespace that has not even a loopback; strace sees each connect()."""
        trace = self.root.path('connects')
        command = ['unshare', '-n', 'strace', '-f', '-qq', '-e', 'trace=connect', '-o', trace, self.root.program,
                   'plan', '-input=false', '-no-color', '-detailed-exitcode']
        done = subprocess.run(command, cwd=self.root.folder, env=self.root.env, capture_output=True, text=True,
                              timeout=600, stdin=subprocess.DEVNULL)
        self.c.that(done.returncode == 2, '%s: offline plan: %s' % (where, done.stdout + done.stderr))
        with open(trace) as f:
            calls = [line for line in f if 'AF_INET' in line]
        self.c.that(not calls, '%s: the offline plan connects: %s' % (where, calls[:3]))

    def change_behind(self, where, step):
        done = subprocess.run(['sh', '-ec', step['shell']], env={**os.environ, 'KUBECONFIG': self.lab.path},
                              capture_output=True, text=True, timeout=120)
        self.c.that(done.returncode == 0, '%s: shell: %s' % (where, done.stdout + done.stderr))
        done = self.root.plan(file='then')
        found, plan = self.actions('then') if done.code != 1 else ({}, {})
        self.c.that(done.code != 1 and found == (step.get('then') or {}), '%s: then: planned %s: %s %s' % (
            where, found, done.text if done.code == 1 else '', run.differences(plan, 'resource_changes')))
        done = self.root.apply()
        self.c.that(done.ok, '%s: then: %s' % (where, done.text))
        self.check_empty(where + ': then', step.get('drift', []))

    def step(self, number, step):
        where = 'step %d' % number
        if step.get('offline'):
            self.root.write('step.tf', step['hcl'])
            self.check_offline(where)
        ret = super().step(number, step)
        if 'shell' in step and not self.c.problems:
            self.change_behind(where, step)
        return ret


def chosen():
    """Names of the cases that can be run here."""
    for path in sorted(glob.glob(os.path.join(CASES, '*.yml'))):
        name = os.path.basename(path)[:-4]
        with open(path) as f:
            possible = SECOND or '{second}' not in f.read()
        if possible:
            yield name
        else:
            print('%s: LEFT OUT: SECOND_KUBECONFIG names no other cluster' % name)


if __name__ == '__main__':
    run.Case = Case
    named = [a for a in sys.argv[1:] if os.path.exists(os.path.join(CASES, a + '.yml'))]
    sys.argv += ['--cases', CASES] + ([] if named else list(chosen()))
    run.main()
