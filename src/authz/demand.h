/* demand.h - what a proxy asks for: `token=page|context|forge`, `license=any|required`, `feature=NAME`. Pure.
 *
 * A word that is not understood refuses: a typo in a proxy's configuration must not open the door. */
#pragma once
#include <stdbool.h>

#include "base/arena.h"
#include "license/policy.h"

struct demand {
	bool context;                  /* token=context: context-qsh is enough */
	bool forge;                    /* token=forge: a Forge invocation token, and no other; it is bound to no request */
	bool required;                 /* license=required */
	struct str feature_name;       /* empty: none asked for */
	const struct feature *feature; /* NULL: none asked for, or no such feature */
};

/* NULL, or the code of the refusal: "bad_policy", "unknown_feature", "out_of_memory". */
const char *demand_parse(struct arena *a, struct str query, const struct features *features, struct demand *ret);
/* `license=required` as a feature of its own: every licensed state is allowed, no other. */
extern const struct feature demand_any_license;
