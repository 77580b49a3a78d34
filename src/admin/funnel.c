/* funnel.c - GET funnel?from=&to=&plugin=: from the visit to the paying customer, by campaign and by week. JSON, or CSV
 * with a row for each group and step.
 *
 * Counted when asked: at most 3,660 days and two million people, some tenths of a second for a million events. One
 * answer is counted at a time, so that a hurried operator does not take all of the admin listener's threads. */
#include "segment/funnel.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "admin/csv.h"
#include "admin/params.h"
#include "admin/parts.h"
#include "base/cleanup.h"
#include "base/jsonw.h"
#include "connect/descriptor.h"

enum { ARENA_MAX_BYTES = 16 * 1024 * 1024, ANSWER_MAX = 16 * 1024 * 1024, DAYS_DEFAULT = 30, PLUGIN_MAX = 200 };
static const int64_t DAY_MS = 86400000;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static void day_text(int64_t day, char out[static TIME_TEXT_SIZE])
{
	time_text(day * DAY_MS, out);
	out[10] = '\0';
}

/* ---- JSON ---- */

static void write_decimal(struct jsonw *w, const char *key, bool known, double value)
{
	char text[32];
	(void)snprintf(text, sizeof(text), "%.4f", value);
	jw_key(w, key);
	if (known)
		jw_raw(w, str_of(text));
	else
		jw_null(w);
}

