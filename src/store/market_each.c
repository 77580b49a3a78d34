/* market_each.c - the reads of the drift report: one walk over all licences with their ties, in the licences' order.
 *
 * The ties of a licence come together; the best one and its rivals are picked here by the same order as
 * store_market_tenant, so that no list has to be sorted. */
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "store/ledger.h"
#include "store/sql.h"

enum { KEY_MAX = 4096 };

/* Of a tie, in the order that decides. */
struct tie {
	int64_t tie, gone, last_seen, installed_at;
};

struct walk {
	struct buf row_key, client_key; /* of the licence at hand, and of its best tenant */
	struct buf rival;               /* the first tenant that is there and whose ids are worth as much as any */
	struct buf texts[6];            /* app_key status license_type tier maintenance_end hosting */
	struct buf host;                /* that the report names; empty: none */
	struct market_license license;
	struct tie best;
	int64_t rival_worth;
	bool open, tied, rivals;
};

static bool before(const struct tie *a, const struct tie *b)
{
	if (a->tie != b->tie)
		return a->tie < b->tie;
	if (a->gone != b->gone)
		return a->gone < b->gone;
	return a->last_seen != b->last_seen ? a->last_seen > b->last_seen : a->installed_at > b->installed_at;
}

static const char *keep(struct buf *b, const char *text)
{
	buf_reset(b);
	if (text)
		buf_z(b, text);
	return text && b->err == OK ? buf_text(b).ptr : NULL;
}

static void take_license(struct walk *w, struct rows *r)
{
	w->license = (struct market_license){
	    .row_key = keep(&w->row_key, row_text(r, 0, NULL)),
	    .app_key = keep(&w->texts[0], row_text(r, 1, NULL)),
	    .status = keep(&w->texts[1], row_text(r, 2, NULL)),
	    .license_type = keep(&w->texts[2], row_text(r, 3, NULL)),
	    .tier = keep(&w->texts[3], row_text(r, 4, NULL)),
	    .maintenance_end = keep(&w->texts[4], row_text(r, 5, NULL)),
	    .sandbox = row_bool(r, 6),
	    .changed_at = row_int(r, 7),
	    .hosting = keep(&w->texts[5], row_text(r, 13, NULL)),
	};
	buf_reset(&w->host);
	w->open = true;
	w->tied = false;
	w->rivals = false;
	w->rival_worth = INT64_MAX;
}

static void take_rival(struct walk *w, const char *client_key, int64_t worth)
{
	if (worth < w->rival_worth) {
		w->rival_worth = worth;
		w->rivals = false;
		(void)keep(&w->rival, client_key);
	} else if (worth == w->rival_worth && !str_eqz(buf_text(&w->rival), client_key)) {
		w->rivals = true;
	}
}

static void take_tie(struct walk *w, struct rows *r)
{
	const char *client_key = row_text(r, 8, NULL), *host = row_text(r, 14, NULL);
	if (host)
		(void)keep(&w->host, host);
	if (!client_key)
		return;
	const struct tie t = {row_int(r, 9), row_int(r, 10), row_int(r, 11), row_int(r, 12)};
	if (t.gone == 0)
		take_rival(w, client_key, market_tie_worth((enum market_tie)t.tie));
	if (w->tied && !before(&t, &w->best))
		return;
	w->best = t;
	w->tied = true;
	(void)keep(&w->client_key, client_key);
}

static enum err tell(struct walk *w,
                     enum err (*fn)(void *arg, const struct market_license *, const struct market_match *, bool),
                     void *arg)
{
	const struct market_match match = {.row_key = w->license.row_key,
	                                   .client_key = w->tied ? buf_text(&w->client_key).ptr : NULL,
	                                   .tie = (enum market_tie)w->best.tie,
	                                   .host = w->host.len ? buf_text(&w->host).ptr : NULL,
	                                   .contested = w->tied && w->best.gone == 0 && w->rivals};
	return fn(arg, &w->license, &match, w->tied && w->best.gone != 0);
}

