# Rules of a security group that name the group itself.

== one from the group itself and one from anywhere are two, one given twice is one
args {"_ansible_module_name": "security_group", "name": "g", "security_group_rules": [
        {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22, "remote_group": "g"},
        {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22, "remote_ip_prefix": "0.0.0.0/0"},
        {"protocol": "6", "port_range_min": 22, "port_range_max": 22, "remote_group": "g"}]}
> GET network /v2.0/security-groups?name=g
< 200 {"security_groups": []}
> POST network /v2.0/security-groups {"security_group": {"name": "g"}}
< 201 {"security_group": {"id": "7", "name": "g", "project_id": "p", "security_group_rules": []}}
> POST network /v2.0/security-group-rules {"security_group_rules": [
    {"direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22,
     "remote_group_id": "7", "security_group_id": "7", "project_id": "p"},
    {"direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22,
     "remote_ip_prefix": "0.0.0.0/0", "security_group_id": "7", "project_id": "p"}]}
< 201 {"security_group_rules": [
    {"id": "8", "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_range_min": 22,
     "port_range_max": 22, "remote_group_id": "7", "description": ""},
    {"id": "9", "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_range_min": 22,
     "port_range_max": 22, "remote_ip_prefix": "0.0.0.0/0", "description": ""}]}
= {"changed": true, "id": "7"}
