/* marketplace.c - the admin API's view of the Marketplace's reports: where each stands, what they say that is not
 * known, and a poll on demand. */
#include <string.h>

#include "admin/csv.h"
#include "admin/params.h"
#include "admin/parts.h"
#include "base/cleanup.h"
#include "base/jsonw.h"
#include "market/poller.h"
#include "store/market.h"

enum { PAGE_ARENA_MAX = 8 * 1024 * 1024, JSON_MAX = 8 * 1024 * 1024 };

static const char *const reports[] = {"licenses", "old_licenses", "sales"};
enum { REPORTS = sizeof(reports) / sizeof(reports[0]) };

struct standing {
	struct arena arena;
	struct market_poll polls[REPORTS];
	struct market_lease lease;
	struct market_counts counts;
	struct market_oddity *oddities;
	size_t oddity_count;
};

static enum err read_standing(struct store_tx *tx, void *arg)
{
	struct standing *s = arg;
	enum err e = store_market_lease_get(tx, &s->arena, &s->lease);
	for (size_t i = 0; e == OK && i < REPORTS; i++)
		e = store_market_poll_get(tx, str_of(reports[i]), &s->arena, &s->polls[i]);
	if (e == OK)
		e = store_market_counts(tx, &s->counts);
	return e == OK ? store_market_oddities(tx, &s->arena, &s->oddities, &s->oddity_count) : e;
}

static void write_poll(struct jsonw *w, const struct market_poll *p)
{
	jw_obj(w);
	jw_kstr(w, "report", p->kind);
	jw_ktime(w, "done_at", p->done_at);
	jw_ktime(w, "full_at", p->full_at);
	jw_ktime(w, "failed_at", p->failed_at);
	jw_kz(w, "failure", p->failure.ptr);
	jw_kbool(w, "export_under_way", p->export_id.ptr != NULL);
	jw_kint(w, "rows_seen", p->rows_seen);
	jw_kint(w, "rows_changed", p->rows_changed);
	jw_end_obj(w);
}

static void write_oddity(struct jsonw *w, const struct market_oddity *o)
{
	jw_obj(w);
	jw_kstr(w, "report", o->kind);
	jw_kstr(w, "field", o->field);
	jw_kstr(w, "value", o->value);
	jw_kint(w, "count", o->count);
	jw_ktime(w, "first_seen", o->first_seen);
	jw_ktime(w, "last_seen", o->last_seen);
	jw_end_obj(w);
}

static void oddities_csv(struct buf *out, const struct standing *s)
{
	struct csv c = csv(out);
	csv_header(&c, "report,field,value,count,first_seen,last_seen");
	for (size_t i = 0; i < s->oddity_count; i++) {
		const struct market_oddity *o = &s->oddities[i];
		csv_str(&c, o->kind);
		csv_str(&c, o->field);
		csv_str(&c, o->value);
		csv_int(&c, o->count);
		csv_time(&c, o->first_seen);
		csv_time(&c, o->last_seen);
		csv_end_row(&c);
	}
}

static void write_standing(struct jsonw *w, const struct admin *a, const struct standing *s)
{
	const struct config *config = a->connect->config;
	const struct poller_state state = a->poller ? poller_state(a->poller) : (struct poller_state){0};
	const int64_t now = clock_wall_ms(a->connect->clock);
	jw_obj(w);
	jw_kbool(w, "configured", a->poller != NULL);
	jw_kint(w, "interval_s", config->marketplace_interval_s);
	jw_kbool(w, "polling", state.running || (s->lease.holder.len > 0 && s->lease.lease_until > now));
	jw_ktime(w, "next_at", state.next_at);
	jw_key(w, "polls");
	jw_arr(w);
	for (size_t i = 0; i < REPORTS; i++)
		write_poll(w, &s->polls[i]);
	jw_end_arr(w);
	jw_kint(w, "licenses", s->counts.licenses);
	jw_kint(w, "sales", s->counts.sales);
	jw_kint(w, "versions", s->counts.history);
	jw_kint(w, "news", s->counts.news);
	jw_key(w, "oddities");
	jw_arr(w);
	for (size_t i = 0; i < s->oddity_count; i++)
		write_oddity(w, &s->oddities[i]);
	jw_end_arr(w);
	jw_end_obj(w);
}

void admin_marketplace(struct request *req, void *room)
{
	const struct admin *a = room;
	struct list_params p;
	if (!list_params_read(req, &p))
		return;
	struct standing s = {0};
	arena_init(&s.arena, PAGE_ARENA_MAX);
	enum err err = store_read(a->connect->store, read_standing, &s);
	__cleanup_buf struct buf out = BUF_INIT(JSON_MAX);
	if (err == OK && p.csv) {
		oddities_csv(&out, &s);
		arena_release(&s.arena);
		reply_csv(req, "marketplace-oddities", &out);
		return;
	}
	struct jsonw w = jsonw(&out);
	if (err == OK)
		write_standing(&w, a, &s);
	arena_release(&s.arena);
	reply_json_or_err(req, err, &out);
}

void admin_marketplace_sync(struct request *req, void *room)
{
	const struct admin *a = room;
	size_t count = 0;
	const struct str full = query_get(&req->arena, req->query, "full", &count);
	if (count > 1 || (full.len && !str_eqz(full, "0") && !str_eqz(full, "1"))) {
		reply_problem(req, 400, "bad_request", "full: 0 or 1", NULL, 0);
		return;
	}
	if (!a->poller) {
		reply_problem(req, 409, "not_configured",
		              "set LICGATE_MARKETPLACE_TOKEN, _USER and _DEVELOPER_ID to poll the Marketplace", NULL, 0);
		return;
	}
	poller_now(a->poller, str_eqz(full, "1"));
	reply(req, 202, "application/json", STR("{\"started\":true}"), NULL, 0);
}
