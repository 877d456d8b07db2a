# Secrets stay hidden where a task fails before it connects.

== a cloud given as a dictionary
args {"_ansible_module_name": "network", "_ansible_verbosity": 4, "nmae": "x", "name": "at-canary-1",
      "cloud": {"auth": {"password": "canary-1"}}}
= {"failed": true, "invocation": {"module_args": {"cloud": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", "name": "at-********"}}}
msg nmae
