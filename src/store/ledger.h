/* ledger.h - reads of the Marketplace's sales and licences as accounting wants them: in bulk, sandboxes left out.
 *
 * Every read is one pass with bounded memory; a row is valid during the call. Sales of one licence come together,
 * whatever id each was sold under. */
#pragma once
#include "store/books.h"

/* A place in the list of sales, by day, transaction and line. Zeroed: the start. */
struct ledger_place {
	const char *sale_date, *transaction_id, *line_id;
};
/* Sales of those days (YYYY-MM-DD, both included) behind that place, in order, at most max. */
enum err store_ledger_list(struct store_tx *tx, const char *from, const char *to, const struct ledger_place *after,
                           size_t max, struct arena *a, struct market_sale **ret, size_t *ret_count);
/* Days of the first sale and of the last one up to that day; NULL where there is none. */
enum err store_ledger_span(struct store_tx *tx, const char *latest, struct arena *a, const char **ret_first,
                           const char **ret_last);
struct ledger_sum {
	const char *month; /* YYYY-MM */
	const char *currency;
	const char *kind; /* sale; refund; repricing: a refund with an upgrade beside it; uncollectible: never paid,
	                   * and what was credited of it */
	int64_t count, price_cents, vendor_cents;
};
/* By month, currency and kind. */
enum err store_ledger_sums(struct store_tx *tx, const char *from, const char *to, struct arena *a,
                           struct ledger_sum **ret, size_t *ret_count);
/* All sales, those of one licence together. owner: row key of the licence, else the sale's own id. */
enum err store_ledger_each(struct store_tx *tx,
                           enum err (*fn)(void *arg, const char *owner, const struct market_sale *), void *arg);

/* Evaluations: licences that are or were one. first_sale: day of the first New sale on or after its start; NULL: none.
 */
enum err store_trials_each(struct store_tx *tx,
                           enum err (*fn)(void *arg, const struct market_license *, const char *first_sale), void *arg);

/* ---- the drift report ---- */
/* Every licence of the app that is served, in order of its row key, with its tenant. match: client_key NULL where there
 * is none. tenant_gone: the tenant is uninstalled. */
enum err store_market_each(struct store_tx *tx,
                           enum err (*fn)(void *arg, const struct market_license *, const struct market_match *,
                                          bool tenant_gone),
                           void *arg);
/* Tenants whose override ended by its date since then, and those whose override should have: with its end. */
enum err store_overrides_over(struct store_tx *tx, int64_t since, int64_t now,
                              enum err (*fn)(void *arg, const char *client_key, int64_t ended), void *arg);
/* Wall ms of the last poll of licences that ended well; 0: none yet. */
enum err store_market_polled(struct store_tx *tx, int64_t *ret);
