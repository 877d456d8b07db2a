# What is wrong with the arguments is said before anything is sent.

== an unknown option
args {"_ansible_module_name": "treenail.openstack.network", "name": "a", "mtuu": 1}
= {"failed": true, "error": {"kind": "usage", "option": "mtuu"}}
msg Unsupported parameters for (treenail.openstack.network) module: mtuu. Did you mean 'mtu'?

== nothing given
args {"_ansible_module_name": "network"}
= {"failed": true}
msg missing required arguments: name

== an unknown module
args {"_ansible_module_name": "treenail.openstack.netwrk"}
= {"failed": true}
msg there is no module 'netwrk': did you mean 'network'?

== null is nothing given
args {"_ansible_module_name": "network", "name": "a", "mtu": null, "state": null}
> GET network /v2.0/networks?name=a
< 200 {"networks": [{"id": "1", "name": "a", "mtu": 1400}]}
= {"changed": false}

== a timeout of no use
args {"_ansible_module_name": "network", "name": "a", "timeout": 9223372036854775807}
> GET network /v2.0/networks?name=a
< 200 {"networks": [{"id": "1", "name": "a", "mtu": 1400}]}
= {"changed": false}

== secrets are masked wherever they turn up
args {"_ansible_module_name": "network", "name": "a", "_ansible_verbosity": 3, "_ansible_inject_invocation": true,
      "auth": {"password": "correct-horse", "username": "u"}}
> GET network /v2.0/networks?name=a
< 400 who would use correct-horse as a name
= {"failed": true, "invocation": {"module_args": {"name": "a", "auth": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"}}}
msg who would use ******** as a name
