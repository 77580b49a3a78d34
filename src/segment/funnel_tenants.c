/* funnel_tenants.c - the end of the funnel: tenants, from the journal, and whose install each of them is.
 *
 * A tenant carries no id of a visitor. What ties it to an install of the Marketplace is the app and the time: they are
 * joined where within FUNNEL_JOIN_MS of each other there is one install and one tenant and no other of either. Where
 * two could be meant, none is: such a tenant counts, but no visit leads to it. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "segment/event.h"
#include "segment/funnel_parts.h"
#include "store/segment.h"

struct moment {
	int64_t number; /* of the visitor, or standing for the tenant */
	int64_t at;
};
struct moments {
	struct moment *at;
	size_t count, cap;
};

static void moments_release(struct moments *m)
{
	free(m->at);
}

static enum err moments_add(struct moments *m, int64_t number, int64_t at)
{
	if (m->count == m->cap) {
		const size_t cap = m->cap ? m->cap * 2 : 256;
		struct moment *grown = cap > PEOPLE_MAX * 2 ? NULL : realloc(m->at, cap * sizeof(*grown));
		if (!grown)
			return cap > PEOPLE_MAX * 2 ? ERR_TOO_LARGE : ERR_NOMEM;
		m->at = grown;
		m->cap = cap;
	}
	m->at[m->count++] = (struct moment){number, at};
	return OK;
}

