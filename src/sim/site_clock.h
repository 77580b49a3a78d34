/* site_clock.h - a simulated site's calendar, and the script that plays a customer's first weeks in a minute.
 *
 * The calendar is the wall clock plus an offset that only the control API moves. An app keeps its own time, so dates
 * are told to it as far from its now as they are from the calendar's: ten days before the end of an evaluation the app
 * is told an end ten days away. Tokens always carry the real time. When the calendar passes a licence's end, the
 * licence has expired, as at a real host.
 *
 * Nothing ticks: whoever looks at a site first brings its calendar up to date. Pure, guarded by the sim's lock. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/jsonw.h"

enum {
	SCRIPT_DAYS = 60,
	SCRIPT_EVALUATION_DAYS = 30,
	SCRIPT_GRACE_DAYS = 15, /* what apps usually grant; the host itself says expired at once */
	SCRIPT_PURCHASE_DAY = 53,
	CLOCK_DAYS_MAX = 3650,
};

struct site_clock {
	int64_t offset_ms;                  /* calendar minus wall clock */
	int64_t seen_ms;                    /* the calendar when it was last brought up to date */
	int64_t script_mono_ms, script_ms;  /* started when, plays how long; script_ms 0: none */
	int64_t script_from_ms, script_day; /* calendar at its start; days played */
	bool script_bought;
};

struct site;
/* Brings the calendar up to date: the script's share of days, licences that ended. */
void site_clock_run(struct site *s, int64_t wall_ms, int64_t mono_ms);
/* Puts the calendar days ahead of the wall clock. Backwards, the licence keeps what was left of it. Ends a script. */
void site_clock_set(struct site *s, int64_t wall_ms, int64_t days);
/* A fresh evaluation from today's calendar on; plays SCRIPT_DAYS days in length_ms. */
void site_script_start(struct site *s, int64_t wall_ms, int64_t mono_ms, int64_t length_ms);
void site_script_stop(struct site *s);
bool site_script_running(const struct site *s);
/* "evaluation", "grace", "expired", "purchased", by the days that have passed. */
const char *script_phase(int64_t day);
/* A date of the calendar, as the app is to be told it; 0 stays 0. */
int64_t site_told_ms(const struct site *s, int64_t calendar_ms);
/* {"now","days_ahead","script":null|{"day","days","phase","seconds"}} */
void site_clock_write(const struct site *s, struct jsonw *w);
