/* overview.c - the numbers an operator looks at first: tenants by state, now and day by day, installs, evaluations that
 * end soon, look-ups, refusals.
 *
 * Counted from the table in memory, the kept daily counts, and the journal. Look-ups are those since the start.
 * JSON, or CSV of the days: one row a day and name. */
#include <stdio.h>
#include <string.h>

#include "admin/csv.h"
#include "admin/params.h"
#include "admin/parts.h"
#include "base/cleanup.h"
#include "base/jsonw.h"
#include "base/metrics.h"

enum {
	DAYS_DEFAULT = 30,
	DAYS_MAX = 366,
	ENDING_MAX = 20,
	ARENA_MAX_BYTES = 16 * 1024 * 1024,
	JSON_MAX = 16 * 1024 * 1024
};
static const int64_t DAY_MS = 86400000;

/* What the journal is asked for, and what it is called. */
static const struct {
	const char *type, *name;
} event_types[] = {
    {"tenant.installed", "installed"},
    {"tenant.imported", "imported"},
    {"tenant.reinstalled", "reinstalled"},
    {"tenant.uninstalled", "uninstalled"},
};
enum { EVENT_TYPES = sizeof(event_types) / sizeof(event_types[0]) };

struct days {
	int64_t from;
	struct arena *arena;
	struct day_count *states;
	size_t state_count;
	struct day_count *events[EVENT_TYPES];
	size_t event_counts[EVENT_TYPES];
};

static enum err days_read(struct store_tx *tx, void *arg)
{
	struct days *d = arg;
	enum err err = store_daily_list(tx, d->from, d->arena, &d->states, &d->state_count);
	for (size_t i = 0; err == OK && i < EVENT_TYPES; i++)
		err = store_event_days(tx, str_of(event_types[i].type), d->from, d->arena, &d->events[i], &d->event_counts[i]);
	return err;
}

static void day_text(int64_t day, char out[static TIME_TEXT_SIZE])
{
	time_text(day, out);
	out[10] = '\0'; /* the date of an RFC 3339 time */
}

/* [{"day":"2026-03-02","active":3,…},…] of counts in order of day. */
static void write_days(struct jsonw *w, const struct day_count *at, size_t count)
{
	char text[TIME_TEXT_SIZE];
	jw_arr(w);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || at[i].day != at[i - 1].day) {
			if (i > 0)
				jw_end_obj(w);
			day_text(at[i].day, text);
			jw_obj(w);
			jw_kz(w, "day", text);
		}
		jw_kint(w, at[i].name, at[i].count);
	}
	if (count > 0)
		jw_end_obj(w);
	jw_end_arr(w);
}

static void write_events(struct jsonw *w, const struct days *d)
{
	char text[TIME_TEXT_SIZE];
	jw_obj(w);
	for (size_t i = 0; i < EVENT_TYPES; i++) {
		jw_key(w, event_types[i].name);
		jw_obj(w);
		for (size_t k = 0; k < d->event_counts[i]; k++) {
			day_text(d->events[i][k].day, text);
			jw_kint(w, text, d->events[i][k].count);
		}
		jw_end_obj(w);
	}
	jw_end_obj(w);
}

static void write_tenants(struct jsonw *w, const struct state_counts *c)
{
	int64_t total = 0;
	jw_obj(w);
	jw_key(w, "by_status");
	jw_obj(w);
	for (size_t i = 0; i < TENANT_STATUS_COUNT; i++) {
		jw_kint(w, tenant_status_name((enum tenant_status)i), c->by_status[i]);
		total += c->by_status[i];
	}
	jw_end_obj(w);
	jw_key(w, "by_state");
	jw_obj(w);
	for (size_t i = 0; i < STATE_COUNT; i++)
		jw_kint(w, history_name(i), c->by_name[i]);
	jw_end_obj(w);
	jw_kint(w, "total", total);
	jw_end_obj(w);
}

