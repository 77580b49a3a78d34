/* mrr.c - one pass over all sales, a licence at a time.
 *
 * Reports differ in whether a term's last day is the next one's first. So both ends count, and where two terms of a
 * licence meet, the later alone does: no month is counted twice and none is lost. Amounts are divided once per line,
 * in integers: sums of months are exact sums of rounded lines, and a full refund takes away what its line brought. */
#include "market/mrr.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "market/calendar.h"
#include "market/derive.h"

/* Of one licence: a hostile report must not make the walk slow. */
enum { LINES_MAX = 4000 };

/* More than any line has, little enough that sums of them fit. */
static const int64_t PRICE_MAX = 1000000000000;
__extension__ typedef __int128 wide;

int64_t part_of(int64_t cents, int64_t num, int64_t den)
{
	const wide product = (wide)cents * num, size = den < 0 ? -(wide)den : den;
	const wide signed_product = den < 0 ? -product : product;
	return (int64_t)(signed_product >= 0 ? (signed_product + size / 2) / size : -((-signed_product + size / 2) / size));
}

/* ---- one line ---- */

/* A month is 30.4375 days (487/16); at least one. */
static int64_t months_of_days(int64_t days)
{
	const int64_t months = (days * 32 + 487) / 974;
	return months < 1 ? 1 : months;
}

static int64_t billed_months(const char *period)
{
	const struct str p = str_of(period);
	if (str_ifind(p, STR("month")))
		return 1;
	if (str_ifind(p, STR("quarter")))
		return 3;
	return str_ifind(p, STR("annual")) || str_ifind(p, STR("year")) ? 12 : 0;
}

int64_t mrr_months(const struct market_sale *s)
{
	const int64_t start = day_or(s->maintenance_start, -1), end = day_or(s->maintenance_end, -1);
	const int64_t billed = billed_months(s->billing_period);
	const int64_t term = start >= 0 && end > start ? months_of_days(end - start) : 0;
	/* "Annual" is also said of what is sold for years at once */
	return billed == 0 || (billed == 12 && term >= 18) ? term : billed;
}

/* What is sold in the middle of a term is for the rest of it. */
static int64_t monthly_of_change(const struct market_sale *s)
{
	const int64_t start = day_or(s->maintenance_start, day_or(s->sale_date, 0)), end = day_or(s->maintenance_end, 0);
	const int64_t months = end > start ? whole_months(start, end) : mrr_months(s);
	if (months)
		return part_of(s->price_cents, 1, months);
	return end > start ? part_of(s->price_cents, 365, 12 * (end - start)) : 0;
}

static bool is(const char *text, const char *what)
{
	return text && strcmp(text, what) == 0;
}

/* False: no recurring revenue, or no term to place it in. */
static bool line_of(const struct market_sale *s, struct mrr_line *ret)
{
	const bool change = is(s->sale_type, "upgrade") || is(s->sale_type, "downgrade");
	if (!change && !is(s->sale_type, "new") && !is(s->sale_type, "renewal") && !is(s->sale_type, "refund"))
		return false;
	const int64_t sold = day_or(s->sale_date, -1), start = day_or(s->maintenance_start, sold), months = mrr_months(s);
	int64_t end = day_or(s->maintenance_end, -1);
	if (end < 0 && start >= 0 && months)
		end = start + (months * 487 + 8) / 16 - 1;
	if (start < 0 || end < start || s->price_cents > PRICE_MAX || s->price_cents < -PRICE_MAX)
		return false;
	*ret = (struct mrr_line){
	    .kind = change ? MRR_CHANGE : MRR_TERM, .sold = sold, .start = start, .end = end, .term_start = start};
	if (change)
		ret->monthly_cents = monthly_of_change(s);
	else if (months)
		ret->monthly_cents = part_of(s->price_cents, 1, months);
	return change || months;
}

/* An Upgrade or Downgrade that begins on the day when the term before it ends stands for the term that follows. */
static bool change_takes_over(const struct mrr_line *lines, size_t count, int64_t day)
{
	for (size_t i = 0; i < count; i++)
		if (lines[i].kind == MRR_CHANGE && lines[i].start == day && lines[i].end > day)
			return true;
	return false;
}

