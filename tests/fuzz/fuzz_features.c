/* fuzz_features.c - the features file: any bytes are refused with a place and a text, or give features that can be
 * used.
 *
 * What was accepted is walked as the server walks it: every page leads to a feature, every feature is found by its own
 * name, and a state that no rule names gets nothing. */
#include <stdlib.h>
#include <string.h>

#include "license/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
	int count;
};

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void tell(void *arg, const struct problem *p)
{
	((struct told *)arg)->count++;
	require(p->text[0] != '\0' && strncmp(p->place, "f.json: ", 8) == 0);
	require(memchr(p->text, '\0', sizeof p->text) && memchr(p->place, '\0', sizeof p->place));
}

static void use_feature(const struct features *all, const struct feature *f)
{
	require(features_find(all, str_of(f->name)) == f);
	for (unsigned s = 0; s < STATE_COUNT; s++) {
		const struct license_decision d = {.state = (enum license_state)s, .source = SOURCE_LOOKUP};
		struct ruling r = policy_rule(f, &d, 0, false);
		require(r.verdict == VERDICT_DENY || f->named[s] || f->has_default);
		require(r.verdict == VERDICT_DENY || (!f->seats && f->edition == EDITION_NONE));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct told told = {0};
	struct features *f = NULL;
	enum err err = features_parse((struct str){(const char *)data, size}, "f.json", tell, &told, &f);
	require((err == OK) == (f != NULL) && (err == OK) == (told.count == 0));
	if (!f)
		return 0;
	const char *path;
	const struct feature *of;
	for (size_t i = 0; features_page_at(f, i, &path, &of); i++)
		require(features_for_page(f, str_of(path)) == of && of);
	require(features_count(f) > 0);
	for (size_t i = 0; i < features_count(f); i++)
		use_feature(f, features_at(f, i));
	features_free(f);
	return 0;
}