static void write_steps(struct jsonw *w, const struct funnel *f)
{
	jw_key(w, "steps");
	jw_arr(w);
	for (unsigned s = 0; s < FUNNEL_STEPS; s++) {
		const struct funnel_figure *figure = &f->steps[s];
		jw_obj(w);
		jw_kz(w, "name", funnel_step_name((enum funnel_step)s));
		jw_kint(w, "count", figure->count);
		if (s > 0) {
			jw_kz(w, "after", funnel_step_name(funnel_step_before((enum funnel_step)s)));
			write_decimal(w, "rate", figure->before > 0,
			              (double)figure->both / (double)(figure->before ? figure->before : 1));
			write_decimal(w, "median_days", figure->has_median, figure->median_days);
		}
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void write_counts(struct jsonw *w, const int64_t count[static FUNNEL_STEPS])
{
	jw_key(w, "steps");
	jw_arr(w);
	for (unsigned s = 0; s < FUNNEL_STEPS; s++) {
		jw_obj(w);
		jw_kz(w, "name", funnel_step_name((enum funnel_step)s));
		jw_kint(w, "count", count[s]);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void write_groups(struct jsonw *w, const struct funnel *f)
{
	char day[TIME_TEXT_SIZE];
	jw_key(w, "by_campaign");
	jw_arr(w);
	for (size_t i = 0; i < f->campaign_count; i++) {
		jw_obj(w);
		jw_kz(w, "campaign", f->campaigns[i].campaign);
		write_counts(w, f->campaigns[i].count);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	jw_key(w, "by_week");
	jw_arr(w);
	for (size_t i = 0; i < f->week_count; i++) {
		day_text(f->weeks[i].day, day);
		jw_obj(w);
		jw_kz(w, "week", day);
		write_counts(w, f->weeks[i].count);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void funnel_json(struct buf *out, const struct funnel_ask *ask, const struct funnel *f)
{
	struct jsonw w = jsonw(out);
	char day[TIME_TEXT_SIZE];
	jw_obj(&w);
	day_text(ask->from_day, day);
	jw_kz(&w, "from", day);
	day_text(ask->to_day, day);
	jw_kz(&w, "to", day);
	write_steps(&w, f);
	write_groups(&w, f);
	jw_key(&w, "unattributed");
	jw_obj(&w);
	write_counts(&w, f->unattributed);
	for (unsigned s = 0; s < FUNNEL_STEPS; s++)
		jw_kint(&w, funnel_step_name((enum funnel_step)s), f->unattributed[s]);
	jw_end_obj(&w);
	jw_end_obj(&w);
}

/* ---- CSV ---- */

static void csv_counts(struct csv *c, const char *part, const char *key, const int64_t count[static FUNNEL_STEPS])
{
	for (unsigned s = 0; s < FUNNEL_STEPS; s++) {
		csv_z(c, part);
		csv_z(c, key);
		csv_z(c, funnel_step_name((enum funnel_step)s));
		csv_int(c, count[s]);
		csv_z(c, "");
		csv_z(c, "");
		csv_end_row(c);
	}
}

static void csv_decimal(struct csv *c, bool known, double value)
{
	char text[32] = "";
	if (known)
		(void)snprintf(text, sizeof(text), "%.4f", value);
	csv_z(c, text);
}

static void funnel_csv(struct buf *out, const struct funnel *f)
{
	struct csv c = csv(out);
	char day[TIME_TEXT_SIZE];
	csv_header(&c, "part,key,step,count,rate,median_days");
	for (unsigned s = 0; s < FUNNEL_STEPS; s++) {
		const struct funnel_figure *figure = &f->steps[s];
		csv_z(&c, "all");
		csv_z(&c, "");
		csv_z(&c, funnel_step_name((enum funnel_step)s));
		csv_int(&c, figure->count);
		csv_decimal(&c, s > 0 && figure->before > 0,
		            (double)figure->both / (double)(figure->before ? figure->before : 1));
		csv_decimal(&c, figure->has_median, figure->median_days);
		csv_end_row(&c);
	}
	csv_counts(&c, "unattributed", "", f->unattributed);
	for (size_t i = 0; i < f->campaign_count; i++)
		csv_counts(&c, "campaign", f->campaigns[i].campaign, f->campaigns[i].count);
	for (size_t i = 0; i < f->week_count; i++) {
		day_text(f->weeks[i].day, day);
		csv_counts(&c, "week", day, f->weeks[i].count);
	}
}

/* ---- the request ---- */

/* The only parameter of that name; false: answered. */
static bool parameter(struct request *req, const char *name, struct str *ret)
{
	size_t count = 0;
	*ret = query_get(&req->arena, req->query, name, &count);
	if (count <= 1)
		return true;
	if (count == SIZE_MAX)
		reply_err(req, ERR_NOMEM);
	else
		reply_problem(req, 400, "bad_request", "a parameter is there twice", NULL, 0);
	return false;
}

/* "2026-03-02"; empty: as it is. */
static bool day_parse(struct str text, int64_t *day)
{
	int64_t at = 0;
	if (text.len == 0)
		return true;
	if (text.len != 10 || time_parse(text, &at) != OK || at < 0)
		return false;
	*day = at / DAY_MS;
	return true;
}

static bool ask_read(struct request *req, const struct connect *c, struct funnel_ask *ret)
{
	struct str from, to, plugin;
	if (!parameter(req, "from", &from) || !parameter(req, "to", &to) || !parameter(req, "plugin", &plugin))
		return false;
	struct funnel_ask ask = {.to_day = clock_wall_ms(c->clock) / DAY_MS, .app_key = c->descriptor->key};
	bool good = day_parse(to, &ask.to_day);
	ask.from_day = ask.to_day >= DAYS_DEFAULT ? ask.to_day - DAYS_DEFAULT + 1 : 0;
	good = good && day_parse(from, &ask.from_day) && plugin.len <= PLUGIN_MAX;
	good = good && ask.from_day <= ask.to_day && ask.to_day - ask.from_day < FUNNEL_DAYS_MAX;
	if (!good) {
		reply_problem(req, 400, "bad_request", "from and to: days such as 2026-03-02, in order, at most 3,660", NULL,
		              0);
		return false;
	}
	if (plugin.len > 0 && !(ask.plugin = arena_strz(&req->arena, plugin))) {
		reply_err(req, ERR_NOMEM);
		return false;
	}
	*ret = ask;
	return true;
}

void admin_funnel(struct request *req, void *room)
{
	const struct connect *c = ((const struct admin *)room)->connect;
	struct list_params p;
	struct funnel_ask ask;
	struct funnel f;
	if (!list_params_read(req, &p) || !ask_read(req, c, &ask))
		return;
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, ARENA_MAX_BYTES);
	__cleanup_buf struct buf out = BUF_INIT(ANSWER_MAX);
	pthread_mutex_lock(&one_at_a_time);
	const enum err err = funnel_make(c->store, &ask, &arena, &f);
	pthread_mutex_unlock(&one_at_a_time);
	if (err == ERR_TOO_LARGE) {
		reply_problem(req, 422, "too_many_visitors", "ask for fewer days", NULL, 0);
	} else if (err == OK && p.csv) {
		funnel_csv(&out, &f);
		reply_csv(req, "funnel", &out);
	} else {
		if (err == OK)
			funnel_json(&out, &ask, &f);
		reply_json_or_err(req, err, &out);
	}
}
