/* market.h - verbs of the Marketplace's reports: rows as last seen, their ids and history, where polls stand.
 *
 * The writing side; what is derived from the rows is books.h. Texts are borrowed; ptr NULL is NULL. See
 * schema/sqlite-005.sql for the meaning of each column. */
#pragma once
#include "store/store.h"

enum { RAW_HASH_SIZE = 16, CONTENT_HASH_SIZE = 32 };

struct market_content {
	struct str text; /* JSON */
	uint8_t hash[CONTENT_HASH_SIZE], raw_hash[RAW_HASH_SIZE];
};
struct report_license {
	struct str row_key, app_key, hosting, edition, tier, status, license_type, maintenance_start, maintenance_end,
	    evaluation_start, evaluation_end, billing_period, last_updated, campaign;
	bool sandbox, in_grace;
	struct market_content content;
};
struct report_sale {
	struct str transaction_id, line_id, license_key, app_key, hosting, tier, old_tier, edition, sale_type, license_type,
	    payment_status, billing_period, sale_date, maintenance_start, maintenance_end, currency, refund_reason,
	    original_id, last_updated;
	int64_t price_cents, vendor_cents;
	struct market_content content;
};

/* How a row is put down. */
struct market_mark {
	int64_t at, run;
	int64_t news_seq;         /* 0: no news */
	struct str news_previous; /* ptr NULL: new */
};

/* What is stored of a row, for comparison. */
struct market_stored {
	struct str content, last_updated, news_previous;
	uint8_t hash[CONTENT_HASH_SIZE];
	bool sandbox;
	int64_t seen_run, news_seq;
};

/* ret_added false: there is a row with that key, which is left alone. */
enum err store_market_license_add(struct store_tx *tx, const struct report_license *l, const struct market_mark *m,
                                  bool *ret_added);
enum err store_market_license_get(struct store_tx *tx, struct str row_key, struct arena *a, struct market_stored *ret);
enum err store_market_license_put(struct store_tx *tx, const struct report_license *l, const struct market_mark *m);
/* The next poll that brings the row looks at it as if it were another. */
enum err store_market_license_unread(struct store_tx *tx, struct str row_key);
enum err store_market_license_touch(struct store_tx *tx, struct str row_key, const struct market_content *c);

enum err store_market_sale_add(struct store_tx *tx, const struct report_sale *s, const struct market_mark *m,
                               bool *ret_added);
enum err store_market_sale_get(struct store_tx *tx, struct str transaction_id, struct str line_id, struct arena *a,
                               struct market_stored *ret);
enum err store_market_sale_put(struct store_tx *tx, const struct report_sale *s, const struct market_mark *m);
enum err store_market_sale_touch(struct store_tx *tx, const struct report_sale *s);

/* Hash of each row of that kind as it came, and of each element that was passed over: RAW_HASH_SIZE bytes. */
enum err store_market_hashes(struct store_tx *tx, bool sales, enum err (*fn)(void *arg, const uint8_t *hash),
                             void *arg);
enum err store_market_passed(struct store_tx *tx, const uint8_t hash[static RAW_HASH_SIZE], int64_t at);
/* The same of another version of a row that is stored. */
enum err store_market_license_passed(struct store_tx *tx, struct str row_key, const uint8_t hash[static RAW_HASH_SIZE],
                                     int64_t at);
enum err store_market_sale_passed(struct store_tx *tx, struct str transaction_id, struct str line_id,
                                  const uint8_t hash[static RAW_HASH_SIZE], int64_t at);
/* Each of those versions: its hash, and that of the row as it is stored, NULL where the row is gone. Not of rows that
 * are to be read anew. */
enum err store_market_versions(struct store_tx *tx, bool sales,
                               enum err (*fn)(void *arg, const uint8_t *passed, const uint8_t *stored), void *arg);
/* It is looked at again when it next comes. */
enum err store_market_unpass(struct store_tx *tx, const uint8_t hash[static RAW_HASH_SIZE]);

enum err store_market_alias_put(struct store_tx *tx, struct str row_key, const char *kind, struct str value,
                                int64_t at);
/* The one licence with that id; ERR_NOT_FOUND: none, ERR_CONFLICT: several. */
enum err store_market_license_by_alias(struct store_tx *tx, const char *kind, struct str value, struct arena *a,
                                       struct str *ret_row_key);
enum err store_market_license_has_alias(struct store_tx *tx, struct str row_key, const char *kind, bool *ret);
enum err store_market_license_exists(struct store_tx *tx, struct str row_key, bool *ret);
/* Renames a licence, its ids, history and sales. Where the new name is taken, the old row goes and its history stays.
 */
enum err store_market_license_rename(struct store_tx *tx, struct str from, struct str to);
/* Whether a licence began before that day. */
enum err store_market_has_older(struct store_tx *tx, struct str day, bool *ret);

enum err store_market_history_add(struct store_tx *tx, const char *kind, struct str row_key, int64_t at,
                                  struct str diff);
struct market_version {
	int64_t id, at;
	struct str diff;
};
/* Newest first. */
enum err store_market_history(struct store_tx *tx, const char *kind, struct str row_key, struct arena *a,
                              struct market_version **ret, size_t *ret_count);
/* Without what was erased. */
enum err store_market_history_put(struct store_tx *tx, int64_t id, struct str diff);

struct market_oddity {
	struct str kind, field, value;
	int64_t count, first_seen, last_seen;
};
/* Adds to the count. At most ODDITIES_MAX are kept: further ones count as field "…". */
enum { ODDITIES_MAX = 1000 };
enum err store_market_oddity_add(struct store_tx *tx, const struct market_oddity *o, int64_t at);
/* Most frequent first. */
enum err store_market_oddities(struct store_tx *tx, struct arena *a, struct market_oddity **ret, size_t *ret_count);

/* ---- who polls ---- */
struct market_lease {
	struct str holder;
	int64_t lease_until, run, news_last;
};
enum err store_market_lease_get(struct store_tx *tx, struct arena *a, struct market_lease *ret);
enum err store_market_lease_put(struct store_tx *tx, const struct market_lease *l);
/* Moves the lease on and keeps the counter; ERR_CONFLICT: it is somebody else's. */
enum err store_market_lease_keep(struct store_tx *tx, struct str holder, int64_t lease_until, int64_t news_last);

struct market_poll {
	struct str kind, export_id, failure;
	bool export_full;
	int64_t export_at, done_at, full_at, failed_at, rows_seen, rows_changed;
};
/* A zero row where nothing is known of that kind. */
enum err store_market_poll_get(struct store_tx *tx, struct str kind, struct arena *a, struct market_poll *ret);
enum err store_market_poll_put(struct store_tx *tx, const struct market_poll *p);

struct market_counts {
	int64_t licenses, sales, history, news;
};
/* Counts rows: some milliseconds per 100,000. */
enum err store_market_counts(struct store_tx *tx, struct market_counts *ret);
