# The secret is told once: a credential whose secret was lost is of no use to anybody.

== the answer is lost: what it left goes, and another comes with its secret
args {"_ansible_module_name": "application_credential", "name": "a", "roles": [{"name": "member"}]}
> GET identity /v3/users/22222222222222222222222222222222/application_credentials?name=a
< 200 {"application_credentials": []}
> POST identity /v3/users/22222222222222222222222222222222/application_credentials {"application_credential": {"name": "a", "roles": [{"name": "member"}], "unrestricted": false}}
< lost
> GET identity /v3/users/22222222222222222222222222222222/application_credentials?name=a
< 200 {"application_credentials": [{"id": "c1", "name": "a"}]}
> DELETE identity /v3/users/22222222222222222222222222222222/application_credentials/c1
< 204
> POST identity /v3/users/22222222222222222222222222222222/application_credentials {"application_credential": {"name": "a", "roles": [{"name": "member"}], "unrestricted": false}}
< 201 {"application_credential": {"id": "c2", "name": "a", "secret": "made-by-keystone"}}
= {"changed": true, "id": "c2", "application_credential": {"secret": "made-by-keystone"}, "cloud": {"auth_type": "v3applicationcredential", "auth": {"application_credential_id": "c2", "application_credential_secret": "made-by-keystone"}}}

== it is there, with the roles that were wanted and what they imply
> GET identity /v3/users/22222222222222222222222222222222/application_credentials?name=a
< 200 {"application_credentials": [{"id": "c2", "name": "a", "unrestricted": false, "roles": [{"id": "m", "name": "member"}, {"id": "r", "name": "reader"}]}]}
= {"changed": false, "application_credential": {"secret": null}}

== a role that nothing implies is one too many
> GET identity /v3/users/22222222222222222222222222222222/application_credentials?name=a
< 200 {"application_credentials": [{"id": "c2", "name": "a", "unrestricted": false, "roles": [{"id": "m", "name": "member"}, {"id": "o", "name": "owner"}]}]}
msg roles (is

== a secret that was given is known all the same, and shown to nobody
args {"_ansible_module_name": "application_credential", "name": "a", "secret": "given-by-us"}
> GET identity /v3/users/22222222222222222222222222222222/application_credentials?name=a
< 200 {"application_credentials": []}
> POST identity /v3/users/22222222222222222222222222222222/application_credentials {"application_credential": {"name": "a", "secret": "given-by-us", "unrestricted": false}}
< lost
> GET identity /v3/users/22222222222222222222222222222222/application_credentials?name=a
< 200 {"application_credentials": [{"id": "c1", "name": "a"}]}
= {"changed": true, "id": "c1", "application_credential": {"secret": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"}}
