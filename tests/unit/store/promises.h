/* promises.h - the contract of the verbs, promise by promise.
 *
 * A promise is a function that gets a write transaction on a fresh store, an arena, and asserts. Each is asked of a
 * file and of a database in memory: any back end has to keep it. */
#pragma once
#include "store/fixture.h"

struct promise {
	const char *name;
	enum err (*test)(struct store_tx *tx, void *arena);
};
#define P(fn)                                                                                                          \
	{                                                                                                                  \
#fn, fn                                                                                                        \
	}
enum { PROMISES_MAX = 32 };
/* Runs them all; what main returns. */
int promises_keep(const struct promise *promises, size_t count);

/* NULL is NULL and no other. */
void assert_text(const char *got, const char *want);
void assert_bytes(struct str got, struct str want);
