/* seat_reply.h - a request that frees somebody's seat: a tenant's administrator's, or the operator's. */
#pragma once
#include "connect/connect.h"

/* Answers 204 when it is durable, 404 where the account holds none. key: the account id as it stands in the path. why:
 * a literal, for the journal. The tenant is the one the request holds. A handler's last act. */
void seat_free_reply(struct request *req, struct lookups *l, struct str key, const char *why);
