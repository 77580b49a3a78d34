/* view.h - how tenants look to the operator: JSON and CSV, one place for the admin API and `licgate tenants`.
 *
 * Nothing here ever writes a secret; a contact only where a keyring is given, which is how one asks for them. */
#pragma once
#include "admin/csv.h"
#include "admin/list.h"
#include "base/jsonw.h"

/* {"tenants":[…],"total":…,"next":…} */
void tenants_view(struct jsonw *w, struct lookups *l, const struct tenant_page *page);
/* Header and one row a tenant. */
void tenants_csv(struct buf *out, struct lookups *l, const struct tenant_page *page);

/* {"tenant":{…},"license":{…},"marketplace":{…} or null,"aliases":[…]}, with "events":[…] behind them, the last ones,
 * oldest first, if history is not 0, and "contacts":[…] if contacts, the ring that opens them, is not NULL.
 * ERR_NOT_FOUND: the store does not have it (any more). Reads the store on this thread. */
enum err tenant_view(struct jsonw *w, struct store *s, struct lookups *l, const struct tenant *tenant, size_t history,
                     const struct keyring *contacts);
