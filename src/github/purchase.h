/* purchase.h - reading what GitHub says of a purchase: the webhook's body, and the REST API's. Pure; fuzzed.
 *
 * Strict in what decides (who, what, when, how many), indulgent in the rest. GitHub writes one price model in two ways
 * (PER_UNIT, per-unit): here it has one. Everything read is in the arena given. Rule: the Marketplace webhook events
 * and the REST listing of GitHub's documentation. */
#pragma once
#include <jansson.h>

#include "store/github.h"

enum github_action {
	GITHUB_NOTHING = 0, /* ping, and what is not understood */
	GITHUB_PURCHASED,
	GITHUB_CHANGED,
	GITHUB_PENDING,
	GITHUB_PENDING_DROPPED,
	GITHUB_CANCELLED,
};

/* Something that was told of an account, by whichever way. */
struct github_news {
	enum github_action action;
	const char *source;                    /* of the journal entry: webhook, setup, reconcile, schedule */
	struct str once;                       /* what makes it this news and no other, besides its content */
	const char *account_id, *type, *login; /* login NULL: not said */
	struct str email;                      /* of billing; empty: none */
	int64_t effective_at;                  /* wall ms, above 0 */
	struct github_terms terms;             /* what is in force, or scheduled */
	struct github_terms previous;          /* effective_at 0: not said */
	bool no_units;                         /* it says none of them, and not nothing */
};

/* The webhook's body. ERR_INVALID: *ret_why is a literal that says what is wrong. Other actions than the five give
 * GITHUB_NOTHING. */
enum err github_body_read(struct str body, struct arena *a, struct github_news *ret, const char **ret_why);

/* One element of the REST API's lists of accounts and purchases. Its pending change, where there is one, is in
 * ret_pending (effective_at 0: none). */
struct github_listed {
	const char *account_id, *type, *login;
	struct str email;
	struct github_terms terms; /* effective_at: when it was last changed; 0 where GitHub does not say */
	struct github_terms pending;
	struct github_plan_row plan; /* number 0: not said */
};
enum err github_listed_read(const json_t *item, struct arena *a, struct github_listed *ret);
enum err github_plan_read(const json_t *item, struct arena *a, struct github_plan_row *ret);

/* What the customer pays each month or year, by the billing cycle. */
int64_t github_amount_cents(const struct github_terms *t);
bool github_is_free(const struct github_terms *t);
bool github_is_per_unit(const struct github_terms *t);
/* The same thing bought: plan, units, cycle, trial. */
bool github_terms_equal(const struct github_terms *a, const struct github_terms *b);
