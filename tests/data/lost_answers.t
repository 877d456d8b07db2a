# What is known of an object is told, whatever happens after it.

== the POST's answer is lost, but the network is there
args {"_ansible_module_name": "network", "name": "a", "tags": ["x"]}
> GET network /v2.0/networks?name=a
< 200 {"networks": []}
> POST network /v2.0/networks {"network": {"name": "a"}}
< lost
> GET network /v2.0/networks?name=a
< 200 {"networks": [{"id": "7", "name": "a", "tags": []}]}
> PUT network /v2.0/networks/7/tags {"tags": ["x"]}
< 200 {"tags": ["x"]}
= {"changed": true, "id": "7", "network": {"tags": ["x"]}}

== it was not made
> GET network /v2.0/networks?name=a
< 200 {"networks": []}
> POST network /v2.0/networks {"network": {"name": "a"}}
< 504 Gateway Time-out
> GET network /v2.0/networks?name=a
< 200 {"networks": []}
= {"failed": true, "changed": false, "error": {"kind": "remote", "status": 504}}
msg network 'a': creating: POST network /v2.0/networks: 504 Gateway Time-out

== the tags fail: the ID is told
> GET network /v2.0/networks?name=a
< 200 {"networks": []}
> POST network /v2.0/networks {"network": {"name": "a"}}
< 201 {"network": {"id": "8", "name": "a", "tags": []}}
> PUT network /v2.0/networks/8/tags {"tags": ["x"]}
< 500 Internal Server Error
= {"failed": true, "changed": true, "id": "8", "network": {"id": "8", "tags": []}, "error": {"option": "tags"}}
msg network 'a': creating: tags: PUT network /v2.0/networks/8/tags: 500

== and once more gets there
> GET network /v2.0/networks?name=a
< 200 {"networks": [{"id": "8", "name": "a", "tags": []}]}
> PUT network /v2.0/networks/8/tags {"tags": ["x"]}
< 200 {"tags": ["x"]}
= {"changed": true, "id": "8"}
