/* market_fixture.c - see market_fixture.h. */
#include "market/market_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "store/sql.h"

void market_fixture_init(struct market_fixture *m, const char *now)
{
	*m = (struct market_fixture){.seq = 0};
	fixture_init(&m->fixture);
	arena_init(&m->arena, 64 << 20);
	market_today(m, now);
	assert_int_equal(fixture_open(&m->fixture, 1000, false), OK);
}

void market_fixture_release(struct market_fixture *m)
{
	fixture_release(&m->fixture);
	arena_release(&m->arena);
}

void market_today(struct market_fixture *m, const char *day)
{
	int64_t ms;
	assert_int_equal(time_parse(str_of(day), &ms), OK);
	m->fixture.clock.wall = ms + 43200000;
}

struct poll {
	struct market_fixture *m;
	const struct market_license *license;
	const struct market_sale *sale;
	const char *texts[3];
};

static void write_all(struct market_fixture *m, enum err (*run)(struct store_tx *, void *), struct poll *p)
{
	p->m = m;
	m->seq++;
	assert_int_equal(store_write(m->fixture.store, run, p), OK);
}

static enum err run_license(struct store_tx *tx, void *arg)
{
	const struct poll *p = arg;
	const struct market_license *l = p->license;
	char content[1000];
	(void)snprintf(content, sizeof content,
	               "{\"status\":\"%s\",\"licenseType\":\"%s\",\"tier\":\"%s\",\"maintenanceStartDate\":\"%s\","
	               "\"maintenanceEndDate\":\"%s\",\"latestEvaluationStartDate\":\"%s\",\"installedOnSandbox\":\"%s\"}",
	               l->status, l->license_type, l->tier ? l->tier : "", l->maintenance_start ? l->maintenance_start : "",
	               l->maintenance_end ? l->maintenance_end : "", l->evaluation_start ? l->evaluation_start : "",
	               l->sandbox ? "Yes" : "No");
	return sql_run(
	    tx, NULL,
	    "INSERT INTO market_licenses (row_key, app_key, tier, status, license_type, maintenance_start, "
	    "maintenance_end, evaluation_start, sandbox, in_grace, content, content_hash, first_seen, changed_at, "
	    "seen_run, news_seq) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11, $12, $12, 1, $13) "
	    "ON CONFLICT (row_key) DO UPDATE SET tier = excluded.tier, status = excluded.status, "
	    "license_type = excluded.license_type, maintenance_start = excluded.maintenance_start, "
	    "maintenance_end = excluded.maintenance_end, evaluation_start = excluded.evaluation_start, "
	    "sandbox = excluded.sandbox, content = excluded.content, changed_at = excluded.changed_at, "
	    "news_seq = excluded.news_seq, news_previous = CASE WHEN market_licenses.news_seq = 0 THEN "
	    "market_licenses.content ELSE market_licenses.news_previous END",
	    V_Z(l->row_key), V_Z(l->app_key), V_Z(l->tier), V_Z(l->status), V_Z(l->license_type), V_Z(l->maintenance_start),
	    V_Z(l->maintenance_end), V_Z(l->evaluation_start), V_INT(l->sandbox), V_Z(content), V_BLOB(STR("hash")),
	    V_INT(clock_wall_ms(&p->m->fixture.clock.clock)), V_INT(p->m->seq));
}

void poll_license(struct market_fixture *m, const struct market_license *l)
{
	write_all(m, run_license, &(struct poll){.license = l});
}

static enum err run_sale(struct store_tx *tx, void *arg)
{
	const struct poll *p = arg;
	const struct market_sale *s = p->sale;
	return sql_run(
	    tx, NULL,
	    "INSERT INTO market_sales (transaction_id, line_id, license_key, app_key, tier, old_tier, sale_type, "
	    "license_type, payment_status, billing_period, sale_date, maintenance_start, maintenance_end, price_cents, "
	    "vendor_cents, currency, original_id, content, content_hash, first_seen, changed_at, seen_run, news_seq) "
	    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, '{}', $18, $19, $19, 1, "
	    "$20) ON CONFLICT (transaction_id, line_id) DO UPDATE SET payment_status = excluded.payment_status, "
	    "news_seq = excluded.news_seq, news_previous = CASE WHEN market_sales.news_seq = 0 THEN "
	    "market_sales.content ELSE market_sales.news_previous END",
	    V_Z(s->transaction_id), V_Z(s->line_id ? s->line_id : "l1"), V_Z(s->license_key), V_Z(s->app_key), V_Z(s->tier),
	    V_Z(s->old_tier), V_Z(s->sale_type), V_Z(s->license_type ? s->license_type : "COMMERCIAL"),
	    V_Z(s->payment_status ? s->payment_status : "paid"), V_Z(s->billing_period), V_Z(s->sale_date),
	    V_Z(s->maintenance_start), V_Z(s->maintenance_end), V_INT(s->price_cents), V_INT(s->vendor_cents),
	    V_Z(s->currency ? s->currency : "USD"), V_Z(s->original_id), V_BLOB(STR("hash")),
	    V_INT(clock_wall_ms(&p->m->fixture.clock.clock)), V_INT(p->m->seq));
}