static void walk_release(struct walk *w)
{
	buf_release(&w->row_key);
	buf_release(&w->client_key);
	buf_release(&w->rival);
	buf_release(&w->host);
	for (size_t i = 0; i < sizeof w->texts / sizeof *w->texts; i++)
		buf_release(&w->texts[i]);
}

enum err store_market_each(struct store_tx *tx,
                           enum err (*fn)(void *arg, const struct market_license *, const struct market_match *,
                                          bool tenant_gone),
                           void *arg)
{
	__cleanup(walk_release) struct walk w = {.row_key = BUF_INIT(KEY_MAX),
	                                         .client_key = BUF_INIT(KEY_MAX),
	                                         .rival = BUF_INIT(KEY_MAX),
	                                         .host = BUF_INIT(KEY_MAX)};
	for (size_t i = 0; i < sizeof w.texts / sizeof *w.texts; i++)
		w.texts[i] = BUF_INIT(KEY_MAX);
	__cleanup(rows_close) struct rows r = sql_query_values(
	    tx,
	    "SELECT l.row_key, l.app_key, l.status, l.license_type, l.tier, l.maintenance_end, l.sandbox, l.changed_at, "
	    "t.client_key, CASE m.kind WHEN 'entitlement_number' THEN 1 WHEN 'entitlement_id' THEN 1 WHEN 'sen' THEN 2 "
	    "WHEN 'addon_license_id' THEN 2 WHEN 'cloud_id' THEN 3 ELSE 4 END, CASE t.status WHEN 'uninstalled' THEN 1 "
	    "ELSE 0 END, a.last_seen, t.installed_at, l.hosting, CASE m.kind WHEN 'host' THEN m.value END FROM "
	    "market_licenses l LEFT JOIN market_aliases m ON m.row_key = l.row_key AND m.kind IN ('entitlement_number', "
	    "'entitlement_id', 'sen', 'addon_license_id', 'cloud_id', "
	    "'host') LEFT JOIN aliases a ON a.kind = m.kind AND a.value = m.value LEFT JOIN tenants t ON t.client_key = "
	    "a.client_key WHERE NOT EXISTS (SELECT 1 FROM market_app x WHERE x.app_key <> l.app_key) ORDER BY l.row_key",
	    NULL, 0);
	while (rows_next(&r)) {
		const char *row_key = row_text(&r, 0, NULL);
		enum err err = r.err;
		if (err == OK && (!w.open || !str_eqz(buf_text(&w.row_key), row_key))) {
			err = w.open ? tell(&w, fn, arg) : OK;
			take_license(&w, &r);
		}
		if (err != OK)
			return err;
		take_tie(&w, &r);
	}
	return r.err == OK && w.open ? tell(&w, fn, arg) : r.err;
}

enum err store_overrides_over(struct store_tx *tx, int64_t since, int64_t now,
                              enum err (*fn)(void *arg, const char *client_key, int64_t ended), void *arg)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT tenant, MAX(at) FROM events WHERE type = 'override.ended' AND at > $1 AND tenant IS NOT NULL "
	              "AND tenant NOT IN (SELECT client_key FROM overrides) GROUP BY tenant UNION ALL "
	              "SELECT client_key, until_at FROM overrides WHERE until_at <= $2",
	              V_INT(since), V_INT(now));
	while (rows_next(&r)) {
		const char *client_key = row_text(&r, 0, NULL);
		const int64_t ended = row_int(&r, 1);
		enum err err = r.err == OK ? fn(arg, client_key, ended) : r.err;
		if (err != OK)
			return err;
	}
	return r.err;
}

enum err store_market_polled(struct store_tx *tx, int64_t *ret)
{
	__cleanup(rows_close) struct rows r =
	    sql_query_values(tx, "SELECT COALESCE(MAX(done_at), 0) FROM market_polls WHERE kind = 'licenses'", NULL, 0);
	if (rows_next(&r))
		*ret = row_int(&r, 0);
	return r.err;
}
