"""Callback plugin of the integration tests: one JSON line for each task, with the requests it sent."""
import json
import os

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'aggregate'
    CALLBACK_NAME = 'recorder'

    def __init__(self):
        super().__init__()
        self.out = open(os.environ['RECORDER_FILE'], 'w')
        self.trace = os.environ['TREENAIL_LOG_FILE']
        self.at = 0

    def requests(self):
        """Requests the program traced since the last task."""
        if not os.path.exists(self.trace):
            return []
        with open(self.trace) as f:
            f.seek(self.at)
            lines = f.readlines()
            self.at = f.tell()
        return [line.strip() for line in lines]

    def record(self, result, status):
        line = {'task': result._task.get_name(), 'status': status, 'result': result._result,
                'requests': self.requests()}
        self.out.write(json.dumps(line, default=str) + '\n')
        self.out.flush()

    def v2_runner_on_ok(self, result):
        self.record(result, 'ok')

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.record(result, 'failed')

    def v2_runner_on_unreachable(self, result):
        self.record(result, 'unreachable')

    def v2_runner_on_skipped(self, result):
        self.record(result, 'skipped')
