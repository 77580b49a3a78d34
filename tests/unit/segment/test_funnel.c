/* test_funnel.c - what the store keeps of visitors, what a funnel makes of it, and what is left when ids end. */
#include "store/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "events/journal.h"
#include "segment/forget.h"
#include "segment/funnel.h"
#include "store/segment.h"

#define DAY INT64_C(86400000)
#define HOUR INT64_C(3600000)
static const int64_t START = 1772409600000; /* Monday, 2026-03-02T00:00:00Z */

static struct fixture f;
static struct arena arena;

static int up(void **state)
{
	(void)state;
	fixture_init(&f);
	return crypto_init() && fixture_open(&f, 1000, false) == OK ? 0 : -1;
}

static int down(void **state)
{
	(void)state;
	fixture_release(&f);
	arena_release(&arena);
	return 0;
}

struct adding {
	const struct segment_row *rows;
	size_t count, room;
	int64_t now;
	struct segment_added added;
};

static enum err run_add(struct store_tx *tx, void *arg)
{
	struct adding *a = arg;
	return store_segment_add(tx, a->rows, a->count, a->now, a->room, &a->added);
}

static struct segment_added add(const struct segment_row *rows, size_t count, size_t room)
{
	struct adding a = {rows, count, room, START, {0}};
	assert_int_equal(store_write(f.store, run_add, &a), OK);
	return a.added;
}

static int64_t next_message = 1;

/* ids: 0 none. */
static void did(enum segment_step step, int64_t id, int64_t same, int64_t at, const char *campaign)
{
	const struct segment_row row = {.message = next_message++,
	                                .ids = {id, same},
	                                .id_count = same ? 2 : 1,
	                                .step = step,
	                                .at = at,
	                                .plugin = step == SEGMENT_VISIT ? STR("") : STR("app"),
	                                .campaign = str_of(campaign),
	                                .pass_on = STR("")};
	assert_int_equal(add(&row, 1, 0).fresh, 1);
}

struct told {
	const char *type, *tenant, *marketplace, *source, *to;
	int64_t at;
};

static enum err run_tell(struct store_tx *tx, void *arg)
{
	const struct told *t = arg;
	char once[32];
	snprintf(once, sizeof once, "%lld", (long long)t->at);
	const struct event_field fields[] = {EF_Z("to", t->to)};
	const struct event e = {.type = t->type,
	                        .tenant = str_of(t->tenant),
	                        .marketplace = t->marketplace,
	                        .source = t->source,
	                        .at = t->at,
	                        .once = str_of(once),
	                        .fields = fields,
	                        .field_count = 1};
	return journal_add(tx, &e);
}

static void tell(const char *type, const char *tenant, int64_t at, const char *to, const char *source,
                 const char *marketplace)
{
	struct told t = {type, tenant, marketplace, source, to, at};
	assert_int_equal(store_write(f.store, run_tell, &t), OK);
}

static struct funnel ask(int64_t from, int64_t to)
{
	const struct funnel_ask a = {.from_day = from / DAY, .to_day = to / DAY, .app_key = "app"};
	struct funnel result;
	arena_release(&arena);
	arena_init(&arena, 16 << 20);
	assert_int_equal(funnel_make(f.store, &a, &arena, &result), OK);
	return result;
}

#define assert_steps(funnel, ...)                                                                                      \
	do {                                                                                                               \
		const int64_t wanted_[FUNNEL_STEPS] = {__VA_ARGS__};                                                           \
		for (unsigned s_ = 0; s_ < FUNNEL_STEPS; s_++)                                                                 \
			if ((funnel).steps[s_].count != wanted_[s_])                                                               \
				fail_msg("%s: %lld, not %lld", funnel_step_name(s_), (long long)(funnel).steps[s_].count,              \
				         (long long)wanted_[s_]);                                                                      \
	} while (0)

/* ---- the store ---- */