void poll_sale(struct market_fixture *m, const struct market_sale *s)
{
	write_all(m, run_sale, &(struct poll){.sale = s});
}

static enum err run_alias(struct store_tx *tx, void *arg)
{
	const struct poll *p = arg;
	return sql_run(tx, NULL,
	               "INSERT INTO market_aliases (row_key, kind, value, first_seen, last_seen) VALUES ($1, $2, $3, 1, 1)",
	               V_Z(p->texts[0]), V_Z(p->texts[1]), V_Z(p->texts[2]));
}

void poll_alias(struct market_fixture *m, const char *row_key, const char *kind, const char *value)
{
	write_all(m, run_alias, &(struct poll){.texts = {row_key, kind, value}});
}

static enum err run_install(struct store_tx *tx, void *arg)
{
	const struct poll *p = arg;
	struct tenant_row row = tenant_named(p->texts[0]);
	row.installed_at = ++p->m->seq;
	enum err err = store_tenant_put(tx, &row);
	if (err == OK && p->texts[1])
		err = store_alias_put(tx, str_of(p->texts[0]), p->texts[1], str_of(p->texts[2]), row.installed_at);
	return err;
}

void install(struct market_fixture *m, const char *client_key, const char *kind, const char *value)
{
	write_all(m, run_install, &(struct poll){.texts = {client_key, kind, value}});
}

static enum err run_status(struct store_tx *tx, void *arg)
{
	const struct poll *p = arg;
	return store_tenant_status(tx, str_of(p->texts[0]), p->texts[1], 5);
}

void set_status(struct market_fixture *m, const char *client_key, const char *status)
{
	write_all(m, run_status, &(struct poll){.texts = {client_key, status}});
}

static enum err run_told(struct store_tx *tx, void *arg)
{
	(void)arg;
	enum err err = sql_run_values(tx, NULL, "UPDATE market_licenses SET news_seq = 0, news_previous = NULL", NULL, 0);
	return err == OK ? sql_run_values(tx, NULL, "UPDATE market_sales SET news_seq = 0, news_previous = NULL", NULL, 0)
	                 : err;
}

void all_told(struct market_fixture *m)
{
	write_all(m, run_told, &(struct poll){.sale = NULL});
}

struct journal {
	struct arena *arena;
	struct event_row *rows;
	size_t count;
};

static enum err run_list(struct store_tx *tx, void *arg)
{
	struct journal *j = arg;
	return store_event_list(tx, 0, STR(""), STR(""), 1000, j->arena, &j->rows, &j->count);
}

const char *journal_text(struct market_fixture *m)
{
	struct journal j = {.arena = &m->arena};
	struct buf out = BUF_INIT(1 << 20);
	assert_int_equal(store_read(m->fixture.store, run_list, &j), OK);
	for (size_t i = 0; i < j.count; i++) {
		__cleanup_json json_t *event = NULL;
		struct str effective = STR("");
		assert_int_equal(json_read_object(str_of(j.rows[i].json), &event), OK);
		(void)json_get_str(json_get_obj(event, "data"), "effective_at", &effective);
		buf_printf(&out, "%s%s@%.10s %s", i ? "\n" : "", j.rows[i].type, effective.len ? effective.ptr : "-",
		           j.rows[i].tenant ? j.rows[i].tenant : "-");
	}
	const char *text = arena_strz(&m->arena, buf_text(&out));
	buf_release(&out);
	assert_non_null(text);
	return text;
}

static enum err run_count(struct store_tx *tx, void *arg)
{
	__cleanup(rows_close) struct rows r =
	    sql_query_values(tx,
	                     "SELECT (SELECT COUNT(*) FROM market_licenses WHERE news_seq > 0) + "
	                     "(SELECT COUNT(*) FROM market_sales WHERE news_seq > 0)",
	                     NULL, 0);
	if (rows_next(&r))
		*(size_t *)arg = (size_t)row_int(&r, 0);
	return r.err;
}

size_t news_count(struct market_fixture *m)
{
	size_t n = 0;
	assert_int_equal(store_read(m->fixture.store, run_count, &n), OK);
	return n;
}
