/* test_outbox_log.c - what the operator reads of the outbox: lists by what is asked, and every attempt of a delivery.
 */
#include "outbox_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/secret.h"

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

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, outbox_set_up, outbox_tear_down)
	const struct CMUnitTest tests[] = {
	    T(every_attempt_is_kept_through_replays_and_goes_with_its_delivery),
	    T(the_attempt_that_delivered_is_kept_too),
	    T(the_list_is_filtered_by_all_that_is_asked),
	    T(lists_by_status_and_endpoint_newest_first),
	};
	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
