/* failures.h - the last refusals, precise, for the operator: which tenant, which code, what was computed.
 *
 * A ring of FAILURES_KEPT entries in memory; never the token, never a secret. Each entry bounded. Thread-safe. */
#pragma once
#include "base/arena.h"
#include "token/token.h"

enum { FAILURES_KEPT = 1000, FAILURE_CANONICAL_MAX = 512 };

struct failure {
	int64_t at;
	const char *route; /* pattern */
	const char *code, *text;
	char *tenant; /* claimed clientKey, unverified; NULL if unreadable */
	char *request_id;
	char *computed_canonical; /* cut at FAILURE_CANONICAL_MAX; NULL when qsh was not reached */
	char *computed_qsh, *received_qsh;
};
struct failures;
struct failures *failures_new(void);
void failures_free(struct failures *f);
/* Copies; counts the code in the metrics, writes the log line (info). Never fails: without memory the details go. */
void failures_add(struct failures *f, const struct failure *e);
/* How many there ever were, also those no longer kept. */
uint64_t failures_total(struct failures *f);
/* Newest first. */
enum err failures_list(struct failures *f, struct arena *a, struct failure **ret, size_t *ret_count);