static void a_message_counts_once_and_the_queue_has_its_bound(void **state)
{
	(void)state;
	struct segment_row rows[4] = {0};
	for (size_t i = 0; i < 4; i++)
		rows[i] = (struct segment_row){.message = (int64_t)i % 3,
		                               .ids = {7},
		                               .id_count = 1,
		                               .step = SEGMENT_VISIT,
		                               .at = START,
		                               .plugin = STR(""),
		                               .campaign = STR(""),
		                               .pass_on = STR("{}")};
	struct segment_added a = add(rows, 4, 2);
	assert_int_equal(a.fresh, 3);
	assert_int_equal(a.duplicates, 1);
	assert_int_equal(a.queued, 2);
	assert_int_equal(a.not_queued, 1);
	a = add(rows, 4, 2);
	assert_int_equal(a.fresh, 0);
	const struct funnel got = ask(START, START);
	assert_steps(got, 1, 0, 0, 0, 0, 0, 0, 0);
}

struct listing {
	size_t max, max_bytes;
	struct segment_queued *rows;
	size_t count;
	int64_t delete_to, left;
	int64_t expire_before;
	size_t expired;
};

static enum err run_queue(struct store_tx *tx, void *arg)
{
	struct listing *l = arg;
	enum err err = l->delete_to ? store_segment_queue_delete(tx, l->delete_to) : OK;
	if (err == OK && l->expire_before)
		err = store_segment_queue_expire(tx, l->expire_before, &l->expired);
	if (err == OK)
		err = store_segment_queue_list(tx, l->max, l->max_bytes, &arena, &l->rows, &l->count);
	return err == OK ? store_segment_queue_count(tx, &l->left) : err;
}

static void the_queue_gives_the_oldest_within_bounds(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	struct segment_row rows[5] = {0};
	for (size_t i = 0; i < 5; i++)
		rows[i] = (struct segment_row){
		    .message = (int64_t)i, .at = START, .plugin = STR(""), .campaign = STR(""), .pass_on = STR("0123456789")};
	add(rows, 5, 100);
	struct listing l = {.max = 100, .max_bytes = 22};
	assert_int_equal(store_write(f.store, run_queue, &l), OK);
	assert_int_equal(l.count, 2);
	l = (struct listing){.max = 3, .max_bytes = 1000};
	assert_int_equal(store_write(f.store, run_queue, &l), OK);
	assert_int_equal(l.count, 3);
	l = (struct listing){.max = 3, .max_bytes = 1, .delete_to = l.rows[2].seq};
	assert_int_equal(store_write(f.store, run_queue, &l), OK);
	assert_int_equal(l.count, 1); /* one at least */
	assert_int_equal(l.left, 2);
	l = (struct listing){.max = 3, .max_bytes = 1000, .expire_before = START};
	assert_int_equal(store_write(f.store, run_queue, &l), OK);
	assert_int_equal(l.expired, 0);
	l = (struct listing){.max = 3, .max_bytes = 1000, .expire_before = START + 1};
	assert_int_equal(store_write(f.store, run_queue, &l), OK);
	assert_int_equal(l.expired, 2);
	assert_int_equal(l.left, 0);
}

struct forgetting {
	int64_t before_day;
	size_t ids;
};

static enum err run_forget(struct store_tx *tx, void *arg)
{
	struct forgetting *g = arg;
	g->ids = 0;
	for (unsigned i = 0; i < FORGET_SLICES; i++) {
		int64_t from, to;
		size_t ids = 0;
		forget_slice(i, &from, &to);
		enum err err = store_segment_forget(tx, from, to, g->before_day, &ids);
		if (err != OK)
			return err;
		g->ids += ids;
	}
	return OK;
}

