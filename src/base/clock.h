/* clock.h - time as a part that tests can step.
 *
 * Wall time is for what protocols and people see (exp, iat, dates). Monotonic time is for every TTL, deadline and
 * back-off, so that a step of the wall clock changes none of them. Both in milliseconds. */
#pragma once
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct clock {
	int64_t (*wall_ms)(const struct clock *);
	int64_t (*mono_ms)(const struct clock *);
};
extern const struct clock clock_system;

static inline int64_t clock_wall_ms(const struct clock *c)
{
	return c->wall_ms(c);
}
static inline int64_t clock_mono_ms(const struct clock *c)
{
	return c->mono_ms(c);
}

/* A clock that stands still until a test steps it. Thread-safe. */
struct clock_manual {
	struct clock clock;
	_Atomic int64_t wall, mono;
};
void clock_manual_init(struct clock_manual *c, int64_t wall_ms);
void clock_manual_step(struct clock_manual *c, int64_t ms); /* both clocks */

enum { TIME_TEXT_SIZE = 25 };
/* "2026-03-02T10:00:00Z" (UTC, seconds) or with ".123" when milliseconds are not zero. */
void time_text(int64_t wall_ms, char out[static TIME_TEXT_SIZE]);
/* RFC 3339 date-time with any offset and fraction, or a plain date (midnight UTC). */
enum err time_parse(struct str text, int64_t *ret_wall_ms);
