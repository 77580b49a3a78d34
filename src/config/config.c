/* config.c - from the environment to a struct config. See config.h.
 *
 * Problems are told as they are found and the load goes on, so that an operator sees all of them at once; what several
 * settings must satisfy together is looked at only when each alone is right. */
#include "config/config.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "config/settings.h"

struct load {
	char *const *environment;
	problem_fn *tell;
	void *arg;
	struct config *config;
	size_t problems;
};

__attribute__((format(printf, 3, 4))) static void tell(struct load *l, const char *place, const char *fmt, ...)
{
	struct problem p = {0};
	va_list args;
	va_start(args, fmt);
	(void)snprintf(p.place, sizeof(p.place), "%s", place);
	(void)vsnprintf(p.text, sizeof(p.text), fmt, args);
	va_end(args);
	l->problems++;
	l->tell(l->arg, &p);
}

/* Value of NAME followed by suffix; NULL when absent or empty. */
static const char *lookup(const struct load *l, const char *name, const char *suffix)
{
	size_t name_len = strlen(name);
	size_t suffix_len = strlen(suffix);
	for (char *const *e = l->environment; *e; e++) {
		if (strncmp(*e, name, name_len) != 0 || strncmp(*e + name_len, suffix, suffix_len) != 0)
			continue;
		const char *rest = *e + name_len + suffix_len;
		if (*rest == '=')
			return rest[1] ? rest + 1 : NULL;
	}
	return NULL;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;
	return least < c ? least : c;
}

/* Levenshtein distance: how many letters must be added, dropped or changed. Names are capped by the caller. */
enum { NAME_MAX_BYTES = 64 };
static size_t distance(struct str a, struct str b)
{
	size_t row[NAME_MAX_BYTES + 1];
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t changed = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
			diagonal = row[j];
			row[j] = smallest(row[j] + 1, row[j - 1] + 1, changed);
		}
	}
	return row[b.len];
}

/* NULL if no known name is close. */
static const char *nearest_name(struct str name)
{
	const char *best = NULL;
	size_t best_distance = 4;
	if (name.len > NAME_MAX_BYTES)
		return NULL;
	for (size_t i = 0; i < settings_count; i++) {
		size_t d = distance(name, str_of(settings[i].name));
		if (d < best_distance) {
			best = settings[i].name;
			best_distance = d;
		}
	}
	return best;
}

static bool known(struct str name)
{
	for (size_t i = 0; i < settings_count; i++) {
		struct str own = str_of(settings[i].name);
		if (str_eq(name, own))
			return true;
		if (setting_is_secret(&settings[i]) && name.len == own.len + 5 && str_starts(name, own) &&
		    str_ends(name, STR("_FILE")))
			return true;
	}
	return false;
}

static void find_unknown(struct load *l)
{
	for (char *const *e = l->environment; *e; e++) {
		struct str name = {*e, strcspn(*e, "=")};
		if (!str_starts(name, STR("LICGATE_")) || known(name))
			continue;
		char place[sizeof(((struct problem *)0)->place)];
		(void)snprintf(place, sizeof(place), "%.*s", STR_ARG(name));
		for (char *c = place; *c; c++)
			if (*c <= ' ' || *c > '~')
				*c = '?';
		const char *near = nearest_name(name);
		if (near)
			tell(l, place, "is not a setting: did you mean %s?", near);
		else
			tell(l, place, "is not a setting: remove it, or see `licgate check --settings` for the names");
	}
}

/* The content of a secret's file, without one newline at its end. */
static enum err read_secret_file(struct load *l, const char *name, const char *path, struct buf *out)
{
	enum err err = file_read(path, out);
	if (err == ERR_NOMEM)
		return err;
	if (err != OK) {
		tell(l, name, "names a file that cannot be read: %s", err_text(err));
		return ERR_INVALID;
	}
	if (str_ends(buf_text(out), STR("\n")))
		out->len -= str_ends(buf_text(out), STR("\r\n")) ? 2 : 1;
	if (out->len > 0)
		return OK;
	tell(l, name, "names a file that is empty");
	return ERR_INVALID;
}

