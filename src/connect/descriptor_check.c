/* descriptor_check.c - see descriptor_check.h. */
#include "connect/descriptor_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

enum { WHERE_SIZE = 128 };

void descriptor_problem(struct descriptor_check *c, const char *where, const char *fmt, ...)
{
	struct problem p;
	snprintf(p.place, sizeof(p.place), "%s%s%s", c->file, where ? ": " : "", where ? where : "");
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(p.text, sizeof(p.text), fmt, ap);
	va_end(ap);
	c->bad = true;
	c->tell(c->arg, &p);
}

static bool made_of(struct str s, const char *more)
{
	for (size_t i = 0; i < s.len; i++) {
		char ch = s.ptr[i];
		bool alnum = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
		if (!alnum && !strchr(more, ch))
			return false;
	}
	return s.len > 0;
}

/* The text of a member; told when it is missing (and required), no text, or longer than max. */
static bool text_member(struct descriptor_check *c, const json_t *obj, const char *name, bool required, size_t max,
                        struct str *ret)
{
	const char *leaf = strrchr(name, '.');
	switch (json_get_str(obj, leaf ? leaf + 1 : name, ret)) {
	case JSON_ABSENT:
		if (required)
			descriptor_problem(c, name, "is missing");
		return false;
	case JSON_BAD_TYPE:
		descriptor_problem(c, name, "is not text");
		return false;
	case JSON_GOT:
	default:
		break;
	}
	if (ret->len == 0 || ret->len > max)
		descriptor_problem(c, name, "has %zu bytes: use 1 to %zu", ret->len, max);
	return ret->len > 0 && ret->len <= max;
}

static bool loopback(struct str origin)
{
	return str_istarts(origin, STR("http://127.")) || str_istarts(origin, STR("http://localhost")) ||
	       str_istarts(origin, STR("http://[::1]"));
}

static void check_identity(struct descriptor_check *c, const json_t *root)
{
	struct str key = {0}, base = {0}, text = {0};
	if (text_member(c, root, "key", true, 64, &key) && !made_of(key, "-._"))
		descriptor_problem(c, "key", "may have letters, digits, '-', '.' and '_' only");
	if (text_member(c, root, "baseUrl", true, 200, &base)) {
		if (!str_eqz(base, c->config->base_url))
			descriptor_problem(c, "baseUrl", "is not LICGATE_BASE_URL: write {{baseUrl}}");
		else if (!str_istarts(base, STR("https://")) && !c->config->allow_insecure_hosts && !loopback(base))
			descriptor_problem(c, "baseUrl", "is not https, which every host asks for: mend LICGATE_BASE_URL");
	}
	text_member(c, root, "name", false, 80, &text);
	text_member(c, root, "description", false, 1400, &text);
	const json_t *vendor = json_object_get(root, "vendor");
	if (vendor && !json_is_object(vendor))
		descriptor_problem(c, "vendor", "is not an object");
	text_member(c, vendor, "vendor.name", false, 100, &text);
	text_member(c, vendor, "vendor.url", false, 200, &text);
}

static void check_flag(struct descriptor_check *c, const json_t *obj, const char *where, const char *name,
                       const char *why)
{
	bool on = false;
	if (json_get_bool(obj, name, &on) != JSON_GOT || !on)
		descriptor_problem(c, where, "must be true: %s", why);
}

static void check_switches(struct descriptor_check *c, const json_t *root)
{
	struct str type = {0};
	if (json_get_str(json_object_get(root, "authentication"), "type", &type) != JSON_GOT || !str_eqz(type, "jwt"))
		descriptor_problem(c, "authentication.type", "must be \"jwt\": no other request is believed");
	check_flag(c, root, "enableLicensing", "enableLicensing", "without it the host says nothing about licences");
	const json_t *migrations = json_object_get(root, "apiMigrations");
	check_flag(c, migrations, "apiMigrations.signed-install", "signed-install",
	           "installs that are not signed are refused");
	if (json_is_false(json_object_get(migrations, "context-qsh")))
		descriptor_problem(c, "apiMigrations.context-qsh",
		                   "must be true: without it the page's own script gets tokens "
		                   "that no route here takes");
}

static void check_scopes(struct descriptor_check *c, const json_t *root)
{
	static const char known[] = " NONE READ WRITE DELETE PROJECT_ADMIN SPACE_ADMIN ADMIN ACT_AS_USER "
	                            "ACCESS_EMAIL_ADDRESSES INSTALL SECRETS ";
	const json_t *scopes = json_object_get(root, "scopes");
	if (scopes && !json_is_array(scopes))
		descriptor_problem(c, "scopes", "is not a list");
	for (size_t i = 0; i < json_array_size(scopes); i++) {
		char word[40], where[WHERE_SIZE];
		const char *scope = json_string_value(json_array_get(scopes, i));
		snprintf(where, sizeof(where), "scopes[%zu]", i);
		snprintf(word, sizeof(word), " %s ", scope ? scope : "?");
		if (!scope || strchr(scope, ' ') || !strstr(known, word))
			descriptor_problem(c, where,
			                   "is no scope: use READ, WRITE, DELETE, PROJECT_ADMIN, SPACE_ADMIN, ADMIN or "
			                   "ACT_AS_USER");
	}
}

