/* listings.h - where /go/NAME may lead: a file of the vendor's listings, checked strictly at start.
 *
 * Immutable once loaded. */
#pragma once
#include "config/config.h"

struct listing {
	const char *name, *url;
	const char *plugin_key; /* NULL: not said */
};
struct listings;
/* `{"NAME":{"url":"https://marketplace.atlassian.com/apps/…","plugin_key":"…"}}`. Another host than the Marketplace's,
 * or http, only where insecure hosts are allowed. ERR_INVALID after at least one problem; ERR_NOMEM. */
enum err listings_parse(struct str text, const char *file, bool allow_insecure, problem_fn *tell, void *arg,
                        struct listings **ret);
/* Reads the file that LICGATE_LISTINGS names; not set: OK and NULL. */
enum err listings_load(const struct config *config, problem_fn *tell, void *arg, struct listings **ret);
void listings_free(struct listings *l);                                         /* accepts NULL */
const struct listing *listings_find(const struct listings *l, struct str name); /* NULL: none; l may be NULL */
