/* funnel.h - from the visit of the vendor's site to the paying customer: how many got how far, and how long it took. */
#pragma once
#include "base/arena.h"
#include "segment/people.h"
#include "store/store.h"

/* In order; the first five are numbered like enum segment_step, less one. */
enum funnel_step {
	FUNNEL_VISIT,
	FUNNEL_LISTING_VIEW,
	FUNNEL_CTA_CLICK,
	FUNNEL_REQUEST,
	FUNNEL_INSTALL,
	FUNNEL_TENANT,
	FUNNEL_EVALUATION,
	FUNNEL_PAID
};
const char *funnel_step_name(enum funnel_step step);
/* The step that leads to it: an install comes of a click as a request does. FUNNEL_VISIT for itself. */
enum funnel_step funnel_step_before(enum funnel_step step);

enum { FUNNEL_DAYS_MAX = 3660, FUNNEL_CAMPAIGNS_MAX = 500, FUNNEL_JOIN_MS = 2 * 3600 * 1000 };

struct funnel_ask {
	int64_t from_day, to_day; /* UTC days since 1970-01-01, both included */
	const char *plugin;       /* only of that app; NULL: any */
	const char *app_key;      /* of this server's own app, whose tenants are the journal's */
};

struct funnel_figure {
	int64_t count;
	int64_t before, both; /* people with the step before; those of them with this one too */
	bool has_median;
	double median_days; /* from the step before to this one */
};
struct funnel_group {
	const char *campaign; /* of by_campaign; NULL: none */
	int64_t day;          /* of by_week: its Monday */
	int64_t count[FUNNEL_STEPS];
};
struct funnel {
	struct funnel_figure steps[FUNNEL_STEPS];
	int64_t unattributed[FUNNEL_STEPS]; /* of people that no visit leads to */
	struct funnel_group *campaigns, *weeks;
	size_t campaign_count, week_count;
};
/* Reads the store: for the admin listener. Results live in the arena. ERR_TOO_LARGE: more people than fit. */
enum err funnel_make(struct store *store, const struct funnel_ask *ask, struct arena *a, struct funnel *ret);
/* For a transaction the caller has. */
enum err funnel_read(struct store_tx *tx, const struct funnel_ask *ask, struct arena *a, struct funnel *ret);
