/* users.h - accounts that come and go at a tenant, as the host tells it.
 *
 * Each verb runs inside the caller's write job, with its journal entries; the seat goes from memory at once (seat_leave
 * in lookup_internal.h). An account that left keeps its row, marked: its id stands in the journal, so that the host
 * must be asked whether the account still exists. Erased is erased: seat, row, feedback's sender, journal. */
#pragma once
#include "license/lookup.h"

struct user_news {
	const struct tenant *tenant;
	struct str account_id; /* NUL-terminated too */
	const char *source;    /* of the journal entry: "webhook", "report" */
	struct str once;       /* what makes it this entry and no other */
	int64_t at;
};
/* Has access, and the journal tells so. */
enum err user_added(struct store_tx *tx, const struct user_news *n);
/* Of accounts that have access: nothing else is added by an update. A deactivated one has no seat. */
enum err user_updated(struct lookups *l, struct store_tx *tx, const struct user_news *n, bool deactivated);
/* No access any more; nothing where it had none. */
enum err user_left(struct lookups *l, struct store_tx *tx, const struct user_news *n);
/* The host was asked, and what is held on the account is as new as can be. */
enum err user_refreshed(struct store_tx *tx, const struct user_news *n);
/* Nothing names the account any more; user.removed says why, not who. */
enum err user_erase(struct lookups *l, struct store_tx *tx, const struct user_news *n);
/* The row of an account whose id is about to be kept elsewhere: made where there is none. */
enum err user_known(struct store_tx *tx, struct str client_key, const char *account_id, int64_t at);
