#!/usr/bin/env python3
"""The modules of modules/ and the roots of examples/, by real Terraform: form, validity, and their own tests.

  modules.py --state DIR --bin DIR [--lab DIR] [MODULE ... | both]

Tests named lab run against the lab, all others against mocked providers, without a cloud. Then, in the lab, both
modules of OpenStack in one root: applied, a second plan empty, destroyed.
"""
import argparse
import glob
import os
import shutil
import subprocess
import sys

import terraform

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1p4sSCBS2w0A5c0XfjNhmWwnZK8jLrVvXv0ptLQw0E demo'
USED = '''
provider "openstack" {}
module "network" {
  source           = "../modules/openstack-network"
  name             = "tn-both"
  external_network = "public"
  api_floating_ip  = true
  ssh_cidrs        = ["198.51.100.0/24"]
}
module "nodes" {
  source     = "../modules/openstack-nodes"
  name       = "tn-both"
  network    = module.network
  public_key = "%s"
  pools = {
    cp = { role = "control_plane", nodes = ["1"], flavor = "m1.tiny", image = "cirros", floating_ip = true }
    w  = { nodes = ["a", "b"], flavor = "m1.tiny", image = "cirros" }
  }
}
output "hosts" { value = module.nodes.hosts }
''' % KEY
tally = {'passed': 0, 'failed': 0}


def check(ok, what, detail=''):
    tally['passed' if ok else 'failed'] += 1
    print('%s %s' % ('ok    ' if ok else 'FAILED', what), flush=True)
    if not ok:
        print('       ' + str(detail)[-3000:].replace('\n', '\n       '), flush=True)
    return ok


def form():
    roots = [os.path.join(ROOT, name) for name in ('modules', 'examples')]
    for program in terraform.programs():
        done = subprocess.run([program, 'fmt', '-check', '-diff', '-recursive', *roots], capture_output=True, text=True)
        check(done.returncode == 0, os.path.basename(program) + ' fmt', done.stdout + done.stderr)


def roots(args, env):
    """A copy, so that Terraform writes nothing into the work tree: {name: Root}."""
    shutil.rmtree(args.state, ignore_errors=True)
    found = {}
    for kind in ('modules', 'examples'):
        shutil.copytree(os.path.join(ROOT, kind), os.path.join(args.state, kind), ignore=shutil.ignore_patterns('.terraform*', '*.tfstate*'))
        for folder in sorted(glob.glob(os.path.join(args.state, kind, '*/'))):
            name = '%s/%s' % (kind, os.path.basename(folder[:-1]))
            if glob.glob(folder + '*.tf') and (not args.modules or os.path.basename(name) in args.modules):
                found[name] = terraform.Root(folder, args.bin, env, head=False)
    return found


def look(name, root, lab):
    root.run('get')
    done = root.run('validate', '-json')
    check(done.json.get('valid') and not [d for d in done.json['diagnostics'] if 'overrides' not in d['summary']], name + ': valid', done.text)
    for file in sorted(glob.glob(root.path('tests/*.tftest.hcl'))):
        which = os.path.basename(file).split('.')[0]
        if which != 'lab' or lab:
            root.run('get', '-test-directory=tests')
            done = root.run('test', '-no-color', '-filter=' + os.path.relpath(file, root.folder))
            check(done.ok and ' 0 passed' not in done.out, '%s: tests of %s' % (name, which), done.text)


def both(args, env):
    """Both modules as they are meant to be used together."""
    root = terraform.Root(os.path.join(args.state, 'used'), args.bin, env)
    root.write('main.tf', USED)
    root.run('get')
    try:
        done = root.plan()
        if not check(done.code == 2, 'both: planned', done.text):
            return
        done = root.apply('plan')
        check(done.ok, 'both: applied as planned', done.text)
        done = root.plan()
        check(done.code == 0, 'both: the second plan is empty', done.text)
        out = {k: v['value'] for k, v in root.run('output', '-json').json.items()}
        check([h['name'] for h in out['hosts']] == ['tn-both-cp-1', 'tn-both-w-a', 'tn-both-w-b'], 'both: hosts', out)
    finally:
        done = root.destroy()
        check(done.ok and not root.instances(), 'both: destroyed', done.text)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('--state', required=True)
    ap.add_argument('--bin', required=True)
    ap.add_argument('--lab')
    ap.add_argument('modules', nargs='*')
    args = ap.parse_args()
    env = {'OS_CLIENT_CONFIG_FILE': os.path.abspath(os.path.join(args.lab, 'clouds.yaml')), 'OS_CLOUD': 'demo'} if args.lab else {}
    env['TREENAIL_CACHE_DIR'] = os.path.abspath(os.path.join(args.state, 'cache'))
    form()
    for name, root in roots(args, env).items():
        look(name, root, args.lab)
    if args.lab and args.modules in ([], ['both']):
        both(args, env)
    print('%(passed)d passed, %(failed)d failed' % tally)
    sys.exit(tally['failed'] > 0)


main()
