/* features.c - reads the features file, strictly, and finds features by name and by page.
 *
 * A person writes this file and it decides who gets what, so nothing in it is ignored: what is unknown, misspelt,
 * doubled or can have no effect is told with its place ("features.board.expired"), all of it at once. Features stay in
 * the file's order, pages are sorted for the search. Immutable once parsed; any thread reads.
 * Source: the features file's chapter of docs/licensing.md. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "license/policy.h"

enum { FEATURE_NAME_MAX = 64, PAGE_PATH_MAX = 256 };

struct page {
	char *path;
	size_t feature; /* index */
};

/* A Forge environment that is no PRODUCTION. */
struct environment {
	char name[FEATURE_NAME_MAX + 1];
	enum verdict verdict;
};
enum { ENVIRONMENTS_MAX = 16 };

struct features {
	struct environment environments[ENVIRONMENTS_MAX];
	size_t environment_count;
	struct feature *features;
	size_t feature_count;
	struct page *pages; /* sorted by path */
	size_t page_count;
};

struct parse {
	const char *file;
	problem_fn *tell;
	void *arg;
	bool bad, nomem;
	struct features *f;
};

__attribute__((format(printf, 3, 4))) static void complain(struct parse *p, const char *place, const char *fmt, ...)
{
	struct problem problem;
	va_list ap;
	p->bad = true;
	(void)snprintf(problem.place, sizeof problem.place, "%s: %s", p->file, place);
	va_start(ap, fmt);
	(void)vsnprintf(problem.text, sizeof problem.text, fmt, ap);
	va_end(ap);
	p->tell(p->arg, &problem);
}

/* A plain day, nothing else: what "before" means must not depend on somebody's time zone. */
static bool day_parse(const json_t *value, int64_t *ret)
{
	struct str text = str_of(json_string_value(value));
	return text.len == sizeof "2024-07-01" - 1 && time_parse(text, ret) == OK && *ret > 0;
}

static bool verdict_of(const json_t *value, enum verdict *ret)
{
	return json_is_string(value) && verdict_parse(str_of(json_string_value(value)), ret);
}

static bool overage_parse(const json_t *value, enum overage *ret)
{
	static const char *const names[] = {[OVERAGE_NONE] = "NO_OVERAGE",
	                                    [OVERAGE_1_25X] = "1.25x",
	                                    [OVERAGE_1_5X] = "1.5x",
	                                    [OVERAGE_2X] = "2x",
	                                    [OVERAGE_ALWAYS] = "ALWAYS_ALLOW"};
	const char *text = json_string_value(value);
	for (size_t i = 0; text && i < sizeof names / sizeof *names; i++)
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum overage)i;
			return true;
		}
	return false;
}

/* allow is among them, because it is what stands until somebody chooses, and so is something less. */
static bool choices_parse(const json_t *value, unsigned *ret)
{
	unsigned choices = 0;
	size_t i;
	const json_t *entry;
	if (!json_is_array(value))
		return false;
	json_array_foreach(value, i, entry)
	{
		enum verdict v;
		if (!verdict_of(entry, &v) || (choices & 1u << v))
			return false;
		choices |= 1u << v;
	}
	*ret = choices;
	return (choices & 1u << VERDICT_ALLOW) && choices != 1u << VERDICT_ALLOW;
}

static void read_verdict(struct parse *p, struct feature *f, const char *place, const char *key, const json_t *value)
{
	enum license_state state;
	enum verdict verdict;
	bool is_default = strcmp(key, "default") == 0;
	if (!is_default && !license_state_parse(str_of(key), &state)) {
		complain(p, place,
		         "is not known: use a state (evaluation, active, grace, cancelled_pending, expired, none, unknown), "
		         "default, edition, seats, overage, choices or installed_before");
		return;
	}
	if (!verdict_of(value, &verdict)) {
		complain(p, place, "is not a verdict: use \"allow\", \"read_only\" or \"deny\"");
		return;
	}
	if (is_default) {
		f->has_default = true;
		f->by_default = verdict;
	} else {
		f->named[state] = true;
		f->by_state[state] = verdict;
	}
}

