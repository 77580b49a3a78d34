/* test_journal.c - what an event looks like to its readers, and what makes two events one. */
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "events/journal.h"
#include "store/fixture.h"

struct journal {
	struct fixture fixture;
	struct loan loan;
	struct store_tx *tx;
	struct arena arena;
};

static int set_up(void **state)
{
	static struct journal j;
	j = (struct journal){.loan = {.state = LOAN_NONE}};
	fixture_init(&j.fixture);
	arena_init(&j.arena, 1 << 20);
	assert_int_equal(fixture_open(&j.fixture, 1000, false), OK);
	j.tx = loan_take(&j.loan, j.fixture.store);
	*state = &j;
	return 0;
}

static int tear_down(void **state)
{
	struct journal *j = *state;
	loan_return(&j->loan, ERR_INTERNAL);
	fixture_release(&j->fixture);
	arena_release(&j->arena);
	return 0;
}

static struct event_row *all(struct journal *j, size_t *ret_count)
{
	struct event_row *list = NULL;
	assert_int_equal(store_event_list(j->tx, 0, STR(""), STR(""), 100, &j->arena, &list, ret_count), OK);
	return list;
}

static enum err add(struct journal *j, const char *type, struct str tenant, struct str once)
{
	const struct event e = {.type = type, .tenant = tenant, .at = 1772445600000, .once = once};
	return journal_add(j->tx, &e);
}

static void an_event_has_every_member_that_applies(void **state)
{
	struct journal *j = *state;
	const struct event_field fields[] = {EF_Z("from", "active"),
	                                     EF_Z("to", ""),
	                                     EF_INT("amount_cents", -12000),
	                                     EF_BOOL("partial", true),
	                                     EF_JSON("previous", STR("{\"tier\":10}")),
	                                     EF_JSON("absent", STR(""))};
	const struct event e = {
	    .type = "license.changed",
	    .tenant = STR("ke\"y"),
	    .marketplace = "github",
	    .source = "lookup",
	    .at = 1772445600000,
	    .effective_at = 1772442000123,
	    .once = STR("1"),
	    .fields = fields,
	    .field_count = 6,
	};
	size_t count;
	assert_int_equal(journal_add(j->tx, &e), OK);
	struct event_row *row = all(j, &count);
	assert_int_equal(count, 1);
	assert_string_equal(row->type, "license.changed");
	assert_string_equal(row->tenant, "ke\"y");
	assert_int_equal(row->at, 1772445600000);
	char want[600];
	snprintf(
	    want, sizeof(want),
	    "{\"type\":\"license.changed\",\"timestamp\":\"2026-03-02T10:00:00Z\",\"data\":{\"id\":\"%s\","
	    "\"tenant\":\"ke\\\"y\",\"marketplace\":\"github\",\"source\":\"lookup\","
	    "\"effective_at\":\"2026-03-02T09:00:00.123Z\",\"observed_at\":\"2026-03-02T10:00:00Z\",\"from\":\"active\","
	    "\"amount_cents\":-12000,\"partial\":true,\"previous\":{\"tier\":10}}}",
	    row->id);
	assert_string_equal(row->json, want);
}

static void members_that_do_not_apply_are_absent(void **state)
{
	struct journal *j = *state;
	size_t count;
	assert_int_equal(add(j, "webhook.test", STR(""), STR("x")), OK);
	struct event_row *row = all(j, &count);
	assert_null(row->tenant);
	char want[300];
	snprintf(
	    want, sizeof(want),
	    "{\"type\":\"webhook.test\",\"timestamp\":\"2026-03-02T10:00:00Z\",\"data\":{\"id\":\"%s\",\"tenant\":null,"
	    "\"marketplace\":\"atlassian\",\"observed_at\":\"2026-03-02T10:00:00Z\"}}",
	    row->id);
	assert_string_equal(row->json, want);
}

/* sha256 of "tenant.installed", "key-1", "7", each after its length in eight bytes, computed with another program. */
static void the_id_is_a_hash_that_others_can_compute(void **state)
{
	struct journal *j = *state;
	size_t count;
	assert_int_equal(add(j, "tenant.installed", STR("key-1"), STR("7")), OK);
	assert_string_equal(all(j, &count)->id, "evt_ed680f0080a6aae4e7e3061ddeeb83f2");
}

static void the_same_event_told_twice_is_stored_once(void **state)
{
	struct journal *j = *state;
	size_t count;
	assert_int_equal(add(j, "tenant.installed", STR("a"), STR("1")), OK);
	assert_int_equal(add(j, "tenant.installed", STR("a"), STR("1")), OK);
	all(j, &count);
	assert_int_equal(count, 1);
}

static void what_differs_anywhere_is_another_event(void **state)
{
	static const struct {
		const char *type, *tenant, *once;
	} rows[] = {
	    {"tenant.enabled", "a", "bc"}, {"tenant.disabled", "a", "bc"}, {"tenant.enabled", "ab", "c"},
	    {"tenant.enabled", "abc", ""}, {"tenant.enabled", "", "abc"},  {"tenant.enabled", "a", "bd"},
	};
	struct journal *j = *state;
	size_t count;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(add(j, rows[i].type, str_of(rows[i].tenant), str_of(rows[i].once)), OK);
	all(j, &count);
	assert_int_equal(count, sizeof(rows) / sizeof(rows[0]));
}

static void an_event_stays_under_20_kb(void **state)
{
	struct journal *j = *state;
	static char text[20 * 1024];
	memset(text, 'x', sizeof(text));
	const struct event_field fields[] = {EF_STR("note", ((struct str){text, sizeof(text) - 100}))};
	const struct event e = {.type = "webhook.test", .at = 1, .once = STR("1"), .fields = fields, .field_count = 1};
	size_t count;
	assert_int_equal(journal_add(j->tx, &e), ERR_TOO_LARGE);
	all(j, &count);
	assert_int_equal(count, 0);
}

static void the_catalogue_is_closed(void **state)
{
	(void)state;
	static const struct {
		const char *type;
		bool known;
	} rows[] = {
	    {"tenant.installed", true},
	    {"webhook.test", true},
	    {"purchase.change_dropped", true},
	    {"tenant.install", false},
	    {"", false},
	    {"Tenant.installed", false},
	    {"tenant.installedx", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(event_type_known(str_of(rows[i].type)), rows[i].known);
	assert_false(event_type_known(STR("tenant.installed\0")));
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    T(an_event_has_every_member_that_applies),   T(members_that_do_not_apply_are_absent),
	    T(the_id_is_a_hash_that_others_can_compute), T(the_same_event_told_twice_is_stored_once),
	    T(what_differs_anywhere_is_another_event),   T(an_event_stays_under_20_kb),
	    cmocka_unit_test(the_catalogue_is_closed),
	};
	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
