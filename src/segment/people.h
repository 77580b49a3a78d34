/* people.h - who is who while a funnel is counted: numbers of visitors, joined to people, with what each did.
 *
 * A table in memory for one answer; numbers that are joined share one person (union-find). Not thread-safe. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { FUNNEL_STEPS = 8, PEOPLE_MAX = 2 * 1000 * 1000 };

struct person {
	int64_t number;               /* the visitor's */
	uint32_t parent;              /* index of one of the same person; its own: stands for all */
	uint32_t campaign;            /* index + 1; 0: none */
	uint32_t campaign_at;         /* seconds */
	uint32_t stamp;               /* step and week last counted: rows come in order of time */
	uint32_t first[FUNNEL_STEPS]; /* seconds; 0: not seen */
	uint8_t steps;                /* bit of each step within the time asked for */
	bool visited;                 /* at any time: a visit leads to this person */
};

struct people {
	struct person *at;
	size_t count, cap;
	uint32_t *table; /* index + 1; 0: free */
	size_t table_size;
};
void people_release(struct people *p);
/* The person of a number, made where it is new. NULL: *ret_err is ERR_NOMEM, or ERR_TOO_LARGE over PEOPLE_MAX. Good
 * until the next call. */
struct person *people_get(struct people *p, int64_t number, enum err *ret_err);
/* Two numbers of one person. What the second's person did so far is not carried over: join before counting. */
enum err people_join(struct people *p, int64_t number, int64_t other);
