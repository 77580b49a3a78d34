/* test_outbox.c - what is queued for whom, which row may go when, leases, replay, purge: the verbs under the
 * deliveries. */
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "events/journal.h"
#include "store/deliveries.h"
#include "store/endpoints.h"
#include "store/fixture.h"

enum { NOW = 1000000, LEASE = 27000 };

struct outbox {
	struct fixture fixture;
	struct loan loan;
	struct store_tx *tx;
	struct arena arena;
	int events;
};

static int set_up(void **state)
{
	static struct outbox o;
	o = (struct outbox){.loan = {.state = LOAN_NONE}};
	fixture_init(&o.fixture);
	arena_init(&o.arena, 1 << 22);
	assert_int_equal(fixture_open(&o.fixture, 1000, false), OK);
	o.tx = loan_take(&o.loan, o.fixture.store);
	*state = &o;
	return 0;
}

static int tear_down(void **state)
{
	struct outbox *o = *state;
	loan_return(&o->loan, ERR_INTERNAL);
	fixture_release(&o->fixture);
	arena_release(&o->arena);
	return 0;
}

static void endpoint(struct outbox *o, const char *id, const char *const *types, size_t count)
{
	const struct endpoint_row row = {.id = id,
	                                 .url = "https://hooks.example.com/a",
	                                 .types = types,
	                                 .type_count = count,
	                                 .secret_sealed = STR("\x01\x01kcipher"),
	                                 .created_at = 1};
	assert_int_equal(store_endpoint_put(o->tx, &row), OK);
}

static void happens(struct outbox *o, const char *type, const char *tenant)
{
	char once[16];
	snprintf(once, sizeof(once), "%d", ++o->events);
	const struct event e = {.type = type, .tenant = str_of(tenant), .at = NOW, .once = str_of(once)};
	assert_int_equal(journal_add(o->tx, &e), OK);
}

static struct delivery_claim *claim(struct outbox *o, const char *id, const char *owner, int64_t now, size_t max,
                                    size_t *ret_count)
{
	const struct claiming c = {.endpoint = id, .owner = owner, .now = now, .lease_until = now + LEASE, .max = max};
	struct delivery_claim *list = NULL;
	assert_int_equal(store_deliveries_claim(o->tx, &c, &o->arena, &list, ret_count), OK);
	return list;
}

static void assert_claims(struct outbox *o, const char *id, int64_t now, const char *lanes)
{
	size_t count;
	char got[200] = "";
	struct delivery_claim *list = claim(o, id, "me", now, 100, &count);
	for (size_t i = 0; i < count; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "", list[i].lane);
	assert_string_equal(got, lanes);
}

static void finish(struct outbox *o, const struct delivery_claim *c, const char *owner, int result, int64_t at)
{
	struct delivery_outcome out = {.id = c->id,
	                               .lease_until = c->lease_until,
	                               .endpoint = "e",
	                               .lane = c->lane,
	                               .owner = owner,
	                               .at = at,
	                               .next_attempt_at = at + 5000,
	                               .status = 500,
	                               .error = "status",
	                               .duration_ms = 7};
	out.result = (__typeof__(out.result))result;
	assert_int_equal(store_delivery_finish(o->tx, &out), OK);
}

static struct delivery_row row_of(struct outbox *o, int64_t id)
{
	struct delivery_row row;
	assert_int_equal(store_delivery_get(o->tx, id, &o->arena, &row), OK);
	return row;
}

static int64_t count(struct outbox *o, const char *status)
{
	int64_t n;
	assert_int_equal(store_delivery_count(o->tx, STR(""), status, &n), OK);
	return n;
}

