/* events_body.c - see events_body.h. */
#include "forge/events_body.h"

#include "base/json.h"
#include "token/fit.h"

static enum forge_event event_of(struct str type)
{
	if (str_eqz(type, "avi:forge:installed:app"))
		return FORGE_EVENT_INSTALLED;
	if (str_eqz(type, "avi:forge:upgraded:app"))
		return FORGE_EVENT_UPGRADED;
	return str_eqz(type, "avi:forge:uninstalled:app") ? FORGE_EVENT_UNINSTALLED : FORGE_EVENT_OTHER;
}

/* NULL: fine. */
static const char *wrong_field(const json_t *root, struct events_body *b)
{
	struct str type;
	enum json_get got = json_get_str(root, "eventType", &type);
	if (got == JSON_BAD_TYPE)
		return "eventType";
	b->event = got == JSON_ABSENT ? FORGE_EVENT_INSTALLED : event_of(type);
	if (b->event == FORGE_EVENT_OTHER)
		return NULL;
	if (json_get_str(root, "id", &b->installation_id) != JSON_GOT || !fit_id_ok(b->installation_id))
		return "id";
	const json_t *app = json_object_get(root, "app");
	if (app && !json_is_object(app))
		return "app";
	/* Versions are seen as text and as numbers; only text is kept. */
	if (app && json_get_str(app, "version", &b->version) != JSON_GOT)
		b->version = STR("");
	if (b->version.len > FIT_TEXT_MAX || !str_printable(b->version))
		return "app.version";
	return NULL;
}

bool events_body_read(struct str text, struct events_body *ret, const char **ret_field)
{
	*ret = (struct events_body){.version = STR("")};
	*ret_field = NULL;
	enum err err = json_read_object(text, &ret->json);
	if (err != OK) {
		*ret_field = err == ERR_INVALID ? "body" : NULL;
		return false;
	}
	*ret_field = wrong_field(ret->json, ret);
	if (!*ret_field)
		return true;
	events_body_release(ret);
	return false;
}

void events_body_release(struct events_body *b)
{
	json_decref(b->json);
	*b = (struct events_body){.version = STR("")};
}
