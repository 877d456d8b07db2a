"""What the system tests of Terraform's providers share: root modules on the lab, processes, and what the lab has."""
import os
import sys
import tempfile
import time

from common import LAB, PROGRAM, ROOT, TEMP, clouds_file

sys.path.insert(0, os.path.join(ROOT, 'tests/terraform'))
import terraform  # noqa: E402

BINARIES = os.path.dirname(PROGRAM)
PROVIDER = os.path.join(BINARIES, 'terraform-provider-openstack')
terraform.programs()
# What a project may have when a test is over: service, URI, key of the list, whether each is for us to delete.
OWN = (('compute', '/servers', 'servers'), ('block_storage', '/{id}/volumes', 'volumes'),
       ('network', '/v2.0/floatingips?project_id={id}', 'floatingips'),
       ('network', '/v2.0/routers?project_id={id}', 'routers'), ('network', '/v2.0/ports?project_id={id}', 'ports'),
       ('network', '/v2.0/subnets?project_id={id}', 'subnets'),
       ('network', '/v2.0/networks?project_id={id}', 'networks'),
       ('network', '/v2.0/security-groups?project_id={id}', 'security_groups'),
       ('network', '/v2.0/security-group-rules?project_id={id}', 'security_group_rules'))


def root(clouds, hcl='', folder=None, **env):
    """A root module with these clouds (of clouds.yaml), in a folder of its own; the provider block's is `here`."""
    folder = folder or tempfile.mkdtemp(dir=TEMP)
    r = terraform.Root(folder, BINARIES, {'OS_CLIENT_CONFIG_FILE': clouds_file(clouds) if isinstance(clouds, dict)
                                          else os.path.join(LAB, 'clouds.yaml'),
                                          'TREENAIL_CACHE_DIR': os.path.join(TEMP, 'tf-cache'), **env})
    r.write('main.tf', 'provider "openstack" {\n  cloud = "here"\n}\n' + hcl)
    return r


def inventory(project):
    """{kind: {ID: object}} of all that a project has, but for what every project has (the default group)."""
    ret = {}
    for service, uri, key in OWN:
        status, body = project.rest('GET', service, uri.format(id=project.id))
        if status != 200:
            raise RuntimeError('%s: %s %s' % (uri, status, body))
        ret[key] = {o['id']: o for o in body[key]}
    defaults = {i for i, g in ret['security_groups'].items() if g['name'] == 'default'}
    ret['security_groups'] = {i: g for i, g in ret['security_groups'].items() if i not in defaults}
    ret['security_group_rules'] = {i: r for i, r in ret['security_group_rules'].items()
                                   if r['security_group_id'] not in defaults}
    return ret


def counts(found):
    return {kind: len(objects) for kind, objects in found.items() if objects}


def purge(project):
    """Deletes all of it; True if there was anything."""
    found = inventory(project)
    for service, uri, key in OWN[:-1]:
        base = uri.format(id=project.id).split('?')[0]
        for one in found[key]:
            project.rest('DELETE', service, '%s/%s' % (base, one))
    return any(found.values())


# ---- processes ----

def children(pid):
    """Of a process: those whose program is a provider."""
    return terraform.children(pid, PROVIDER)


def alive(pid):
    try:
        with open('/proc/%d/stat' % pid) as f:
            return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


def gone(pids, within):
    """Whether all of them end in time."""
    end = time.monotonic() + within
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.01)
    return not any(map(alive, pids))
