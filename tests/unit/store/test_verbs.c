/* test_verbs.c - what the other verbs promise: licences, events, keys, users, sealed values. The table at the end is
 * the list. */
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "store/promises.h"

/* ---- licences and overrides ---- */

static void assert_license(const struct license_row *got, const struct license_row *want)
{
	assert_text(got->state, want->state);
	assert_text(got->reason, want->reason);
	assert_text(got->source, want->source);
	assert_int_equal(got->since, want->since);
	assert_int_equal(got->fetched_at, want->fetched_at);
	assert_int_equal(got->valid, want->valid);
	assert_int_equal(got->evaluation, want->evaluation);
	assert_int_equal(got->cancelled, want->cancelled);
	assert_int_equal(got->resource, want->resource);
	assert_text(got->type, want->type);
	assert_text(got->organisation, want->organisation);
	assert_text(got->sen, want->sen);
	assert_text(got->entitlement_id, want->entitlement_id);
	assert_text(got->entitlement_number, want->entitlement_number);
	assert_text(got->edition, want->edition);
	assert_bytes(got->contact_sealed, want->contact_sealed);
	assert_int_equal(got->users_max, want->users_max);
	assert_int_equal(got->expires_at, want->expires_at);
	assert_int_equal(got->failed_at, want->failed_at);
	assert_text(got->failure, want->failure);
	assert_int_equal(got->licensed_before, want->licensed_before);
	assert_int_equal(got->expired_seen_at, want->expired_seen_at);
	assert_int_equal(got->secret_proved_at, want->secret_proved_at);
}

static const struct license_row full_license = {
    .state = "active",
    .reason = "lookup_valid",
    .source = "lookup",
    .since = 1,
    .fetched_at = 2,
    .valid = true,
    .evaluation = false,
    .cancelled = true,
    .resource = 2,
    .type = "COMMERCIAL",
    .organisation = "Acme",
    .sen = "SEN",
    .entitlement_id = "ei",
    .entitlement_number = "E-1",
    .edition = "advanced",
    .contact_sealed = {"\x01\x02k1\x00z", 6},
    .users_max = -1,
    .expires_at = 3,
    .failed_at = 4,
    .failure = "timeout",
    .licensed_before = true,
    .expired_seen_at = 5,
    .secret_proved_at = 6,
};

static enum err keep_license(void *arg, const char *client_key, const struct license_row *row)
{
	assert_string_equal(client_key, "t");
	assert_license(row, &full_license);
	++*(int *)arg;
	return OK;
}

static enum err a_license_comes_back_as_it_was_put(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	struct tenant_row t = tenant_named("t");
	struct license_row empty = {0}, got;
	int walked = 0;
	assert_int_equal(store_tenant_put(tx, &t), OK);
	assert_int_equal(store_license_get(tx, STR("t"), a, &got), ERR_NOT_FOUND);
	assert_int_equal(store_license_put(tx, STR("t"), &empty), OK);
	assert_int_equal(store_license_get(tx, STR("t"), a, &got), OK);
	assert_license(&got, &empty);
	assert_int_equal(store_license_put(tx, STR("t"), &full_license), OK);
	assert_int_equal(store_license_get(tx, STR("t"), a, &got), OK);
	assert_license(&got, &full_license);
	assert_int_equal(store_license_each(tx, keep_license, &walked), OK);
	assert_int_equal(walked, 1);
	return OK;
}

static enum err keep_override(void *arg, const char *client_key, const struct override_row *row)
{
	assert_string_equal(client_key, "t");
	*(int64_t *)arg = row->until;
	assert_string_equal(row->state, "active");
	assert_string_equal(row->reason, "paid by invoice");
	assert_string_equal(row->by, "anna");
	return OK;
}

static enum err an_override_is_put_replaced_and_deleted(struct store_tx *tx, void *arg)
{
	(void)arg;
	struct tenant_row t = tenant_named("t");
	struct override_row o = {"active", "paid by invoice", "anna", 100, 1};
	int64_t until = 0;
	assert_int_equal(store_tenant_put(tx, &t), OK);
	assert_int_equal(store_override_delete(tx, STR("t")), ERR_NOT_FOUND);
	assert_int_equal(store_override_put(tx, STR("t"), &o), OK);
	o.until = 200;
	assert_int_equal(store_override_put(tx, STR("t"), &o), OK);
	assert_int_equal(store_override_each(tx, keep_override, &until), OK);
	assert_int_equal(until, 200);
	assert_int_equal(store_override_delete(tx, STR("t")), OK);
	until = 0;
	assert_int_equal(store_override_each(tx, keep_override, &until), OK);
	assert_int_equal(until, 0);
	return OK;
}