static void read_rule(struct parse *p, struct feature *f, const char *key, const json_t *value)
{
	char place[160];
	(void)snprintf(place, sizeof place, "features.%s.%s", f->name, key);
	if (strcmp(key, "edition") == 0) {
		const char *text = json_string_value(value);
		if (text && strcmp(text, "standard") == 0)
			f->edition = EDITION_STANDARD;
		else if (text && strcmp(text, "advanced") == 0)
			f->edition = EDITION_ADVANCED;
		else
			complain(p, place, "is not an edition: use \"standard\" or \"advanced\"");
	} else if (strcmp(key, "seats") == 0) {
		if (json_is_boolean(value))
			f->seats = json_is_true(value);
		else
			complain(p, place, "must be true or false");
	} else if (strcmp(key, "overage") == 0) {
		if (!overage_parse(value, &f->overage))
			complain(p, place,
			         "is not a strategy: use \"NO_OVERAGE\", \"1.25x\", \"1.5x\", \"2x\" or \"ALWAYS_ALLOW\"");
	} else if (strcmp(key, "choices") == 0) {
		if (!choices_parse(value, &f->choices))
			complain(p, place, "must list \"allow\" and at least one of \"read_only\" and \"deny\", each once");
	} else if (strcmp(key, "installed_before") == 0) {
		if (!day_parse(value, &f->installed_before))
			complain(p, place, "is not a day: write it like \"2024-07-01\"");
	} else {
		read_verdict(p, f, place, key, value);
	}
}

static bool name_ok(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t len = strlen(name);
	return len > 0 && len <= FEATURE_NAME_MAX && strspn(name, allowed) == len;
}

static bool feature_does_something(const struct feature *f)
{
	bool some = f->has_default || f->installed_before > 0;
	for (unsigned s = 0; s < STATE_COUNT; s++)
		some = some || f->named[s];
	return some;
}

static void read_feature(struct parse *p, const char *name, json_t *value)
{
	char place[160];
	(void)snprintf(place, sizeof place, "features.%s", name);
	if (!name_ok(name)) {
		complain(p, place, "is not a feature's name: use 1 to %d of A-Z a-z 0-9 _ . -", FEATURE_NAME_MAX);
		return;
	}
	if (!json_is_object(value)) {
		complain(p, place, "must be an object of states and rules");
		return;
	}
	struct feature *f = &p->f->features[p->f->feature_count];
	f->name = str_dup(str_of(name));
	if (!f->name) {
		p->nomem = true;
		return;
	}
	p->f->feature_count++;
	bool bad_before = p->bad;
	p->bad = false;
	const char *key;
	json_t *rule;
	json_object_foreach(value, key, rule) read_rule(p, f, key, rule);
	if (!p->bad && !f->seats && json_object_get(value, "overage")) {
		(void)snprintf(place, sizeof place, "features.%s.overage", name);
		complain(p, place, "has no effect without \"seats\": true");
	}
	if (!p->bad && !feature_does_something(f))
		complain(p, place, "names no state and no default, so that nobody would ever have it");
	p->bad = p->bad || bad_before;
}

static void read_features(struct parse *p, json_t *features)
{
	size_t count = json_object_size(features);
	if (!json_is_object(features) || count == 0) {
		complain(p, "features", features ? "must be an object with at least one feature" : "is missing");
		return;
	}
	if (count > FEATURES_MAX) {
		complain(p, "features", "has more than %d features", FEATURES_MAX);
		return;
	}
	p->f->features = calloc(count, sizeof *p->f->features);
	if (!p->f->features) {
		p->nomem = true;
		return;
	}
	const char *name;
	json_t *value;
	json_object_foreach(features, name, value) read_feature(p, name, value);
}

static bool page_path_ok(const char *path)
{
	struct str s = str_of(path);
	return s.len > 0 && s.len <= PAGE_PATH_MAX && s.ptr[0] == '/' && str_printable(s) &&
	       strcspn(path, "?# %\\") == s.len && !strstr(path, "//") && !strstr(path, "/./") && !strstr(path, "/../");
}

static void read_page(struct parse *p, const char *path, const json_t *value)
{
	char place[160];
	(void)snprintf(place, sizeof place, "pages.%s", path);
	if (!page_path_ok(path)) {
		complain(p, place, "is not a path: write it as in the URL, from \"/\" on, without query");
		return;
	}
	const struct feature *f = json_is_string(value) ? features_find(p->f, str_of(json_string_value(value))) : NULL;
	if (!f) {
		complain(p, place, "names no feature of this file");
		return;
	}
	struct page *page = &p->f->pages[p->f->page_count];
	page->feature = (size_t)(f - p->f->features);
	page->path = str_dup(str_of(path));
	if (page->path)
		p->f->page_count++;
	else
		p->nomem = true;
}

static void read_environment(struct parse *p, const char *name, const json_t *value)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	char place[160];
	const size_t len = strlen(name);
	(void)snprintf(place, sizeof place, "forge_environments.%s", name);
	struct environment *e = &p->f->environments[p->f->environment_count];
	if (len == 0 || len > FEATURE_NAME_MAX || strspn(name, allowed) != len)
		complain(p, place, "is not a Forge environment: use \"DEVELOPMENT\" or \"STAGING\", in capitals");
	else if (strcmp(name, "PRODUCTION") == 0)
		complain(p, place, "has licences: its features are ruled by their states");
	else if (!verdict_of(value, &e->verdict))
		complain(p, place, "is not a verdict: use \"allow\", \"read_only\" or \"deny\"");
	else
		memcpy(p->f->environments[p->f->environment_count++].name, name, len + 1);
}

