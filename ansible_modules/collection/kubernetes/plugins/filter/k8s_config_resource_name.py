# Copyright Treenail developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

DOCUMENTATION = """
name: k8s_config_resource_name
short_description: The name that append_hash gives a ConfigMap or Secret
description:
  - The name of the definition, and behind it a digest of what it holds, as kubectl makes it.
options:
  _input:
    description: [The definition of a ConfigMap or Secret.]
    type: dict
    required: true
"""

EXAMPLES = """
- name: A deployment that uses just this version of its settings
  ansible.builtin.debug:
    msg: "{{ settings | treenail.kubernetes.k8s_config_resource_name }}"
  vars:
    settings: {apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {color: blue}}
"""

RETURN = """
_value:
  description: [The name with the digest.]
  type: str
"""

import hashlib
import json

from ansible.errors import AnsibleFilterError

DIGEST = str.maketrans('013ae', 'ghkmt')  # letters and digits that spell no word


def name_with_digest(definition):
    kind = definition.get('kind')
    name = definition.get('metadata', {}).get('name')
    if kind not in ('ConfigMap', 'Secret') or not name:
        raise AnsibleFilterError('k8s_config_resource_name takes the definition of a ConfigMap or Secret that has a '
                                 'name')
    told = {'data': definition.get('data'), 'kind': kind, 'name': name}
    if kind == 'Secret':
        told['type'] = definition.get('type', '')
    elif definition.get('binaryData'):
        told['binaryData'] = definition['binaryData']
    text = json.dumps(told, sort_keys=True, separators=(',', ':'), ensure_ascii=False)
    for c in '<>&\u2028\u2029':  # kubectl's JSON has them so
        text = text.replace(c, '\\u%04x' % ord(c))
    return '%s-%s' % (name, hashlib.sha256(text.encode()).hexdigest()[:10].translate(DIGEST))


class FilterModule:
    def filters(self):
        return {'k8s_config_resource_name': name_with_digest}