int64_t mrr_on(const struct mrr_line *lines, size_t count, int64_t day)
{
	int64_t term = INT64_MIN, sum = 0;
	const bool over = change_takes_over(lines, count, day);
	for (size_t i = 0; i < count; i++)
		if (lines[i].kind == MRR_TERM && lines[i].start <= day && day <= lines[i].end && lines[i].start > term)
			term = lines[i].start;
	for (size_t i = 0; i < count; i++) {
		const struct mrr_line *l = &lines[i];
		if (l->start > day || day > l->end || (over && day == l->end))
			continue;
		if (l->kind == MRR_TERM ? l->start == term : l->term_start >= term)
			sum += l->monthly_cents;
	}
	return sum > 0 ? sum : 0;
}

/* ---- the walk ---- */

struct walk {
	struct mrr_books *books;
	struct arena arena; /* of the licence at hand */
	const char *owner;
	struct market_sale *sales;
	struct mrr_line *lines;
	size_t count;
};

static struct mrr_month *months_of(struct mrr_books *b, const char *currency)
{
	size_t i = 0;
	while (i < b->currencies && strncmp(b->currency[i], currency, MRR_CURRENCY_SIZE - 1) != 0)
		i++;
	if (i == MRR_CURRENCIES_MAX)
		return NULL;
	if (i == b->currencies) {
		b->months[i] = calloc((size_t)(b->to - b->from + 2), sizeof(struct mrr_month));
		if (!b->months[i])
			return NULL;
		strncat(b->currency[i], currency, MRR_CURRENCY_SIZE - 1);
		b->currencies++;
	}
	return b->months[i] + 1;
}

static int64_t last_day(const struct mrr_books *b, int64_t month)
{
	const int64_t day = month_last_day(month);
	return day < b->today ? day : b->today;
}

/* One licence in one currency, month by month. */
static void count_months(const struct mrr_books *b, struct mrr_month *months, const struct mrr_line *lines,
                         size_t count)
{
	int64_t first = INT64_MAX, last = INT64_MIN;
	for (size_t i = 0; i < count; i++) {
		first = lines[i].start < first ? lines[i].start : first;
		last = lines[i].end > last ? lines[i].end : last;
	}
	int64_t month = count && month_of_day(first) > b->from ? month_of_day(first) : b->from;
	int64_t before = mrr_on(lines, count, last_day(b, month - 1));
	for (; month <= b->to && last_day(b, month - 1) <= last; month++) {
		const int64_t now = mrr_on(lines, count, last_day(b, month));
		struct mrr_month *m = &months[month - b->from];
		m->mrr += now;
		m->customers += now > 0;
		m->new_mrr += before == 0 ? now : 0;
		m->new_customers += before == 0 && now > 0;
		m->churn += now == 0 ? before : 0;
		m->churned_customers += now == 0 && before > 0;
		m->expansion += before > 0 && now > before ? now - before : 0;
		m->contraction += now > 0 && now < before ? before - now : 0;
		before = now;
	}
}

static void count_refund(struct mrr_books *b, struct mrr_month *months, const struct market_sale *s, bool repriced)
{
	const int64_t day = day_or(s->sale_date, -1), month = day >= 0 ? month_of_day(day) : -1;
	if (month < b->from || month > b->to)
		return;
	if (repriced)
		months[month - b->from].repriced += s->price_cents;
	else
		months[month - b->from].refunds += s->price_cents;
}

/* A refund takes its part away from the day that it was given to the end of what it pays back. */
static bool refund_line(const struct walk *w, const struct market_sale *s, struct mrr_line *ret)
{
	const struct market_sale *original = market_original(s, w->sales, w->count);
	if (!line_of(original ? original : s, ret) || s->price_cents > PRICE_MAX || s->price_cents < -PRICE_MAX)
		return false;
	if (original && market_repriced(s, w->sales, w->count))
		ret->monthly_cents = -ret->monthly_cents; /* the upgrade beside it stands for all that follows */
	else if (original)                            /* whose price is not zero */
		ret->monthly_cents = part_of(ret->monthly_cents, s->price_cents, original->price_cents);
	ret->kind = MRR_REFUND;
	const int64_t sold = day_or(s->sale_date, ret->start);
	ret->start = sold > ret->start ? sold : ret->start;
	return ret->start <= ret->end;
}

static bool never_paid(const struct market_sale *s)
{
	return is(s->payment_status, "uncollectible");
}

/* No money came back either: the sums of the sales say so by the same rule. */
static bool credits_unpaid(const struct walk *w, const struct market_sale *refund)
{
	for (size_t i = 0; refund->original_id && i < w->count; i++)
		if (is(w->sales[i].transaction_id, refund->original_id) && !is(w->sales[i].sale_type, "refund") &&
		    never_paid(&w->sales[i]))
			return true;
	return false;
}

