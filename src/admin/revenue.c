/* revenue.c - the admin API's books: recurring revenue and evaluations by month; JSON or CSV. See books.c. */
#include <stdio.h>
#include <string.h>

#include "admin/books.h"
#include "admin/parts.h"
#include "base/cleanup.h"
#include "market/calendar.h"
#include "market/mrr.h"
#include "market/trials.h"

enum { ARENA_MAX_BYTES = 4 * 1024 * 1024, JSON_MAX = 16 * 1024 * 1024, BEHIND_DAYS_MAX = 366 };
static const int64_t DAY_MS = 86400000;

/* ---- recurring revenue ---- */

static const struct definition mrr_words[] = {
    {"mrr_cents", "sum over licences of their monthly amounts on the month's last day (today in the current month)"},
    {"monthly_amount",
     "of a New or Renewal line: its price over the months it is for (monthly 1, quarterly 3, annual 12, else the "
     "months of its term), rounded to a cent; of an Upgrade or Downgrade: its price over the rest of "
     "the term; of a Refund: minus the part of its original that was paid back, from that day on, with an "
     "Upgrade of the same day beside it minus all of it"},
    {"term",
     "a line counts from maintenance start to end; where two terms of a licence meet, the later counts, also where "
     "an Upgrade or Downgrade begins the later one"},
    {"new_cents", "MRR of licences that had none in the month before, returning ones too"},
    {"expansion_cents", "what licences have more than in the month before"},
    {"contraction_cents", "what licences have less than in the month before, and still have some"},
    {"churn_cents", "MRR in the month before of licences that have none now"},
    {"churn_rate", "churn_cents over the MRR of the month before"},
    {"refunds_cents", "money paid back in the month, re-pricings (repriced_cents) not among it"},
    {"repriced_cents", "money paid back in the month with an upgrade of the same day and licence beside it"},
    {"customers", "licences that have MRR on that day"},
    {"new_customers", "of those: that had none in the month before, returning ones too"},
    {"churned_customers", "licences that had MRR in the month before and have none now"},
    {"customer_churn_rate", "churned_customers over the customers of the month before"},
    {"left_out", "sandbox licences, lines never paid (uncollectible) and refunds of such, lines of an unknown type or "
                 "without a term (unplaced)"},
};

struct mrr_answer {
	const struct range *range;
	int64_t today;
	struct mrr_books books;
};

static enum err answer_mrr(struct store_tx *tx, void *arg)
{
	struct mrr_answer *m = arg;
	const char *first = NULL, *last = NULL;
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, ARENA_MAX_BYTES);
	char latest[DAY_TEXT_SIZE];
	day_text(m->today + BEHIND_DAYS_MAX, latest);
	enum err err = store_ledger_span(tx, latest, &arena, &first, &last);
	if (err != OK)
		return err;
	/* a server whose clock is behind the report believes the report, but no date that cannot be */
	const int64_t today = day_or(last, 0) > m->today ? day_or(last, 0) : m->today;
	int64_t from = month_of_day(m->range->from >= 0 ? m->range->from : day_or(first, today));
	const int64_t to = month_of_day(m->range->to >= 0 && m->range->to < today ? m->range->to : today);
	if (to < from) { /* before the first sale, or to come: nothing */
		m->books = (struct mrr_books){.from = from, .to = to};
		return OK;
	}
	from = to - from >= MRR_MONTHS_MAX ? to - MRR_MONTHS_MAX + 1 : from;
	return mrr_read(tx, from, to, today, &m->books);
}

static void mrr_month_json(struct jsonw *w, const struct mrr_books *b, size_t currency, int64_t month)
{
	const struct mrr_month *m = mrr_month(b, currency, month);
	char text[MONTH_TEXT_SIZE];
	month_text(month, text);
	const int64_t before = m->mrr + m->churn + m->contraction - m->expansion - m->new_mrr;
	const int64_t customers_before = m->customers + m->churned_customers - m->new_customers;
	const struct {
		const char *name;
		int64_t n;
	} numbers[] = {{"mrr_cents", m->mrr},
	               {"new_cents", m->new_mrr},
	               {"expansion_cents", m->expansion},
	               {"contraction_cents", m->contraction},
	               {"churn_cents", m->churn},
	               {"refunds_cents", m->refunds},
	               {"repriced_cents", m->repriced},
	               {"customers", m->customers},
	               {"new_customers", m->new_customers},
	               {"churned_customers", m->churned_customers}};
	jw_obj(w);
	jw_kz(w, "month", text);
	jw_kz(w, "currency", b->currency[currency]);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		jw_kint(w, numbers[i].name, numbers[i].n);
	write_rate(w, "churn_rate", m->churn, before);
	write_rate(w, "customer_churn_rate", m->churned_customers, customers_before);
	jw_end_obj(w);
}