static void ids_end_and_counts_stay(void **state)
{
	(void)state;
	did(SEGMENT_VISIT, INT64_MIN, 0, START, "spring");
	did(SEGMENT_LISTING_VIEW, INT64_MIN, INT64_MAX, START + HOUR, "");
	did(SEGMENT_VISIT, 5, 0, START, "");
	struct forgetting g = {.before_day = START / DAY};
	assert_int_equal(store_write(f.store, run_forget, &g), OK);
	assert_int_equal(g.ids, 0);
	g.before_day++;
	assert_int_equal(store_write(f.store, run_forget, &g), OK);
	assert_int_equal(g.ids, 3);
	struct funnel got = ask(START, START);
	assert_steps(got, 2, 1, 0, 0, 0, 0, 0, 0);
	assert_int_equal(got.unattributed[FUNNEL_LISTING_VIEW], 0);
	/* The same id is somebody else from now on. */
	did(SEGMENT_LISTING_VIEW, INT64_MIN, 0, START + HOUR, "");
	got = ask(START, START);
	assert_steps(got, 2, 2, 0, 0, 0, 0, 0, 0);
	assert_int_equal(got.unattributed[FUNNEL_LISTING_VIEW], 1);
}

/* ---- who is who ---- */

static void ids_of_one_person_are_one(void **state)
{
	(void)state;
	for (int64_t i = 1; i <= 6; i++)
		did(SEGMENT_VISIT, i, 0, START + i * HOUR, i == 3 ? "c" : "");
	struct funnel got = ask(START, START);
	assert_steps(got, 6, 0, 0, 0, 0, 0, 0, 0);
	did(SEGMENT_NO_STEP, 1, 2, START, "");
	did(SEGMENT_NO_STEP, 3, 4, START, "");
	did(SEGMENT_NO_STEP, 4, 2, START, ""); /* 1 2 3 4 */
	did(SEGMENT_LISTING_VIEW, 1, 100, START + DAY, "");
	did(SEGMENT_INSTALL, 100, 0, START + DAY, "");
	did(SEGMENT_INSTALL, 200, 0, START + DAY, "");
	got = ask(START, START + DAY);
	assert_steps(got, 3, 1, 0, 0, 2, 0, 0, 0);
	assert_int_equal(got.unattributed[FUNNEL_INSTALL], 1);
	assert_int_equal(got.campaign_count, 2);
	assert_string_equal(got.campaigns[0].campaign, "c");
	assert_int_equal(got.campaigns[0].count[FUNNEL_INSTALL], 1);
	assert_null(got.campaigns[1].campaign);
}

static void many_people_against_a_plain_count(void **state)
{
	(void)state;
	enum { NUMBERS = 3000, JOINS = 2000 };
	struct people p = {0};
	static int group[NUMBERS];
	for (int i = 0; i < NUMBERS; i++)
		group[i] = i;
	srand(7);
	for (int j = 0; j < JOINS; j++) {
		const int a = rand() % NUMBERS, b = rand() % NUMBERS, from = group[b], to = group[a];
		assert_int_equal(people_join(&p, a, b), OK);
		for (int i = 0; i < NUMBERS; i++)
			if (group[i] == from)
				group[i] = to;
	}
	for (int i = 0; i < NUMBERS; i++) {
		const int k = rand() % NUMBERS;
		enum err err;
		const int64_t one = people_get(&p, i, &err)->number, other = people_get(&p, k, &err)->number;
		assert_int_equal(one == other, group[i] == group[k]);
	}
	people_release(&p);
}

/* ---- tenants ---- */