static void only_enabled_endpoints_get_what_they_want(void **state)
{
	static const char *const some[] = {"tenant.enabled", "license.changed"}, *const none[1];
	struct outbox *o = *state;
	happens(o, "tenant.enabled", "t"); /* before any endpoint */
	endpoint(o, "all", NULL, 0);
	endpoint(o, "some", some, 2);
	endpoint(o, "none", none, 0);
	endpoint(o, "off", NULL, 0);
	assert_int_equal(store_endpoint_disable(o->tx, STR("off"), "gone", 5), OK);
	happens(o, "tenant.enabled", "t");
	happens(o, "tenant.disabled", "u");
	happens(o, "webhook.test", "v");
	assert_claims(o, "all", NOW, "t u");
	assert_claims(o, "some", NOW, "t");
	assert_claims(o, "none", NOW, "");
	assert_claims(o, "off", NOW, "");
	assert_int_equal(count(o, "pending"), 3);

	struct endpoint_row row;
	assert_int_equal(store_endpoint_get(o->tx, STR("off"), &o->arena, &row), OK);
	assert_int_equal(row.disabled_at, 5);
	assert_int_equal(row.disabled_after, 1); /* the one event that was there */
	assert_int_equal(store_endpoint_get(o->tx, STR("some"), &o->arena, &row), OK);
	assert_int_equal(row.type_count, 2);
	assert_string_equal(row.types[0], "license.changed");
}

static void told_twice_is_queued_once(void **state)
{
	struct outbox *o = *state;
	endpoint(o, "e", NULL, 0);
	const struct event e = {.type = "tenant.enabled", .tenant = STR("t"), .at = NOW, .once = STR("x")};
	assert_int_equal(journal_add(o->tx, &e), OK);
	assert_int_equal(journal_add(o->tx, &e), OK);
	assert_int_equal(count(o, "pending"), 1);
}

static void one_of_a_lane_at_a_time_in_order(void **state)
{
	struct outbox *o = *state;
	size_t n;
	endpoint(o, "e", NULL, 0);
	for (int i = 0; i < 3; i++) {
		happens(o, "tenant.enabled", "a");
		happens(o, "tenant.enabled", "b");
	}
	struct delivery_claim *first = claim(o, "e", "me", NOW, 100, &n);
	assert_int_equal(n, 2);
	const struct delivery_claim a1 = first[0], b1 = first[1];
	assert_claims(o, "e", NOW, "");
	finish(o, &a1, "me", DELIVERY_DELIVERED, NOW);
	struct delivery_claim *second = claim(o, "e", "me", NOW, 100, &n);
	assert_int_equal(n, 1);
	assert_string_equal(second[0].lane, "a");
	assert_true(second[0].id > a1.id);

	/* one that failed does not hold up the rest of its lane, and comes first when its time has come */
	finish(o, &b1, "me", DELIVERY_FAILED, NOW);
	struct delivery_claim *third = claim(o, "e", "me", NOW, 100, &n);
	assert_int_equal(n, 1);
	assert_string_equal(third[0].lane, "b");
	assert_true(third[0].id > b1.id);
	finish(o, &third[0], "me", DELIVERY_DELIVERED, NOW);
	struct delivery_claim *fourth = claim(o, "e", "me", NOW + 5000, 100, &n);
	assert_int_equal(n, 1);
	assert_int_equal(fourth[0].id, b1.id);
	assert_int_equal(fourth[0].attempts, 1);
}

static void events_without_a_tenant_wait_for_nobody_but_their_entitlement(void **state)
{
	struct outbox *o = *state;
	endpoint(o, "e", NULL, 0);
	for (int i = 0; i < 4; i++) {
		char once[2] = {(char)('a' + i), 0};
		const struct event_field f = EF_Z("entitlement", i < 2 ? "E-1" : "");
		const struct event e = {
		    .type = "purchase.renewed", .at = NOW, .once = str_of(once), .fields = &f, .field_count = 1};
		assert_int_equal(journal_add(o->tx, &e), OK);
	}
	size_t n;
	claim(o, "e", "me", NOW, 100, &n);
	assert_int_equal(n, 3);
}

static void a_long_lane_does_not_stand_in_the_way(void **state)
{
	struct outbox *o = *state;
	endpoint(o, "e", NULL, 0);
	for (int i = 0; i < 500; i++)
		happens(o, "user.added", "big");
	happens(o, "user.added", "small");
	assert_claims(o, "e", NOW, "big small");
}

