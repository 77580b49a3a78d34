/* apply.h - news of an account into the store, the journal, the table of tenants and the licence core.
 *
 * The first half runs inside a write job, the second after its commit, both on the writer thread, so that memory
 * follows in the order of the commits. */
#pragma once
#include "github/entitlement.h"
#include "github/github.h"

enum { GITHUB_KEY_SIZE = 32 };

/* What is to be done in memory once the job is committed. Zeroed: nothing. */
struct github_applied {
	struct github_applied *next;
	char key[GITHUB_KEY_SIZE]; /* of the tenant */
	bool put, told, purged, revokes, changed, stale;
	struct tenant_row tenant;   /* where put */
	struct license_facts facts; /* where told */
	int64_t due_at;             /* something happens to the account by time alone; 0: nothing */
};

/* Everything it writes is in the transaction; texts of *ret in the arena. Stale news writes nothing. */
enum err github_apply(struct github *g, struct store_tx *tx, struct arena *a, const struct github_news *news,
                      struct github_applied *ret);
/* The trial of this account is over, unpaid. */
enum err github_apply_trial_over(struct github *g, struct store_tx *tx, struct arena *a,
                                 const struct github_account_row *row, struct github_applied *ret);
/* Personal data and the tenant go. */
enum err github_erase(struct github *g, struct store_tx *tx, const struct github_account_row *row,
                      struct github_applied *ret);
/* After the commit. ERR_NOMEM: stored, and in force after a restart at the latest. */
enum err github_committed(struct github *g, const struct github_applied *applied);
/* Tells the core what the row says, without a change of it. */
enum err github_tell(struct github *g, struct arena *a, const struct github_account_row *row,
                     struct github_applied *ret);
