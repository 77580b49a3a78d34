/* funnel.c - see funnel.h.
 *
 * One pass over the steps kept of visitors, then the journal's tenants. Who is the same person is known before anything
 * is counted: ids seen together (store/segment.h), then installs and tenants (funnel_tenants.c). Counting is of people,
 * each once in the whole time and once in each week. A person's campaign is that of the first visit that had one, also
 * from before the time asked for: it still led here. */
#include "segment/funnel.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "segment/funnel_parts.h"
#include "store/segment.h"

static const char *const names[FUNNEL_STEPS] = {"visit",   "listing_view", "cta_click",  "request",
                                                "install", "tenant",       "evaluation", "paid"};
static const enum funnel_step before[FUNNEL_STEPS] = {
    FUNNEL_VISIT,     FUNNEL_VISIT,   FUNNEL_LISTING_VIEW, FUNNEL_CTA_CLICK,
    FUNNEL_CTA_CLICK, FUNNEL_INSTALL, FUNNEL_TENANT,       FUNNEL_EVALUATION,
};

const char *funnel_step_name(enum funnel_step step)
{
	return names[step];
}

enum funnel_step funnel_step_before(enum funnel_step step)
{
	return before[step];
}

static int64_t week_of(int64_t day)
{
	return (day + 3) / 7; /* 1970-01-01 was a Thursday */
}

/* ---- counting ---- */

void funnel_count_step(struct count *c, struct person *p, enum funnel_step step, int64_t at)
{
	const uint32_t seconds = (uint32_t)(at / 1000);
	const int64_t day = at / DAY_MS;
	if (p->first[step] == 0 || seconds < p->first[step])
		p->first[step] = seconds;
	if (day < c->ask->from_day || day > c->ask->to_day)
		return;
	p->steps |= (uint8_t)(1u << step);
	const int64_t week = week_of(day);
	const uint32_t stamp = (uint32_t)step << 24 | (uint32_t)week | 1u << 23;
	if (p->stamp == stamp)
		return;
	p->stamp = stamp;
	c->result->weeks[week - week_of(c->ask->from_day)].count[step]++;
}

static bool other_plugin(const struct count *c, const struct segment_step_row *row)
{
	return c->ask->plugin && *row->plugin && strcmp(row->plugin, c->ask->plugin) != 0;
}

/* Index + 1 of a campaign; the last one stands for all that are too many. 0: out of memory. */
static uint32_t campaign_index(struct count *c, const char *name)
{
	size_t slot = (size_t)str_hash(str_of(name)) % CAMPAIGN_SLOTS;
	for (; c->slots[slot]; slot = (slot + 1) % CAMPAIGN_SLOTS)
		if (strcmp(c->result->campaigns[c->slots[slot] - 1].campaign, name) == 0)
			return c->slots[slot];
	const bool full = c->result->campaign_count >= FUNNEL_CAMPAIGNS_MAX;
	if (full)
		return FUNNEL_CAMPAIGNS_MAX + 1;
	struct funnel_group *g = &c->result->campaigns[c->result->campaign_count];
	g->campaign = arena_strz(c->arena, str_of(name));
	if (!g->campaign)
		return 0;
	return c->slots[slot] = (uint16_t)++c->result->campaign_count;
}

static enum err on_visit(void *arg, const struct segment_step_row *row)
{
	struct count *c = arg;
	enum err err;
	struct person *p = people_get(&c->people, row->visitor, &err);
	if (!p)
		return err;
	p->visited = true;
	if (*row->campaign) {
		const uint32_t at = (uint32_t)(row->at / 1000);
		if (p->campaign == 0 || at < p->campaign_at) {
			p->campaign = campaign_index(c, row->campaign);
			p->campaign_at = at;
			if (p->campaign == 0)
				return ERR_NOMEM;
		}
	}
	funnel_count_step(c, p, FUNNEL_VISIT, row->at);
	return OK;
}

static enum err on_step(void *arg, const struct segment_step_row *row)
{
	struct count *c = arg;
	enum err err;
	if (other_plugin(c, row))
		return OK;
	struct person *p = people_get(&c->people, row->visitor, &err);
	if (!p)
		return err;
	funnel_count_step(c, p, (enum funnel_step)(row->step - 1), row->at);
	return OK;
}

static enum err on_same(void *arg, int64_t visitor, int64_t other)
{
	struct count *c = arg;
	return people_join(&c->people, visitor, other);
}

/* ---- results ---- */

static void add_person(struct count *c, const struct person *p)
{
	struct funnel *f = c->result;
	struct funnel_group *campaign = NULL;
	if (p->visited)
		campaign = p->campaign ? &f->campaigns[p->campaign - 1] : &c->no_campaign;
	for (unsigned s = 0; s < FUNNEL_STEPS; s++) {
		if (!(p->steps & 1u << s))
			continue;
		f->steps[s].count++;
		if (campaign)
			campaign->count[s]++;
		else
			f->unattributed[s]++;
		if (p->steps & 1u << before[s])
			f->steps[s].both++;
	}
}

