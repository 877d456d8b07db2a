#!/usr/bin/env python3
"""Functions of terraform-provider-openstack, called by real Terraform."""
import email
import json
import os
import re
import sys
import tempfile

from common import PROGRAM, ROOT, TEMP, check, environment, finish, module, service_url

sys.path.insert(0, os.path.join(ROOT, 'tests/terraform'))
import terraform  # noqa: E402

terraform.programs()


def call(expression):
    """(value, text of the error)"""
    r = terraform.Root(tempfile.mkdtemp(dir=TEMP), os.path.dirname(PROGRAM), environment())
    r.write('main.tf', 'output "o" {\n  value = nonsensitive(%s)\n}\n' % expression)
    done = r.apply()
    text = re.sub(r'\s*\n[│ ]*\s*', ' ', done.text)
    return (r.run('output', '-json', 'o').json if done.ok else None), text


def user_data(parts):
    return call('sensitive(provider::openstack::user_data(%s))' % json.dumps(parts))


def refused(value, text, what, *words):
    check(value is None and all(w in text for w in words), what, '%s not in %s' % (words, text or value))


def parts():
    given = [('#cloud-config\npackages: [nginx]\n', 'text/cloud-config'), ('#!/bin/sh\necho ä\n', 'text/x-shellscript'),
             ('## template: jinja\n#cloud-config\n', 'text/jinja2'), ('#include\nhttp://x/\n', 'text/x-include-url'),
             ('#cloud-boothook\nx\n', 'text/cloud-boothook'), ('y' * 2000, 'text/plain'), ('--part-1\n\n\n', 'text/plain')]
    lists = [{'content': c, **({'content_type': t, 'filename': 'part.txt'} if t == 'text/plain' else {})} for c, t in given]
    value, text = user_data(lists)
    if not check(value is not None, 'several parts', text):
        return
    message = email.message_from_string(value)
    found = [(p.get_payload(decode=True).decode(), p.get_content_type()) for p in message.get_payload()]
    check([(c.rstrip('\n'), t) for c, t in found] == [(c.rstrip('\n'), t) for c, t in given], 'are what a reader of MIME finds',
          value)
    check(message.get_payload()[-1].get_filename() == 'part.txt', 'filename', value)
    check(max(map(len, value.split('\n'))) <= 998, 'no line is too long')
    check(user_data(lists)[0] == value, 'the same parts give the same text')
    refused(*user_data([{'content': 'hello'}]), 'no type', 'part 1 of 1', 'give content_type')
    refused(*user_data([{'content': '#!/bin/sh\n'}, {'content_type': 'text/plain'}]), 'no content', 'part 2 of 2 has no content')
    refused(*user_data([{'content': '#!'}, None]), 'null', 'part 2 of 2 is null')
    refused(*user_data([]), 'no parts', 'there is no part')
    refused(*user_data([{'content': '#!', 'name': 'x'}]), 'another key', "'name' means nothing here")
    refused(*user_data([{'content': '#!', 'filename': 'a"\nX: y'}]), 'a header in a name', 'plain ASCII')
    refused(*user_data([{'content': '#!' + 'x' * 60000}]), 'too much', 'Nova takes 49149')


def clouds():
    block = {'auth_url': service_url('identity'), 'user_name': 'demo', 'password': 'lab', 'tenant_name': 'demo',
             'default_domain': 'Default', 'user_domain_name': 'Default', 'project_domain_name': 'Default',
             'region': 'RegionOne', 'endpoint_type': 'publicURL'}
    value, text = call('provider::openstack::clouds_yaml("my cloud", sensitive(%s))' % json.dumps(block))
    if not check(value is not None, 'a clouds.yaml', text):
        return
    path = os.path.join(TEMP, 'made.yaml')
    with open(path, 'w') as f:
        f.write(value)
    r = module('auth', {'cloud': 'my cloud'}, environment(path))
    check(r.ok, 'with which one can log in', r.msg + value)
    value, text = call('provider::openstack::clouds_yaml("a", %s)' % json.dumps(
        {'auth_url': 'https://x', 'application_credential_id': 'i', 'application_credential_secret': 'q"\\', 'cacert_file': '/ca'}))
    check(value == 'clouds:\n  "a":\n    auth:\n      auth_url: "https://x"\n'
          '      application_credential_id: "i"\n      application_credential_secret: "q\\"\\\\"\n'
          '    cacert: "/ca"\n    auth_type: "v3applicationcredential"\n', 'application credential, quotes', value or text)
    value, text = call('provider::openstack::clouds_yaml("a", {auth_url = "https://x", token = "t", insecure = true, '
                       'system_scope = true})')
    check(value == 'clouds:\n  "a":\n    auth:\n      auth_url: "https://x"\n      token: "t"\n'
          '      system_scope: "all"\n    verify: false\n    auth_type: "v3token"\n', 'what is true or false', value or text)
    for block, words in (({'user_name': 'x'}, 'auth_url is missing'), ({'auth_url': 'x', 'cloud': 'x'}, "'cloud' has no place"),
                         ({'auth_url': 'x', 'swauth': True}, "'swauth' has no place"),
                         ({'auth_url': 'x', 'usr': 'x'}, "'usr' has no place"),
                         ({'auth_url': 'x', 'key': 'a\nb'}, 'more than one line'),
                         ({'auth_url': 'x', 'insecure': 'maybe'}, "insecure is true or false, not 'maybe'")):
        refused(*call('provider::openstack::clouds_yaml("a", %s)' % json.dumps(block)), str(block), words)
    refused(*call('provider::openstack::clouds_yaml("a\\nb", {auth_url = "x"})'), 'a name of two lines', "cloud's name")
    refused(*call('provider::openstack::clouds_yaml("", {auth_url = "x"})'), 'no name', 'has no name')


parts()
clouds()
finish()
