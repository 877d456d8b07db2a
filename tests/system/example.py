#!/usr/bin/env python3
"""The example project: check mode, real, again, absent; by our names, by those of openstack.cloud, and back.

What was made is looked up by Terraform, through the native provider `external`, where there is Terraform.
"""
import os
import re
import sys
import tempfile

from common import PROGRAM, ROOT, TEMP, Play, Requests, check, environment, finish, rest, writes

sys.path.insert(0, os.path.join(ROOT, 'tests/terraform'))
import terraform  # noqa: E402

EXAMPLE = os.path.join(ROOT, 'examples/openstack-project/project.yml')
THEIRS = os.path.join(ROOT, 'tests/system/openstack.cloud.yml')
PREFIX = 'tn-ex%d' % os.getpid()
IMAGE = os.path.join(TEMP, 'disk.raw')
ARGS = ['--diff', '-e', 'cloud=demo', '-e', 'prefix=' + PREFIX, '-e', 'image_file=' + IMAGE]
ABSENT = [*ARGS, '-e', 'state=absent']
ENV = environment()
LISTS = {'/v2.0/networks': 'network', '/v2.0/subnets': 'network', '/v2.0/routers': 'network',
         '/v2.0/security-groups': 'network', '/v2.0/ports': 'network', '/v2.0/floatingips': 'network',
         '/os-keypairs': 'compute', '/servers': 'compute', '/v2/images': 'image'}


def things():
    """What the project has: networks by name, ports and floating IPs by ID."""
    found = set()
    for path, service in LISTS.items():
        body = rest('GET', service, path)[1]
        for o in next(v for v in body.values() if isinstance(v, list)):
            o = o.get('keypair', o)
            found.add('%s %s %s' % (path, o.get('name'), o.get('id')))
    project = rest('GET', 'identity', '/auth/projects')[1]['projects'][0]['id']
    for o in rest('GET', 'block_storage', '/%s/volumes' % project)[1]['volumes']:
        found.add('volume %s %s' % (o['name'], o['id']))
    return found


def run(what, playbook, args, changed=None, reads=False, missing=False, **how):
    sent = Requests()
    play = Play(playbook, args=args, env=ENV, **how)
    check(play.ok, '%s: ok, %.0f s' % (what, play.wall), play.text[-3000:])
    if changed is not None:
        check(play.changed == changed, '%s: %s tasks changed' % (what, play.changed),
              'not %s\n%s' % (changed, '\n'.join(re.findall(r'(?s)TASK.*?(?=\nTASK|\nPLAY)', play.out))
                              if changed == 0 else play.out))
    if reads:
        found = writes(sent.get())
        check(not found, '%s: sends only reads' % what, found)
    said = re.findall('.*(?:WARNING|DEPRECAT).*', play.text)
    if missing:  # of what would only be made by then
        said = [x for x in said if 'check mode takes it' not in x]
    check(not said, '%s: no warnings' % what, said)
    return play


def life(name, playbook):
    before = things()
    predicted = run(name + ': check mode, nothing there', playbook, [*ARGS, '--check'], reads=True,
                    missing=True).changed
    check(things() == before, name + ': nothing was made', things() ^ before)
    run(name + ': for real, as predicted', playbook, ARGS, changed=predicted)
    run(name + ': again', playbook, ARGS, changed=0, reads=True)
    run(name + ': check mode again', playbook, [*ARGS, '--check'], changed=0, reads=True)
    return before


def death(name, playbook, before):
    predicted = run(name + ': absent, check mode', playbook, [*ABSENT, '--check'], reads=True).changed
    run(name + ': absent, as predicted', playbook, ABSENT, changed=predicted)
    run(name + ': absent again', playbook, ABSENT, changed=0, reads=True)
    check(things() <= before, name + ': nothing is left', things() - before)


def look_up():
    """The example's main.tf."""
    program = terraform.found(os.environ.get('TERRAFORM', 'terraform'))
    if not program:
        return print('NOT RUN  Terraform: there is none')
    binaries = os.path.dirname(PROGRAM)
    root = terraform.Root(tempfile.mkdtemp(dir=TEMP), binaries, {**ENV, 'PATH': binaries + ':' + ENV['PATH']}, program,
                          head=False)
    with open(os.path.join(os.path.dirname(EXAMPLE), 'main.tf')) as f:
        root.write('main.tf', f.read().replace('../../modules', os.path.join(ROOT, 'modules')))
    arguments = ['-input=false', '-no-color', '-var', 'cloud=demo', '-var', 'prefix=' + PREFIX]
    for step in (['get'], ['apply', '-auto-approve', *arguments], ['plan', '-detailed-exitcode', *arguments]):
        done = root.run(*step)
        check(done.ok, 'looked up: terraform ' + step[0], done.text)
    made = {k: v['value'] for k, v in root.run('output', '-json').json.items()}
    return check(made.get('network_mtu') == 1400 and PREFIX in made['addresses'] and made['smallest_flavor'],
                 'looked up: what was made', made)


def main():
    with open(IMAGE, 'wb') as f:
        f.write(os.urandom(1 << 20))
    with open(EXAMPLE) as f:
        text = f.read()
    renamed = os.path.join(TEMP, 'renamed.yml')
    with open(renamed, 'w') as f:
        f.write(text.replace('treenail.openstack.', 'openstack.cloud.'))
    empty = tempfile.mkdtemp(dir=TEMP)
    before = life('example', EXAMPLE)
    look_up()
    run('written for openstack.cloud, run by us', THEIRS, ARGS, changed=0, reads=True)
    run('openstack.cloud itself on what we made', THEIRS, ARGS, changed=0, core='peer', collections=empty)
    death('example', EXAMPLE, before)
    before = things()
    run('openstack.cloud makes it', THEIRS, ARGS, core='peer', collections=empty)
    run('our example on what openstack.cloud made', EXAMPLE, ARGS, changed=0, reads=True)
    run('with names of openstack.cloud, run by us', renamed, ARGS, changed=0, reads=True)
    death('with names of openstack.cloud', renamed, before)


main()
finish()