static void mrr_csv(struct buf *out, const struct mrr_books *b)
{
	struct csv c = csv(out);
	char text[MONTH_TEXT_SIZE];
	csv_header(&c, "month,currency,mrr_cents,new_cents,expansion_cents,contraction_cents,churn_cents,refunds_cents,"
	               "repriced_cents,customers,new_customers,churned_customers,churn_rate,customer_churn_rate");
	for (int64_t month = b->from; month <= b->to; month++)
		for (size_t i = 0; i < b->currencies; i++) {
			const struct mrr_month *m = mrr_month(b, i, month);
			const int64_t numbers[] = {m->mrr,     m->new_mrr,  m->expansion, m->contraction,   m->churn,
			                           m->refunds, m->repriced, m->customers, m->new_customers, m->churned_customers};
			month_text(month, text);
			csv_z(&c, text);
			csv_z(&c, b->currency[i]);
			for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++)
				csv_int(&c, numbers[n]);
			csv_rate(&c, m->churn, m->mrr + m->churn + m->contraction - m->expansion - m->new_mrr);
			csv_rate(&c, m->churned_customers, m->customers + m->churned_customers - m->new_customers);
			csv_end_row(&c);
		}
}

void admin_books_mrr(struct request *req, void *room)
{
	const struct connect *c = ((const struct admin *)room)->connect;
	struct range r;
	if (!range_read(req, &r))
		return;
	struct mrr_answer m = {.range = &r, .today = clock_wall_ms(c->clock) / DAY_MS};
	enum err err = store_read(c->store, answer_mrr, &m);
	__cleanup_buf struct buf out = BUF_INIT(JSON_MAX);
	if (err == OK && r.list.csv) {
		mrr_csv(&out, &m.books);
		mrr_release(&m.books);
		reply_csv(req, "mrr", &out);
		return;
	}
	struct jsonw w = jsonw(&out);
	jw_obj(&w);
	DEFINITIONS(&w, mrr_words);
	jw_kint(&w, "unplaced", m.books.unplaced);
	jw_key(&w, "months");
	jw_arr(&w);
	for (int64_t month = m.books.from; err == OK && month <= m.books.to; month++)
		for (size_t i = 0; i < m.books.currencies; i++)
			mrr_month_json(&w, &m.books, i, month);
	jw_end_arr(&w);
	jw_end_obj(&w);
	mrr_release(&m.books);
	reply_json_or_err(req, err, &out);
}

/* ---- evaluations ---- */

static const struct definition trial_words[] = {
    {"started", "evaluations that began in the month; one that is repeated counts by its last start"},
    {"running", "of those: neither bought nor ended yet"},
    {"converted", "of those: a New sale on or after the start, or a paid licence since"},
    {"conversion_rate", "converted over started; still running ones may add to it"},
    {"median_days", "from the start to the sale, of the converted"},
    {"sandbox", "evaluations on sandboxes are left out"},
};

struct trials_answer {
	const struct range *range;
	struct trial_books books;
};

static enum err answer_trials(struct store_tx *tx, void *arg)
{
	struct trials_answer *t = arg;
	const struct range *r = t->range;
	return trials_read(tx, r->from >= 0 ? month_of_day(r->from) : 0, r->to >= 0 ? month_of_day(r->to) : INT64_MAX,
	                   &t->books);
}

/* Days with a half where the median lies between two; empty: none converted. */
static void median_text(const struct trial_month *m, char out[static 24])
{
	out[0] = '\0';
	if (m->days2 >= 0)
		(void)snprintf(out, 24, "%lld%s", (long long)(m->days2 / 2), m->days2 % 2 ? ".5" : "");
}

static void trial_members(struct jsonw *w, const struct trial_month *m)
{
	char median[24];
	median_text(m, median);
	jw_kint(w, "started", m->started);
	jw_kint(w, "running", m->running);
	jw_kint(w, "converted", m->converted);
	write_rate(w, "conversion_rate", m->converted, m->started);
	jw_key(w, "median_days");
	if (median[0])
		jw_raw(w, str_of(median));
	else
		jw_null(w);
}

static void trials_csv(struct buf *out, const struct trial_books *b)
{
	struct csv c = csv(out);
	char text[MONTH_TEXT_SIZE], median[24];
	csv_header(&c, "month,started,running,converted,conversion_rate,median_days");
	for (size_t i = 0; i < b->count; i++) {
		const struct trial_month *m = &b->months[i];
		month_text(m->month, text);
		median_text(m, median);
		csv_z(&c, text);
		csv_int(&c, m->started);
		csv_int(&c, m->running);
		csv_int(&c, m->converted);
		csv_rate(&c, m->converted, m->started);
		csv_z(&c, median);
		csv_end_row(&c);
	}
}

void admin_books_trials(struct request *req, void *room)
{
	struct store *store = ((const struct admin *)room)->connect->store;
	struct range r;
	if (!range_read(req, &r))
		return;
	struct trials_answer t = {.range = &r};
	enum err err = store_read(store, answer_trials, &t);
	__cleanup_buf struct buf out = BUF_INIT(JSON_MAX);
	if (err == OK && r.list.csv) {
		trials_csv(&out, &t.books);
		trials_release(&t.books);
		reply_csv(req, "trials", &out);
		return;
	}
	struct jsonw w = jsonw(&out);
	char text[MONTH_TEXT_SIZE];
	jw_obj(&w);
	DEFINITIONS(&w, trial_words);
	jw_key(&w, "months");
	jw_arr(&w);
	for (size_t i = 0; err == OK && i < t.books.count; i++) {
		month_text(t.books.months[i].month, text);
		jw_obj(&w);
		jw_kz(&w, "month", text);
		trial_members(&w, &t.books.months[i]);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	jw_key(&w, "total");
	jw_obj(&w);
	trial_members(&w, &t.books.total);
	jw_end_obj(&w);
	jw_end_obj(&w);
	trials_release(&t.books);
	reply_json_or_err(req, err, &out);
}
