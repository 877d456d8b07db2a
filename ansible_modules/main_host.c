#include "adapter.h"

int main(int argc, char **argv)
{
	return adapter_main(&host_system, argc, argv);
}
