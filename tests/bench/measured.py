"""What the benchmarks share: a provider measured from outside, and what is said of targets."""
import os
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), d) for d in ('system', 'terraform')]
import time  # noqa: E402

from common import build  # noqa: E402
from terraform import Root  # noqa: E402


class Measured(Root):
    """A root whose provider, called as the file `name`, is `program`, and is measured."""

    def __init__(self, folder, program, name, env, hcl):
        self.measured, wrapper = os.path.join(folder, 'measured'), os.path.join(folder, 'bin')
        os.mkdir(self.measured)
        os.mkdir(wrapper)
        with open(os.path.join(wrapper, 'terraform-provider-' + name), 'w') as f:
            f.write('#!/bin/sh\nexec %s %s/$$ %s "$@"\n' % (build('bench/measure.c'), self.measured, program))
        os.chmod(f.name, 0o755)
        super().__init__(folder, wrapper, {'TREENAIL_CACHE_DIR': os.path.join(folder, 'cache'), **env}, provider=name)
        self.write('main.tf', hcl)

    def step(self, command, *args):
        """{wall: of the whole command, cpu, rss: of the provider's processes, text}"""
        for name in os.listdir(self.measured):
            os.unlink(os.path.join(self.measured, name))
        begin = time.monotonic()
        done = self.run(command, '-input=false', '-no-color', *args, timeout=7200)
        ret = {'wall': time.monotonic() - begin, 'cpu': 0.0, 'rss': 0.0, 'text': done.out}
        if not done.ok:
            sys.exit('%s: %s' % (command, done.text[-3000:]))
        for name in os.listdir(self.measured):
            with open(os.path.join(self.measured, name)) as f:
                ms, _, kib = map(float, f.read().split())
            ret['cpu'] += ms / 1000
            ret['rss'] = max(ret['rss'], kib * 1024)
        return ret


def finish(targets):
    """Says which were reached; the exit code is 1 if one was not."""
    missed = 0
    for reached, text in targets:
        missed += not reached
        print('%s %s' % ('reached' if reached else 'MISSED ', text))
    sys.exit(1 if missed else 0)