/* Evaluations by their end, the soonest first. */
static enum err write_ending(struct jsonw *w, const struct connect *c)
{
	const struct tenant_filter f = {
	    .by_state = true, .state = STATE_EVALUATION, .sort = SORT_EXPIRES_AT, .limit = ENDING_MAX};
	struct tenant_page page;
	enum err err = tenant_list(c->tenants, c->lookups, &f, &page);
	if (err != OK)
		return err;
	jw_arr(w);
	for (size_t i = 0; i < page.count; i++) {
		const struct license_decision d = lookups_state(c->lookups, page.at[i]);
		if (d.expires_at == 0)
			break;
		jw_obj(w);
		jw_kstr(w, "client_key", page.at[i]->client_key);
		jw_kstr(w, "base_url", page.at[i]->base_url);
		jw_ktime(w, "expires_at", d.expires_at);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	tenant_page_release(&page);
	return OK;
}

static void write_lookups(struct jsonw *w)
{
	static const struct {
		const char *name, *label;
	} results[] = {{"hit", "result=\"hit\""},
	               {"stale", "result=\"stale\""},
	               {"miss", "result=\"miss\""},
	               {"ok", "result=\"ok\""},
	               {"failed", "result=\"failed\""}};
	jw_obj(w);
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		jw_kint(w, results[i].name,
		        metric_value(metric_counter("licgate_license_lookups_total",
		                                    "Licence decisions by the look-up they found, and look-ups by their end.",
		                                    results[i].label)));
	jw_end_obj(w);
}

/* Codes of the refusals that are kept, as often as each is there. */
static enum err write_failures(struct jsonw *w, struct failures *f)
{
	__cleanup(arena_release) struct arena arena;
	struct failure *at;
	size_t count, codes = 0;
	arena_init(&arena, ARENA_MAX_BYTES);
	enum err err = failures_list(f, &arena, &at, &count);
	if (err != OK)
		return err;
	struct {
		const char *code;
		int64_t count;
	} by_code[TOKEN_CODE_COUNT + 1];
	for (size_t i = 0; i < count; i++) {
		size_t k = 0;
		while (k < codes && strcmp(by_code[k].code, at[i].code) != 0)
			k++;
		if (k == codes && codes == TOKEN_CODE_COUNT + 1)
			continue;
		if (k == codes)
			by_code[codes++].count = 0;
		by_code[k].code = at[i].code;
		by_code[k].count++;
	}
	jw_obj(w);
	jw_kint(w, "total", (int64_t)failures_total(f));
	jw_key(w, "by_code");
	jw_obj(w);
	for (size_t k = 0; k < codes; k++)
		jw_kint(w, by_code[k].code, by_code[k].count);
	jw_end_obj(w);
	jw_end_obj(w);
	return OK;
}

static enum err overview_json(struct buf *out, const struct connect *c, const struct days *d)
{
	struct jsonw w = jsonw(out);
	struct state_counts counts;
	states_count(c->tenants, c->lookups, &counts);
	jw_obj(&w);
	jw_ktime(&w, "at", clock_wall_ms(c->clock));
	jw_ktime(&w, "from", d->from);
	jw_key(&w, "tenants");
	write_tenants(&w, &counts);
	jw_key(&w, "states");
	write_days(&w, d->states, d->state_count);
	jw_key(&w, "installs");
	write_events(&w, d);
	jw_key(&w, "ending");
	enum err err = write_ending(&w, c);
	jw_key(&w, "lookups");
	write_lookups(&w);
	jw_key(&w, "failures");
	if (err == OK)
		err = write_failures(&w, c->failures);
	jw_end_obj(&w);
	return err;
}

static void overview_csv(struct buf *out, const struct days *d)
{
	struct csv c = csv(out);
	char text[TIME_TEXT_SIZE];
	csv_header(&c, "day,what,count");
	for (size_t i = 0; i < EVENT_TYPES + 1; i++) {
		const struct day_count *at = i == 0 ? d->states : d->events[i - 1];
		const size_t count = i == 0 ? d->state_count : d->event_counts[i - 1];
		for (size_t k = 0; k < count; k++) {
			day_text(at[k].day, text);
			csv_z(&c, text);
			csv_z(&c, i == 0 ? at[k].name : event_types[i - 1].type);
			csv_int(&c, at[k].count);
			csv_end_row(&c);
		}
	}
}

/* False: answered 400. */
static bool days_asked(struct request *req, int64_t *ret)
{
	size_t count = 0;
	int64_t days = DAYS_DEFAULT;
	const struct str text = query_get(&req->arena, req->query, "days", &count);
	if (count > 1 || (count == 1 && (str_to_int64(text, &days) != OK || days < 1 || days > DAYS_MAX))) {
		reply_problem(req, 400, "bad_request", "days: 1 to 366", NULL, 0);
		return false;
	}
	*ret = days;
	return true;
}

void admin_overview(struct request *req, void *room)
{
	const struct connect *c = ((const struct admin *)room)->connect;
	struct list_params p;
	int64_t days;
	if (!list_params_read(req, &p) || !days_asked(req, &days))
		return;
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, ARENA_MAX_BYTES);
	const int64_t today = clock_wall_ms(c->clock) / DAY_MS;
	struct days d = {.from = (today - days + 1) * DAY_MS, .arena = &arena};
	__cleanup_buf struct buf out = BUF_INIT(JSON_MAX);
	enum err err = store_read(c->store, days_read, &d);
	if (err == OK && p.csv) {
		overview_csv(&out, &d);
		reply_csv(req, "overview", &out);
		return;
	}
	if (err == OK)
		err = overview_json(&out, c, &d);
	reply_json_or_err(req, err, &out);
}
