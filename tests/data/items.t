# Many at once: one LIST, one POST, and a result for each.

== three networks, one of them there
args {"_ansible_module_name": "network", "items": [{"name": "a"}, {"name": "b", "mtu": 1400}, {"name": "c"}]}
> GET network /v2.0/networks?name=a&name=b&name=c
< 200 {"networks": [{"id": "2", "name": "b", "mtu": 1400}]}
> POST network /v2.0/networks {"networks": [{"name": "a"}, {"name": "c"}]}
< 201 {"networks": [{"id": "1", "name": "a"}, {"id": "3", "name": "c"}]}
= {"changed": true, "results": [
    {"item": 0, "changed": true, "failed": false, "id": "1", "network": {"name": "a"}},
    {"item": 1, "changed": false, "failed": false, "id": "2", "network": {"name": "b"}},
    {"item": 2, "changed": true, "failed": false, "id": "3", "network": {"name": "c"}}]}

== would be made, none is (check)
> GET network /v2.0/networks?name=a&name=b&name=c
< 200 {"networks": [{"id": "2", "name": "b", "mtu": 1400}]}
= {"changed": true, "results": [{"changed": true}, {"changed": false}, {"changed": true}]}

== the quota has room for one: it is made, the other's error is its own
> GET network /v2.0/networks?name=a&name=b&name=c
< 200 {"networks": [{"id": "2", "name": "b", "mtu": 1400}]}
> POST network /v2.0/networks {"networks": [{"name": "a"}, {"name": "c"}]}
< 409 Quota exceeded for resources: ['network'].
* GET network /v2.0/networks?name=a
< 200 {"networks": []}
* GET network /v2.0/networks?name=c
< 200 {"networks": []}
* POST network /v2.0/networks {"network": {"name": "a"}}
< 201 {"network": {"id": "1", "name": "a"}}
* POST network /v2.0/networks {"network": {"name": "c"}}
< 409 Quota exceeded for resources: ['network'].
= {"failed": true, "changed": true, "results": [
    {"changed": true, "failed": false, "id": "1"}, {"changed": false, "failed": false},
    {"changed": false, "failed": true, "error": {"kind": "conflict", "status": 409}}]}
msg 1 of 3 items failed; item 2: network 'c': creating: POST network /v2.0/networks: 409 Quota exceeded

== options beside items are defaults, also under another name
args {"_ansible_module_name": "network", "admin_state_up": false, "mtu_size": 9000,
      "items": [{"name": "a"}, {"name": "b", "admin_state_up": true, "mtu": 1400}]}
> GET network /v2.0/networks?name=a&name=b
< 200 {"networks": []}
> POST network /v2.0/networks {"networks": [{"name": "a", "mtu": 9000, "admin_state_up": false},
  {"name": "b", "mtu": 1400, "admin_state_up": true}]}
< 201 {"networks": [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]}
= {"changed": true}

== nothing to do
args {"_ansible_module_name": "network", "items": []}
= {"changed": false, "results": []}

== two that mean one
args {"_ansible_module_name": "network", "items": [{"name": "a"}, {"name": "a", "mtu": 1400}]}
> GET network /v2.0/networks?name=a
< 200 {"networks": [{"id": "1", "name": "a"}]}
= {"failed": true, "changed": false, "results": [{"failed": false}, {"failed": true}]}
msg 1 of 2 items failed; item 1: item 0 means the same object

== bad ones are found before anything is sent
args {"_ansible_module_name": "network", "items": [{"name": "a"}, {"mtu": "big", "name": "b"}]}
= {"failed": true, "error": {"kind": "usage", "option": "mtu"}}
msg items[1]: argument 'mtu' is of type str and we were unable to convert to int

== items are dictionaries
args {"_ansible_module_name": "network", "items": ["a"]}
= {"failed": true, "error": {"kind": "usage"}}
msg items[0]
