/* list.h - picks tenants out of the table in memory, in the order asked for, page by page.
 *
 * One walk over all tenants and a bounded heap of the page: no index to keep, and 100,000 tenants take some 20 ms on
 * an admin thread. Ids a tenant has or had beside its clientKey and base URL are asked from the store, by an index.
 * Equal values are in clientKey order, so that a page can go on where another ended. Shared by the admin API and
 * `licgate tenants`. */
#pragma once
#include "license/lookup.h"

enum tenant_sort {
	SORT_CLIENT_KEY = 0,
	SORT_BASE_URL,
	SORT_STATUS,
	SORT_STATE,
	SORT_INSTALLED_AT,
	SORT_UPDATED_AT,
	SORT_LAST_SEEN_AT,
	SORT_EXPIRES_AT, /* those without an end come last in both directions */
	SORT_COUNT
};
/* "client_key", "base_url" …; empty: SORT_CLIENT_KEY. False: none of them. */
bool tenant_sort_parse(struct str name, enum tenant_sort *ret);

/* Where a tenant stands in an order: its sorted value, as a number or a text, and its key. */
struct tenant_place {
	int64_t number;
	struct str text, key;
};

struct tenant_filter {
	struct str query;       /* contained in client_key or base_url, ASCII case ignored; empty: any */
	const struct str *also; /* sorted client_keys of those that the query finds by another id */
	size_t also_count;
	bool by_state, by_status, by_kind;
	enum license_state state;
	enum tenant_status status;
	enum tenant_kind kind;
	enum tenant_sort sort;
	bool descending;
	struct tenant_place after; /* behind this one; empty key: from the start */
	size_t limit;              /* 0: all */
};
/* Fills `also`: whom the query finds by the beginning of any id they were ever known by. Reads the store on this
 * thread; keys live in the arena. */
enum err tenant_filter_also(struct tenant_filter *f, struct store *s, struct arena *a);
/* The name of a licence state or of a tenant status; empty: any. False: neither. */
bool tenant_filter_by(struct tenant_filter *f, struct str name);
/* The name of a tenant status alone. */
bool tenant_filter_by_status(struct tenant_filter *f, struct str name);

/* connect, github, forge. False: none of them. */
bool tenant_filter_by_kind(struct tenant_filter *f, struct str name);

struct tenant_page {
	const struct tenant **at; /* references, in order */
	size_t count;
	size_t total;             /* how many match, on this page or another */
	bool more;                /* there are further ones */
	struct tenant_place last; /* of the last one, in its memory */
};
enum err tenant_list(struct tenants *t, struct lookups *l, const struct tenant_filter *f, struct tenant_page *ret);
void tenant_page_release(struct tenant_page *p);