/* ---- events ---- */

static enum err the_same_event_is_added_once(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	struct event_row e = {.id = "evt_1", .type = "tenant.installed", .at = 7, .json = "{\"a\":1}"}, *list;
	size_t count;
	assert_int_equal(store_event_add(tx, &e), OK);
	e.json = "{\"a\":2}";
	assert_int_equal(store_event_add(tx, &e), ERR_CONFLICT);
	assert_int_equal(store_event_list(tx, 0, STR(""), STR(""), 10, a, &list, &count), OK);
	assert_int_equal(count, 1);
	assert_string_equal(list[0].id, "evt_1");
	assert_string_equal(list[0].type, "tenant.installed");
	assert_null(list[0].tenant);
	assert_int_equal(list[0].at, 7);
	assert_string_equal(list[0].json, "{\"a\":1}");
	return OK;
}

static enum err events_are_filtered_and_paged(struct store_tx *tx, void *arg)
{
	static const struct {
		const char *id, *type, *tenant;
	} rows[] = {{"1", "x", "a"}, {"2", "y", "a"}, {"3", "x", "b"}, {"4", "x", "a"}, {"5", "x", NULL}};
	static const struct {
		const char *after, *type, *tenant; /* after: the id of the event to go on after */
		size_t limit;
		const char *ids;
	} asks[] = {
	    {NULL, "", "", 10, "12345"}, {NULL, "x", "", 10, "1345"}, {NULL, "", "a", 10, "124"},
	    {NULL, "x", "a", 10, "14"},  {"1", "x", "a", 10, "4"},    {"2", "", "", 2, "34"},
	    {"5", "", "", 10, ""},       {NULL, "z", "", 10, ""},
	};
	struct arena *a = arg;
	struct event_row *list;
	size_t count;
	for (size_t i = 0; i < 5; i++) {
		struct event_row e = {.id = rows[i].id, .type = rows[i].type, .tenant = rows[i].tenant, .json = "{}"};
		assert_int_equal(store_event_add(tx, &e), OK);
	}
	struct event_row *all;
	assert_int_equal(store_event_list(tx, 0, STR(""), STR(""), 10, a, &all, &count), OK);
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		int64_t after = asks[i].after ? all[asks[i].after[0] - '1'].seq : 0;
		char ids[16] = "";
		assert_int_equal(
		    store_event_list(tx, after, str_of(asks[i].type), str_of(asks[i].tenant), asks[i].limit, a, &list, &count),
		    OK);
		for (size_t k = 0; k < count; k++)
			strncat(ids, list[k].id, 1);
		assert_string_equal(ids, asks[i].ids);
	}
	return OK;
}

/* ---- install keys and webhooks ---- */

enum { JOINED_MAX = 64 };

static enum err join_key(void *arg, const char *kid, const char *pem)
{
	(void)snprintf(arg, JOINED_MAX, "%s%.8s", kid, pem);
	return OK;
}

static enum err an_install_key_is_kept(struct store_tx *tx, void *arg)
{
	(void)arg;
	char got[JOINED_MAX] = "";
	assert_int_equal(store_install_key_put(tx, STR("kid"), STR("old"), 1), OK);
	assert_int_equal(store_install_key_put(tx, STR("kid"), STR("pem"), 2), OK);
	assert_int_equal(store_install_key_each(tx, join_key, got), OK);
	assert_string_equal(got, "kidpem");
	return OK;
}

static enum err a_webhook_is_seen_once_until_forgotten(struct store_tx *tx, void *arg)
{
	(void)arg;
	struct tenant_row t = tenant_named("t"), u = tenant_named("u");
	assert_int_equal(store_tenant_put(tx, &t), OK);
	assert_int_equal(store_tenant_put(tx, &u), OK);
	assert_int_equal(store_webhook_seen(tx, STR("t"), STR("w1"), 10), OK);
	assert_int_equal(store_webhook_seen(tx, STR("t"), STR("w1"), 11), ERR_CONFLICT);
	assert_int_equal(store_webhook_seen(tx, STR("u"), STR("w1"), 12), OK);
	assert_int_equal(store_webhook_forget_before(tx, 11), OK);
	assert_int_equal(store_webhook_seen(tx, STR("t"), STR("w1"), 13), OK);
	assert_int_equal(store_webhook_seen(tx, STR("u"), STR("w1"), 14), ERR_CONFLICT);
	return OK;
}

