/* webhook_body.c - see webhook_body.h. */
#include "connect/webhook_body.h"

#include "base/json.h"

enum webhook_effect webhook_effect_of(struct str name, const json_t *body, struct str *ret_account_id)
{
	enum webhook_effect effect = WEBHOOK_NOTHING;
	if (str_eqz(name, "user_created"))
		effect = WEBHOOK_USER_ADDED;
	else if (str_eqz(name, "user_updated"))
		effect = WEBHOOK_USER_UPDATED;
	else if (str_eqz(name, "user_deleted"))
		effect = WEBHOOK_USER_REMOVED;
	struct str id = STR("");
	const json_t *user = json_get_obj(body, "user");
	if (effect == WEBHOOK_NOTHING || !user || json_get_str(user, "accountId", &id) != JSON_GOT)
		return WEBHOOK_NOTHING;
	if (id.len == 0 || id.len > ACCOUNT_ID_MAX || !str_printable(id) || str_eqz(id, "unknown"))
		return WEBHOOK_NOTHING;
	*ret_account_id = id;
	bool active = true;
	if (effect == WEBHOOK_USER_UPDATED && json_get_bool(user, "active", &active) == JSON_GOT && !active)
		effect = WEBHOOK_USER_DEACTIVATED;
	return effect;
}
