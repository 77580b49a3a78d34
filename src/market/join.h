/* join.h - what the Marketplace knows of a tenant: the licence, its payments, and what else fits.
 *
 * The join is a query over the ids of both sides (store/books.h). A licence belongs to the tenant that its strongest id
 * fits; a tenant with several licences shows the one that is in force, then the one tied by the strongest id, then the
 * one that ends last. */
#pragma once
#include "base/jsonw.h"
#include "store/books.h"

enum { MARKET_PAYMENTS_MAX = 12 };

struct market_view {
	bool known; /* false: no report has this tenant */
	struct market_license license;
	struct market_match match;
	struct market_license *others; /* further licences of the tenant */
	size_t other_count, other_live;
	struct market_sale *payments; /* the last ones, newest first */
	size_t payment_count;
};
/* Everything in the arena. */
enum err market_view_read(struct store_tx *tx, struct str client_key, struct arena *a, struct market_view *ret);
/* The member `marketplace`: an object, null where none is known. */
void market_view_write(struct jsonw *w, const struct market_view *v);

/* Paid for or tried now: active, or cancelled with its end to come. */
bool market_in_force(const struct market_license *l);
