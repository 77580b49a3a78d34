/* lease.h - one poller at a time, among all processes that share a database.
 *
 * The holder has the lease for LEASE_MS and keeps moving it on. A holder that was killed need not be waited for where
 * that can be seen: its name says boot, process namespace, process and when that began, so that a poller of the same
 * machine takes over at once. Every job of a poll checks the holder in its own transaction, so that two that both
 * believe to have the lease do no harm. */
#pragma once
#include "store/market.h"

enum { LEASE_MS = 60 * 1000, LEASE_HOLDER_MAX = 160 };

struct lease {
	struct store *store;
	const struct clock *clock;
	char holder[LEASE_HOLDER_MAX];
	int64_t kept_mono_ms; /* when it was last moved on */
	int64_t run;
};
/* ERR_BUSY: somebody else polls. resume: the run goes on that the last holder began. */
enum err lease_take(struct store *s, const struct clock *clock, struct lease *ret);
/* Moves it on where that is due. ERR_CONFLICT: it is lost. */
enum err lease_keep(struct lease *l);
void lease_give(struct lease *l);
/* Of a holder's name: false where its process is known to be gone. */
bool lease_holder_lives(struct str holder);
