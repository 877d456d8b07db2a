#include "rows.h"

const struct tf_kind *const typed_kinds[] = {
#define X(kind) &(kind).tf,
	TYPED_KINDS(X)
#undef X
		NULL,
};
