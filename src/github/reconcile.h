/* reconcile.h - the whole listing compared with what is stored: at start, every night, and on demand. */
#pragma once
#include "github/listing.h"

struct github_sync {
	size_t plans, accounts, changed; /* changed: those that were healed */
	const char *failure;             /* NULL: it was read whole */
};
/* One at a time: ERR_BUSY. done runs once, on any thread; an error: it does not run. ERR_INVALID: there is nothing to
 * ask with. */
enum err github_reconcile(struct github *g, void (*done)(void *arg, const struct github_sync *sync), void *arg);
enum err github_nightly_start(struct github *g);
void github_nightly_stop(struct github *g); /* ends one under way, too; the http client has stopped */