static int by_size(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static void add_median(struct count *c, enum funnel_step step, uint32_t *waits)
{
	const enum funnel_step from = before[step];
	size_t count = 0;
	for (size_t i = 0; i < c->people.count; i++) {
		const struct person *p = &c->people.at[i];
		if (p->parent == i && p->steps & 1u << step && p->first[from] > 0 && p->first[step] >= p->first[from])
			waits[count++] = p->first[step] - p->first[from];
	}
	if (count == 0)
		return;
	qsort(waits, count, sizeof(*waits), by_size);
	const size_t low = (count - 1) / 2, high = count / 2;
	const double middle = ((double)waits[low] + (double)waits[high]) / 2;
	c->result->steps[step].has_median = true;
	c->result->steps[step].median_days = middle / 86400;
}

static int by_visits(const void *a, const void *b)
{
	const struct funnel_group *x = a, *y = b;
	for (unsigned s = 0; s < FUNNEL_STEPS; s++)
		if (x->count[s] != y->count[s])
			return x->count[s] < y->count[s] ? 1 : -1;
	return strcmp(x->campaign ? x->campaign : "", y->campaign ? y->campaign : "");
}

static bool is_empty(const struct funnel_group *g)
{
	for (unsigned s = 0; s < FUNNEL_STEPS; s++)
		if (g->count[s] > 0)
			return false;
	return true;
}

/* Those with anything in the time asked for, most visits first; those without a campaign last. */
static void order_campaigns(struct count *c)
{
	struct funnel *f = c->result;
	size_t kept = 0;
	for (size_t i = 0; i <= FUNNEL_CAMPAIGNS_MAX; i++)
		if (f->campaigns[i].campaign && !is_empty(&f->campaigns[i]))
			f->campaigns[kept++] = f->campaigns[i];
	qsort(f->campaigns, kept, sizeof(*f->campaigns), by_visits);
	if (!is_empty(&c->no_campaign))
		f->campaigns[kept++] = c->no_campaign;
	f->campaign_count = kept;
}

static enum err finish(struct count *c)
{
	struct funnel *f = c->result;
	__cleanup_free uint32_t *waits = calloc(c->people.count + 1, sizeof(*waits));
	if (!waits)
		return ERR_NOMEM;
	for (size_t i = 0; i < c->people.count; i++)
		if (c->people.at[i].parent == i)
			add_person(c, &c->people.at[i]);
	for (unsigned s = 1; s < FUNNEL_STEPS; s++) {
		f->steps[s].before = f->steps[before[s]].count;
		add_median(c, (enum funnel_step)s, waits);
	}
	order_campaigns(c);
	return OK;
}

/* ---- reading ---- */

static enum err room_for_results(struct count *c)
{
	struct funnel *f = c->result;
	const int64_t first = week_of(c->ask->from_day);
	f->week_count = (size_t)(week_of(c->ask->to_day) - first + 1);
	f->weeks = arena_zalloc(c->arena, f->week_count * sizeof(*f->weeks));
	f->campaigns = arena_zalloc(c->arena, (FUNNEL_CAMPAIGNS_MAX + 2) * sizeof(*f->campaigns)); /* the rest, none */
	if (!f->weeks || !f->campaigns)
		return ERR_NOMEM;
	f->campaigns[FUNNEL_CAMPAIGNS_MAX].campaign = "(others)";
	for (size_t i = 0; i < f->week_count; i++)
		f->weeks[i].day = (first + (int64_t)i) * 7 - 3;
	return OK;
}

static enum err read_all(struct store_tx *tx, struct count *c)
{
	const struct funnel_ask *ask = c->ask;
	enum err err = room_for_results(c);
	if (err == OK)
		err = store_segment_same_each(tx, on_same, c);
	if (err == OK)
		err = funnel_tenants_join(tx, c);
	if (err == OK)
		err = store_segment_steps_each(tx, SEGMENT_VISIT, 0, ask->to_day, on_visit, c);
	for (unsigned s = SEGMENT_LISTING_VIEW; err == OK && s <= SEGMENT_INSTALL; s++) {
		/* All installs, as far back as they go: what came of one may be in the time asked for. */
		const int64_t from = s == SEGMENT_INSTALL ? 0 : ask->from_day;
		err = store_segment_steps_each(tx, (enum segment_step)s, from, ask->to_day, on_step, c);
	}
	if (err == OK)
		err = funnel_tenants_count(tx, c);
	return err == OK ? finish(c) : err;
}

enum err funnel_read(struct store_tx *tx, const struct funnel_ask *ask, struct arena *a, struct funnel *ret)
{
	struct funnel f = {0};
	struct count c = {.ask = ask, .arena = a, .result = &f};
	const enum err err = read_all(tx, &c);
	people_release(&c.people);
	if (err == OK)
		*ret = f;
	return err;
}

struct reading {
	const struct funnel_ask *ask;
	struct arena *arena;
	struct funnel *ret;
};

static enum err read_funnel(struct store_tx *tx, void *arg)
{
	const struct reading *r = arg;
	return funnel_read(tx, r->ask, r->arena, r->ret);
}

enum err funnel_make(struct store *store, const struct funnel_ask *ask, struct arena *a, struct funnel *ret)
{
	struct reading r = {ask, a, ret};
	return store_read(store, read_funnel, &r);
}