static void a_lease_keeps_others_away_until_it_ends(void **state)
{
	struct outbox *o = *state;
	size_t n;
	endpoint(o, "e", NULL, 0);
	happens(o, "tenant.enabled", "a");
	happens(o, "tenant.enabled", "a");
	const struct delivery_claim mine = *claim(o, "e", "me", NOW, 100, &n);
	claim(o, "e", "other", NOW + LEASE - 1, 100, &n);
	assert_int_equal(n, 0);
	const struct delivery_claim theirs = *claim(o, "e", "other", NOW + LEASE, 100, &n);
	assert_int_equal(n, 1);
	assert_int_equal(theirs.id, mine.id);
	assert_int_equal(theirs.attempts, 0);

	/* the late word of who lost it: a failure changes nothing, an arrival counts */
	finish(o, &mine, "me", DELIVERY_FAILED, NOW + LEASE);
	assert_string_equal(row_of(o, mine.id).status, "pending");
	assert_int_equal(row_of(o, mine.id).attempts, 0);
	finish(o, &mine, "me", DELIVERY_DELIVERED, NOW + LEASE);
	assert_string_equal(row_of(o, mine.id).status, "delivered");
	finish(o, &theirs, "other", DELIVERY_DEAD, NOW + LEASE);
	assert_string_equal(row_of(o, mine.id).status, "delivered");
	assert_int_equal(row_of(o, mine.id).attempts, 1);
}

static void what_is_given_back_costs_nothing(void **state)
{
	struct outbox *o = *state;
	size_t n;
	endpoint(o, "e", NULL, 0);
	happens(o, "tenant.enabled", "a");
	const struct delivery_claim c = *claim(o, "e", "me", NOW, 100, &n);
	finish(o, &c, "me", DELIVERY_GIVEN_BACK, NOW);
	assert_int_equal(row_of(o, c.id).attempts, 0);
	assert_claims(o, "e", NOW, "a");
}

static bool is_b(void *arg, const char *lane)
{
	(void)arg;
	return strcmp(lane, "b") == 0;
}

static void a_claim_keeps_to_its_bounds(void **state)
{
	struct outbox *o = *state;
	endpoint(o, "e", NULL, 0);
	happens(o, "tenant.enabled", "a");
	happens(o, "tenant.enabled", "b");
	happens(o, "tenant.enabled", "c");
	happens(o, "tenant.enabled", "d");
	const struct claiming c = {
	    .endpoint = "e", .owner = "me", .now = NOW, .lease_until = NOW + LEASE, .max = 2, .busy = is_b};
	struct delivery_claim *list;
	size_t n;
	assert_int_equal(store_deliveries_claim(o->tx, &c, &o->arena, &list, &n), OK);
	assert_int_equal(n, 2);
	assert_string_equal(list[0].lane, "a");
	assert_string_equal(list[1].lane, "c");
	assert_memory_equal(list[0].json, "{\"type\":\"tenant.enabled\"", 24);
}

static void when_the_next_is_due(void **state)
{
	struct outbox *o = *state;
	size_t n;
	int64_t next = -1;
	endpoint(o, "e", NULL, 0);
	happens(o, "tenant.enabled", "a");
	assert_int_equal(store_deliveries_next(o->tx, "e", &next), OK);
	assert_int_equal(next, 0);
	struct delivery_claim *c = claim(o, "e", "me", NOW, 1, &n);
	finish(o, c, "me", DELIVERY_FAILED, NOW);
	assert_int_equal(store_deliveries_next(o->tx, "e", &next), OK);
	assert_int_equal(next, NOW + 5000);
	assert_claims(o, "e", NOW + 4999, "");
	assert_claims(o, "e", NOW + 5000, "a");
}

static void one_dead_letter_is_replayed(void **state)
{
	struct outbox *o = *state;
	size_t n;
	endpoint(o, "e", NULL, 0);
	happens(o, "tenant.enabled", "a");
	const struct delivery_claim c = *claim(o, "e", "me", NOW, 1, &n);
	assert_int_equal(store_delivery_replay(o->tx, c.id, NOW), ERR_CONFLICT); /* under way */
	finish(o, &c, "me", DELIVERY_DEAD, NOW);
	assert_string_equal(row_of(o, c.id).status, "dead");
	assert_int_equal(row_of(o, c.id).next_attempt_at, 0);
	assert_int_equal(store_delivery_replay(o->tx, c.id, NOW), OK);
	assert_int_equal(store_delivery_replay(o->tx, c.id + 1, NOW), ERR_NOT_FOUND);
	assert_claims(o, "e", NOW, "a");
}