/* ---- users, seats, feedback ---- */

static enum err join_seat(void *arg, const struct user_row *row)
{
	strncat(arg, row->client_key, 16);
	strncat(arg, row->account_id, 16);
	return OK;
}

static enum err users_hold_seats(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	struct tenant_row t = tenant_named("t"), u = tenant_named("u");
	struct user_row rows[] =
	    {{.client_key = "t", .account_id = "2", .first_seen = 1, .last_seen = 5, .seat_at = 9, .updated_at = 4},
	     {.client_key = "t", .account_id = "1", .first_seen = 2, .last_seen = 6, .deactivated = true},
	     {.client_key = "u", .account_id = "1", .first_seen = 3, .last_seen = 7, .seat_at = 8}},
	                *list;
	char seats[64] = "";
	size_t count;
	assert_int_equal(store_tenant_put(tx, &t), OK);
	assert_int_equal(store_tenant_put(tx, &u), OK);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(store_user_put(tx, &rows[i]), OK);
	assert_int_equal(store_seat_each(tx, join_seat, seats), OK);
	assert_string_equal(seats, "t2u1");
	assert_int_equal(store_user_list(tx, STR("t"), a, &list, &count), OK);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].account_id, "1");
	assert_int_equal(list[1].seat_at, 9);
	rows[0].seat_at = 0;
	rows[0].last_seen = 99;
	assert_int_equal(store_user_put(tx, &rows[0]), OK);
	assert_int_equal(store_user_list(tx, STR("t"), a, &list, &count), OK);
	assert_int_equal(list[1].seat_at, 0);
	assert_int_equal(list[1].last_seen, 99);
	assert_int_equal(store_user_delete(tx, STR("t"), STR("1")), OK);
	assert_int_equal(store_user_delete(tx, STR("t"), STR("1")), ERR_NOT_FOUND);
	return OK;
}

static enum err accounts_come_in_pages(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	struct tenant_row t = tenant_named("t"), u = tenant_named("u");
	struct user_row *list;
	size_t count;
	assert_int_equal(store_tenant_put(tx, &t), OK);
	assert_int_equal(store_tenant_put(tx, &u), OK);
	static const struct user_row rows[] = {
	    {.client_key = "t", .account_id = "a", .last_seen = 10, .seat_at = 3},
	    {.client_key = "t", .account_id = "b", .last_seen = 30, .removed_at = 9, .updated_at = 8},
	    {.client_key = "t", .account_id = "c", .last_seen = 20, .seat_at = 4, .deactivated = true},
	    {.client_key = "t", .account_id = "d", .last_seen = 5},
	    {.client_key = "u", .account_id = "a", .last_seen = 7, .seat_at = 1},
	};
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(store_user_put(tx, &rows[i]), OK);
	assert_int_equal(store_user_list(tx, STR("t"), a, &list, &count), OK);
	assert_int_equal(count, 3); /* b has left */
	assert_true(list[1].deactivated);
	assert_int_equal(store_account_list(tx, STR("t"), STR(""), 2, a, &list, &count), OK);
	assert_int_equal(count, 2);
	assert_string_equal(list[1].account_id, "b");
	assert_int_equal(list[1].removed_at, 9);
	assert_int_equal(list[1].updated_at, 8);
	assert_int_equal(store_account_list(tx, STR("t"), STR("b"), 9, a, &list, &count), OK);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].account_id, "c");
	assert_int_equal(store_seat_list(tx, STR("t"), STR("a"), 9, a, &list, &count), OK);
	assert_int_equal(count, 1);
	assert_string_equal(list[0].account_id, "c");
	assert_int_equal(store_seats_idle(tx, 20, 9, a, &list, &count), OK);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].client_key, "u");
	assert_int_equal(list[1].last_seen, 10);
	assert_int_equal(store_seats_idle(tx, 99, 1, a, &list, &count), OK);
	assert_int_equal(count, 1);
	return OK;
}

