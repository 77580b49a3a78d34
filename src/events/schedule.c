/* schedule.c - see schedule.h. */
#include "events/schedule.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

/* Before attempt 2, 3 … 10: the first is made at once. */
static const int64_t delays[ATTEMPTS_MAX - 1] = {5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR,
                                                 10 * HOUR,  14 * HOUR,  20 * HOUR,   24 * HOUR};
static const int64_t RETRY_AFTER_MAX = 24 * HOUR;
enum { JITTER_PARTS = 10 }; /* at most one tenth more: never earlier than the table says */

int64_t retry_delay_ms(int n)
{
	return n >= 1 && n < ATTEMPTS_MAX ? delays[n - 1] : -1;
}

static const char *error_of(const struct attempt_end *end)
{
	switch (end->err) {
	case OK:
		return end->status >= 300 && end->status < 400 ? "redirect" : "status";
	case ERR_TIMEOUT:
		return "timeout";
	case ERR_DENIED:
		return "address_not_allowed";
	case ERR_INVALID:
		return "bad_url";
	case ERR_TOO_LARGE:
		return "answer_too_large";
	case ERR_NOMEM:
	case ERR_IO:
	case ERR_BUSY:
	case ERR_FULL:
	case ERR_STOPPING:
	case ERR_UPSTREAM:
	case ERR_NOT_FOUND:
	case ERR_CONFLICT:
	case ERR_SEAL:
	case ERR_INTERNAL:
	default:
		return "connection";
	}
}

/* Not made, or not waited for to its end, by our own fault: it costs no attempt. */
static bool not_made(enum err e)
{
	return e == ERR_STOPPING || e == ERR_NOMEM || e == ERR_FULL || e == ERR_SEAL || e == ERR_IO;
}

static int64_t asked_ms(int64_t retry_after_s, int64_t max_ms)
{
	if (retry_after_s <= 0)
		return 0;
	return retry_after_s >= max_ms / 1000 ? max_ms : retry_after_s * 1000;
}

struct verdict_on_attempt attempt_judge(const struct attempt_end *end)
{
	if (end->err == OK && end->status >= 200 && end->status < 300)
		return (struct verdict_on_attempt){.result = ATTEMPT_DELIVERED};
	if (not_made(end->err))
		return (struct verdict_on_attempt){.result = ATTEMPT_UNDECIDED, .error = "not_made"};
	struct verdict_on_attempt v = {.error = error_of(end)};
	v.gone = end->err == OK && end->status == 410;
	v.slow_down = end->err == OK && (end->status == 429 || end->status == 502 || end->status == 504);
	v.slow_for_ms = v.slow_down ? asked_ms(end->retry_after_s, SLOW_MAX_MS) : 0;
	const int64_t delay = retry_delay_ms(end->number);
	if (delay < 0 || v.gone) {
		v.result = ATTEMPT_LAST_FAILED;
		return v;
	}
	v.delay_ms = delay + delay / JITTER_PARTS * (int64_t)end->jitter / 65536;
	const int64_t asked = end->err == OK ? asked_ms(end->retry_after_s, RETRY_AFTER_MAX) : 0;
	if (v.delay_ms < asked)
		v.delay_ms = asked;
	return v;
}

size_t starts_free(struct start_pace *p, int64_t now_mono_ms)
{
	const int64_t most = STARTS_AT_ONCE * INT64_C(1000);
	const int64_t elapsed_ms = now_mono_ms - p->at_mono_ms;
	p->at_mono_ms = now_mono_ms;
	p->thousandths =
	    elapsed_ms >= (most - p->thousandths) / STARTS_PER_S ? most : p->thousandths + elapsed_ms * STARTS_PER_S;
	return (size_t)(p->thousandths / 1000);
}

void starts_take(struct start_pace *p, size_t count)
{
	p->thousandths -= (int64_t)count * 1000;
}
