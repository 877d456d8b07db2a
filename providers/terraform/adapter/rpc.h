#ifndef ADAPTER_RPC_H
#define ADAPTER_RPC_H

/*
 * main() of a provider: the calls of Terraform's protocol, answered for what `provider` (kind.h)
 * declares.
 */
int provider_main(int argc, char **argv);

#endif
