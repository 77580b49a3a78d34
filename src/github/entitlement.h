/* entitlement.h - what an account's purchase becomes by a piece of news, and what that means. Pure: no clock, no store.
 *
 * One row an account. News comes late, twice, in any order or never, so that only dates decide: what is older than what
 * was applied last changes nothing, of two of the same date the later to arrive holds, and what is scheduled happens on
 * its day although nobody says so. What is journalled is the difference between before and after, so that news told
 * twice, or found by the reconcile before its webhook comes, is told once. Cases: tests/unit/github/. */
#pragma once
#include "github/purchase.h"
#include "license/lookup.h"

enum { GITHUB_FACTS_MAX = 4, GITHUB_ERASE_DAYS_MAX = 29 /* within thirty days, a sweep's delay included */ };

struct github_fact {
	const char *type; /* of the event catalogue */
	bool with_terms, with_previous, pending;
	bool of_before; /* its terms are those from before */
	int64_t effective_at;
};

struct github_outcome {
	struct github_account_row row; /* texts of the row and the news that were given */
	bool stale;                    /* older than what is known: nothing changed */
	bool changed;                  /* something of the row beyond its times */
	bool began, ended;             /* access: the tenant comes or goes */
	struct github_terms before;    /* what was in force: of with_previous */
	struct github_fact facts[GITHUB_FACTS_MAX];
	size_t fact_count;
};

/* old->account_id NULL: nothing is known of it. free_plan: the listing's plan that costs nothing, NULL: none.
 * erase_days: personal data is kept that long after the end. */
void entitlement_apply(const struct github_account_row *old, const struct github_news *news,
                       const struct github_plan_row *free_plan, int64_t now, int64_t erase_days,
                       struct github_outcome *ret);
/* The news of a scheduled change whose day has come; or false. */
bool entitlement_scheduled(const struct github_account_row *row, int64_t now, struct github_news *ret);
/* A trial that is over and was not paid for, as far as is known. */
void entitlement_trial_over(const struct github_account_row *old, int64_t now, int64_t erase_days,
                            struct github_outcome *ret);

bool entitlement_live(const struct github_account_row *row); /* active or free */
/* What the licence core is told. email: in plain, may be empty. */
struct license_facts entitlement_facts(const struct github_account_row *row, struct str email);
