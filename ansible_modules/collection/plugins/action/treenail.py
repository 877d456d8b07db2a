# Copyright Treenail developers
# SPDX-License-Identifier: Apache-2.0
"""
The one action plugin of all modules of a collection of Treenail; meta/runtime.yml leads them here.

A module is a text of two lines: the interpreter `treenail_SYSTEM`, and a place for the arguments. Ansible knows how to
run such a module anywhere. What is left to do here is to bring it the interpreter, our native program:

- on this host, as this user, it is started at once: no shell, no temporary files, arguments on standard input, the
  task's `environment:` as environment (not on a command line, where others could read it);
- else (any other connection, become, async) it is copied into the task's temporary folder;
- where the variable ansible_treenail_SYSTEM_interpreter names an installed one, nothing is done.

Arguments, check mode, no_log and results are Ansible's own work in every case (the plugin `normal`).

For Kubernetes it also does what only the controller can: templates, and files of the playbook and its roles (src,
kubeconfig and local_path, where the task runs here; on other hosts they are paths there). But a kubeconfig that lies
beside the playbook, and is not on the other host, is brought there for the task.

For hosts: what the inventory says of those that are given by their names there, and files of the playbook and its roles
(src). The same of the nodes of a cluster on hosts.
"""
from __future__ import annotations

import os
import signal
import subprocess

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.module_utils.common.text.converters import to_text
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action.normal import ActionModule as Normal
from ansible.template import generate_ansible_template_vars
from ansible.utils.display import Display

try:
    from ansible.template import trust_as_template
    TEXT_ONLY = {}
except ImportError:  # before ansible-core 2.19
    def trust_as_template(text):
        return text
    TEXT_ONLY = {'convert_data': False}

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SYSTEM = os.path.basename(HOME)
PROGRAM = 'treenail-' + SYSTEM
INTERPRETER = 'ansible_treenail_%s_interpreter' % SYSTEM
BIN = os.path.join(HOME, 'bin')
TEMPLATE_OPTIONS = ('newline_sequence', 'trim_blocks', 'lstrip_blocks', 'block_start_string', 'block_end_string',
                    'variable_start_string', 'variable_end_string', 'comment_start_string', 'comment_end_string')

# A host's options, and the variables of the inventory that say the same.
HOST_VARIABLES = {'address': 'ansible_host', 'port': 'ansible_port', 'user': 'ansible_user',
                  'private_key_file': 'ansible_ssh_private_key_file'}

display = Display()