static int by_time(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static void moments_sort(struct moments *m)
{
	if (m->count > 1)
		qsort(m->at, m->count, sizeof(*m->at), by_time);
}

/* Below zero, where no visitor's number is. */
static int64_t number_of_tenant(struct str tenant)
{
	return event_id_hash('t', tenant) | INT64_MIN;
}

/* Other marketplaces have no listing that Segment tells of. */
static bool is_ours(const struct event_row *row)
{
	return row->tenant && strstr(row->json, "\"marketplace\":\"atlassian\"");
}

/* ---- one customer under several keys ---- */

/* A site that was imported, or a customer of the other door, goes on under another key: still the same person. */
static enum err on_moved(void *arg, const struct event_row *row)
{
	struct count *c = arg;
	struct str from = STR("");
	if (!is_ours(row) || (!strstr(row->json, "\"imported_from\":") && !strstr(row->json, "\"joined_from\":")))
		return OK;
	__cleanup_json json_t *event = NULL;
	const enum err err = json_read_object(str_of(row->json), &event);
	if (err != OK)
		return err == ERR_NOMEM ? err : OK;
	const json_t *data = json_get_obj(event, "data");
	if (json_get_str(data, "imported_from", &from) != JSON_GOT && json_get_str(data, "joined_from", &from) != JSON_GOT)
		return OK;
	return people_join(&c->people, number_of_tenant(from), number_of_tenant(str_of(row->tenant)));
}

static enum err join_under_new_keys(struct store_tx *tx, struct count *c, int64_t end)
{
	const enum err err = store_segment_journal_each(tx, "tenant.imported", 0, end, on_moved, c);
	return err == OK ? store_segment_journal_each(tx, "tenant.upgraded", 0, end, on_moved, c) : err;
}

/* ---- joining ---- */

struct joining {
	const struct count *c;
	struct moments installs, tenants;
};

static enum err on_install(void *arg, const struct segment_step_row *row)
{
	struct joining *j = arg;
	if (*row->plugin && strcmp(row->plugin, j->c->ask->app_key) != 0)
		return OK;
	return moments_add(&j->installs, row->visitor, row->at);
}

static enum err on_tenant(void *arg, const struct event_row *row)
{
	struct joining *j = arg;
	return is_ours(row) ? moments_add(&j->tenants, number_of_tenant(str_of(row->tenant)), row->at) : OK;
}

/* Moments not joined yet that one to come may belong to: the first `dropped` of them are too long ago. */
struct open {
	size_t *index;
	size_t count, dropped;
};

/* The only one still open; SIZE_MAX: none, or several. */
static size_t only_open(struct open *o, const struct moments *m, int64_t at)
{
	while (o->dropped < o->count && m->at[o->index[o->dropped]].at < at - FUNNEL_JOIN_MS)
		o->dropped++;
	return o->count - o->dropped == 1 ? o->index[o->dropped] : SIZE_MAX;
}

/* In order of time: each of `later` goes with the only one of `earlier` that is open by then. Joined ones are marked by
 * a time of -1 and left out; of `later` those stay that had none before them. */
static enum err join_in_order(struct people *people, struct moments *earlier, struct moments *later, struct open *o)
{
	size_t e = 0, stay = 0;
	o->count = o->dropped = 0;
	for (size_t l = 0; l < later->count; l++) {
		const struct moment one = later->at[l];
		for (; e < earlier->count && earlier->at[e].at <= one.at; e++)
			o->index[o->count++] = e;
		const size_t i = only_open(o, earlier, one.at);
		if (i == SIZE_MAX) {
			if (o->count == o->dropped)
				later->at[stay++] = one;
			continue;
		}
		o->dropped++; /* it was the only one */
		const enum err err = people_join(people, earlier->at[i].number, one.number);
		if (err != OK)
			return err;
		earlier->at[i].at = -1;
	}
	later->count = stay;
	return OK;
}

static void leave_out_joined(struct moments *m)
{
	size_t stay = 0;
	for (size_t i = 0; i < m->count; i++)
		if (m->at[i].at >= 0)
			m->at[stay++] = m->at[i];
	m->count = stay;
}

/* First tenants that follow an install; then, as the Marketplace may tell late, installs that follow a tenant. */
static enum err join_all(struct people *people, struct joining *j)
{
	const size_t most = (j->installs.count > j->tenants.count ? j->installs.count : j->tenants.count) + 1;
	__cleanup_free size_t *index = calloc(most, sizeof(*index));
	struct open o = {.index = index};
	if (!index)
		return ERR_NOMEM;
	moments_sort(&j->installs);
	moments_sort(&j->tenants);
	enum err err = join_in_order(people, &j->installs, &j->tenants, &o);
	leave_out_joined(&j->installs);
	return err == OK ? join_in_order(people, &j->tenants, &j->installs, &o) : err;
}

enum err funnel_tenants_join(struct store_tx *tx, struct count *c)
{
	struct joining j = {.c = c};
	const int64_t end = (c->ask->to_day + 1) * DAY_MS - 1;
	enum err err = store_segment_steps_each(tx, SEGMENT_INSTALL, 0, c->ask->to_day + 1, on_install, &j);
	if (err == OK)
		err = store_segment_journal_each(tx, "tenant.installed", 0, end, on_tenant, &j);
	if (err == OK)
		err = join_all(&c->people, &j);
	if (err == OK)
		err = join_under_new_keys(tx, c, end);
	moments_release(&j.installs);
	moments_release(&j.tenants);
	return err;
}

/* ---- counting ---- */

static enum err add_event(void *arg, const struct event_row *row)
{
	return is_ours(row) ? moments_add(arg, number_of_tenant(str_of(row->tenant)), row->at) : OK;
}

/* An override is the operator's word, not the customer's money. */
static bool changed_to(const struct event_row *row, const char *to)
{
	return strstr(row->json, to) && !strstr(row->json, "\"source\":\"override\"");
}

static enum err add_evaluation(void *arg, const struct event_row *row)
{
	return changed_to(row, "\"to\":\"evaluation\"") ? add_event(arg, row) : OK;
}

static enum err add_paid(void *arg, const struct event_row *row)
{
	return changed_to(row, "\"to\":\"active\"") ? add_event(arg, row) : OK;
}

static const struct {
	enum funnel_step step;
	const char *type;
	enum err (*add)(void *arg, const struct event_row *row);
} sources[] = {
    {FUNNEL_TENANT, "tenant.installed", add_event},         {FUNNEL_EVALUATION, "trial.started", add_event},
    {FUNNEL_EVALUATION, "license.changed", add_evaluation}, {FUNNEL_PAID, "trial.converted", add_event},
    {FUNNEL_PAID, "purchase.created", add_event},           {FUNNEL_PAID, "license.changed", add_paid},
};

static enum err count_moments(struct count *c, enum funnel_step step, struct moments *m)
{
	moments_sort(m);
	for (size_t i = 0; i < m->count; i++) {
		enum err err;
		struct person *p = people_get(&c->people, m->at[i].number, &err);
		if (!p)
			return err;
		funnel_count_step(c, p, step, m->at[i].at);
	}
	return OK;
}

enum err funnel_tenants_count(struct store_tx *tx, struct count *c)
{
	const int64_t end = (c->ask->to_day + 1) * DAY_MS - 1;
	if (c->ask->plugin && strcmp(c->ask->plugin, c->ask->app_key) != 0)
		return OK;
	for (unsigned step = FUNNEL_TENANT; step <= FUNNEL_PAID; step++) {
		__cleanup(moments_release) struct moments m = {0};
		/* Earlier ones are wanted for how long it took. */
		enum err err = OK;
		for (size_t i = 0; err == OK && i < sizeof(sources) / sizeof(sources[0]); i++)
			if (sources[i].step == step)
				err = store_segment_journal_each(tx, sources[i].type, 0, end, sources[i].add, &m);
		if (err == OK)
			err = count_moments(c, (enum funnel_step)step, &m);
		if (err != OK)
			return err;
	}
	return OK;
}
