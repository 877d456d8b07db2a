"""nova-compute with the lab's hypervisor: Nova loads drivers from its own
package only, so this one is put there before the service starts."""
import sys

from nova.cmd import compute    # first: it may monkey patch
from nova.conductor import api

from labfake import virt

if __name__ == '__main__':
    sys.modules['nova.virt.labfake'] = virt
    # Look for nova-conductor every second, up to 100 times, not every ten.
    api.API.wait_until_ready.__defaults__ = 1, 100
    compute.main()