class ActionModule(Normal):

    _direct = None  # the program, if it is to be started at once

    def run(self, tmp=None, task_vars=None):
        task_vars = dict(task_vars or {})
        where = task_vars
        if self._task.delegate_to:
            where = dict(task_vars['ansible_delegated_vars'][self._task.delegate_to])
            task_vars['ansible_delegated_vars'] = {**task_vars['ansible_delegated_vars'], self._task.delegate_to: where}
        if not where.get(INTERPRETER):
            where[INTERPRETER] = self._program(where)
        args = self._task.args
        try:
            if SYSTEM == 'kubernetes':
                self._task.args = self._with_files(dict(args), task_vars)
            elif SYSTEM == 'host':
                self._task.args = self._with_hosts(dict(args), task_vars)
            return super().run(tmp, task_vars)
        finally:
            self._task.args = args

    def _with_files(self, args, task_vars):
        """Returns the arguments with what lies on the controller brought in; those given are left alone."""
        if 'cluster' in args:
            args['cluster'] = self._with_nodes(args['cluster'], task_vars)
        if args.get('template') and not args.get('resource_definition') and not args.get('src'):
            templates = args.pop('template')
            args['resource_definition'] = [self._render(t, task_vars) for t in
                                           (templates if isinstance(templates, list) else [templates])]
        if self._connection.transport != 'local':
            if isinstance(args.get('kubeconfig'), str):
                args['kubeconfig'] = ':'.join(self._kubeconfig_there(i, f) for i, f in
                                              enumerate(args['kubeconfig'].split(':')) if f)
            return args
        src = args.get('src')
        if isinstance(src, str) and not src.startswith(('http://', 'https://')):
            args['src'] = self._file(src)
        if isinstance(args.get('kubeconfig'), str):
            args['kubeconfig'] = os.pathsep.join(self._file(f) for f in args['kubeconfig'].split(os.pathsep) if f)
        if args.get('local_path') and args.get('state', 'to_pod') == 'to_pod':
            args['local_path'] = self._find_needle('files', args['local_path'])
        return args

    def _with_hosts(self, args, task_vars):
        """Returns the arguments with what the inventory says of the hosts, and where the file is."""
        if self._connection.transport == 'local' and isinstance(args.get('src'), str):
            args['src'] = self._file(args['src'])
        hosts = args.get('hosts')
        if isinstance(hosts, str):
            hosts = [h.strip() for h in hosts.split(',')]
        if isinstance(hosts, list):
            args['hosts'] = [self._host(h, task_vars) for h in hosts if h != '']
        return args

    def _host(self, host, task_vars):
        known = task_vars.get('hostvars', {})
        if not isinstance(host, str) or host not in known:
            return host
        has = known[host]
        said = {option: has[v] for option, v in HOST_VARIABLES.items() if has.get(v) not in (None, '')}
        return {'name': host, 'address': host, **said}

    def _with_nodes(self, cluster, task_vars):
        """Returns a cluster's declaration with what the inventory says of nodes that do not say how they are reached."""
        nodes = cluster.get('nodes') if isinstance(cluster, dict) else None
        if not isinstance(nodes, list):
            return cluster
        return {**cluster, 'nodes': [self._node(n, task_vars) for n in nodes]}

    def _node(self, node, task_vars):
        if not isinstance(node, dict) or node.get('host') is not None:
            return node
        host = self._host(node.get('name'), task_vars)
        return {**node, 'host': host} if isinstance(host, dict) else node

    def _file(self, path):
        """Returns where a file is, decrypted if it is in the vault."""
        return self._loader.get_real_file(self._find_needle('files', os.path.expanduser(path)))

    def _kubeconfig_there(self, number, path):
        """Returns where a kubeconfig is on the other host. No path from the root or a home is ever one of this host."""
        if path.startswith(('/', '~')) or self._remote_file_exists(path):
            return path
        try:
            here = self._find_needle('files', path)
        except AnsibleError:
            return path
        here = self._loader.get_real_file(here)
        folder = self._connection._shell.tmpdir or self._make_tmp_path()
        copy = self._transfer_file(here, self._connection._shell.join_path(folder, 'kubeconfig-%d' % number))
        self._remote_chmod([copy], 'u=rw,go=')
        self._fixup_perms2([folder, copy], execute=False)
        return copy

    def _render(self, template, task_vars):
        """Returns the text that a template makes. Its options go where templates themselves may say them: the first line."""
        if isinstance(template, str):
            template = {'path': template}
        if not isinstance(template, dict) or not template.get('path'):
            raise AnsibleError('template is the path of one, a dictionary with path, or a list of these')
        unknown = sorted(set(template) - {'path', *TEMPLATE_OPTIONS})
        if unknown:
            raise AnsibleError('template has no option %s: there are path, %s' % (unknown[0], ', '.join(TEMPLATE_OPTIONS)))
        path = self._find_needle('templates', template['path'])
        with open(self._loader.get_real_file(path), encoding='utf-8') as f:
            text = f.read()
        options = {k: template[k] for k in TEMPLATE_OPTIONS if k in template}
        for k in ('trim_blocks', 'lstrip_blocks'):
            if k in options:
                options[k] = boolean(options[k])
        newline = options.pop('newline_sequence', None)
        if options:
            text = '#jinja2: %s\n%s' % (', '.join('%s:%r' % kv for kv in options.items()), text)
        folders = [os.path.dirname(path), *self._task.get_search_path()]
        templar = self._templar.copy_with_new_env(
            searchpath=[p for f in folders for p in (os.path.join(f, 'templates'), f)],
            available_variables={**task_vars, **generate_ansible_template_vars(template['path'], path)})
        done = templar.template(trust_as_template(text), escape_backslashes=False, **TEXT_ONLY)
        return done.replace('\n', newline) if newline and isinstance(done, str) else done

    def _program(self, host_vars):
        """Returns the path of the program on the host that is to run it, and brings it there if need be."""
        here = self._connection.transport == 'local'
        path = os.path.join(BIN, os.uname().machine if here else self._architecture(host_vars), PROGRAM)
        if not os.path.isfile(path):
            raise AnsibleError('treenail.%s has no program %s; the variable %s can name one that is '
                               'installed on the host' % (SYSTEM, path, INTERPRETER))
        if here and not (self._connection.become or self._task.async_val or C.DEFAULT_KEEP_REMOTE_FILES):
            self._direct = path
            return path
        folder = self._connection._shell.tmpdir or self._make_tmp_path()
        copy = self._transfer_file(path, self._connection._shell.join_path(folder, PROGRAM))
        self._fixup_perms2([folder, copy])
        return copy

    def _architecture(self, host_vars):
        """Asks the host only if there is a choice and the facts do not tell."""
        have = os.listdir(BIN) if os.path.isdir(BIN) else []
        if len(have) == 1:
            return have[0]
        return (host_vars.get('ansible_facts', {}).get('architecture')
                or self._low_level_execute_command('uname -m', sudoable=False)['stdout'].strip())

    def _is_pipelining_enabled(self, module_style, wrap_async=False):
        return bool(self._direct) or super()._is_pipelining_enabled(module_style, wrap_async)

    def _low_level_execute_command(self, cmd, *args, **kwargs):
        if not self._direct:
            return super()._low_level_execute_command(cmd, *args, **kwargs)
        environment = {}
        self._compute_environment_string(environment)
        display.vvv('EXEC %s' % self._direct, host=self._play_context.remote_addr)
        done = subprocess.run([self._direct], input=kwargs['in_data'], capture_output=True, check=False,
                              cwd=self._loader.get_basedir(),
                              env={**os.environ, **{k: str(v) for k, v in environment.items()}})
        out = to_text(done.stdout, errors='surrogate_then_replace')
        err = to_text(done.stderr, errors='surrogate_then_replace')
        code = done.returncode
        if code < 0:  # killed: say so the way a shell does
            err += '%s\n' % signal.strsignal(-code)
            code = 128 - code
        return dict(rc=code, stdout=out, stdout_lines=out.splitlines(),
                    stderr=err, stderr_lines=err.splitlines())
