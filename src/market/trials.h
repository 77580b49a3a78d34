/* trials.h - evaluations by the month they began in, and what became of them. */
#pragma once
#include "store/ledger.h"

struct trial_month {
	int64_t month; /* calendar.h */
	int64_t started, running, converted;
	int64_t days2; /* twice the median of the days from start to conversion; -1: none converted */
};
struct trial_books {
	struct trial_month *months; /* in order, those with a trial alone */
	size_t count;
	struct trial_month total; /* of all of them */
};
/* Of trials that began in those months. An evaluation that a customer repeats counts by its last start. ERR_NOMEM. */
enum err trials_read(struct store_tx *tx, int64_t from, int64_t to, struct trial_books *ret);
void trials_release(struct trial_books *b);
