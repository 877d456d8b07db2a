# One object's whole life: check mode, the real thing, and once more.

== it would be made (check) (diff)
args {"_ansible_module_name": "treenail.openstack.network", "name": "a", "mtu": 1400, "tags": ["x"]}
> GET network /v2.0/networks?name=a
< 200 {"networks": []}
= {"changed": true, "network": {"name": "a", "mtu": 1400, "tags": ["x"], "id": null},
   "diff": {"before_header": "network 'a'", "before": {}, "after": {"name": "a", "mtu": 1400, "tags": ["x"]}}}

== it is made (diff)
> GET network /v2.0/networks?name=a
< 200 {"networks": []}
> POST network /v2.0/networks {"network": {"name": "a", "mtu": 1400}}
< 201 {"network": {"id": "1", "name": "a", "mtu": 1400, "tags": [], "status": "ACTIVE", "admin_state_up": true}}
> PUT network /v2.0/networks/1/tags {"tags": ["x"]}
< 200 {"tags": ["x"]}
= {"changed": true, "id": "1", "network": {"id": "1", "mtu": 1400, "tags": ["x"], "is_admin_state_up": true},
   "diff": {"before": {}, "after": {"name": "a", "mtu": 1400, "tags": ["x"]}}}

== nothing is left to do (diff)
> GET network /v2.0/networks?name=a
< 200 {"networks": [{"id": "1", "name": "a", "mtu": 1400, "tags": ["x"], "status": "ACTIVE"}]}
= {"changed": false, "id": "1", "diff": {"before": {}, "after": {}}}

== it would be changed (check) (diff)
args {"_ansible_module_name": "network", "name": "a", "mtu": 1500, "tags": ["y", "x"]}
> GET network /v2.0/networks?name=a
< 200 {"networks": [{"id": "1", "name": "a", "mtu": 1400, "tags": ["x"]}]}
= {"changed": true, "network": {"id": "1", "mtu": 1500, "tags": ["y", "x"]},
   "diff": {"before": {"mtu": 1400, "tags": ["x"]}, "after": {"mtu": 1500, "tags": ["y", "x"]}}}

== it is changed
> GET network /v2.0/networks?name=a
< 200 {"networks": [{"id": "1", "name": "a", "mtu": 1400, "tags": ["x"]}]}
> PUT network /v2.0/networks/1 {"network": {"mtu": 1500}}
< 200 {"network": {"id": "1", "name": "a", "mtu": 1500, "tags": ["x"]}}
> PUT network /v2.0/networks/1/tags {"tags": ["y", "x"]}
< 200 {"tags": ["x", "y"]}
= {"changed": true, "network": {"mtu": 1500, "tags": ["y", "x"]}}

== only what differs is sent
args {"_ansible_module_name": "network", "name": "a", "mtu": 1500, "tags": ["x"]}
> GET network /v2.0/networks?name=a
< 200 {"networks": [{"id": "1", "name": "a", "mtu": 1400, "tags": ["x"]}]}
> PUT network /v2.0/networks/1 {"network": {"mtu": 1500}}
< 200 {"network": {"id": "1", "name": "a", "mtu": 1500, "tags": ["x"]}}
= {"changed": true}

== Neutron refuses the change
> GET network /v2.0/networks?name=a
< 200 {"networks": [{"id": "1", "name": "a", "mtu": 1400, "tags": ["x"]}]}
> PUT network /v2.0/networks/1 {"network": {"mtu": 1500}}
< 400 Invalid input for operation: MTU is too big
= {"failed": true, "changed": false, "id": "1", "error": {"kind": "usage", "status": 400}}
msg network 'a': updating: PUT network /v2.0/networks/1: 400 Invalid input for operation: MTU is too big

== it would go (check) (diff)
args {"_ansible_module_name": "network", "name": "a", "state": "absent"}
> GET network /v2.0/networks?name=a
< 200 {"networks": [{"id": "1", "name": "a", "mtu": 1400}]}
= {"changed": true, "id": "1", "diff": {"before": {"id": "1", "mtu": 1400}, "after": {}}}

== it goes
> GET network /v2.0/networks?name=a
< 200 {"networks": [{"id": "1", "name": "a"}]}
> DELETE network /v2.0/networks/1
< 204
= {"changed": true, "id": "1"}

== somebody was faster
> GET network /v2.0/networks?name=a
< 200 {"networks": [{"id": "1", "name": "a"}]}
> DELETE network /v2.0/networks/1
< 404 Network 1 could not be found.
= {"changed": false}

== it is gone already
> GET network /v2.0/networks?name=a
< 200 {"networks": []}
= {"changed": false}

== there are two, and neither is ours
> GET network /v2.0/networks?name=a
< 200 {"networks": [{"id": "1", "name": "a", "project_id": "x"}, {"id": "2", "name": "a", "project_id": "y"}]}
= {"failed": true, "changed": false, "error": {"kind": "conflict"}}
msg network 'a': 2 networks are named 'a' (1, 2): give the ID instead

== a failure is no absence
> GET network /v2.0/networks?name=a
< 403 Policy does not allow it
= {"failed": true, "error": {"kind": "auth", "status": 403}}
msg GET network /v2.0/networks: 403 Policy does not allow it
