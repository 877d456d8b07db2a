# What only reads.

== all, on three pages
args {"_ansible_module_name": "networks_info"}
> GET network /v2.0/networks
< 200 {"networks": [{"id": "1", "name": "a"}], "networks_links": [{"rel": "next", "href": "http://n/v2.0/networks?marker=1"}]}
> GET network http://n/v2.0/networks?marker=1
< 200 {"networks": [{"id": "2", "name": "b"}], "networks_links": [{"rel": "next", "href": "http://n/v2.0/networks?marker=2"},
  {"rel": "previous", "href": "http://n/v2.0/networks"}]}
> GET network http://n/v2.0/networks?marker=2
< 200 {"networks": []}
= {"changed": false, "networks": [{"id": "1"}, {"id": "2"}]}

== by name
args {"_ansible_module_name": "networks_info", "name": "a&b"}
> GET network /v2.0/networks?name=a%26b
< 200 {"networks": [{"id": "1", "name": "a&b"}]}
= {"changed": false, "networks": [{"id": "1", "name": "a&b"}]}

== by ID
args {"_ansible_module_name": "networks_info", "name": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"}
> GET network /v2.0/networks/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee
< 200 {"network": {"id": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "name": "a"}}
= {"networks": [{"name": "a"}]}

== none (check)
args {"_ansible_module_name": "networks_info", "name": "x"}
> GET network /v2.0/networks?name=x
< 200 {"networks": []}
= {"changed": false, "networks": []}
