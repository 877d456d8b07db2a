# Copyright Treenail developers
# SPDX-License-Identifier: Apache-2.0
"""
The one action plugin of all modules of this collection; meta/runtime.yml leads them here.

A module is a text of two lines: the interpreter `treenail_openstack`, and a place for the arguments. Ansible knows how to
run such a module anywhere. What is left to do here is to bring it the interpreter, our native program:

- on this host, as this user, it is started at once: no shell, no temporary files, arguments on standard input, the
  task's `environment:` as environment (not on a command line, where others could read it);
- else (any other connection, become, async) it is copied into the task's temporary folder;
- where the variable ansible_treenail_openstack_interpreter names an installed one, nothing is done.

Arguments, check mode, no_log and results are Ansible's own work in every case (the plugin `normal`).
"""
from __future__ import annotations

import os
import signal
import subprocess

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.action.normal import ActionModule as Normal
from ansible.utils.display import Display

PROGRAM = 'treenail-openstack'
INTERPRETER = 'ansible_treenail_openstack_interpreter'
BIN = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), 'bin')

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
        return super().run(tmp, task_vars)

    def _program(self, host_vars):
        """Returns the path of the program on the host that is to run it, and brings it there if need be."""
        here = self._connection.transport == 'local'
        path = os.path.join(BIN, os.uname().machine if here else self._architecture(host_vars), PROGRAM)
        if not os.path.isfile(path):
            raise AnsibleError('treenail.openstack has no program %s; the variable %s can name one that is '
                               'installed on the host' % (path, INTERPRETER))
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
