/* test_outbox.c - what is queued for whom, which row may go when, leases, replay, purge: the verbs under the
 * deliveries. */
#include "outbox_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "events/journal.h"

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
#define T(fn) cmocka_unit_test_setup_teardown(fn, outbox_set_up, outbox_tear_down)
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
	    T(a_range_is_replayed_in_order_with_what_was_never_sent),
	    T(old_rows_go_and_an_endpoint_takes_its_own_along),
	};
	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