/* "3:500 2:500 1:500": number and status, the latest first. */
static void assert_attempts(struct outbox *o, int64_t id, const char *want)
{
	struct delivery_attempt *at;
	size_t n;
	char got[200] = "";
	assert_int_equal(store_delivery_attempts(o->tx, id, 3, &o->arena, &at, &n), OK);
	for (size_t i = 0; i < n; i++) {
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%d:%s@%d", i ? " " : "", (int)at[i].number,
		         at[i].error ? at[i].error : "delivered", (int)(at[i].at - NOW));
		assert_int_equal(at[i].status, 500);
		assert_int_equal(at[i].duration_ms, 7);
	}
	assert_string_equal(got, want);
}

static void every_attempt_is_kept_through_replays_and_goes_with_its_delivery(void **state)
{
	struct outbox *o = *state;
	size_t n;
	endpoint(o, "e", NULL, 0);
	happens(o, "tenant.enabled", "a");
	const struct delivery_claim first = *claim(o, "e", "me", NOW, 1, &n);
	assert_attempts(o, first.id, "");
	finish(o, &first, "me", DELIVERY_GIVEN_BACK, NOW);
	assert_attempts(o, first.id, "");
	const struct delivery_claim second = *claim(o, "e", "me", NOW, 1, &n);
	finish(o, &second, "me", DELIVERY_FAILED, NOW + 1);
	const struct delivery_claim third = *claim(o, "e", "me", NOW + 6000, 1, &n);
	finish(o, &third, "me", DELIVERY_DEAD, NOW + 6001);
	assert_attempts(o, first.id, "2:status@6001 1:status@1");
	assert_int_equal(store_delivery_replay(o->tx, first.id, NOW + 7000), OK);
	assert_int_equal(row_of(o, first.id).attempts, 0);
	const struct delivery_claim fourth = *claim(o, "e", "me", NOW + 7000, 1, &n);
	finish(o, &fourth, "me", DELIVERY_FAILED, NOW + 7001);
	const struct delivery_claim fifth = *claim(o, "e", "me", NOW + 13000, 1, &n);
	finish(o, &fifth, "me", DELIVERY_DEAD, NOW + 13001);
	assert_attempts(o, first.id, "4:status@13001 3:status@7001 2:status@6001"); /* three were asked for */
	assert_int_equal(store_deliveries_purge(o->tx, 0, NOW + 20000, 10, NULL), OK);
	assert_attempts(o, first.id, "");
	finish(o, &fifth, "me", DELIVERY_DEAD, NOW + 20001); /* a word about one that is gone */
	assert_attempts(o, first.id, "");
}

static void the_attempt_that_delivered_is_kept_too(void **state)
{
	struct outbox *o = *state;
	size_t n;
	int64_t queued = 0;
	endpoint(o, "e", NULL, 0);
	happens(o, "tenant.enabled", "a");
	const struct delivery_claim first = *claim(o, "e", "me", NOW, 1, &n);
	finish(o, &first, "me", DELIVERY_FAILED, NOW + 1);
	const struct delivery_claim second = *claim(o, "e", "me", NOW + 6000, 1, &n);
	finish(o, &second, "me", DELIVERY_DELIVERED, NOW + 6001);
	assert_attempts(o, first.id, "2:delivered@6001 1:status@1");
	assert_int_equal(store_delivery_replay(o->tx, first.id, NOW + 7000), OK);
	assert_attempts(o, first.id, "2:delivered@6001 1:status@1");
	const struct delivery_claim third = *claim(o, "e", "me", NOW + 7000, 1, &n);
	finish(o, &third, "me", DELIVERY_DELIVERED, NOW + 7001);
	assert_attempts(o, first.id, "3:delivered@7001 2:delivered@6001 1:status@1");
	const struct replaying range = {.endpoint = "e", .after = 0, .until = 1, .now = NOW + 8000};
	assert_int_equal(store_deliveries_replay(o->tx, &range, &queued), OK);
	assert_attempts(o, first.id, "3:delivered@7001 2:delivered@6001 1:status@1");

	/* two that thought it was theirs: both were made */
	const struct delivery_claim mine = *claim(o, "e", "me", NOW + 8000, 1, &n);
	const struct delivery_claim theirs = *claim(o, "e", "other", NOW + 8000 + LEASE, 1, &n);
	finish(o, &theirs, "other", DELIVERY_DELIVERED, NOW + 40000);
	finish(o, &mine, "me", DELIVERY_DELIVERED, NOW + 40001);
	struct delivery_attempt *at;
	assert_int_equal(store_delivery_attempts(o->tx, first.id, 10, &o->arena, &at, &n), OK);
	assert_int_equal(n, 5);
}

