/* drift.c - the admin API's drift report: where the Marketplace and the product differ. JSON a page at a time, or CSV.
 *
 * Computed anew for each request. The cursor is a number of findings to skip. */
#include "market/drift.h"

#include "admin/csv.h"
#include "admin/params.h"
#include "admin/parts.h"
#include "base/cleanup.h"
#include "base/jsonw.h"

enum { ARENA_MAX_BYTES = 256 * 1024 * 1024, CSV_MAX = 512 * 1024 * 1024 };

static void item_json(struct jsonw *w, const struct drift_item *i)
{
	jw_obj(w);
	jw_kz(w, "kind", drift_kind_name(i->kind));
	jw_kz(w, "tenant", i->client_key);
	jw_kz(w, "base_url", i->base_url);
	jw_kz(w, "entitlement", i->entitlement);
	jw_kz(w, "state", i->state);
	jw_kz(w, "source", i->source);
	jw_kz(w, "status", i->status);
	jw_kz(w, "license_type", i->license_type);
	jw_kz(w, "tier", i->tier);
	jw_kz(w, "maintenance_end", i->maintenance_end);
	jw_ktime(w, "override_ended_at", i->since);
	jw_kz(w, "what_to_do", drift_what_to_do(i->kind));
	jw_end_obj(w);
}

static void drift_csv(struct buf *out, const struct drift *d, bool by_kind, enum drift_kind kind)
{
	struct csv c = csv(out);
	csv_header(&c, "kind,tenant,base_url,entitlement,state,source,status,license_type,tier,maintenance_end,"
	               "override_ended_at,what_to_do");
	for (size_t k = 0; k < d->count; k++) {
		const struct drift_item *i = &d->items[k];
		if (by_kind && i->kind != kind)
			continue;
		const char *texts[] = {
		    drift_kind_name(i->kind), i->client_key, i->base_url,       i->entitlement, i->state, i->source, i->status,
		    i->license_type,          i->tier,       i->maintenance_end};
		for (size_t n = 0; n < sizeof texts / sizeof *texts; n++)
			csv_z(&c, texts[n]);
		csv_time(&c, i->since);
		csv_z(&c, drift_what_to_do(i->kind));
		csv_end_row(&c);
	}
}

static void drift_json(struct buf *out, const struct drift *d, int64_t now, bool by_kind, enum drift_kind kind,
                       size_t skip, size_t limit)
{
	struct jsonw w = jsonw(out);
	size_t at = 0;
	jw_obj(&w);
	jw_ktime(&w, "at", now);
	jw_ktime(&w, "polled_at", d->polled_at);
	jw_key(&w, "counts");
	jw_obj(&w);
	for (unsigned i = 0; i < DRIFT_KINDS; i++)
		jw_kint(&w, drift_kind_name((enum drift_kind)i), (int64_t)d->counts[i]);
	jw_end_obj(&w);
	jw_key(&w, "drift");
	jw_arr(&w);
	for (size_t i = 0; i < d->count; i++) {
		if (by_kind && d->items[i].kind != kind)
			continue;
		if (at >= skip && at - skip < limit)
			item_json(&w, &d->items[i]);
		at++;
	}
	jw_end_arr(&w);
	if (at > skip && at - skip > limit)
		number_cursor_write(&w, (int64_t)(skip + limit));
	jw_end_obj(&w);
}

/* False: answered 400. */
static bool asked(struct request *req, struct list_params *ret, bool *ret_by_kind, enum drift_kind *ret_kind,
                  int64_t *ret_skip)
{
	size_t count = 0;
	if (!list_params_read(req, ret))
		return false;
	const struct str kind = query_get(&req->arena, req->query, "kind", &count);
	*ret_by_kind = kind.len > 0;
	const char *wrong = NULL;
	if (count > 1)
		wrong = "a parameter is there twice";
	else if (kind.len > 0 && !drift_kind_parse(kind, ret_kind))
		wrong = "kind: one of the names in \"counts\" of this answer without kind=";
	if (!wrong)
		return number_cursor_read(req, ret->cursor, ret_skip);
	reply_problem(req, 400, "bad_request", wrong, NULL, 0);
	return false;
}

void admin_drift(struct request *req, void *room)
{
	const struct connect *c = ((const struct admin *)room)->connect;
	struct list_params p;
	bool by_kind = false;
	enum drift_kind kind = DRIFT_KINDS;
	int64_t skip = 0;
	if (!asked(req, &p, &by_kind, &kind, &skip))
		return;
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, ARENA_MAX_BYTES);
	struct drift d = {.count = 0};
	enum err err = drift_read(c->store, c->tenants, c->lookups, &arena, &d);
	__cleanup_buf struct buf out = BUF_INIT(CSV_MAX);
	if (err == OK && p.csv) {
		drift_csv(&out, &d, by_kind, kind);
		reply_csv(req, "drift", &out);
		return;
	}
	if (err == OK)
		drift_json(&out, &d, clock_wall_ms(c->clock), by_kind, kind, (size_t)skip, p.limit);
	reply_json_or_err(req, err, &out);
}
