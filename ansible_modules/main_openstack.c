#include "adapter.h"

int main(int argc, char **argv)
{
	return adapter_main(&openstack_system, argc, argv);
}