static enum err reports_are_due_in_turn(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	struct tenant_row t = tenant_named("t"), u = tenant_named("u"), v = tenant_named("v");
	struct user_row one = {.client_key = "t", .account_id = "a"}, other = {.client_key = "u", .account_id = "a"};
	struct report_row *due, later = {"t", 100, "a"}, gone = {"v", 1, ""};
	size_t count;
	assert_int_equal(store_tenant_put(tx, &t), OK);
	assert_int_equal(store_tenant_put(tx, &u), OK);
	assert_int_equal(store_tenant_put(tx, &v), OK);
	assert_int_equal(store_user_put(tx, &one), OK);
	assert_int_equal(store_user_put(tx, &other), OK);
	assert_int_equal(store_reports_due(tx, 50, 9, a, &due, &count), OK);
	assert_int_equal(count, 2); /* v has no users */
	assert_string_equal(due[0].client_key, "t");
	assert_string_equal(due[0].after_account, "");
	assert_int_equal(store_report_set(tx, &later), OK);
	assert_int_equal(store_report_set(tx, &gone), ERR_NOT_FOUND);
	assert_int_equal(store_user_put(tx, &one), OK); /* another sight changes nothing */
	assert_int_equal(store_reports_due(tx, 99, 9, a, &due, &count), OK);
	assert_int_equal(count, 1);
	assert_string_equal(due[0].client_key, "u");
	assert_int_equal(store_reports_due(tx, 100, 9, a, &due, &count), OK);
	assert_int_equal(count, 2);
	assert_string_equal(due[1].after_account, "a");
	assert_int_equal(store_reports_due(tx, 100, 1, a, &due, &count), OK);
	assert_int_equal(count, 1);
	assert_int_equal(store_tenant_purge(tx, STR("t")), OK);
	assert_int_equal(store_reports_due(tx, 100, 9, a, &due, &count), OK);
	assert_int_equal(count, 1);
	return OK;
}

static enum err add_choice(void *arg, const struct choice_row *row)
{
	strncat(arg, row->client_key, 8);
	strncat(arg, row->feature, 8);
	strncat(arg, row->value, 16);
	return OK;
}

static enum err choices_come_back(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	struct tenant_row t = tenant_named("t"), u = tenant_named("u");
	static const struct choice_row rows[] = {
	    {"t", "b", "deny", 1}, {"t", "a", "allow", 2}, {"u", "a", "read_only", 3}, {"t", "b", "allow", 4}};
	struct choice_row *list, orphan = {"nobody", "a", "allow", 1};
	size_t count;
	char all[128] = "";
	assert_int_equal(store_tenant_put(tx, &t), OK);
	assert_int_equal(store_tenant_put(tx, &u), OK);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(store_choice_put(tx, &rows[i]), OK);
	assert_int_equal(store_choice_list(tx, STR("t"), a, &list, &count), OK);
	assert_int_equal(count, 2);
	assert_string_equal(list[1].value, "allow");
	assert_int_equal(list[1].at, 4);
	assert_int_equal(store_choice_each(tx, add_choice, all), OK);
	assert_string_equal(all, "taallowtballowuaread_only");
	return store_choice_put(tx, &orphan) == OK ? ERR_INTERNAL : OK;
}

static enum err an_account_is_cut_out_of_the_journal(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	static const struct event_row rows[] = {
	    {.id = "1", .type = "user.added", .tenant = "t", .at = 1, .json = "{\"x\":1,\"account_id\":\"a\"}"},
	    {.id = "2", .type = "user.removed", .tenant = "t", .at = 1, .json = "{\"x\":1,\"account_id\":\"a\"}"},
	    {.id = "3", .type = "user.added", .tenant = "t", .at = 1, .json = "{\"x\":1,\"account_id\":\"ab\"}"},
	    {.id = "4", .type = "user.added", .tenant = "u", .at = 1, .json = "{\"x\":1,\"account_id\":\"a\"}"},
	};
	struct event_row *list;
	size_t count;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(store_event_add(tx, &rows[i]), OK);
	assert_int_equal(store_events_cut(tx, STR("t"), STR(",\"account_id\":\"a\"")), OK);
	assert_int_equal(store_event_list(tx, 0, STR(""), STR(""), 9, a, &list, &count), OK);
	assert_int_equal(count, 4);
	assert_string_equal(list[0].json, "{\"x\":1}");
	assert_string_equal(list[1].json, "{\"x\":1}");
	assert_string_equal(list[2].json, rows[2].json);
	assert_string_equal(list[3].json, rows[3].json);
	return OK;
}

