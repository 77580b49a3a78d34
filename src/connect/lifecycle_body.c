/* lifecycle_body.c - reads and checks the JSON of a lifecycle callback. See lifecycle_body.h.
 *
 * One table says which members are read, which are needed and how long they may be. Members that are not in it are
 * kept with the body and otherwise ignored, as the protocol asks. */
#include "connect/lifecycle_body.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/secret.h"
#include "connect/base_url.h"
#include "license/tenants.h"

/* A secret shorter than this is not searched for inside other texts: one letter would hit them all. */
enum { SECRET_SEARCH_MIN = 16 };

struct field {
	const char *name;
	size_t offset;
	bool required;
	size_t max; /* bytes */
};
#define FIELD(json_name, member, ...)                                                                                  \
	{                                                                                                                  \
		json_name, offsetof(struct lifecycle_body, member), __VA_ARGS__                                                \
	}
static const struct field FIELDS[] = {
    FIELD("clientKey", client_key, true, 255),
    FIELD("baseUrl", base_url, true, BASE_URL_MAX),
    FIELD("productType", product_type, true, 64),
    FIELD("displayUrl", display_url, false, 2048),
    FIELD("description", description, false, 16384),
    FIELD("oauthClientId", oauth_client_id, false, 255),
    FIELD("serviceEntitlementNumber", sen, false, 255),
    FIELD("entitlementId", entitlement_id, false, 255),
    FIELD("entitlementNumber", entitlement_number, false, 255),
    FIELD("capabilitySet", capability_set, false, 255),
    FIELD("installationId", installation_id, false, 255),
};

const char *lifecycle_event_name(enum lifecycle_event e)
{
	static const char *const names[] = {"installed", "uninstalled", "enabled", "disabled"};
	return names[e];
}

static bool refuse(struct lifecycle_refusal *ret, enum err err, const char *code, const char *field)
{
	*ret = (struct lifecycle_refusal){err, code, field};
	return false;
}

static size_t characters(struct str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
	return n;
}

/* Takes the secret out of the tree. */
static bool take_secret(json_t *json, struct lifecycle_body *b, struct lifecycle_refusal *ret)
{
	struct str secret = {0};
	switch (json_get_str(json, "sharedSecret", &secret)) {
	case JSON_ABSENT:
		return refuse(ret, ERR_INVALID, "missing_field", "sharedSecret");
	case JSON_BAD_TYPE:
		return refuse(ret, ERR_INVALID, "wrong_type", "sharedSecret");
	case JSON_GOT:
		break;
	}
	if (secret.len == 0)
		return refuse(ret, ERR_INVALID, "empty_field", "sharedSecret");
	if (characters(secret) > SHARED_SECRET_MAX)
		return refuse(ret, ERR_INVALID, "too_long", "sharedSecret");
	b->secret_text = str_dup(secret);
	if (!b->secret_text)
		return refuse(ret, ERR_NOMEM, "out_of_memory", "sharedSecret");
	b->shared_secret = (struct str){b->secret_text, secret.len};
	return true;
}

static bool holds_secret(struct str text, struct str secret)
{
	return secret.len >= SECRET_SEARCH_MIN && memmem(text.ptr, text.len, secret.ptr, secret.len);
}

static bool scrub(json_t *node, struct str secret);

static bool scrub_object(json_t *node, struct str secret)
{
	void *next = NULL;
	for (void *at = json_object_iter(node); at; at = next) {
		next = json_object_iter_next(node, at);
		const char *name = json_object_iter_key(at);
		if (strcasecmp(name, "sharedSecret") == 0 || holds_secret(str_of(name), secret))
			json_object_del(node, name);
		else if (!scrub(json_object_iter_value(at), secret))
			return false;
	}
	return true;
}

/* Removes members named sharedSecret at any depth, and blanks every other copy of the text. False: out of memory. */
static bool scrub(json_t *node, struct str secret)
{
	if (json_is_object(node))
		return scrub_object(node, secret);
	for (size_t i = 0; i < json_array_size(node); i++)
		if (!scrub(json_array_get(node, i), secret))
			return false;
	if (json_is_string(node) && holds_secret((struct str){json_string_value(node), json_string_length(node)}, secret))
		return json_string_set(node, "(removed)") == 0;
	return true;
}

