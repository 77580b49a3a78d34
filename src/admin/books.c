/* books.c - the admin API's books: sales, recurring revenue, evaluations; JSON or CSV.
 *
 * Money is whole cents, rates are decimals of four places made from integers. Sandboxes are left out. Each answer says
 * what its numbers mean ("definitions"); docs/books.md says it at length. Read on the admin listener's own threads. */
#include <stdio.h>
#include <string.h>

#include "admin/csv.h"
#include "admin/params.h"
#include "admin/parts.h"
#include "base/cleanup.h"
#include "base/jsonw.h"
#include "market/calendar.h"
#include "market/mrr.h"
#include "market/trials.h"

enum {
	ARENA_MAX_BYTES = 64 * 1024 * 1024,
	JSON_MAX = 16 * 1024 * 1024,
	CSV_MAX = 512 * 1024 * 1024,
	CSV_PAGE = 1000,
	PLACE_MAX = 4096
};
static const int64_t DAY_MS = 86400000;

struct definition {
	const char *name, *text;
};

static void write_definitions(struct jsonw *w, const struct definition *at, size_t count)
{
	jw_key(w, "definitions");
	jw_obj(w);
	for (size_t i = 0; i < count; i++)
		jw_kz(w, at[i].name, at[i].text);
	jw_end_obj(w);
}
#define DEFINITIONS(w, list) write_definitions((w), (list), sizeof(list) / sizeof *(list))

/* part / whole with four places; null of nothing. */
static void write_rate(struct jsonw *w, const char *name, int64_t part, int64_t whole)
{
	char text[32];
	jw_key(w, name);
	if (whole <= 0) {
		jw_null(w);
		return;
	}
	const int64_t rate = part_of(part, 10000, whole);
	(void)snprintf(text, sizeof text, "%lld.%04lld", (long long)(rate / 10000), (long long)(rate % 10000));
	jw_raw(w, str_of(text));
}

static void csv_rate(struct csv *c, int64_t part, int64_t whole)
{
	char text[32] = "";
	const int64_t rate = whole > 0 ? part_of(part, 10000, whole) : 0;
	if (whole > 0)
		(void)snprintf(text, sizeof text, "%lld.%04lld", (long long)(rate / 10000), (long long)(rate % 10000));
	csv_z(c, text);
}

/* ---- from and to ---- */

struct range {
	int64_t from, to; /* days; -1: not given */
	struct list_params list;
};

/* A day, or a month: its first or its last day. */
static bool day_or_month(struct str text, bool last, int64_t *ret)
{
	char whole[DAY_TEXT_SIZE];
	if (text.len != 7)
		return day_read(text, ret);
	(void)snprintf(whole, sizeof whole, "%.7s-01", text.ptr);
	if (!day_read(str_of(whole), ret))
		return false;
	if (last)
		*ret = month_last_day(month_of_day(*ret));
	return true;
}

/* False: answered 400. */
static bool range_read(struct request *req, struct range *ret)
{
	struct range r = {.from = -1, .to = -1};
	size_t froms = 0, tos = 0;
	if (!list_params_read(req, &r.list))
		return false;
	const struct str from = query_get(&req->arena, req->query, "from", &froms),
	                 to = query_get(&req->arena, req->query, "to", &tos);
	if (froms > 1 || tos > 1 || (from.len > 0 && !day_or_month(from, false, &r.from)) ||
	    (to.len > 0 && !day_or_month(to, true, &r.to)) || (r.from >= 0 && r.to >= 0 && r.from > r.to)) {
		reply_problem(req, 400, "bad_request", "from, to: days (YYYY-MM-DD) or months (YYYY-MM), in this order", NULL,
		              0);
		return false;
	}
	*ret = r;
	return true;
}

/* ---- transactions ---- */

static const struct definition sale_words[] = {
    {"amount_cents", "what the customer paid (purchasePrice), in cents; of a refund negative"},
    {"vendor_amount_cents", "the vendor's part of it (vendorAmount)"},
    {"sales_cents", "lines other than refunds, without those that were never paid (uncollectible)"},
    {"refunds_cents", "refund lines without an upgrade of the same day and licence beside them"},
    {"repriced_cents", "refund lines with such an upgrade: a re-pricing, not a loss"},
    {"net_cents", "sales_cents + refunds_cents + repriced_cents; net_vendor_cents: the vendor's part"},
    {"sandbox", "sales of sandbox licences are left out"},
};

struct sales {
	char from[DAY_TEXT_SIZE], to[DAY_TEXT_SIZE];
	struct ledger_place after;
	size_t limit;
	bool sums_too;
	struct arena *arena;
	struct market_sale *at;
	size_t count;
	struct ledger_sum *sums;
	size_t sum_count;
};

static enum err sales_read(struct store_tx *tx, void *arg)
{
	struct sales *s = arg;
	enum err err = store_ledger_list(tx, s->from, s->to, &s->after, s->limit, s->arena, &s->at, &s->count);
	if (err == OK && s->sums_too)
		err = store_ledger_sums(tx, s->from, s->to, s->arena, &s->sums, &s->sum_count);
	return err;
}

