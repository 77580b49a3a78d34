/* listings.c - see listings.h. Nothing that a visitor sends chooses where the link leads but the name of an entry here.
 */
#include "segment/listings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"

enum {
	FILE_MAX_BYTES = 64 * 1024,
	LISTINGS_MAX = 256,
	NAME_MAX_LEN = 64,
	LISTING_URL_MAX = 1024,
	PLUGIN_KEY_MAX = 200
};
static const char MARKETPLACE[] = "https://marketplace.atlassian.com/";

struct listings {
	json_t *root; /* owns every text */
	struct listing *at;
	size_t count;
};

struct check {
	const char *file;
	bool allow_insecure;
	problem_fn *tell;
	void *arg;
	bool bad;
};

static void tell(struct check *c, const char *name, const char *member, const char *text)
{
	struct problem p;
	(void)snprintf(p.place, sizeof(p.place), "%.90s: %.40s%s%s", c->file, name, member ? "." : "",
	               member ? member : "");
	(void)snprintf(p.text, sizeof(p.text), "%s", text);
	c->bad = true;
	c->tell(c->arg, &p);
}

/* What a route's NAME takes. */
static bool name_ok(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		const char c = name.ptr[i];
		const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!plain && (c == '\0' || !strchr("_.-", c)))
			return false;
		if (c == '.' && i > 0 && name.ptr[i - 1] == '.')
			return false;
	}
	return name.len > 0 && name.len <= NAME_MAX_LEN && !str_eqz(name, ".");
}

/* The text goes into a header as it is. */
static bool url_bytes_ok(struct str url)
{
	for (size_t i = 0; i < url.len; i++)
		if (url.ptr[i] <= ' ' || url.ptr[i] > '~' || strchr("\"<>\\^`{|}#", url.ptr[i]))
			return false;
	return true;
}

static const char *query_wrong(struct str url)
{
	const size_t mark = str_find(url, '?');
	const struct str query = {url.ptr + mark, url.len - mark};
	return str_ifind(query, STR("partner_anonymous_id"))
	           ? "has partner_anonymous_id already: that is added for each visitor"
	           : NULL;
}

static const char *url_wrong(const struct check *c, struct str url)
{
	if (url.len == 0 || url.len > LISTING_URL_MAX || !url_bytes_ok(url))
		return "is empty, too long, or has a byte that an address may not have (a fragment, a blank)";
	if (!c->allow_insecure)
		return str_starts(url, str_of(MARKETPLACE)) ? query_wrong(url)
		                                            : "is not an address at https://marketplace.atlassian.com/";
	/* What stands before the query must be an address of a server without a user's name. */
	struct server_url parts;
	const struct str bare = {url.ptr, str_find(url, '?')};
	return server_url_parse(bare, &parts) ? "is not an http or https address" : query_wrong(url);
}

static void check_members(struct check *c, const char *name, json_t *entry)
{
	const char *member;
	json_t *value;
	json_object_foreach(entry, member, value)
	{
		if (strcmp(member, "url") != 0 && strcmp(member, "plugin_key") != 0)
			tell(c, name, member, "is not known here: url and plugin_key are");
	}
}

static void read_entry(struct check *c, const char *name, json_t *entry, struct listing *ret)
{
	struct str url = STR(""), plugin = STR("");
	const char *wrong = NULL;
	if (!name_ok(str_of(name)))
		tell(c, name, NULL, "is no name for /go/NAME: letters, digits, '_', '-' and single dots, at most 64");
	if (!json_is_object(entry)) {
		tell(c, name, NULL, "is not an object with url and plugin_key");
		return;
	}
	check_members(c, name, entry);
	if (json_get_str(entry, "url", &url) != JSON_GOT)
		tell(c, name, "url", "is missing or not text");
	else if ((wrong = url_wrong(c, url)))
		tell(c, name, "url", wrong);
	const enum json_get got = json_get_str(entry, "plugin_key", &plugin);
	if (got == JSON_BAD_TYPE ||
	    (got == JSON_GOT && (plugin.len == 0 || plugin.len > PLUGIN_KEY_MAX || !str_printable(plugin))))
		tell(c, name, "plugin_key", "is not the key of an app");
	*ret = (struct listing){.name = name, .url = url.ptr, .plugin_key = got == JSON_GOT ? plugin.ptr : NULL};
}

static void cleanup_listings(struct listings **l)
{
	listings_free(*l);
}

enum err listings_parse(struct str text, const char *file, bool allow_insecure, problem_fn *tell_problem, void *arg,
                        struct listings **ret)
{
	struct check c = {.file = file, .allow_insecure = allow_insecure, .tell = tell_problem, .arg = arg};
	__cleanup(cleanup_listings) struct listings *l = calloc(1, sizeof(*l));
	json_error_t error;
	if (!l)
		return ERR_NOMEM;
	enum err err = memchr(text.ptr, '\0', text.len) ? ERR_INVALID : json_read_file(text, &error, &l->root);
	if (err == ERR_NOMEM)
		return err;
	if (err != OK) {
		tell(&c, "the file", NULL, "is not one JSON object of listings");
		return ERR_INVALID;
	}
	if (json_object_size(l->root) > LISTINGS_MAX) {
		tell(&c, "the file", NULL, "has more than 256 listings");
		return ERR_INVALID;
	}
	l->at = calloc(json_object_size(l->root) + 1, sizeof(*l->at));
	if (!l->at)
		return ERR_NOMEM;
	const char *name;
	json_t *entry;
	json_object_foreach(l->root, name, entry) read_entry(&c, name, entry, &l->at[l->count++]);
	if (c.bad)
		return ERR_INVALID;
	*ret = TAKE(l);
	return OK;
}

enum err listings_load(const struct config *config, problem_fn *tell_problem, void *arg, struct listings **ret)
{
	if (!config->listings) {
		*ret = NULL;
		return OK;
	}
	__cleanup_buf struct buf text = BUF_INIT(FILE_MAX_BYTES);
	const enum err err = file_read(config->listings, &text);
	if (err == OK)
		return listings_parse(buf_text(&text), config->listings, config->allow_insecure_hosts, tell_problem, arg, ret);
	if (err == ERR_NOMEM)
		return err;
	struct problem p;
	(void)snprintf(p.place, sizeof(p.place), "LICGATE_LISTINGS");
	(void)snprintf(p.text, sizeof(p.text), "names a file that cannot be read: %s", err_text(err));
	tell_problem(arg, &p);
	return ERR_INVALID;
}

void listings_free(struct listings *l)
{
	if (!l)
		return;
	json_decref(l->root);
	free(l->at);
	free(l);
}

const struct listing *listings_find(const struct listings *l, struct str name)
{
	for (size_t i = 0; l && i < l->count; i++)
		if (str_eqz(name, l->at[i].name))
			return &l->at[i];
	return NULL;
}