static enum err feedback_loses_its_sender(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	struct tenant_row t = tenant_named("t"), u = tenant_named("u");
	static const struct feedback_row rows[] = {{.client_key = "t", .account_id = "who", .message = "1"},
	                                           {.client_key = "t", .account_id = "other", .message = "2"},
	                                           {.client_key = "u", .account_id = "who", .message = "3"}};
	struct feedback_row *list;
	size_t count;
	assert_int_equal(store_tenant_put(tx, &t), OK);
	assert_int_equal(store_tenant_put(tx, &u), OK);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(store_feedback_add(tx, &rows[i]), OK);
	assert_int_equal(store_feedback_forget(tx, STR("t"), STR("who")), OK);
	assert_int_equal(store_feedback_list(tx, 0, 9, a, &list, &count), OK);
	assert_string_equal(list[0].account_id, "who");
	assert_string_equal(list[1].account_id, "other");
	assert_null(list[2].account_id);
	assert_string_equal(list[2].message, "1");
	return OK;
}

static enum err feedback_comes_newest_first(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	struct tenant_row t = tenant_named("t");
	struct feedback_row *list;
	size_t count;
	assert_int_equal(store_tenant_put(tx, &t), OK);
	for (int i = 0; i < 3; i++) {
		struct feedback_row f = {.client_key = "t", .account_id = i ? "who" : NULL, .message = "m", .at = i};
		assert_int_equal(store_feedback_add(tx, &f), OK);
	}
	assert_int_equal(store_feedback_list(tx, 0, 2, a, &list, &count), OK);
	assert_int_equal(count, 2);
	assert_int_equal(list[0].at, 2);
	assert_int_equal(store_feedback_list(tx, list[1].id, 2, a, &list, &count), OK);
	assert_int_equal(count, 1);
	assert_int_equal(list[0].at, 0);
	assert_null(list[0].account_id);
	return OK;
}

/* ---- sealed values ---- */

static struct str sealed_with(struct arena *a, const char *key, struct seal_place place)
{
	struct keyring *ring = NULL;
	struct problem p;
	struct buf out = BUF_INIT(1000);
	char *text = arena_printf(a, "%s:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", key);
	assert_int_equal(keyring_parse(str_of(text), &p, &ring), OK);
	assert_int_equal(seal(ring, place, STR("plain"), &out), OK);
	char *bytes = arena_alloc(a, out.len);
	memcpy(bytes, out.data, out.len);
	struct str sealed = {bytes, out.len};
	buf_release(&out);
	keyring_free(ring);
	return sealed;
}

static enum err sealed_values_are_listed_by_key_and_replaced(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	static const char *const keys[] = {"a", "b", "c"};
	for (size_t i = 0; i < 3; i++) {
		struct tenant_row t = tenant_named(keys[i]);
		t.shared_secret_sealed =
		    sealed_with(a, i == 1 ? "new" : "old", (struct seal_place){"tenants", "shared_secret", str_of(keys[i])});
		assert_int_equal(store_tenant_put(tx, &t), OK);
		struct license_row l = {.contact_sealed =
		                            sealed_with(a, "old", (struct seal_place){"licenses", "contact", str_of(keys[i])})};
		if (i == 2)
			l.contact_sealed = (struct str){0};
		assert_int_equal(store_license_put(tx, str_of(keys[i]), &l), OK);
	}
	struct sealed_row *list, *rest;
	size_t count, rest_count;
	assert_int_equal(store_sealed_list(tx, STR("new"), NULL, 10, a, &list, &count), OK);
	assert_int_equal(count, 4); /* secrets of a and c, contacts of a and b */
	assert_string_equal(list[1].table, "tenants");
	assert_string_equal(list[1].column, "shared_secret");
	assert_string_equal(list[1].row_key, "c");
	assert_string_equal(list[3].table, "licenses");
	assert_string_equal(list[3].row_key, "b");

	/* in pieces, going on after the last */
	assert_int_equal(store_sealed_list(tx, STR("new"), NULL, 3, a, &list, &count), OK);
	assert_int_equal(count, 3);
	assert_int_equal(store_sealed_list(tx, STR("new"), &list[2], 3, a, &rest, &rest_count), OK);
	assert_int_equal(rest_count, 1);
	assert_string_equal(rest[0].row_key, "b");
	assert_int_equal(store_sealed_list(tx, STR("new"), &rest[0], 3, a, &rest, &rest_count), OK);
	assert_int_equal(rest_count, 0);

	struct str again = sealed_with(a, "new", (struct seal_place){"tenants", "shared_secret", STR("a")});
	assert_int_equal(store_sealed_replace(tx, &list[0], again), OK);
	assert_int_equal(store_sealed_replace(tx, &list[0], again), ERR_CONFLICT);
	assert_int_equal(store_sealed_list(tx, STR("new"), NULL, 10, a, &list, &count), OK);
	assert_int_equal(count, 3);
	struct tenant_row got;
	assert_int_equal(store_tenant_get(tx, STR("a"), a, &got), OK);
	assert_bytes(got.shared_secret_sealed, again);
	return OK;
}

