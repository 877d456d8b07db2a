#ifndef TREENAIL_KINDS_H
#define TREENAIL_KINDS_H

#include "terraform.h"

extern const struct tf_kind treenail_host_file, treenail_host_exec;

#endif
