/* list.h - picks tenants out of the table in memory, in clientKey order, page by page.
 *
 * One walk over all tenants and a bounded heap of the smallest keys: no index to keep, and 100,000 tenants take some
 * 20 ms on an admin thread. Shared by the admin API and `licgate tenants`. */
#pragma once
#include "license/lookup.h"

struct tenant_filter {
	struct str query; /* contained in client_key or base_url, ASCII case ignored; empty: any */
	struct str after; /* client_key greater than this; empty: from the start */
	size_t limit;     /* 0: all */
	enum { FILTER_ANY = 0, FILTER_STATE, FILTER_STATUS } by;
	enum license_state state;
	enum tenant_status status;
};
/* The name of a licence state or of a tenant status; empty: any. False: neither. */
bool tenant_filter_by(struct tenant_filter *f, struct str name);

struct tenant_page {
	const struct tenant **at; /* references, in client_key order */
	size_t count;
	bool more; /* there are further ones */
};
enum err tenant_list(struct tenants *t, struct lookups *l, const struct tenant_filter *f, struct tenant_page *ret);
void tenant_page_release(struct tenant_page *p);
