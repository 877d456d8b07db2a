#ifndef ADAPTER_RPC_H
#define ADAPTER_RPC_H

/*
 * main() of a provider: the calls of Terraform's protocol, answered for what `provider` (kind.h)
 * declares. With -docs FOLDER it writes the documentation there instead.
 */
int provider_main(int argc, char **argv);

#endif
