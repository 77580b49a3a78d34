/* derive.h - which events follow from what a report says now and what it said before. Pure functions.
 *
 * One licence at a time, with all its sales: a New sale ends an evaluation, a Refund and an Upgrade of one day are a
 * re-pricing. Rules: docs/books.md; every one has its line in tests/unit/market/derive.rules. Nothing fails on a value
 * it does not know: no event follows from it. */
#pragma once
#include "base/json.h"
#include "store/books.h"

struct market_case {
	const struct market_license *license; /* NULL: no report has it (yet) */
	bool license_news;                    /* new, or changed since its events were derived */
	const struct market_license *before;  /* as it was then; NULL: it is new */
	const struct market_sale *sales;      /* of the licence, in any order; news_seq > 0: to be derived */
	size_t sale_count;
	int64_t now; /* wall ms */
};

struct market_event {
	const char *type;               /* of the catalogue */
	const char *once[2];            /* the event's identity besides its type: row key and date, or the sale's line */
	int64_t effective_at;           /* 0: not known */
	const struct market_sale *sale; /* the line that tells it; NULL: the licence does */
	const struct market_sale *previous; /* of a sale the line before it, of a refund the one paid back; NULL: none */
	bool repricing;                     /* an upgrade with a refund beside it */
	int64_t refund_cents;               /* of that refund, where no event told it */
};
struct market_events {
	struct market_event *at; /* in the order of their dates */
	size_t count, cap;
};
/* How many events there can be. */
#define MARKET_EVENTS_MAX(sale_count) (8 + 3 * (sale_count))
/* ret->at has ret->cap = MARKET_EVENTS_MAX(c->sale_count) places. ret_held[i]: the i-th sale is not to be told yet, and
 * stays news. */
void market_derive(const struct market_case *c, struct market_events *ret, bool *ret_held);

bool market_is_evaluation(const struct market_license *l);
/* A type that is known to be paid for. */
bool market_is_paid(const struct market_license *l);
bool market_status_is(const struct market_license *l, const char *status);
/* Of a refund: the line that it pays back, NULL where none is to be found. */
const struct market_sale *market_original(const struct market_sale *refund, const struct market_sale *sales,
                                          size_t count);
/* Of a Refund: an Upgrade of the same day stands beside it (and the other way round). */
bool market_repriced(const struct market_sale *s, const struct market_sale *sales, size_t count);

/* What derivation wants to know of a licence as it was: from the report's own JSON. Texts are copied into the arena,
 * in the poll's own form (status in lower case, type in upper). ERR_NOMEM, ERR_INVALID. */
enum err market_license_was(struct str content, struct arena *a, struct market_license *ret);