/* The original was never counted. */
static bool pays_back_nothing(const struct walk *w, const struct market_sale *refund)
{
	const struct market_sale *original = market_original(refund, w->sales, w->count);
	return original && never_paid(original);
}

static enum err count_currency(struct walk *w, const char *currency)
{
	struct mrr_month *months = months_of(w->books, currency);
	size_t n = 0;
	if (!months)
		return w->books->currencies == MRR_CURRENCIES_MAX ? OK : ERR_NOMEM;
	for (size_t i = 0; i < w->count; i++) {
		const struct market_sale *s = &w->sales[i];
		const bool refund = is(s->sale_type, "refund");
		if (strcmp(s->currency, currency) != 0 || (!refund && never_paid(s)))
			continue;
		if (refund && !credits_unpaid(w, s))
			count_refund(w->books, months, s, market_repriced(s, w->sales, w->count));
		if (refund && pays_back_nothing(w, s))
			continue;
		if (refund ? refund_line(w, s, &w->lines[n]) : line_of(s, &w->lines[n]))
			n++;
		else
			w->books->unplaced++;
	}
	count_months(w->books, months, w->lines, n);
	return OK;
}

/* The licence is complete: each of its currencies. */
static enum err count_license(struct walk *w)
{
	enum err err = OK;
	for (size_t i = 0; err == OK && i < w->count; i++) {
		bool counted = false;
		for (size_t k = 0; k < i && !counted; k++)
			counted = strcmp(w->sales[k].currency, w->sales[i].currency) == 0;
		if (!counted)
			err = count_currency(w, w->sales[i].currency);
	}
	w->count = 0;
	arena_release(&w->arena);
	arena_init(&w->arena, 64 << 20);
	w->owner = NULL;
	return err;
}

static enum err keep_text(struct arena *a, const char **text)
{
	if (!*text)
		return OK;
	*text = arena_strz(a, str_of(*text));
	return *text ? OK : ERR_NOMEM;
}

static enum err visit(void *arg, const char *owner, const struct market_sale *s)
{
	struct walk *w = arg;
	/* sales without any id are a licence each */
	enum err err = w->owner && (owner[0] == '\0' || strcmp(w->owner, owner) != 0) ? count_license(w) : OK;
	if (err != OK)
		return err;
	if (!w->owner) {
		w->owner = owner;
		err = keep_text(&w->arena, &w->owner);
	}
	if (w->count == LINES_MAX) {
		w->books->unplaced++;
		return err;
	}
	struct market_sale *kept = &w->sales[w->count];
	*kept = (struct market_sale){.transaction_id = s->transaction_id,
	                             .sale_type = s->sale_type,
	                             .payment_status = s->payment_status,
	                             .billing_period = s->billing_period,
	                             .sale_date = s->sale_date,
	                             .maintenance_start = s->maintenance_start,
	                             .maintenance_end = s->maintenance_end,
	                             .price_cents = s->price_cents,
	                             .currency = s->currency,
	                             .original_id = s->original_id};
	const char **texts[] = {&kept->transaction_id,  &kept->sale_type, &kept->payment_status,
	                        &kept->billing_period,  &kept->sale_date, &kept->maintenance_start,
	                        &kept->maintenance_end, &kept->currency,  &kept->original_id};
	for (size_t i = 0; err == OK && i < sizeof texts / sizeof *texts; i++)
		err = keep_text(&w->arena, texts[i]);
	w->count += err == OK;
	return err;
}

enum err mrr_read(struct store_tx *tx, int64_t from, int64_t to, int64_t today, struct mrr_books *ret)
{
	*ret = (struct mrr_books){.from = from, .to = to, .today = today};
	__cleanup_free void *sales = calloc(LINES_MAX, sizeof(struct market_sale));
	__cleanup_free void *lines = calloc(LINES_MAX, sizeof(struct mrr_line));
	__cleanup_free struct walk *w = calloc(1, sizeof *w);
	if (!sales || !lines || !w)
		return ERR_NOMEM;
	*w = (struct walk){.books = ret, .sales = sales, .lines = lines};
	arena_init(&w->arena, 64 << 20);
	enum err err = store_ledger_each(tx, visit, w);
	if (err == OK && w->owner)
		err = count_license(w);
	arena_release(&w->arena);
	return err;
}

void mrr_release(struct mrr_books *b)
{
	for (size_t i = 0; i < b->currencies; i++)
		free(b->months[i]);
	*b = (struct mrr_books){.currencies = 0};
}

const struct mrr_month *mrr_month(const struct mrr_books *b, size_t currency, int64_t month)
{
	return &b->months[currency][month - b->from + 1];
}
