/* books.c - the admin API's books: sales day by day and by month; JSON or CSV.
 *
 * Money is whole cents, rates are decimals of four places made from integers. Sandboxes are left out. Each answer says
 * what its numbers mean ("definitions"); docs/books.md says it at length. Read on the admin listener's own threads. */
#include "admin/books.h"

#include <stdio.h>
#include <string.h>

#include "admin/parts.h"
#include "base/cleanup.h"
#include "market/calendar.h"
#include "market/mrr.h"

enum { ARENA_MAX_BYTES = 64 * 1024 * 1024, JSON_MAX = 16 * 1024 * 1024, CSV_PAGE = 1000, PLACE_MAX = 4096 };

void write_definitions(struct jsonw *w, const struct definition *at, size_t count)
{
	jw_key(w, "definitions");
	jw_obj(w);
	for (size_t i = 0; i < count; i++)
		jw_kz(w, at[i].name, at[i].text);
	jw_end_obj(w);
}

void write_rate(struct jsonw *w, const char *name, int64_t part, int64_t whole)
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

void csv_rate(struct csv *c, int64_t part, int64_t whole)
{
	char text[32] = "";
	const int64_t rate = whole > 0 ? part_of(part, 10000, whole) : 0;
	if (whole > 0)
		(void)snprintf(text, sizeof text, "%lld.%04lld", (long long)(rate / 10000), (long long)(rate % 10000));
	csv_z(c, text);
}

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

bool range_read(struct request *req, struct range *ret)
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
    {"sales_cents", "lines other than refunds, open ones too, without those that were never paid (uncollectible)"},
    {"refunds_cents", "refund lines of what was paid, without an upgrade of the same day and licence beside them"},
    {"repriced_cents", "refund lines with such an upgrade: a re-pricing, not a loss"},
    {"uncollectible_cents", "lines that were never paid, and what was credited of them: not in the net"},
    {"net_cents", "sales_cents + refunds_cents + repriced_cents"},
    {"net_vendor_cents", "the vendor's part of the net"},
    {"count", "lines of the month, of whatever kind"},
    {"month", "of the sale, a refund's own; days and months are UTC"},
    {"sandbox", "sales of sandbox licences are left out, and lines that have no day of sale"},
};

/* In the request's arena: a CSV is read on while it is sent. */
struct sales {
	struct store *store;
	char from[DAY_TEXT_SIZE], to[DAY_TEXT_SIZE];
	bool from_asked, to_asked; /* else the day before any sale, and behind it */
	struct ledger_place after;
	size_t limit;
	bool sums_too;
	struct arena *arena;
	struct market_sale *at;
	size_t count;
	struct ledger_sum *sums;
	size_t sum_count;
};

static enum err sums_read(struct store_tx *tx, void *arg)
{
	struct sales *s = arg;
	return store_ledger_sums(tx, s->from, s->to, s->arena, &s->sums, &s->sum_count);
}

