/* remote_app.c - reading another app's atlassian-connect.json the way a host does: what is needed, nothing more.
 *
 * The descriptor may be anybody's: members of a wrong type count as absent, an absolute URL of a module or lifecycle
 * callback is not followed, and nothing here recurses into what the descriptor nests. */
#include "sim/remote_app.h"

#include "base/cleanup.h"

enum { APP_KEY_MAX = 64, BASE_URL_MAX = 200 };

static bool key_ok(struct str key)
{
	if (key.len == 0 || key.len > APP_KEY_MAX)
		return false;
	for (size_t i = 0; i < key.len; i++) {
		char c = key.ptr[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!plain && c != '-' && c != '.' && c != '_')
			return false;
	}
	return true;
}

/* Where the path of an absolute URL starts; its length if it has none. */
static size_t path_start(struct str url)
{
	size_t scheme = str_starts(url, STR("https://")) ? 8 : 7;
	struct str rest = {url.ptr + scheme, url.len - scheme};
	size_t slash = str_find(rest, '/'), question = str_find(rest, '?');
	return scheme + (slash < question ? slash : question);
}

/* The origin becomes part of a page's policy: nothing in it but what a host and a port have. */
static bool origin_ok(struct str url)
{
	size_t scheme = str_starts(url, STR("https://")) ? 8 : 7;
	for (size_t i = scheme; i < path_start(url); i++) {
		char c = url.ptr[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!plain && c != '-' && c != '.' && c != ':' && c != '[' && c != ']')
			return false;
	}
	return path_start(url) > scheme;
}

static bool base_url_ok(struct str url)
{
	if (url.len > BASE_URL_MAX || !str_printable(url) || str_find(url, ' ') < url.len || str_find(url, '#') < url.len ||
	    str_find(url, '?') < url.len || str_find(url, '@') < url.len)
		return false;
	return (str_starts(url, STR("http://")) || str_starts(url, STR("https://"))) && origin_ok(url);
}

/* The writer repairs a character that is cut through. */
static struct str name_cut(struct str name)
{
	return (struct str){name.ptr, name.len < REMOTE_NAME_MAX ? name.len : REMOTE_NAME_MAX};
}

enum err remote_app_read(struct str text, struct remote_app *ret, const char **ret_why)
{
	__cleanup_json json_t *descriptor = NULL;
	struct remote_app app = {0};
	enum err err = json_read_object(text, &descriptor);
	if (err != OK) {
		*ret_why = "the descriptor is not a JSON object";
		return err;
	}
	if (json_get_str(descriptor, "key", &app.key) != JSON_GOT || !key_ok(app.key)) {
		*ret_why = "the descriptor has no valid key";
		return ERR_INVALID;
	}
	if (json_get_str(descriptor, "baseUrl", &app.base_url) != JSON_GOT || !base_url_ok(app.base_url)) {
		*ret_why = "the descriptor has no valid baseUrl";
		return ERR_INVALID;
	}
	if (app.base_url.ptr[app.base_url.len - 1] == '/')
		app.base_url.len--;
	size_t path = path_start(app.base_url);
	app.base_path = (struct str){app.base_url.ptr + path, app.base_url.len - path};
	if (json_get_str(descriptor, "name", &app.name) != JSON_GOT || app.name.len == 0)
		app.name = app.key;
	app.name = name_cut(app.name);
	json_get_bool(descriptor, "enableLicensing", &app.licensing);
	app.descriptor = TAKE(descriptor);
	*ret = app;
	return OK;
}

void remote_app_release(struct remote_app *a)
{
	json_decref(a->descriptor);
	*a = (struct remote_app){0};
}

struct str url_target(struct str url)
{
	size_t path = path_start(url);
	return (struct str){url.ptr + path, url.len - path};
}

struct str remote_app_origin(const struct remote_app *a)
{
	return (struct str){a->base_url.ptr, path_start(a->base_url)};
}

/* "//other.host/" and "https://…" would leave the app's own base URL. */
static bool stays(struct str relative)
{
	return !str_starts(relative, STR("//")) && !str_istarts(relative, STR("http:")) &&
	       !str_istarts(relative, STR("https:")) && str_printable(relative) &&
	       str_find(relative, '#') == relative.len && str_find(relative, '\\') == relative.len;
}

bool remote_app_url(const struct remote_app *a, struct str relative, struct arena *arena, struct str *ret)
{
	bool slash = relative.len > 0 && relative.ptr[0] == '/';
	if (!stays(relative)) {
		*ret = STR("");
		return true;
	}
	const char *url = arena_printf(arena, "%.*s%s%.*s", STR_ARG(a->base_url), slash ? "" : "/", STR_ARG(relative));
	if (url)
		*ret = str_of(url);
	return url != NULL;
}