/* Ids of the events, the newest first. */
static void assert_list(struct outbox *o, struct delivery_filter f, const char *want)
{
	struct delivery_row *at;
	size_t n;
	char got[200] = "";
	f.limit = 10;
	assert_int_equal(store_delivery_list(o->tx, &f, &o->arena, &at, &n), OK);
	for (size_t i = 0; i < n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%d", i ? " " : "", (int)at[i].event_seq);
	assert_string_equal(got, want);
}

static void the_list_is_filtered_by_all_that_is_asked(void **state)
{
	struct outbox *o = *state;
	size_t n;
	static const char *const some[] = {"tenant.enabled"};
	endpoint(o, "e", NULL, 0);
	endpoint(o, "f", some, 1);
	happens(o, "tenant.enabled", "a");  /* 1, twice */
	happens(o, "tenant.disabled", "a"); /* 2 */
	happens(o, "tenant.enabled", "b");  /* 3, twice */
	happens(o, "tenant.disabled", "b"); /* 4 */
	const struct delivery_claim c = *claim(o, "e", "me", NOW, 1, &n);
	finish(o, &c, "me", DELIVERY_DEAD, NOW);
	const struct str a = STR("a"), e = STR("e"), f = STR("f"), enabled = STR("tenant.enabled"),
	                 disabled = STR("tenant.disabled"), dead = STR("dead"), pending = STR("pending");
	const struct {
		struct delivery_filter filter;
		const char *want;
	} rows[] = {
	    {{.limit = 0}, "4 3 3 2 1 1"},
	    {{.type = disabled}, "4 2"},
	    {{.tenant = a}, "2 1 1"},
	    {{.tenant = STR("nobody")}, ""},
	    {{.tenant = a, .type = enabled}, "1 1"},
	    {{.tenant = a, .status = dead}, "1"},
	    {{.tenant = a, .endpoint = f}, "1"},
	    {{.tenant = a, .type = enabled, .status = pending, .endpoint = e}, ""},
	    {{.tenant = a, .type = disabled, .status = pending, .endpoint = e}, "2"},
	    {{.status = dead}, "1"},
	    {{.status = pending, .type = disabled}, "4 2"},
	    {{.endpoint = f}, "3 1"},
	    {{.endpoint = e, .type = enabled}, "3 1"},
	    {{.status = pending, .endpoint = e, .type = enabled}, "3"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_list(o, rows[i].filter, rows[i].want);
}

static void a_range_is_replayed_in_order_with_what_was_never_sent(void **state)
{
	static const char *const enabled[] = {"tenant.enabled"};
	struct outbox *o = *state;
	size_t n;
	int64_t queued = 0, end = 0;
	happens(o, "tenant.enabled", "a");  /* 1: before the endpoint */
	happens(o, "tenant.disabled", "a"); /* 2: not wanted */
	happens(o, "webhook.test", "a");    /* 3: of another endpoint */
	endpoint(o, "e", enabled, 1);
	happens(o, "tenant.enabled", "a"); /* 4: delivered */
	struct delivery_claim *c = claim(o, "e", "me", NOW, 1, &n);
	finish(o, c, "me", DELIVERY_DELIVERED, NOW);
	happens(o, "tenant.enabled", "b"); /* 5: under way */
	assert_claims(o, "e", NOW, "b");
	assert_int_equal(store_events_range_end(o->tx, 0, 1000, &end), OK);
	assert_int_equal(end, 5);
	assert_int_equal(store_events_range_end(o->tx, 0, 2, &end), OK);
	assert_int_equal(end, 2);
	assert_int_equal(store_events_range_end(o->tx, 5, 2, &end), OK);
	assert_int_equal(end, 5);
	const struct replaying range = {.endpoint = "e", .after = 0, .until = 5, .now = NOW};
	assert_int_equal(store_deliveries_replay(o->tx, &range, &queued), OK);
	assert_int_equal(queued, 2);
	c = claim(o, "e", "me", NOW, 10, &n);
	assert_int_equal(n, 1);
	assert_int_equal(row_of(o, c[0].id).event_seq, 1); /* the elder first, though its row is younger */
	finish(o, c, "me", DELIVERY_DELIVERED, NOW);
	c = claim(o, "e", "me", NOW, 10, &n);
	assert_int_equal(n, 1);
	assert_int_equal(row_of(o, c[0].id).event_seq, 4);
}

static void lists_by_status_and_endpoint_newest_first(void **state)
{
	struct outbox *o = *state;
	size_t n;
	struct delivery_row *list;
	endpoint(o, "e", NULL, 0);
	endpoint(o, "f", NULL, 0);
	happens(o, "tenant.enabled", "a");
	happens(o, "tenant.disabled", "b");
	struct delivery_claim *c = claim(o, "e", "me", NOW, 1, &n);
	finish(o, c, "me", DELIVERY_DEAD, NOW + 9);
	struct delivery_filter f = {.limit = 10};
	assert_int_equal(store_delivery_list(o->tx, &f, &o->arena, &list, &n), OK);
	assert_int_equal(n, 4);
	assert_true(list[0].id > list[1].id);
	assert_string_equal(list[0].type, "tenant.disabled");
	assert_int_equal(list[0].next_attempt_at, NOW);
	f = (struct delivery_filter){.limit = 10, .status = STR("dead")};
	assert_int_equal(store_delivery_list(o->tx, &f, &o->arena, &list, &n), OK);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].endpoint, "e");
	assert_string_equal(list[0].tenant, "a");
	assert_int_equal(list[0].last_status, 500);
	assert_string_equal(list[0].last_error, "status");
	assert_int_equal(list[0].duration_ms, 7);
	assert_int_equal(list[0].finished_at, NOW + 9);
	f = (struct delivery_filter){.limit = 1, .endpoint = STR("f")};
	assert_int_equal(store_delivery_list(o->tx, &f, &o->arena, &list, &n), OK);
	assert_int_equal(n, 1);
	f.before = list[0].id;
	f.status = STR("pending");
	assert_int_equal(store_delivery_list(o->tx, &f, &o->arena, &list, &n), OK);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].tenant, "a");
}