static void read_environments(struct parse *p, json_t *environments)
{
	if (!json_is_object(environments) || json_object_size(environments) > ENVIRONMENTS_MAX) {
		complain(p, "forge_environments", "must be an object of at most %d environments and verdicts",
		         ENVIRONMENTS_MAX);
		return;
	}
	const char *name;
	json_t *value;
	json_object_foreach(environments, name, value) read_environment(p, name, value);
}

static int page_cmp(const void *a, const void *b)
{
	return strcmp(((const struct page *)a)->path, ((const struct page *)b)->path);
}

static void read_pages(struct parse *p, json_t *pages)
{
	size_t count = json_object_size(pages);
	if (!json_is_object(pages)) {
		complain(p, "pages", "must be an object of paths and feature names");
		return;
	}
	if (count > FEATURE_PAGES_MAX) {
		complain(p, "pages", "has more than %d pages", FEATURE_PAGES_MAX);
		return;
	}
	p->f->pages = calloc(count + 1, sizeof *p->f->pages);
	if (!p->f->pages) {
		p->nomem = true;
		return;
	}
	const char *path;
	json_t *value;
	json_object_foreach(pages, path, value) read_page(p, path, value);
	qsort(p->f->pages, p->f->page_count, sizeof *p->f->pages, page_cmp);
}

static void read_file(struct parse *p, json_t *root)
{
	const char *key;
	json_t *value;
	json_object_foreach(root, key, value)
	{
		if (strcmp(key, "features") != 0 && strcmp(key, "pages") != 0 && strcmp(key, "forge_environments") != 0) {
			char place[160];
			(void)snprintf(place, sizeof place, "%s", key);
			complain(p, place, "is not known: only \"features\", \"pages\" and \"forge_environments\" stand here");
		}
	}
	read_features(p, json_object_get(root, "features"));
	json_t *pages = json_object_get(root, "pages");
	if (pages && !p->nomem)
		read_pages(p, pages);
	json_t *environments = json_object_get(root, "forge_environments");
	if (environments)
		read_environments(p, environments);
}

static void cleanup_features(struct features **f)
{
	features_free(*f);
}

enum err features_parse(struct str json, const char *file, problem_fn *tell, void *arg, struct features **ret)
{
	__cleanup(cleanup_features) struct features *f = calloc(1, sizeof *f);
	if (!f)
		return ERR_NOMEM;
	struct parse p = {.file = file, .tell = tell, .arg = arg, .f = f};
	if (json.len > FEATURES_TEXT_MAX) {
		complain(&p, "the file", "is over %d KiB", FEATURES_TEXT_MAX / 1024);
		return ERR_TOO_LARGE;
	}
	json_error_t error = {.line = 0};
	__cleanup_json json_t *root = NULL;
	enum err err = json_read_file(json, &error, &root);
	if (err == ERR_INVALID) {
		char place[160];
		(void)snprintf(place, sizeof place, "line %d, column %d", error.line, error.column);
		complain(&p, place, "is not JSON as it should be: %s", error.text);
	}
	if (err != OK)
		return err;
	read_file(&p, root);
	if (p.nomem)
		return ERR_NOMEM;
	if (p.bad)
		return ERR_INVALID;
	*ret = TAKE(f);
	return OK;
}

void features_free(struct features *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->feature_count; i++)
		free(f->features[i].name);
	for (size_t i = 0; i < f->page_count; i++)
		free(f->pages[i].path);
	free(f->features);
	free(f->pages);
	free(f);
}

size_t features_count(const struct features *f)
{
	return f->feature_count;
}

const struct feature *features_at(const struct features *f, size_t i)
{
	return i < f->feature_count ? &f->features[i] : NULL;
}

const struct feature *features_find(const struct features *f, struct str name)
{
	for (size_t i = 0; i < f->feature_count; i++)
		if (str_eqz(name, f->features[i].name))
			return &f->features[i];
	return NULL;
}

enum verdict features_forge_environment(const struct features *f, struct str environment)
{
	for (size_t i = 0; i < f->environment_count; i++)
		if (str_eqz(environment, f->environments[i].name))
			return f->environments[i].verdict;
	return VERDICT_DENY;
}

const struct feature *features_for_page(const struct features *f, struct str path)
{
	size_t low = 0, high = f->page_count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = str_cmp(path, str_of(f->pages[mid].path));
		if (order == 0)
			return &f->features[f->pages[mid].feature];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

bool features_page_at(const struct features *f, size_t i, const char **ret_path, const struct feature **ret_feature)
{
	if (i >= f->page_count)
		return false;
	*ret_path = f->pages[i].path;
	*ret_feature = &f->features[f->pages[i].feature];
	return true;
}