bool remote_app_lifecycle_url(const struct remote_app *a, const char *name, struct arena *arena, struct str *ret)
{
	const json_t *lifecycle = json_get_obj(a->descriptor, "lifecycle");
	struct str relative;
	if (lifecycle && json_get_str(lifecycle, name, &relative) == JSON_GOT)
		return remote_app_url(a, relative, arena, ret);
	*ret = STR("");
	return true;
}

/* Calls fn for each module with a key and a page, until it returns false. */
static void modules_each(const struct remote_app *a,
                         bool (*fn)(void *arg, const char *kind, const json_t *module, struct str url), void *arg)
{
	const json_t *modules = json_get_obj(a->descriptor, "modules");
	for (void *at = json_object_iter((json_t *)(uintptr_t)modules); at;
	     at = json_object_iter_next((json_t *)(uintptr_t)modules, at)) {
		const json_t *value = json_object_iter_value(at);
		/* generalPages is an array, configurePage and postInstallPage one object */
		size_t count = json_is_array(value) ? json_array_size(value) : 1;
		for (size_t i = 0; i < count; i++) {
			const json_t *module = json_is_array(value) ? json_array_get(value, i) : value;
			const json_t *target = json_get_obj(module, "target"); /* jiraIssueContents */
			struct str key, url;
			if (json_get_str(module, "key", &key) != JSON_GOT ||
			    json_get_str(target ? target : module, "url", &url) != JSON_GOT)
				continue; /* webhooks and conditions have no page */
			if (!fn(arg, json_object_iter_key(at), module, url))
				return;
		}
	}
}

struct module_search {
	struct str key, url;
	bool found;
};

static bool module_is(void *arg, const char *kind, const json_t *module, struct str url)
{
	(void)kind;
	struct module_search *search = arg;
	struct str key;
	json_get_str(module, "key", &key);
	search->found = str_eq(key, search->key);
	search->url = url;
	return !search->found;
}

bool remote_app_module(const struct remote_app *a, struct str key, struct str *ret_url)
{
	struct module_search search = {.key = key};
	modules_each(a, module_is, &search);
	if (search.found)
		*ret_url = search.url;
	return search.found;
}

struct module_list {
	struct jsonw *w;
	size_t count;
};

static bool module_write(void *arg, const char *kind, const json_t *module, struct str url)
{
	struct module_list *list = arg;
	struct jsonw *w = list->w;
	struct str key, name, location = {0};
	json_get_str(module, "key", &key);
	const json_t *named = json_get_obj(module, "name"); /* {"value":"Board"}, or just the text */
	if (json_get_str(named ? named : module, named ? "value" : "name", &name) != JSON_GOT)
		name = key;
	json_get_str(module, "location", &location);
	jw_obj(w);
	jw_kstr(w, "kind", name_cut(str_of(kind)));
	jw_kstr(w, "key", name_cut(key));
	jw_kstr(w, "name", name_cut(name));
	jw_kstr(w, "location", name_cut(location));
	jw_kbool(w, "opens", stays(url));
	jw_end_obj(w);
	return ++list->count < REMOTE_LISTED_MAX;
}

void remote_app_modules_write(const struct remote_app *a, struct jsonw *w)
{
	struct module_list list = {.w = w};
	jw_arr(w);
	modules_each(a, module_write, &list);
	jw_end_arr(w);
}

/* The i-th webhook that has an event and a URL of the right types; false: it has not. */
static bool webhook_at(const struct remote_app *a, size_t i, struct str *ret_event, struct str *ret_url)
{
	const json_t *hook = json_array_get(json_object_get(json_get_obj(a->descriptor, "modules"), "webhooks"), i);
	return json_get_str(hook, "event", ret_event) == JSON_GOT && json_get_str(hook, "url", ret_url) == JSON_GOT;
}

static size_t webhook_count(const struct remote_app *a)
{
	size_t count = json_array_size(json_object_get(json_get_obj(a->descriptor, "modules"), "webhooks"));
	return count < REMOTE_LISTED_MAX ? count : REMOTE_LISTED_MAX;
}

bool remote_app_webhook(const struct remote_app *a, struct str event, struct str *ret_url)
{
	struct str name, url;
	for (size_t i = 0; i < webhook_count(a); i++)
		if (webhook_at(a, i, &name, &url) && str_eq(name, event)) {
			*ret_url = url;
			return true;
		}
	return false;
}

void remote_app_webhooks_write(const struct remote_app *a, struct jsonw *w)
{
	struct str name, url;
	jw_arr(w);
	for (size_t i = 0; i < webhook_count(a); i++)
		if (webhook_at(a, i, &name, &url))
			jw_str(w, name_cut(name));
	jw_end_arr(w);
}