static void old_rows_go_and_an_endpoint_takes_its_own_along(void **state)
{
	struct outbox *o = *state;
	size_t n;
	int64_t purged;
	endpoint(o, "e", NULL, 0);
	for (int i = 0; i < 4; i++)
		happens(o, "tenant.enabled", "a");
	for (int i = 0; i < 3; i++) {
		struct delivery_claim *c = claim(o, "e", "me", NOW, 1, &n);
		finish(o, c, "me", i == 2 ? DELIVERY_DEAD : DELIVERY_DELIVERED, NOW + i);
	}
	assert_int_equal(store_deliveries_purge(o->tx, NOW + 1, NOW, 10, &purged), OK);
	assert_int_equal(purged, 1);
	assert_int_equal(store_deliveries_purge(o->tx, NOW + 10, NOW + 10, 10, &purged), OK);
	assert_int_equal(purged, 2);
	assert_int_equal(count(o, "pending"), 1);
	assert_int_equal(store_endpoint_delete(o->tx, STR("e")), OK);
	assert_int_equal(store_endpoint_delete(o->tx, STR("e")), ERR_NOT_FOUND);
	assert_int_equal(count(o, "pending"), 0);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    T(only_enabled_endpoints_get_what_they_want),
	    T(told_twice_is_queued_once),
	    T(one_of_a_lane_at_a_time_in_order),
	    T(events_without_a_tenant_wait_for_nobody_but_their_entitlement),
	    T(a_long_lane_does_not_stand_in_the_way),
	    T(a_lease_keeps_others_away_until_it_ends),
	    T(what_is_given_back_costs_nothing),
	    T(a_claim_keeps_to_its_bounds),
	    T(when_the_next_is_due),
	    T(one_dead_letter_is_replayed),
	    T(every_attempt_is_kept_through_replays_and_goes_with_its_delivery),
	    T(the_attempt_that_delivered_is_kept_too),
	    T(the_list_is_filtered_by_all_that_is_asked),
	    T(a_range_is_replayed_in_order_with_what_was_never_sent),
	    T(lists_by_status_and_endpoint_newest_first),
	    T(old_rows_go_and_an_endpoint_takes_its_own_along),
	};
	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