static bool read_field(const json_t *json, const struct field *f, struct lifecycle_body *b,
                       struct lifecycle_refusal *ret)
{
	struct str value = STR("");
	switch (json_get_str(json, f->name, &value)) {
	case JSON_BAD_TYPE:
		return refuse(ret, ERR_INVALID, "wrong_type", f->name);
	case JSON_ABSENT:
		if (f->required)
			return refuse(ret, ERR_INVALID, "missing_field", f->name);
		break;
	case JSON_GOT:
		break;
	}
	if (value.len > f->max)
		return refuse(ret, ERR_INVALID, "too_long", f->name);
	if (f->required && !str_printable(value))
		return refuse(ret, ERR_INVALID, "control_characters", f->name);
	*(struct str *)(void *)((char *)b + f->offset) = value;
	return true;
}

static bool must_be(const json_t *json, const char *name, const char *wanted, struct lifecycle_refusal *ret)
{
	struct str value = STR("");
	enum json_get got = json_get_str(json, name, &value);
	if (got == JSON_GOT && str_eqz(value, wanted))
		return true;
	return refuse(ret, ERR_INVALID,
	              got == JSON_GOT      ? "wrong_value"
	              : got == JSON_ABSENT ? "missing_field"
	                                   : "wrong_type",
	              name);
}

static bool check_base_url(struct lifecycle_body *b, const struct lifecycle_rules *rules, struct lifecycle_refusal *ret)
{
	switch (base_url_check(b->base_url, rules->allowed_hosts, rules->allow_insecure)) {
	case BASE_URL_OK:
		break;
	case BASE_URL_BAD_SCHEME:
		return refuse(ret, ERR_DENIED, "base_url_not_https", "baseUrl");
	case BASE_URL_USERINFO:
		return refuse(ret, ERR_DENIED, "base_url_userinfo", "baseUrl");
	case BASE_URL_BAD_HOST:
		return refuse(ret, ERR_DENIED, "host_not_allowed", "baseUrl");
	case BASE_URL_MALFORMED:
	default:
		return refuse(ret, ERR_DENIED, "base_url_malformed", "baseUrl");
	}
	if (b->base_url.ptr[b->base_url.len - 1] == '/')
		b->base_url.len--;
	return true;
}

static bool read_fields(json_t *json, enum lifecycle_event event, const struct lifecycle_rules *rules,
                        struct lifecycle_body *b, struct lifecycle_refusal *ret)
{
	if (!must_be(json, "eventType", lifecycle_event_name(event), ret) || !must_be(json, "key", rules->app_key, ret))
		return false;
	if (event == LIFECYCLE_INSTALLED && !take_secret(json, b, ret))
		return false;
	if (!scrub(json, b->shared_secret))
		return refuse(ret, ERR_NOMEM, "out_of_memory", NULL);
	for (size_t i = 0; i < sizeof(FIELDS) / sizeof(FIELDS[0]); i++)
		if (!read_field(json, &FIELDS[i], b, ret))
			return false;
	if (!str_eq(b->client_key, rules->iss))
		return refuse(ret, ERR_DENIED, "wrong_client_key", "clientKey");
	if (tenant_kind_of(b->client_key) != TENANT_CONNECT) /* no callback of this door touches another's tenant */
		return refuse(ret, ERR_DENIED, "client_key_reserved", "clientKey");
	return check_base_url(b, rules, ret);
}

bool lifecycle_body_read(struct str text, enum lifecycle_event event, const struct lifecycle_rules *rules,
                         struct lifecycle_body *ret, struct lifecycle_refusal *ret_refusal)
{
	__cleanup(lifecycle_body_release) struct lifecycle_body b = {.shared_secret = STR("")};
	enum err err = json_read_object(text, &b.json);
	if (err != OK)
		return refuse(ret_refusal, err, err == ERR_NOMEM ? "out_of_memory" : "not_an_object", NULL);
	if (!read_fields(b.json, event, rules, &b, ret_refusal))
		return false;
	if (event == LIFECYCLE_INSTALLED) {
		b.kept = json_dumps(b.json, JSON_COMPACT);
		if (!b.kept)
			return refuse(ret_refusal, ERR_NOMEM, "out_of_memory", NULL);
	}
	*ret = b;
	b = (struct lifecycle_body){0};
	return true;
}

void lifecycle_body_release(struct lifecycle_body *b)
{
	if (b->secret_text)
		wipe(b->secret_text, b->shared_secret.len);
	free(b->secret_text);
	free(b->kept);
	json_decref(b->json);
	*b = (struct lifecycle_body){0};
}
