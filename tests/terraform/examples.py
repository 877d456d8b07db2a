#!/usr/bin/env python3
"""Applies every example of the providers' documentation in the lab: applied, a second plan empty, destroyed.

  examples.py --lab DIR --state DIR --bin DIR [PAGE ...]
  examples.py --kubeconfig FILE --state DIR --bin DIR [PAGE ...]      the provider kubernetes
  examples.py --hosts --state DIR --bin DIR [PAGE ...]                the provider treenail, on this machine

Examples of clusters on hosts are validated alone: tests/system/hosts_cluster_terraform.py applies them.

A page: resources/networking_network_v2. Two examples run side by side if they have no name in common. Pages
are looked at, too: front matter, an example, no empty section, no attribute without words, no markup of Ansible's.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

import terraform

HEAD = 'terraform {\n  required_providers {\n%s  }\n}\n'
SOURCE = '    %s = { source = "treenail/%s" }\n'
# Where an example does not say where it is.
BLOCK = 'provider "kubernetes" {\n  config_path = "%s"\n}\n'
HOSTS_BLOCK = '''provider "treenail" {
  port             = %d
  user             = "%s"
  private_key_file = ["%s"]
  known_hosts      = "%s"
  ssh_config       = "none"
}
'''


class Turns:
    """Lets nobody begin whose names somebody uses."""

    def __init__(self):
        self.used, self.changed = set(), threading.Condition()

    def begin(self, names):
        with self.changed:
            self.changed.wait_for(lambda: not names & self.used)
            self.used |= names

    def end(self, names):
        with self.changed:
            self.used -= names
            self.changed.notify_all()


def example(text):
    found = re.search(r'^## Example Usage\n\n```terraform\n(.*?)^```$', text, re.M | re.S)
    return found.group(1) if found else None


def look(text):
    """What is wrong with a page."""
    found = [] if re.match(r'---\npage_title: ".+"\nsubcategory: ".*"\ndescription: ".+"\n---\n\n# .+\n\n\S', text) else [
        'no front matter, or no sentence']
    found += ['an empty section: ' + h for h in re.findall(r'^(#+ .*)\n+(?=#|\Z)', text, re.M) if not h.startswith('# ')]
    found += ["Ansible's markup: " + m for m in re.findall(r'\b[A-Z]\([^)\n]*\)', text)]
    found += ['no words: ' + line for line in re.findall(r'^[*] `.*\) *$', text, re.M)]
    return found


def apply(root):
    """What went wrong."""
    done = root.apply()
    if not done.ok:
        return ['apply: ' + done.text]
    again = root.plan()
    return [] if again.code == 0 else ['second plan: ' + again.text]


def block(args, hcl):
    """A provider block for an example that has none."""
    if re.search(r'^provider "', hcl, re.M):
        return ''
    if args.kubeconfig:
        return BLOCK % args.kubeconfig
    return args.hosts and HOSTS_BLOCK % args.hosts or ''


def validate(root, hcl, found):
    """What went wrong. A cluster that is referred to stands on the page of clusters."""
    if 'resource "treenail_cluster" "demo"' not in hcl:
        root.write('cluster.tf', example(found['resources/cluster']))
    done = root.run('validate', '-no-color')
    return [] if done.ok else ['validate: ' + done.text]


def run(page, found, args, turns):
    text = found[page]
    problems, began = look(text), time.monotonic()
    hcl = example(text)
    done = 'no example' if not hcl else 'validated' if 'treenail_cluster' in hcl else 'applied'
    if not hcl and '\nAnother name of `' not in text:
        problems.append('no example')
    if hcl:
        names = set(re.findall(r'^\s*\w*name\s*=\s*"([^"$]+)"', hcl, re.M))
        env = {'OS_CLIENT_CONFIG_FILE': os.path.join(args.lab, 'clouds.yaml'), 'OS_CLOUD': 'demo'} if args.lab else {}
        root = terraform.Root(os.path.join(args.state, page.replace('/', '-')), args.bin, {
            **env, 'TREENAIL_CACHE_DIR': os.path.join(args.state, 'cache')})
        root.write('versions.tf', HEAD % ''.join(SOURCE % (p, p) for p in args.providers))
        root.write('provider.tf', block(args, hcl))
        turns.begin(names)
        try:
            if root.instances():  # of a run that was broken off
                root.destroy()
            root.write('main.tf', hcl)
            if done == 'validated':
                problems += validate(root, hcl, found)
            else:
                problems += apply(root)
                gone = root.destroy()
                problems += [] if gone.ok and not root.instances() else ['destroy: ' + gone.text]
            formatted = root.run('fmt', '-check', '-diff', 'main.tf')
            problems += [] if formatted.ok else ['fmt: ' + formatted.text]
        finally:
            turns.end(names)
    return page, done, problems, time.monotonic() - began


def host(state):
    """This machine, as a provider block has it."""
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'system'))
    import sshds
    sshds.there()
    folder = tempfile.mkdtemp(dir=state)
    key = sshds.key(os.path.join(folder, 'key'))
    sshd = sshds.Sshd(folder, [key + '.pub'])
    return sshd.port, sshds.USER, key, sshd.known()


def pages(args):
    """{page: text}"""
    found = {}
    for provider in args.providers:
        folder = os.path.join(args.state, 'docs', provider)
        os.makedirs(folder, exist_ok=True)
        subprocess.run([os.path.join(args.bin, 'terraform-provider-' + provider), '-docs', folder], check=True)
        for path in glob.glob(folder + '/**/*.md', recursive=True):
            name = os.path.relpath(path, folder)[:-3]
            with open(path) as f:
                found[name if name != 'index' else provider + '/index'] = f.read()
    return found


def main():
    p = argparse.ArgumentParser()
    for option in ('state', 'bin'):
        p.add_argument('--' + option, required=True, type=os.path.abspath)
    where = p.add_mutually_exclusive_group(required=True)
    for option in ('lab', 'kubeconfig'):
        where.add_argument('--' + option, type=os.path.abspath)
    where.add_argument('--hosts', action='store_true')
    p.add_argument('--jobs', type=int, default=2)
    p.add_argument('names', nargs='*')
    args = p.parse_args()
    args.providers = ('openstack', 'external') if args.lab else ('treenail',) if args.hosts else ('kubernetes',)
    terraform.programs()
    if args.hosts:
        args.hosts = host(args.state)
    found, turns, passed, failed = pages(args), Turns(), 0, 0
    wanted = args.names or sorted(found)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for page, done, problems, took in pool.map(lambda n: run(n, found, args, turns), wanted):
            print('%-46s %s, %d failed, %.0f s' % (page, done, len(problems), took))
            for problem in problems:
                print('    ' + problem[:3000].replace('\n', '\n    '))
            sys.stdout.flush()
            passed, failed = passed + (not problems), failed + len(problems)
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


main()
