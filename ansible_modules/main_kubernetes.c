#include "adapter.h"

int main(int argc, char **argv)
{
	return adapter_main(&kubernetes_system, argc, argv);
}
