/* license_body.c - see license_body.h. Source: Atlassian's "Forge license API". */
#include "forge/license_body.h"

#include "base/json.h"

/* Milliseconds as digits or a number, or an RFC 3339 time; 0: none. */
static int64_t time_of(const json_t *data, const char *name)
{
	const json_t *value = json_object_get(data, name);
	int64_t ms = 0;
	if (json_is_integer(value))
		ms = json_integer_value(value);
	else if (json_is_string(value)) {
		const struct str text = str_of(json_string_value(value));
		if (str_to_int64(text, &ms) != OK && time_parse(text, &ms) != OK)
			ms = 0;
	}
	return ms > 0 ? ms : 0;
}

static struct str text_of(const json_t *data, const char *name)
{
	struct str text;
	return json_get_str(data, name, &text) == JSON_GOT ? text : STR("");
}

static void read_data(const json_t *data, struct license_facts *facts)
{
	const int64_t trial = time_of(data, "trialEndDate"), paid = time_of(data, "subscriptionEndDate");
	facts->valid = json_is_true(json_object_get(data, "active"));
	facts->evaluation = json_is_true(json_object_get(data, "isEvaluation"));
	facts->expires_at = facts->evaluation && trial ? trial : paid;
	facts->type = text_of(data, "type");
	facts->sen = text_of(data, "supportEntitlementNumber");
	facts->entitlement_id = text_of(data, "ccpEntitlementId");
	facts->entitlement_number = text_of(data, "ccpEntitlementSlug");
	facts->edition = edition_of_capability_set(text_of(data, "capabilitySet"));
}

/* As an ARI, or its last part. */
static bool is_app(struct str id, struct str app_id)
{
	return str_eq(id, app_id) ||
	       (id.len && id.len < app_id.len && str_ends(app_id, id) && app_id.ptr[app_id.len - id.len - 1] == '/');
}

const char *license_body_read(struct str text, struct str app_id, struct license_facts *facts, json_t **ret_json)
{
	*facts = (struct license_facts){.max_age_s = -1};
	if (json_read_object(text, ret_json) != OK)
		return "not_json";
	const json_t *results = json_object_get(*ret_json, "results"), *result;
	size_t i;
	if (results && !json_is_array(results))
		return "bad_body";
	json_array_foreach(results, i, result)
	{
		const json_t *data = json_get_obj(result, "data");
		struct str id;
		enum json_get got = json_get_str(result, "appId", &id);
		if (!data || got == JSON_BAD_TYPE || (got == JSON_GOT && !is_app(id, app_id)))
			continue;
		read_data(data, facts);
		break;
	}
	return NULL;
}