/* The host adds these itself; written here they would be sent twice, and a doubled lic licenses nothing. */
static void check_parameters(struct descriptor_check *c, const char *where, struct str url)
{
	static const char *const added[] = {"lic", "xdm_e", "xdm_c", "cp", "cv", "xdm_deprecated_addon_key_do_not_use",
	                                    "jwt"};
	size_t mark = str_find(url, '?');
	if (mark == url.len)
		return;
	struct str rest = {url.ptr + mark + 1, url.len - mark - 1}, pair = {0};
	while (str_split(&rest, '&', &pair)) {
		struct str name = {pair.ptr, str_find(pair, '=')};
		for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++)
			if (str_eqz(name, added[i]))
				descriptor_problem(c, where, "names the parameter %s, which the host adds itself: leave it out",
				                   added[i]);
	}
}

static void check_url(struct descriptor_check *c, const char *where, const char *method, const json_t *value)
{
	struct str url = {json_string_value(value), json_string_length(value)};
	if (!url.ptr) {
		descriptor_problem(c, where, "is not text");
		return;
	}
	if (url.len == 0 || url.ptr[0] != '/') {
		descriptor_problem(c, where, "must start with '/': it is relative to baseUrl");
		return;
	}
	check_parameters(c, where, url);
	struct str path = {url.ptr, str_find(url, '?')};
	if (!c->serves(c->serves_arg, method, path))
		descriptor_problem(c, where, "%s %.*s is not served here: add the page or mend the URL", method,
		                   (int)(path.len < 120 ? path.len : 120), path.ptr);
}

static void check_lifecycle(struct descriptor_check *c, const json_t *root)
{
	static const struct {
		const char *name;
		bool required;
	} events[] = {{"installed", true}, {"uninstalled", true}, {"enabled", false}, {"disabled", false}};
	const json_t *lifecycle = json_object_get(root, "lifecycle");
	if (!json_is_object(lifecycle)) {
		descriptor_problem(c, "lifecycle", "is missing: no site could install the app");
		return;
	}
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		char where[WHERE_SIZE];
		snprintf(where, sizeof(where), "lifecycle.%s", events[i].name);
		const json_t *url = json_object_get(lifecycle, events[i].name);
		if (url)
			check_url(c, where, "POST", url);
		else if (events[i].required)
			descriptor_problem(c, where, "is missing: add \"/%s\"", events[i].name);
	}
}

static bool absolute_link(const char *kind, const json_t *url)
{
	const char *text = json_string_value(url);
	return strcmp(kind, "webItems") == 0 && text && strncmp(text, "https://", strlen("https://")) == 0;
}

static void check_module(struct descriptor_check *c, const char *kind, const char *where, const json_t *module)
{
	char place[WHERE_SIZE];
	const bool webhook = strcmp(kind, "webhooks") == 0;
	if (!json_is_object(module)) {
		descriptor_problem(c, where, "is not an object");
		return;
	}
	const char *name = webhook ? "event" : "key";
	struct str text = {0};
	snprintf(place, sizeof(place), "%s.%s", where, name);
	if (text_member(c, module, place, true, 100, &text) && !webhook && !made_of(text, "-"))
		descriptor_problem(c, place, "may have letters, digits and '-' only");
	const json_t *url = json_object_get(module, "url");
	snprintf(place, sizeof(place), "%s.url", where);
	if (url && !absolute_link(kind, url))
		check_url(c, place, webhook ? "POST" : "GET", url);
	else if (!url && webhook)
		descriptor_problem(c, place, "is missing");
}

static void check_modules(struct descriptor_check *c, const json_t *root)
{
	json_t *modules = json_object_get(root, "modules");
	if (modules && !json_is_object(modules))
		descriptor_problem(c, "modules", "is not an object");
	const char *kind = NULL;
	json_t *value = NULL;
	json_object_foreach(modules, kind, value)
	{
		char where[WHERE_SIZE];
		for (size_t i = 0; i < json_array_size(value); i++) {
			snprintf(where, sizeof(where), "modules.%.60s[%zu]", kind, i);
			check_module(c, kind, where, json_array_get(value, i));
		}
		snprintf(where, sizeof(where), "modules.%.60s", kind);
		if (!json_is_array(value))
			check_module(c, kind, where, value);
	}
}

void descriptor_check(struct descriptor_check *c, const json_t *root)
{
	check_identity(c, root);
	check_switches(c, root);
	check_scopes(c, root);
	check_lifecycle(c, root);
	check_modules(c, root);
}
