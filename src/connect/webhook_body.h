/* webhook_body.h - what a webhook's body means to this server. Pure. */
#pragma once
#include <jansson.h>

#include "base/str.h"

enum { WEBHOOK_IDENTIFIER_MAX = 255, ACCOUNT_ID_MAX = 255 };

enum webhook_effect {
	WEBHOOK_NOTHING = 0,
	WEBHOOK_USER_ADDED,
	WEBHOOK_USER_UPDATED,
	WEBHOOK_USER_DEACTIVATED, /* an update that says "active": false */
	WEBHOOK_USER_REMOVED
};

/* name: of the route. ret_account_id points into the body and is set for the user effects. An account that the host
 * does not name, or names `unknown`, has no effect: such an id is never kept. */
enum webhook_effect webhook_effect_of(struct str name, const json_t *body, struct str *ret_account_id);
