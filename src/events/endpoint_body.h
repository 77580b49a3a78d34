/* endpoint_body.h - what an operator sends about endpoints: bodies of the admin API, read strictly. Pure. */
#pragma once
#include "events/endpoints.h"

/* {"url":"https://…","types":["tenant.installed",…]}; without types every one. ERR_INVALID with what is wrong, in words
 * for the sender; ERR_NOMEM. What ret points to is in the arena. */
enum err endpoint_body_read(struct str text, bool allow_insecure, struct arena *a, struct new_endpoint *ret,
                            const char **ret_wrong);
/* {"after":SEQ}. */
enum err replay_body_read(struct str text, int64_t *ret_after, const char **ret_wrong);
