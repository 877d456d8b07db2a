#include <string.h>

#include "api.h"

struct err *request_failed(const struct request *req, struct err *e)
{
	return err_wrap(e, "%s %s %.*s", req->method, req->service, (int)strcspn(req->path, "?"),
			req->path);
}
