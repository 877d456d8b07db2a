# All items go by one connection.

== an item that names another cloud is refused
args {"_ansible_module_name": "network", "cloud": "one", "items": [{"name": "a", "cloud": "one"}, {"name": "b", "cloud": "two"}]}
= {"failed": true, "error": {"kind": "usage", "option": "cloud"}}
msg items[1]: cloud holds for all items