static enum err parse_or_tell(struct load *l, const struct setting *s, struct str text)
{
	struct problem p = {0};
	enum err err = setting_parse(s, text, l->config, &p);
	if (err == ERR_INVALID)
		tell(l, s->name, "%s", p.text);
	return err;
}

static enum err load_from_file(struct load *l, const struct setting *s, const char *path)
{
	char file_name[NAME_MAX_BYTES];
	(void)snprintf(file_name, sizeof(file_name), "%s_FILE", s->name);
	__cleanup(buf_wipe) struct buf content = BUF_INIT(SETTING_TEXT_MAX + 2);
	enum err err = read_secret_file(l, file_name, path, &content);
	return err == OK ? parse_or_tell(l, s, buf_text(&content)) : err;
}

/* The older API stands elsewhere. Which it is was read before its URL. */
static const char *default_of(const struct load *l, const struct setting *s)
{
	const bool older = l->config->marketplace_api == 2 && strcmp(s->name, "LICGATE_MARKETPLACE_URL") == 0;
	return older ? "https://marketplace.atlassian.com/rest/2" : s->default_text;
}

/* ERR_INVALID has been told. */
static enum err load_setting(struct load *l, const struct setting *s)
{
	const char *value = lookup(l, s->name, "");
	const char *path = setting_is_secret(s) ? lookup(l, s->name, "_FILE") : NULL;
	if (value && path) {
		tell(l, s->name, "is set, and so is %s_FILE: set one of them", s->name);
		return ERR_INVALID;
	}
	if (path)
		return load_from_file(l, s, path);
	value = value ? value : default_of(l, s);
	if (value)
		return parse_or_tell(l, s, str_of(value));
	if (s->required) {
		tell(l, s->name, "is required: %s", s->meaning);
		return ERR_INVALID;
	}
	return OK;
}

/* As many as this process may run on, which taskset and containers narrow. */
static int64_t cores(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	int count = CPU_COUNT(&set);
	return count < 1 ? 1 : count > 256 ? 256 : count;
}

static enum err derive(struct config *c)
{
	struct server_url url;
	if (server_url_parse(str_of(c->base_url), &url) != NULL)
		return ERR_INTERNAL;
	c->base_path = str_dup(url.path);
	c->base_origin = str_dup(url.origin);
	if (c->threads == 0)
		c->threads = cores();
	return c->base_path && c->base_origin ? OK : ERR_NOMEM;
}

static void cleanup_config(struct config **c)
{
	config_free(*c);
}

enum err config_load(char *const *environ_like, problem_fn *tell_problem, void *arg, struct config **ret)
{
	__cleanup(cleanup_config) struct config *c = calloc(1, sizeof(*c));
	if (!c)
		return ERR_NOMEM;
	struct load l = {.environment = environ_like, .tell = tell_problem, .arg = arg, .config = c};
	find_unknown(&l);
	for (size_t i = 0; i < settings_count; i++) {
		enum err err = load_setting(&l, &settings[i]);
		if (err != OK && err != ERR_INVALID)
			return err;
	}
	if (l.problems > 0)
		return ERR_INVALID;
	enum err err = config_check(c, tell_problem, arg);
	if (err == OK)
		err = derive(c);
	if (err == OK)
		*ret = TAKE(c);
	return err;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < settings_count; i++)
		setting_release(&settings[i], c);
	free(c->base_path);
	free(c->base_origin);
	free(c);
}

bool config_admin_token_weak(const struct config *c)
{
	return c->admin_token && strlen(c->admin_token) < ADMIN_TOKEN_WEAK_BELOW;
}

bool config_trusts(const struct config *c, const uint8_t addr[16])
{
	for (size_t i = 0; i < c->trusted_proxies.count; i++)
		if (cidr_contains(&c->trusted_proxies.at[i], addr))
			return true;
	return false;
}
