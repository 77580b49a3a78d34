/* revoke.h - tokens that are to be given back. Of due.c. */
#pragma once
#include "github/github.h"
#include "store/github.h"

enum { GITHUB_REVOCATIONS_MAX = 10 };
struct github_revocations {
	struct github_revocation_row *rows; /* in the arena */
	size_t count;
	int64_t next_at; /* wall ms; 0: there are none */
};
/* Inside a write job: those whose turn it is, each already put off to its next turn. */
enum err github_revocations_take(struct github *g, struct store_tx *tx, struct arena *a,
                                 struct github_revocations *ret);
/* After its commit. */
void github_revocations_send(struct github *g, const struct github_revocations *taken);
