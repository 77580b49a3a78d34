/* lifecycle.h - shared by lifecycle.c (routes, status changes) and lifecycle_install.c (the one that stores). */
#pragma once
#include "connect/connect.h"
#include "connect/lifecycle_body.h"

/* Content type, body, rules; answers and returns false when the callback is refused. */
bool lifecycle_read(struct connect *c, struct request *req, enum lifecycle_event event, struct lifecycle_body *ret);

/* When this change of a tenant happened: now, but after the change before it, so that each change has a time of its
 * own. That time makes the event's id. */
int64_t lifecycle_time(const struct connect *c, int64_t previous);
enum { LIFECYCLE_ONCE_SIZE = 24 };
void lifecycle_once(int64_t at, char out[static LIFECYCLE_ONCE_SIZE]);
