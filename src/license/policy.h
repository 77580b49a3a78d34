/* policy.h - the features file: what each licence state gets. Immutable after load.
 *
 * A state that is not named gets the feature's default, and without one it is denied. The code tells about the tenant,
 * not about the feature: an active tenant that the file denies a feature gets deny with VALID. Cases:
 * tests/unit/license/policy.rules; what a file may say: features.c and tests/unit/license/test_features.c. */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "config/config.h"
#include "license/state.h"

enum verdict { VERDICT_DENY = 0, VERDICT_READ_ONLY, VERDICT_ALLOW };
const char *verdict_name(enum verdict v);
bool verdict_parse(struct str text, enum verdict *ret);

enum policy_code { /* Keygen-like: why, not only whether */
	               CODE_UNKNOWN = 0,
	               CODE_VALID,
	               CODE_EVALUATION,
	               CODE_GRACE,
	               CODE_EXPIRED,
	               CODE_NO_LICENSE,
	               CODE_SEATS_EXCEEDED,
	               CODE_EDITION_REQUIRED,
	               CODE_GRANDFATHERED,
	               CODE_OVERRIDE,
	               CODE_ADMIN_CHOICE
};
const char *policy_code_name(enum policy_code c);

/* How many seats a feature lets be taken of a licence's number: Keygen's strategies. */
enum overage { OVERAGE_NONE = 0, OVERAGE_1_25X, OVERAGE_1_5X, OVERAGE_2X, OVERAGE_ALWAYS };
/* Seats that may be taken: limit times the factor, rounded down. 0: any number (limit 0 is none known). */
int64_t overage_seats(enum overage o, int64_t limit);

struct feature {
	char *name;
	bool has_default;
	bool named[STATE_COUNT];
	enum verdict by_state[STATE_COUNT], by_default;
	enum edition edition; /* EDITION_NONE: none needed */
	bool seats;
	enum overage overage; /* with seats */
	/* What a tenant's administrators may choose as the most all its users get: bit 1 << verdict, VERDICT_ALLOW among
	 * them, which it is until they choose. 0: no choice. */
	unsigned choices;
	int64_t installed_before; /* wall ms; 0: no such rule */
};
struct features;

enum { FEATURES_MAX = 256, FEATURE_PAGES_MAX = 1024, FEATURES_TEXT_MAX = 256 * 1024 };
/* Tells every problem; ERR_INVALID after at least one, ERR_TOO_LARGE, ERR_NOMEM. file: named in the problems. */
enum err features_parse(struct str json, const char *file, problem_fn *tell, void *arg, struct features **ret);
void features_free(struct features *f);
size_t features_count(const struct features *f);
const struct feature *features_at(const struct features *f, size_t i);
const struct feature *features_find(const struct features *f, struct str name);
/* What every feature gets in a Forge environment other than PRODUCTION, which has no licence: VERDICT_DENY unless the
 * file says otherwise. */
enum verdict features_forge_environment(const struct features *f, struct str environment);
/* Feature a page needs; NULL: a valid token is enough. path without the base path. */
const struct feature *features_for_page(const struct features *f, struct str path);
/* The n-th page rule, for checks at start; false past the end. */
bool features_page_at(const struct features *f, size_t i, const char **ret_path, const struct feature **ret_feature);

struct ruling {
	enum verdict verdict;
	enum policy_code code;
};
/* seat_ok: the account holds a seat or could take one (ignored unless the feature has seats). */
struct ruling policy_rule(const struct feature *f, const struct license_decision *d, int64_t first_installed_at,
                          bool seat_ok);
/* The lower of a ruling and what the tenant chose as the most, which is the reason where it took something away. */
struct ruling ruling_at_most(struct ruling r, enum verdict most);