static void a_tenant_goes_with_the_only_install_it_can(void **state)
{
	(void)state;
	static const struct {
		int64_t installs[3], tenants[3]; /* hours, 0: none */
		int attributed;
	} rows[] = {
	    {{10}, {10}, 1},     {{10}, {11}, 1},     {{10}, {13}, 0},         {{11}, {10}, 1},
	    {{13}, {10}, 0},     {{10, 11}, {12}, 0}, {{10, 12}, {11, 13}, 2}, {{10, 11}, {12, 12}, 0},
	    {{10}, {11, 12}, 1}, {{11}, {10, 10}, 0}, {{10, 20}, {11, 21}, 2}, {{8, 20}, {21}, 1},
	    {{}, {10}, 0},       {{10}, {}, 0},       {{11, 13}, {10, 12}, 1}, {{10, 11, 12}, {13, 13, 13}, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fixture_release(&f);
		fixture_init(&f);
		assert_int_equal(fixture_open(&f, 1000, false), OK);
		int tenants = 0;
		for (int k = 0; k < 3; k++) {
			char tenant[16];
			snprintf(tenant, sizeof tenant, "t%d", k);
			did(SEGMENT_VISIT, k + 1, 0, START, "");
			if (rows[i].installs[k])
				did(SEGMENT_INSTALL, k + 1, 0, START + rows[i].installs[k] * HOUR, "");
			if (rows[i].tenants[k])
				tell("tenant.installed", tenant, START + rows[i].tenants[k] * HOUR, NULL, NULL, NULL);
			tenants += rows[i].tenants[k] > 0;
		}
		const struct funnel got = ask(START, START);
		assert_int_equal(got.steps[FUNNEL_TENANT].count, tenants);
		if (tenants - got.unattributed[FUNNEL_TENANT] != rows[i].attributed)
			fail_msg("row %zu: %lld not led to by a visit, of %d", i, (long long)got.unattributed[FUNNEL_TENANT],
			         tenants);
	}
}

static void evaluations_and_payments(void **state)
{
	(void)state;
	tell("tenant.installed", "a", START, NULL, NULL, NULL);
	tell("tenant.installed", "github:1", START, NULL, NULL, "github");
	tell("license.changed", "a", START + HOUR, "evaluation", "lookup", NULL);
	tell("trial.started", "a", START + 2 * HOUR, NULL, "marketplace", NULL); /* the same trial, told twice */
	tell("license.changed", "b", START, "active", "override", NULL);         /* the operator's word */
	tell("license.changed", "a", START + 8 * DAY, "active", "lookup", NULL);
	tell("trial.converted", "a", START + 9 * DAY, NULL, "marketplace", NULL);
	tell("purchase.created", "a", START + 9 * DAY, NULL, "marketplace", NULL);
	tell("purchase.created", "github:1", START, NULL, "github", "github");
	tell("license.changed", "a", START + 10 * DAY, "expired", "lookup", NULL);
	struct funnel got = ask(START, START + 13 * DAY);
	assert_steps(got, 0, 0, 0, 0, 0, 1, 1, 1);
	assert_int_equal(got.unattributed[FUNNEL_PAID], 1);
	assert_true(got.steps[FUNNEL_PAID].has_median);
	assert_true(got.steps[FUNNEL_PAID].median_days > 7.95 && got.steps[FUNNEL_PAID].median_days < 7.97);
	assert_int_equal(got.week_count, 2);
	assert_int_equal(got.weeks[0].count[FUNNEL_EVALUATION], 1);
	assert_int_equal(got.weeks[1].count[FUNNEL_PAID], 1); /* both of its signs are of one week */
	got = ask(START + 9 * DAY, START + 9 * DAY);
	assert_steps(got, 0, 0, 0, 0, 0, 0, 0, 1);
}

static void campaigns_are_bounded(void **state)
{
	(void)state;
	enum { CAMPAIGNS = FUNNEL_CAMPAIGNS_MAX + 20 };
	for (int i = 0; i < CAMPAIGNS; i++) {
		char name[32];
		snprintf(name, sizeof name, "campaign %d", i);
		did(SEGMENT_VISIT, i + 1, 0, START, name);
	}
	const struct funnel got = ask(START, START);
	assert_int_equal(got.campaign_count, FUNNEL_CAMPAIGNS_MAX + 1);
	assert_string_equal(got.campaigns[0].campaign, "(others)");
	assert_int_equal(got.campaigns[0].count[FUNNEL_VISIT], 20);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, up, down)
	const struct CMUnitTest tests[] = {
	    EACH(a_message_counts_once_and_the_queue_has_its_bound),
	    EACH(the_queue_gives_the_oldest_within_bounds),
	    EACH(ids_end_and_counts_stay),
	    EACH(ids_of_one_person_are_one),
	    EACH(many_people_against_a_plain_count),
	    EACH(a_tenant_goes_with_the_only_install_it_can),
	    EACH(evaluations_and_payments),
	    EACH(campaigns_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
