/* listing.h - what GitHub's REST listing says of accounts, compared with what is stored, and healed.
 *
 * A webhook that got lost is found here. Whatever differs is applied like a webhook of that day, journalled as such
 * with the source "reconcile", and kept as drift for the operator. An account of which news came in after the question
 * was asked is left alone: the answer may be the older of the two. */
#pragma once
#include "github/apply.h"
#include "github/rest.h"

/* Inside a write job. asked_at: wall ms when GitHub was asked. */
enum err github_compare(struct github *g, struct store_tx *tx, struct arena *a, const struct github_listed *listed,
                        const char *source, int64_t asked_at, struct github_applied *ret);
/* GitHub does not know a purchase of it any more. */
enum err github_compare_gone(struct github *g, struct store_tx *tx, struct arena *a, struct str account_id,
                             int64_t asked_at, struct github_applied *ret);

/* Asks for one account and stores the answer. done runs once, on the client's or the writer's thread, after the commit:
 * failure NULL, or a literal. An error: done does not run. */
enum err github_check(struct github *g, struct str account_id, void (*done)(void *arg, const char *failure), void *arg);