/* ---- counts by day ---- */

enum { DAY = 86400000 };

static enum err a_day_keeps_its_last_count(struct store_tx *tx, void *arena)
{
	struct arena *a = arena;
	struct day_count *days;
	size_t count;
	assert_int_equal(store_daily_put(tx, 10LL * DAY + 5, "active", 3), OK);
	assert_int_equal(store_daily_put(tx, 11LL * DAY - 1, "active", 4), OK);
	assert_int_equal(store_daily_put(tx, 10LL * DAY, "expired", 1), OK);
	assert_int_equal(store_daily_put(tx, 11LL * DAY, "active", 5), OK);
	assert_int_equal(store_daily_list(tx, 10LL * DAY + 7, a, &days, &count), OK);
	assert_int_equal(count, 3);
	assert_string_equal(days[0].name, "active");
	assert_int_equal(days[0].day, 10LL * DAY);
	assert_int_equal(days[0].count, 4);
	assert_string_equal(days[1].name, "expired");
	assert_int_equal(days[2].count, 5);
	assert_int_equal(store_daily_list(tx, 11LL * DAY, a, &days, &count), OK);
	assert_int_equal(count, 1);
	return OK;
}

static enum err events_are_counted_by_day(struct store_tx *tx, void *arena)
{
	struct arena *a = arena;
	static const struct {
		const char *id, *type;
		int64_t at;
	} rows[] = {{"a", "tenant.installed", 10LL * DAY},
	            {"b", "tenant.installed", 11LL * DAY - 1},
	            {"c", "tenant.uninstalled", 10LL * DAY},
	            {"d", "tenant.installed", 12LL * DAY},
	            {"e", "tenant.installed", 9LL * DAY}};
	struct day_count *days;
	size_t count;
	int64_t last = -1;
	assert_int_equal(store_event_last(tx, &last), OK);
	assert_int_equal(last, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct event_row e = {.id = rows[i].id, .type = rows[i].type, .at = rows[i].at, .json = "{}"};
		assert_int_equal(store_event_add(tx, &e), OK);
	}
	assert_int_equal(store_event_days(tx, STR("tenant.installed"), 10LL * DAY, a, &days, &count), OK);
	assert_int_equal(count, 2);
	assert_int_equal(days[0].day, 10LL * DAY);
	assert_int_equal(days[0].count, 2);
	assert_int_equal(days[1].day, 12LL * DAY);
	assert_int_equal(days[1].count, 1);
	assert_int_equal(store_event_last(tx, &last), OK);
	assert_int_equal(last, 5);
	return OK;
}

/* ---- the table ---- */

static const struct promise promises[] = {
    P(a_license_comes_back_as_it_was_put),
    P(an_override_is_put_replaced_and_deleted),
    P(the_same_event_is_added_once),
    P(events_are_filtered_and_paged),
    P(a_day_keeps_its_last_count),
    P(events_are_counted_by_day),
    P(an_install_key_is_kept),
    P(a_webhook_is_seen_once_until_forgotten),
    P(users_hold_seats),
    P(accounts_come_in_pages),
    P(reports_are_due_in_turn),
    P(choices_come_back),
    P(an_account_is_cut_out_of_the_journal),
    P(feedback_loses_its_sender),
    P(feedback_comes_newest_first),
    P(sealed_values_are_listed_by_key_and_replaced),
};

int main(void)
{
	return promises_keep(promises, sizeof(promises) / sizeof(promises[0]));
}
