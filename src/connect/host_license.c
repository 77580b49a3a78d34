/* host_license.c - reading what a host says about a licence: both resources into the same facts.
 *
 * Hosts differ and change, so members have several names and shapes (reference: licensing, signals). What decides is
 * strict: whether the licence is valid must be said by a boolean. Everything else is optional: unknown, missing or
 * oddly typed members are left out, they never fail the look-up. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "connect/host_internal.h"

enum { TEXT_MAX = 512 };
static const int64_t time_max_ms = INT64_C(253402300799999); /* the end of the year 9999 */

/* First of the names (NULL-terminated) that holds acceptable text, copied; false: out of memory. */
static bool read_text(const json_t *o, const char *const *names, struct arena *a, struct str *ret)
{
	struct str text;

	for (; *names; names++) {
		if (json_get_str(o, *names, &text) != JSON_GOT || text.len == 0 || text.len > TEXT_MAX || !str_printable(text))
			continue;
		char *copy = arena_strz(a, text);
		if (!copy)
			return false;
		*ret = (struct str){copy, text.len};
		return true;
	}
	return true;
}

static bool read_type(const json_t *o, struct arena *a, struct str *ret)
{
	static const char *const names[] = {"licenseType", "type", NULL};
	struct str type = {0};

	if (!read_text(o, names, a, &type))
		return false;
	if (type.len == 0)
		return true;
	char *upper = arena_strz(a, type);
	if (!upper)
		return false;
	for (char *p = upper; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	*ret = (struct str){upper, type.len};
	return true;
}

/* A whole number: as such, as a number with an empty fraction, or as decimal text. */
static bool read_whole(const json_t *value, int64_t *ret)
{
	if (json_is_integer(value)) {
		*ret = json_integer_value(value);
		return true;
	}
	if (json_is_real(value)) {
		double d = json_real_value(value);
		if (!(d > -9e15 && d < 9e15) || (double)(int64_t)d != d)
			return false;
		*ret = (int64_t)d;
		return true;
	}
	if (json_is_string(value))
		return str_to_int64((struct str){json_string_value(value), json_string_length(value)}, ret) == OK;
	return false;
}

/* Time as text: RFC 3339, a date, or with an offset without colon ("…+0000", as Java writes it). */
static bool read_time_text(struct str text, int64_t *ret)
{
	char with_colon[64];

	if (time_parse(text, ret) == OK)
		return true;
	if (text.len < 6 || text.len + 2 > sizeof with_colon)
		return false;
	char sign = text.ptr[text.len - 5];
	if (sign != '+' && sign != '-')
		return false;
	memcpy(with_colon, text.ptr, text.len - 2);
	with_colon[text.len - 2] = ':';
	memcpy(with_colon + text.len - 1, text.ptr + text.len - 2, 2);
	return time_parse((struct str){with_colon, text.len + 1}, ret) == OK;
}

static int64_t read_expiry(const json_t *o)
{
	static const char *const names[] = {"maintenanceExpiryDate", "expiryDate",   "expirationDate",
	                                    "subscriptionEndDate",   "trialEndDate", NULL};

	for (size_t i = 0; names[i]; i++) {
		const json_t *value = json_object_get(o, names[i]);
		int64_t ms;
		bool got = read_whole(value, &ms);
		if (!got && json_is_string(value))
			got = read_time_text((struct str){json_string_value(value), json_string_length(value)}, &ms);
		if (got && ms > 0 && ms <= time_max_ms)
			return ms;
	}
	return 0;
}

/* -1 unlimited, 0 not said. */
static int64_t read_users(const json_t *o)
{
	int64_t n;

	if (!read_whole(json_object_get(o, "maximumNumberOfUsers"), &n) || n < -1)
		return 0;
	return n;
}

static bool read_cancelled(const json_t *o)
{
	struct str status;
	bool cancelled;

	if (json_get_bool(o, "cancelled", &cancelled) == JSON_GOT && cancelled)
		return true;
	return json_get_str(o, "status", &status) == JSON_GOT && str_ieq(status, STR("cancelled"));
}

/* `valid` or `active`, a boolean; where a host says both, both must be true. */
static bool read_valid(const json_t *o, bool *ret)
{
	bool valid = true, active = true;
	enum json_get has_valid = json_get_bool(o, "valid", &valid), has_active = json_get_bool(o, "active", &active);

	if (has_valid == JSON_BAD_TYPE || has_active == JSON_BAD_TYPE)
		return false;
	if (has_valid == JSON_ABSENT && has_active == JSON_ABSENT)
		return false;
	*ret = valid && active;
	return true;
}

/* The members both resources share. f is whole already but for them. */
static enum license_parse read_license(const json_t *o, struct license_facts *f, struct arena *a)
{
	static const char *const organisation[] = {"organizationName", "organisationName", NULL};
	static const char *const sen[] = {"supportEntitlementNumber", NULL};
	static const char *const entitlement_id[] = {"entitlementId", NULL};
	static const char *const entitlement_number[] = {"entitlementNumber", NULL};
	static const char *const contact[] = {"contactEmail", NULL};
	struct str edition;
	bool evaluation;

	if (!read_valid(o, &f->valid))
		return LICENSE_LACKING;
	if (json_get_bool(o, "evaluation", &evaluation) == JSON_GOT)
		f->evaluation = evaluation;
	if (json_get_str(o, "capabilitySet", &edition) == JSON_GOT)
		f->edition = edition_of_capability_set(edition);
	f->cancelled = read_cancelled(o);
	f->users_max = read_users(o);
	f->expires_at = read_expiry(o);
	bool copied = read_type(o, a, &f->type) && read_text(o, organisation, a, &f->organisation) &&
	              read_text(o, sen, a, &f->sen) && read_text(o, entitlement_id, a, &f->entitlement_id) &&
	              read_text(o, entitlement_number, a, &f->entitlement_number) &&
	              read_text(o, contact, a, &f->contact_email);
	return copied ? LICENSE_OK : LICENSE_NO_MEMORY;
}

static enum license_parse read_body(struct str body, json_t **ret)
{
	enum err err = json_read_object(body, ret);

	if (err == OK)
		return LICENSE_OK;
	return err == ERR_NOMEM ? LICENSE_NO_MEMORY : LICENSE_NOT_JSON;
}

enum license_parse license_read_latest(struct str body, struct license_facts *ret, struct arena *a)
{
	__cleanup_json json_t *o = NULL;
	struct license_facts f = {.resource = 1, .max_age_s = -1};
	enum license_parse parse = read_body(body, &o);

	if (parse == LICENSE_OK)
		parse = read_license(o, &f, a);
	if (parse == LICENSE_OK)
		*ret = f;
	return parse;
}

/* The first contact with an e-mail address: {"host":{"contacts":[{"name":…,"email":…}]}}. */
static bool read_contact(const json_t *addon, struct arena *a, struct str *ret)
{
	static const char *const names[] = {"email", "emailAddress", NULL};
	const json_t *host = json_get_obj(addon, "host");
	const json_t *contacts = host ? json_object_get(host, "contacts") : NULL, *contact;
	size_t i;

	if (ret->len)
		return true;
	json_array_foreach(contacts, i, contact)
	{
		if (json_is_object(contact) && !read_text(contact, names, a, ret))
			return false;
		if (ret->len)
			return true;
	}
	return true;
}

enum license_parse license_read_addon(struct str body, struct license_facts *ret, struct arena *a)
{
	__cleanup_json json_t *o = NULL;
	struct license_facts f = {.resource = 2, .max_age_s = -1};
	enum license_parse parse = read_body(body, &o);
	struct str text;

	if (parse != LICENSE_OK)
		return parse;
	/* An object that is not about an app at all must not read as "has no licence". */
	if (json_get_str(o, "key", &text) != JSON_GOT || text.len == 0)
		return LICENSE_LACKING;
	if (json_get_str(o, "state", &text) == JSON_GOT && str_ieq(text, STR("DISABLED")))
		return LICENSE_DISABLED;
	const json_t *license = json_object_get(o, "license");
	if (license && !json_is_null(license)) { /* absent: unlicensed, or a free app; not valid */
		if (!json_is_object(license))
			return LICENSE_LACKING;
		if ((parse = read_license(license, &f, a)) != LICENSE_OK)
			return parse;
	}
	if (!read_contact(o, a, &f.contact_email))
		return LICENSE_NO_MEMORY;
	*ret = f;
	return LICENSE_OK;
}

bool license_parse_latest(struct str body, struct license_facts *ret, struct arena *a)
{
	return license_read_latest(body, ret, a) == LICENSE_OK;
}

bool license_parse_addon(struct str body, struct license_facts *ret, struct arena *a)
{
	return license_read_addon(body, ret, a) == LICENSE_OK;
}