static enum err sales_read(struct store_tx *tx, void *arg)
{
	struct sales *s = arg;
	enum err err = store_ledger_list(tx, s->from, s->to, &s->after, s->limit, s->arena, &s->at, &s->count);
	return err == OK && s->sums_too ? sums_read(tx, s) : err;
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

struct month_sum {
	const char *month, *currency;
	int64_t lines, sales, refunds, repriced, unpaid, vendor; /* vendor: without what was never paid */
};

/* Of the month and currency that begin there; moves on behind them. */
static struct month_sum month_at(const struct sales *s, size_t *i)
{
	struct month_sum m = {.month = s->sums[*i].month, .currency = s->sums[*i].currency};
	for (;
	     *i < s->sum_count && strcmp(s->sums[*i].month, m.month) == 0 && strcmp(s->sums[*i].currency, m.currency) == 0;
	     ++*i) {
		const struct ledger_sum *at = &s->sums[*i];
		const struct str kind = str_of(at->kind);
		int64_t *to = str_eqz(kind, "sale") ? &m.sales : str_eqz(kind, "refund") ? &m.refunds : &m.repriced;
		to = str_eqz(kind, "uncollectible") ? &m.unpaid : to;
		*to += at->price_cents;
		m.vendor += to == &m.unpaid ? 0 : at->vendor_cents;
		m.lines += at->count;
	}
	return m;
}

static void months_json(struct jsonw *w, const struct sales *s)
{
	jw_key(w, "months");
	jw_arr(w);
	for (size_t i = 0; i < s->sum_count;) {
		const struct month_sum m = month_at(s, &i);
		jw_obj(w);
		jw_kz(w, "month", m.month);
		jw_kz(w, "currency", m.currency);
		jw_kint(w, "count", m.lines);
		jw_kint(w, "sales_cents", m.sales);
		jw_kint(w, "refunds_cents", m.refunds);
		jw_kint(w, "repriced_cents", m.repriced);
		jw_kint(w, "uncollectible_cents", m.unpaid);
		jw_kint(w, "net_cents", m.sales + m.refunds + m.repriced);
		jw_kint(w, "net_vendor_cents", m.vendor);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void months_csv(struct buf *out, const struct sales *s)
{
	struct csv c = csv(out);
	csv_header(&c, "month,currency,count,sales_cents,refunds_cents,repriced_cents,uncollectible_cents,net_cents,"
	               "net_vendor_cents");
	for (size_t i = 0; i < s->sum_count;) {
		const struct month_sum m = month_at(s, &i);
		csv_z(&c, m.month);
		csv_z(&c, m.currency);
		const int64_t numbers[] = {m.lines, m.sales, m.refunds, m.repriced, m.unpaid, m.sales + m.refunds + m.repriced,
		                           m.vendor};
		for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
			csv_int(&c, numbers[k]);
		csv_end_row(&c);
	}
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
	jw_kz(&w, "from", s->from_asked ? s->from : NULL);
	jw_kz(&w, "to", s->to_asked ? s->to : NULL);
	DEFINITIONS(&w, sale_words);
	if (s->sums_too)
		months_json(&w, s);
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

/* The place of a page's last row lies in that page's memory, which the next page still has. */
static enum err sales_csv(void *sales, struct arena *memory, struct csv *c, bool *ret_more)
{
	struct sales *s = sales;
	s->arena = memory;
	enum err err = store_read(s->store, sales_read, s);
	for (size_t i = 0; err == OK && i < s->count; i++)
		sale_csv(c, &s->at[i]);
	if (err == OK && s->count > 0) {
		const struct market_sale *last = &s->at[s->count - 1];
		s->after = (struct ledger_place){last->sale_date, last->transaction_id, last->line_id};
	}
	*ret_more = err == OK && s->count == s->limit;
	return err;
}

static void reply_sales_csv(struct request *req, struct sales *s)
{
	s->limit = CSV_PAGE;
	s->after = (struct ledger_place){0};
	reply_csv_list(req, &(struct csv_list){
	                        .name = "transactions",
	                        .columns = "transaction,line,sale_date,sale_type,entitlement,app,hosting,license_type,tier,"
	                                   "old_tier,edition,billing_period,payment_status,maintenance_start,"
	                                   "maintenance_end,original_transaction,currency,amount_cents,vendor_amount_cents",
	                        .rows = sales_csv,
	                        .state = s});
}

static void reply_sales_json(struct request *req, struct sales *s, const struct list_params *p)
{
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, ARENA_MAX_BYTES);
	s->arena = &arena;
	s->sums_too = p->cursor.len == 0; /* of all pages: with the first */
	s->limit = p->limit + 1;          /* one more tells whether there is a next page */
	enum err err = store_read(s->store, sales_read, s);
	__cleanup_buf struct buf json = BUF_INIT(JSON_MAX);
	if (err == OK)
		sales_json(&json, s, p->limit);
	reply_json_or_err(req, err, &json);
}

/* by=month: the sums alone. */
static void reply_months_csv(struct request *req, struct sales *s)
{
	__cleanup(arena_release) struct arena arena;
	__cleanup_buf struct buf out = BUF_INIT(JSON_MAX);
	arena_init(&arena, ARENA_MAX_BYTES);
	s->arena = &arena;
	enum err err = store_read(s->store, sums_read, s);
	if (err != OK) {
		reply_err(req, err);
		return;
	}
	months_csv(&out, s);
	reply_csv(req, "transactions-by-month", &out);
}

/* False: answered 400. */
static bool by_month_read(struct request *req, bool *ret)
{
	size_t count = 0;
	const struct str by = query_get(&req->arena, req->query, "by", &count);
	*ret = str_eqz(by, "month");
	if (count <= 1 && (by.len == 0 || *ret))
		return true;
	reply_problem(req, 400, "bad_request", "by: month", NULL, 0);
	return false;
}

void admin_books_transactions(struct request *req, void *room)
{
	struct range r;
	bool by_month = false;
	struct sales *s = arena_zalloc(&req->arena, sizeof(*s));
	if (!s) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	s->store = ((const struct admin *)room)->connect->store;
	if (!range_read(req, &r) || !by_month_read(req, &by_month))
		return;
	if (!place_of_cursor(&req->arena, r.list.cursor, &s->after)) {
		reply_problem(req, 400, "bad_request", CURSOR_WRONG, NULL, 0);
		return;
	}
	s->from_asked = r.from >= 0;
	s->to_asked = r.to >= 0;
	day_text(s->from_asked ? r.from : 0, s->from);
	if (s->to_asked)
		day_text(r.to, s->to);
	else
		memcpy(s->to, "9999-12-31", DAY_TEXT_SIZE);
	if (r.list.csv && by_month)
		reply_months_csv(req, s);
	else if (r.list.csv)
		reply_sales_csv(req, s);
	else
		reply_sales_json(req, s, &r.list);
}
