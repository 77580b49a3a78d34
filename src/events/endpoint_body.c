/* endpoint_body.c - see endpoint_body.h. A member that is not known is refused: a misspelt "types" must not quietly
 * mean all of them. */
#include "events/endpoint_body.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

enum { TYPES_MAX = 64, TYPE_REPEATED_MAX = 64 };

static enum err wrong(const char *text, const char **ret_wrong)
{
	*ret_wrong = text;
	return ERR_INVALID;
}

static bool members_known(json_t *body)
{
	const char *name;
	json_t *value;
	json_object_foreach(body, name, value)
	{
		(void)value;
		if (strcmp(name, "url") != 0 && strcmp(name, "types") != 0)
			return false;
	}
	return true;
}

/* Names the one that is wrong, as long as it may be repeated. */
static const char *type_wrong(struct str type, struct arena *a)
{
	const char *words = NULL;
	if (type.len > 0 && type.len <= TYPE_REPEATED_MAX && !memchr(type.ptr, '\0', type.len))
		words = arena_printf(a, "types: \"%.*s\" is no event type; GET endpoints names them in \"event_types\"",
		                     STR_ARG(type));
	return words ? words : "types: one of them is no event type; GET endpoints names them in \"event_types\"";
}

static enum err read_types(const json_t *body, struct arena *a, struct new_endpoint *ret, const char **ret_wrong)
{
	const json_t *types = json_object_get(body, "types");
	if (!types || json_is_null(types))
		return OK;
	const size_t count = json_array_size(types);
	if (!json_is_array(types) || count == 0 || count > TYPES_MAX)
		return wrong("types: a list of event types; leave it out for all of them", ret_wrong);
	const char **at = arena_zalloc(a, count * sizeof(*at));
	for (size_t i = 0; at && i < count; i++) {
		const json_t *type = json_array_get(types, i);
		const struct str text = {json_string_value(type), json_string_length(type)};
		if (!json_is_string(type) || !event_type_known(text))
			return wrong(type_wrong(text, a), ret_wrong);
		if (!(at[i] = arena_strz(a, text)))
			return ERR_NOMEM;
	}
	ret->types = at;
	ret->type_count = count;
	return at ? OK : ERR_NOMEM;
}

enum err endpoint_body_read(struct str text, bool allow_insecure, struct arena *a, struct new_endpoint *ret,
                            const char **ret_wrong)
{
	__cleanup_json json_t *body = NULL;
	struct new_endpoint e = {0};
	struct str url;
	enum err err = json_read_body(text, &body, ret_wrong);
	if (err != OK)
		return err;
	if (!members_known(body))
		return wrong("an endpoint has url and types, nothing else", ret_wrong);
	if (json_get_str(body, "url", &url) != JSON_GOT)
		return wrong("url: a text is needed", ret_wrong);
	const char *url_wrong = endpoint_url_wrong(url, allow_insecure);
	if (url_wrong)
		return wrong(url_wrong, ret_wrong);
	if (!(e.url = arena_strz(a, url)))
		return ERR_NOMEM;
	err = read_types(body, a, &e, ret_wrong);
	if (err == OK)
		*ret = e;
	return err;
}

enum err replay_body_read(struct str text, int64_t *ret_after, const char **ret_wrong)
{
	__cleanup_json json_t *body = NULL;
	int64_t after = -1;
	enum err err = json_read_object(text, &body);
	if (err == ERR_NOMEM)
		return err;
	if (err != OK || json_object_size(body) != 1 || json_get_int(body, "after", &after) != JSON_GOT || after < 0)
		return wrong("the body is {\"after\":SEQ}: events behind that seq are sent again", ret_wrong);
	*ret_after = after;
	return OK;
}