static void sale_json(struct jsonw *w, const struct market_sale *s)
{
	const struct definition texts[] = {
	    {"transaction", s->transaction_id},
	    {"line", s->line_id},
	    {"sale_date", s->sale_date},
	    {"sale_type", s->sale_type},
	    {"entitlement", s->license_key},
	    {"app", s->app_key},
	    {"hosting", s->hosting},
	    {"license_type", s->license_type},
	    {"tier", s->tier},
	    {"old_tier", s->old_tier},
	    {"edition", s->edition},
	    {"billing_period", s->billing_period},
	    {"payment_status", s->payment_status},
	    {"maintenance_start", s->maintenance_start},
	    {"maintenance_end", s->maintenance_end},
	    {"original_transaction", s->original_id},
	    {"currency", s->currency},
	};
	jw_obj(w);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		jw_kz(w, texts[i].name, texts[i].text);
	jw_kint(w, "amount_cents", s->price_cents);
	jw_kint(w, "vendor_amount_cents", s->vendor_cents);
	jw_end_obj(w);
}

/* Sums of one month and currency. */
static void month_json(struct jsonw *w, const struct ledger_sum *at, size_t count)
{
	int64_t sales = 0, refunds = 0, repriced = 0, unpaid = 0, vendor = 0, lines = 0;
	for (size_t i = 0; i < count; i++) {
		const struct str kind = str_of(at[i].kind);
		int64_t *to = str_eqz(kind, "sale") ? &sales : str_eqz(kind, "refund") ? &refunds : &repriced;
		to = str_eqz(kind, "uncollectible") ? &unpaid : to;
		*to += at[i].price_cents;
		vendor += to == &unpaid ? 0 : at[i].vendor_cents;
		lines += at[i].count;
	}
	jw_obj(w);
	jw_kz(w, "month", at[0].month);
	jw_kz(w, "currency", at[0].currency);
	jw_kint(w, "count", lines);
	jw_kint(w, "sales_cents", sales);
	jw_kint(w, "refunds_cents", refunds);
	jw_kint(w, "repriced_cents", repriced);
	jw_kint(w, "uncollectible_cents", unpaid);
	jw_kint(w, "net_cents", sales + refunds + repriced);
	jw_kint(w, "net_vendor_cents", vendor);
	jw_end_obj(w);
}

static void place_of_sale(struct jsonw *w, const struct market_sale *last)
{
	__cleanup_buf struct buf text = BUF_INIT(PLACE_MAX), cursor = BUF_INIT(PLACE_MAX * 2);
	buf_printf(&text, "%s|%zu|%s%s", last->sale_date, strlen(last->transaction_id), last->transaction_id,
	           last->line_id);
	if (text.err == OK)
		cursor_write(&cursor, buf_text(&text));
	jw_kstr(w, "next", buf_text(&cursor));
}

/* False: not a cursor of ours. */
static bool place_of_cursor(struct arena *a, struct str cursor, struct ledger_place *ret)
{
	struct str all, date, length;
	int64_t len;
	if (cursor.len == 0)
		return true;
	if (!cursor_read(a, cursor, &all) || !str_split(&all, '|', &date) || !str_split(&all, '|', &length) || !all.ptr ||
	    str_to_int64(length, &len) != OK || len < 0 || (uint64_t)len > all.len)
		return false;
	ret->sale_date = arena_strz(a, date);
	ret->transaction_id = arena_strz(a, (struct str){all.ptr, (size_t)len});
	ret->line_id = arena_strz(a, (struct str){all.ptr + len, all.len - (size_t)len});
	return ret->sale_date && ret->transaction_id && ret->line_id;
}

static void sales_json(struct buf *out, const struct sales *s, size_t limit)
{
	struct jsonw w = jsonw(out);
	jw_obj(&w);
	jw_kz(&w, "from", s->from);
	jw_kz(&w, "to", s->to);
	DEFINITIONS(&w, sale_words);
	jw_key(&w, "months");
	jw_arr(&w);
	for (size_t i = 0, k; i < s->sum_count; i = k) {
		for (k = i; k < s->sum_count && strcmp(s->sums[k].month, s->sums[i].month) == 0 &&
		            strcmp(s->sums[k].currency, s->sums[i].currency) == 0;
		     k++)
			;
		month_json(&w, &s->sums[i], k - i);
	}
	jw_end_arr(&w);
	jw_key(&w, "transactions");
	jw_arr(&w);
	for (size_t i = 0; i < s->count && i < limit; i++)
		sale_json(&w, &s->at[i]);
	jw_end_arr(&w);
	if (s->count > limit)
		place_of_sale(&w, &s->at[limit - 1]);
	jw_end_obj(&w);
}

