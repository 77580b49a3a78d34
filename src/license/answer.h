/* answer.h - the licence answer of the contract, for pages, API, forward authentication and doors to come. */
#pragma once
#include "base/jsonw.h"
#include "license/lookup.h"
#include "license/policy.h"

/* Ruling of one feature for one account under a decision; takes no seat. */
struct ruling feature_ruling(struct lookups *l, const struct feature *f, const struct tenant *tenant,
                             const struct license_decision *d, struct str account_id);
/* The same for somebody who uses the feature now: takes a seat where it has seats and everything else lets it. */
struct ruling feature_use(struct lookups *l, const struct feature *f, const struct tenant *tenant,
                          const struct license_decision *d, struct str account_id);
/* Members of an object: "state":…,"reason":…, to "edition":… */
void decision_write(struct jsonw *w, const struct license_decision *d);
/* Members of an object: "limit":100 (null: none known, or none set),"used":12 */
void license_seats(struct jsonw *w, const struct tenant *tenant);
/* {"tenant":…,"state":…,…,"features":{…}} */
void license_answer(struct jsonw *w, struct lookups *l, const struct features *features, const struct tenant *tenant,
                    const struct license_decision *d, struct str account_id);
