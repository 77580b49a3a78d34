/* trials.c - one pass over the licences that are or were evaluations. 16 bytes are kept of each. */
#include "market/trials.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "market/calendar.h"
#include "market/derive.h"

struct trial {
	int64_t month;
	int32_t days; /* to conversion; -1: not converted */
	bool running;
};
struct walk {
	int64_t from, to;
	struct trial *at;
	size_t count, cap;
};

static bool grow(struct walk *w)
{
	if (w->count < w->cap)
		return true;
	const size_t cap = w->cap ? w->cap * 2 : 256;
	struct trial *at = reallocarray(w->at, cap, sizeof *at);
	if (!at)
		return false;
	w->at = at;
	w->cap = cap;
	return true;
}

static enum err visit(void *arg, const struct market_license *l, const char *first_sale)
{
	struct walk *w = arg;
	const int64_t start = day_or(l->evaluation_start, -1);
	if (start < 0 || month_of_day(start) < w->from || month_of_day(start) > w->to)
		return OK;
	if (!grow(w))
		return ERR_NOMEM;
	struct trial *t = &w->at[w->count++];
	*t = (struct trial){.month = month_of_day(start), .days = -1};
	const char *bought = first_sale ? first_sale : market_is_paid(l) ? l->maintenance_start : NULL;
	if (bought || market_is_paid(l)) {
		const int64_t days = day_or(bought, start) - start;
		t->days = days > 0 ? (int32_t)days : 0;
	} else {
		t->running = market_is_evaluation(l) && !market_status_is(l, "inactive");
	}
	return OK;
}

static int by_month_and_days(const void *a, const void *b)
{
	const struct trial *x = a, *y = b;
	if (x->month != y->month)
		return x->month < y->month ? -1 : 1;
	return (x->days > y->days) - (x->days < y->days);
}

static int by_days(const void *a, const void *b)
{
	const struct trial *x = a, *y = b;
	return (x->days > y->days) - (x->days < y->days);
}

/* Of trials in order of days: those not converted stand first. */
static struct trial_month month_of(const struct trial *at, size_t count)
{
	struct trial_month m = {.month = count ? at[0].month : 0, .started = (int64_t)count, .days2 = -1};
	size_t first = 0;
	while (first < count && at[first].days < 0)
		m.running += at[first++].running;
	const size_t converted = count - first;
	m.converted = (int64_t)converted;
	if (converted > 0)
		m.days2 = at[first + (converted - 1) / 2].days + at[first + converted / 2].days;
	return m;
}

enum err trials_read(struct store_tx *tx, int64_t from, int64_t to, struct trial_books *ret)
{
	struct walk w = {.from = from, .to = to};
	struct trial_books b = {.count = 0};
	enum err err = store_trials_each(tx, visit, &w);
	if (err == OK && w.count > 0) {
		qsort(w.at, w.count, sizeof *w.at, by_month_and_days);
		b.months = reallocarray(NULL, w.count, sizeof *b.months);
		err = b.months ? OK : ERR_NOMEM;
	}
	for (size_t i = 0, k; err == OK && i < w.count; i = k) {
		for (k = i; k < w.count && w.at[k].month == w.at[i].month; k++)
			;
		b.months[b.count++] = month_of(&w.at[i], k - i);
	}
	if (err == OK && w.count > 0)
		qsort(w.at, w.count, sizeof *w.at, by_days);
	if (err == OK) {
		b.total = month_of(w.at, w.count);
		*ret = b;
	}
	free(w.at);
	return err;
}

void trials_release(struct trial_books *b)
{
	free(b->months);
	*b = (struct trial_books){.count = 0};
}
