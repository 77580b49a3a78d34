/* schedule.h - what an attempt's end means for the delivery and for its endpoint. Pure.
 *
 * The table is docs of the outside too (docs/events.md). Source: Standard Webhooks, "Deliverability and reliability".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { ATTEMPTS_MAX = 10, SLOW_MAX_MS = 3600 * 1000 };
/* How long after attempt number n (from 1) failed the next one is made, without jitter; -1: it was the last. */
int64_t retry_delay_ms(int n);

struct attempt_end {
	int number;            /* of the attempt, from 1 */
	enum err err;          /* OK: an answer came */
	int status;            /* of the answer */
	int64_t retry_after_s; /* -1: not said */
	unsigned jitter;       /* 0 to 65535: how much of the jitter to add */
};
struct verdict_on_attempt {
	enum {
		ATTEMPT_FAILED = 0,
		ATTEMPT_DELIVERED,
		ATTEMPT_LAST_FAILED,
		ATTEMPT_UNDECIDED
	} result;            /* UNDECIDED: not made */
	int64_t delay_ms;    /* FAILED: when to try again */
	const char *error;   /* a code, a literal; NULL: delivered */
	bool gone;           /* the endpoint says that it is no more: disable it */
	bool slow_down;      /* it wants less */
	int64_t slow_for_ms; /* for that long nothing at all, SLOW_MAX_MS at most; 0: not said */
};
struct verdict_on_attempt attempt_judge(const struct attempt_end *end);

/* How many deliveries one server starts: as many a second as leave requests their time, at all endpoints together. */
enum { STARTS_PER_S = 500, STARTS_AT_ONCE = 50 };
struct start_pace {
	int64_t at_mono_ms; /* zero: STARTS_AT_ONCE are free */
	int64_t thousandths;
};
size_t starts_free(struct start_pace *p, int64_t now_mono_ms);
void starts_take(struct start_pace *p, size_t count); /* at most as many as are free */