static void sale_csv(struct csv *c, const struct market_sale *s)
{
	const char *texts[] = {s->transaction_id, s->line_id,           s->sale_date,       s->sale_type,
	                       s->license_key,    s->app_key,           s->hosting,         s->license_type,
	                       s->tier,           s->old_tier,          s->edition,         s->billing_period,
	                       s->payment_status, s->maintenance_start, s->maintenance_end, s->original_id,
	                       s->currency};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		csv_z(c, texts[i]);
	csv_int(c, s->price_cents);
	csv_int(c, s->vendor_cents);
	csv_end_row(c);
}

static void reply_sales_csv(struct request *req, struct store *store, struct sales *s)
{
	__cleanup_buf struct buf out = BUF_INIT(CSV_MAX);
	struct csv c = csv(&out);
	enum err err = OK;
	struct arena pages[2]; /* the place of the last page is in the memory of that one */
	int at = 0;
	csv_header(&c, "transaction,line,sale_date,sale_type,entitlement,app,hosting,license_type,tier,old_tier,edition,"
	               "billing_period,payment_status,maintenance_start,maintenance_end,original_transaction,currency,"
	               "amount_cents,vendor_amount_cents");
	s->limit = CSV_PAGE;
	arena_init(&pages[0], ARENA_MAX_BYTES);
	arena_init(&pages[1], ARENA_MAX_BYTES);
	do {
		at = !at;
		arena_release(&pages[at]);
		arena_init(&pages[at], ARENA_MAX_BYTES);
		s->arena = &pages[at];
		err = store_read(store, sales_read, s);
		for (size_t i = 0; err == OK && i < s->count; i++)
			sale_csv(&c, &s->at[i]);
		if (err == OK && s->count > 0)
			s->after = (struct ledger_place){s->at[s->count - 1].sale_date, s->at[s->count - 1].transaction_id,
			                                 s->at[s->count - 1].line_id};
	} while (err == OK && out.err == OK && s->count == s->limit);
	arena_release(&pages[0]);
	arena_release(&pages[1]);
	if (err != OK)
		reply_err(req, err);
	else
		reply_csv(req, "transactions", &out);
}

void admin_books_transactions(struct request *req, void *room)
{
	struct store *store = ((const struct admin *)room)->connect->store;
	struct range r;
	struct sales s = {.sums_too = true};
	if (!range_read(req, &r))
		return;
	if (!place_of_cursor(&req->arena, r.list.cursor, &s.after)) {
		reply_problem(req, 400, "bad_request", "cursor: not one of ours", NULL, 0);
		return;
	}
	day_text(r.from >= 0 ? r.from : 0, s.from);
	if (r.to >= 0)
		day_text(r.to, s.to);
	else
		memcpy(s.to, "9999-12-31", DAY_TEXT_SIZE);
	if (r.list.csv) {
		s.sums_too = false;
		reply_sales_csv(req, store, &s);
		return;
	}
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, ARENA_MAX_BYTES);
	s.arena = &arena;
	s.limit = r.list.limit + 1; /* one more tells whether there is a next page */
	enum err err = store_read(store, sales_read, &s);
	__cleanup_buf struct buf json = BUF_INIT(JSON_MAX);
	if (err == OK)
		sales_json(&json, &s, r.list.limit);
	reply_json_or_err(req, err, &json);
}

/* ---- recurring revenue ---- */

static const struct definition mrr_words[] = {
    {"mrr_cents", "sum over licences of their monthly amounts on the month's last day (today in the current month)"},
    {"monthly_amount", "of a New or Renewal line: its price over the months it is for (monthly 1, annual 12, else the "
                       "months of its term), rounded to a cent; of an Upgrade or Downgrade: its price over the rest of "
                       "the term; of a Refund: minus the part of its original that was paid back, from that day on"},
    {"term", "a line counts from maintenance start to end; where two terms of a licence meet, the later counts"},
    {"new_cents", "MRR of licences that had none in the month before, returning ones too"},
    {"expansion_cents", "what licences have more than in the month before"},
    {"contraction_cents", "what licences have less than in the month before, and still have some"},
    {"churn_cents", "MRR in the month before of licences that have none now"},
    {"churn_rate", "churn_cents over the MRR of the month before"},
    {"refunds_cents", "money paid back in the month, re-pricings (repriced_cents) not among it"},
    {"left_out", "sandbox licences, lines never paid (uncollectible), lines without a term (unplaced)"},
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
	enum err err = store_ledger_span(tx, &arena, &first, &last);
	if (err != OK)
		return err;
	/* a server whose clock is behind the report believes the report */
	const int64_t today = day_or(last, 0) > m->today ? day_or(last, 0) : m->today;
	int64_t from = month_of_day(m->range->from >= 0 ? m->range->from : day_or(first, today));
	int64_t to = month_of_day(m->range->to >= 0 && m->range->to < today ? m->range->to : today);
	to = to < from ? from : to;
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
	               "repriced_cents,customers,new_customers,churned_customers,churn_rate");
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
