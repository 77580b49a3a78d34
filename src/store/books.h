/* books.h - reads of what the Marketplace reports: licences, sales, whose they are, and what is still news.
 *
 * The rows are the poll's (schema 005); nothing here writes one but for its news mark. Days are text (YYYY-MM-DD),
 * money is cents. Text NULL = none. Whose a row is, is a query over both sides' ids, never stored: whichever side
 * arrives later joins by itself. */
#pragma once
#include "store/store.h"

struct market_license {
	const char *row_key; /* the entitlement's number, else its SEN, else the licence's id */
	const char *app_key, *hosting, *edition, *tier;
	const char *status;       /* lower case */
	const char *license_type; /* upper case */
	const char *maintenance_start, *maintenance_end, *evaluation_start, *evaluation_end;
	const char *billing_period, *last_updated;
	bool sandbox, in_grace;
	int64_t changed_at;
	int64_t news_seq;          /* 0: its events are derived */
	const char *news_previous; /* JSON at the last derivation; NULL: the row is new, or no news */
};
struct market_sale {
	const char *transaction_id, *line_id;
	const char *license_key; /* an id of its licence, not always the one that the licence's row has now */
	const char *app_key, *hosting, *tier, *old_tier, *edition;
	const char *sale_type; /* lower case */
	const char *license_type;
	const char *payment_status; /* lower case */
	const char *billing_period, *sale_date, *maintenance_start, *maintenance_end;
	int64_t price_cents, vendor_cents;
	const char *currency, *original_id;
	int64_t changed_at, news_seq;
	const char *news_previous;
};

/* The licence with that row key, or known by that id (entitlement number, SEN, licence id). ERR_NOT_FOUND. */
enum err store_market_license(struct store_tx *tx, struct str id, struct arena *a, struct market_license *ret);
/* Sales of that licence under any of its ids: news first, then the latest; at most `max`. Of a licence that no report
 * has: those with that very id. */
enum err store_market_sales(struct store_tx *tx, struct str row_key, size_t max, struct arena *a,
                            struct market_sale **ret, size_t *ret_count);

/* Ids that the licence may have been called by before it got the one it has, and that are its alone; at most 20. */
enum err store_market_other_ids(struct store_tx *tx, struct str row_key, struct arena *a, const char ***ret,
                                size_t *ret_count);

/* ---- news ---- */
struct market_news {
	const char *key; /* row key of a licence, or license_key of a sale */
	int64_t seq;
};
/* In order, seq > after, at most max. */
enum err store_market_news_licenses(struct store_tx *tx, int64_t after, size_t max, struct arena *a,
                                    struct market_news **ret, size_t *ret_count);
enum err store_market_news_sales(struct store_tx *tx, int64_t after, size_t max, struct arena *a,
                                 struct market_news **ret, size_t *ret_count);
/* Takes the mark off; a row that became other news meanwhile keeps it. */
enum err store_market_license_told(struct store_tx *tx, const struct market_license *l);
enum err store_market_sale_told(struct store_tx *tx, const struct market_sale *s);

/* ---- whose ---- */
/* By which id a licence and a tenant are one: the smaller, the more it is worth. */
enum market_tie { TIE_ENTITLEMENT = 1, TIE_SEN, TIE_CLOUD, TIE_HOST };
const char *market_tie_name(enum market_tie tie);
/* Entitlement and SEN are one licence's alone: two tenants that tell them contest it, whichever of the two each tells.
 */
int market_tie_worth(enum market_tie tie);
struct market_match {
	const char *row_key, *client_key;
	enum market_tie tie;
	const char *host; /* of store_market_each alone: what the report calls the site */
	bool contested;   /* another tenant, not uninstalled, has an id that is worth as much */
};
/* Which app's tenants these are: told at start. Until then every licence may be theirs. */
enum err store_market_app(struct store_tx *tx, struct str app_key);
/* The tenant of a licence: of those that its strongest id fits, the one not uninstalled, whose id was told last, that
 * was installed last. ERR_NOT_FOUND: none. */
enum err store_market_tenant(struct store_tx *tx, struct str row_key, struct arena *a, struct market_match *ret);
/* Row keys of all licences whose tenant this is. */
enum err store_market_rows_of(struct store_tx *tx, struct str client_key, struct arena *a, struct market_match **ret,
                              size_t *ret_count);
