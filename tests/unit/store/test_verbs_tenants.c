/* test_verbs_tenants.c - what the verbs of tenants and their aliases promise: the table at the end is the list. */
#include <string.h>

#include "store/aliases.h"
#include "store/promises.h"

/* ---- tenants ---- */

static struct tenant_row full_tenant(void)
{
	return (struct tenant_row){
	    .client_key = "key-1",
	    .product_type = "jira",
	    .base_url = "https://acme.atlassian.net",
	    .display_url = "https://jira.acme.example",
	    .description = "Acme J\xc3\xbcra",
	    .status = "enabled",
	    .shared_secret_sealed = STR("\x01\x02k1\x00\xff\x00rest"),
	    .oauth_client_id = "oauth",
	    .sen = "SEN-1",
	    .entitlement_id = "ent-id",
	    .entitlement_number = "E-123",
	    .capability_set = "capabilityStandard",
	    .installation_id = "ari:inst",
	    .install_body = "{\"key\":\"app\"}",
	    .imported_from = "key-0",
	    .first_installed_at = 1,
	    .installed_at = 2,
	    .updated_at = 3,
	    .uninstalled_at = 4,
	    .last_seen_at = 5,
	};
}

static void assert_tenant(const struct tenant_row *got, const struct tenant_row *want)
{
	assert_text(got->client_key, want->client_key);
	assert_text(got->product_type, want->product_type);
	assert_text(got->base_url, want->base_url);
	assert_text(got->display_url, want->display_url);
	assert_text(got->description, want->description);
	assert_text(got->status, want->status);
	assert_bytes(got->shared_secret_sealed, want->shared_secret_sealed);
	assert_text(got->oauth_client_id, want->oauth_client_id);
	assert_text(got->sen, want->sen);
	assert_text(got->entitlement_id, want->entitlement_id);
	assert_text(got->entitlement_number, want->entitlement_number);
	assert_text(got->capability_set, want->capability_set);
	assert_text(got->installation_id, want->installation_id);
	assert_text(got->install_body, want->install_body);
	assert_text(got->imported_from, want->imported_from);
	assert_int_equal(got->first_installed_at, want->first_installed_at);
	assert_int_equal(got->installed_at, want->installed_at);
	assert_int_equal(got->updated_at, want->updated_at);
	assert_int_equal(got->uninstalled_at, want->uninstalled_at);
	assert_int_equal(got->last_seen_at, want->last_seen_at);
}

static enum err a_tenant_comes_back_as_it_was_put(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	struct tenant_row put = full_tenant(), got = {0};
	assert_int_equal(store_tenant_get(tx, STR("key-1"), a, &got), ERR_NOT_FOUND);
	assert_null(got.client_key);
	assert_int_equal(store_tenant_put(tx, &put), OK);
	assert_int_equal(store_tenant_get(tx, STR("key-1"), a, &got), OK);
	assert_tenant(&got, &put);
	assert_int_equal(store_tenant_get(tx, STR("KEY-1"), a, &got), ERR_NOT_FOUND);
	assert_int_equal(store_tenant_get(tx, STR("key-1 "), a, &got), ERR_NOT_FOUND);
	return OK;
}

static enum err a_put_replaces_the_row_and_keeps_what_it_owns(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	struct tenant_row first = full_tenant(), second = {.client_key = "key-1", .status = "disabled", .updated_at = 9},
	                  got;
	struct alias_row *aliases;
	size_t count = 0;
	assert_int_equal(store_tenant_put(tx, &first), OK);
	assert_int_equal(store_alias_put(tx, STR("key-1"), "sen", STR("SEN-1"), 7), OK);
	assert_int_equal(store_tenant_put(tx, &second), OK);
	assert_int_equal(store_tenant_get(tx, STR("key-1"), a, &got), OK);
	assert_tenant(&got, &second);
	assert_int_equal(store_alias_list(tx, STR("key-1"), a, &aliases, &count), OK);
	assert_int_equal(count, 1);
	return OK;
}

static enum err a_tenant_needs_a_known_status(struct store_tx *tx, void *arg)
{
	(void)arg;
	struct tenant_row t = full_tenant();
	t.status = "sleeping";
	assert_int_equal(store_tenant_put(tx, &t), ERR_INVALID);
	t.status = NULL;
	assert_int_equal(store_tenant_put(tx, &t), ERR_INVALID);
	t.status = "installed";
	t.client_key = NULL;
	assert_int_equal(store_tenant_put(tx, &t), ERR_INVALID);
	return OK;
}

static enum err a_status_sets_its_times(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	struct tenant_row t = tenant_named("t"), got;
	assert_int_equal(store_tenant_status(tx, STR("t"), "enabled", 10), ERR_NOT_FOUND);
	assert_int_equal(store_tenant_put(tx, &t), OK);
	assert_int_equal(store_tenant_status(tx, STR("t"), "uninstalled", 20), OK);
	assert_int_equal(store_tenant_get(tx, STR("t"), a, &got), OK);
	assert_string_equal(got.status, "uninstalled");
	assert_int_equal(got.uninstalled_at, 20);
	assert_int_equal(got.updated_at, 20);
	assert_int_equal(store_tenant_status(tx, STR("t"), "enabled", 30), OK);
	assert_int_equal(store_tenant_get(tx, STR("t"), a, &got), OK);
	assert_int_equal(got.uninstalled_at, 0);
	assert_int_equal(got.updated_at, 30);
	assert_int_equal(store_tenant_status(tx, STR("t"), "sleeping", 40), ERR_INVALID);
	return OK;
}

static enum err last_seen_never_goes_back(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	struct tenant_row t = tenant_named("t"), got;
	assert_int_equal(store_tenant_last_seen(tx, STR("t"), 10), ERR_NOT_FOUND);
	assert_int_equal(store_tenant_put(tx, &t), OK);
	assert_int_equal(store_tenant_last_seen(tx, STR("t"), 20), OK);
	assert_int_equal(store_tenant_last_seen(tx, STR("t"), 15), OK);
	assert_int_equal(store_tenant_get(tx, STR("t"), a, &got), OK);
	assert_int_equal(got.last_seen_at, 20);
	return OK;
}

static enum err an_import_finds_the_newest_other_tenant(struct store_tx *tx, void *arg)
{
	static const struct {
		const char *client_key, *status, *base_url;
		int64_t installed_at;
	} rows[] = {
	    {"old", "enabled", "https://a.example", 1},      {"newer", "enabled", "https://a.example", 2},
	    {"gone", "uninstalled", "https://a.example", 3}, {"self", "installed", "https://a.example", 4},
	    {"else", "installed", "https://b.example", 5},
	};
	struct arena *a = arg;
	struct tenant_row got;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tenant_row t = {.client_key = rows[i].client_key,
		                       .status = rows[i].status,
		                       .base_url = rows[i].base_url,
		                       .installed_at = rows[i].installed_at};
		assert_int_equal(store_tenant_put(tx, &t), OK);
	}
	assert_int_equal(store_tenant_by_base_url(tx, STR("https://a.example"), STR("self"), a, &got), OK);
	assert_string_equal(got.client_key, "newer");
	assert_int_equal(store_tenant_by_base_url(tx, STR("https://b.example"), STR("else"), a, &got), ERR_NOT_FOUND);
	assert_int_equal(store_tenant_by_base_url(tx, STR("https://c.example"), STR("self"), a, &got), ERR_NOT_FOUND);
	return OK;
}

struct seen {
	char keys[256];
	int left; /* stop after that many */
};

static enum err join_tenant(void *arg, const struct tenant_row *row)
{
	struct seen *s = arg;
	assert_null(row->install_body);
	strncat(s->keys, row->client_key, 32);
	strncat(s->keys, " ", 2);
	return --s->left == 0 ? ERR_TIMEOUT : OK;
}

static enum err each_goes_in_order_and_stops_when_told(struct store_tx *tx, void *arg)
{
	(void)arg;
	static const char *const keys[] = {"b", "a", "C", "aa"};
	for (size_t i = 0; i < 4; i++) {
		struct tenant_row t = tenant_named(keys[i]);
		t.install_body = "{}";
		assert_int_equal(store_tenant_put(tx, &t), OK);
	}
	struct seen all = {.left = -1}, two = {.left = 2};
	assert_int_equal(store_tenant_each(tx, join_tenant, &all), OK);
	assert_string_equal(all.keys, "C a aa b ");
	assert_int_equal(store_tenant_each(tx, join_tenant, &two), ERR_TIMEOUT);
	assert_string_equal(two.keys, "C a ");
	return OK;
}

static enum err a_purge_takes_all_but_the_events(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	struct tenant_row t = tenant_named("t"), other = tenant_named("other"), got;
	struct license_row license = {.state = "active"};
	struct override_row override = {"active", "why", "me", 99, 1};
	struct user_row user = {.client_key = "t", .account_id = "u", .first_seen = 1, .last_seen = 2, .seat_at = 3};
	struct feedback_row feedback = {.client_key = "t", .message = "m", .at = 1};
	struct event_row event = {.id = "evt_1", .type = "tenant.purged", .tenant = "t", .at = 1, .json = "{}"}, *events;
	size_t count = 0;
	assert_int_equal(store_tenant_purge(tx, STR("t")), ERR_NOT_FOUND);
	assert_int_equal(store_tenant_put(tx, &t), OK);
	assert_int_equal(store_tenant_put(tx, &other), OK);
	assert_int_equal(store_alias_put(tx, STR("t"), "sen", STR("S"), 1), OK);
	assert_int_equal(store_license_put(tx, STR("t"), &license), OK);
	assert_int_equal(store_override_put(tx, STR("t"), &override), OK);
	assert_int_equal(store_user_put(tx, &user), OK);
	assert_int_equal(store_feedback_add(tx, &feedback), OK);
	assert_int_equal(store_webhook_seen(tx, STR("t"), STR("w"), 1), OK);
	assert_int_equal(store_event_add(tx, &event), OK);
	assert_int_equal(store_tenant_purge(tx, STR("t")), OK);

	assert_int_equal(store_tenant_get(tx, STR("t"), a, &got), ERR_NOT_FOUND);
	assert_int_equal(store_tenant_get(tx, STR("other"), a, &got), OK);
	assert_int_equal(store_license_get(tx, STR("t"), a, &license), ERR_NOT_FOUND);
	assert_int_equal(store_override_delete(tx, STR("t")), ERR_NOT_FOUND);
	assert_int_equal(store_user_delete(tx, STR("t"), STR("u")), ERR_NOT_FOUND);
	struct alias_row *aliases;
	assert_int_equal(store_alias_list(tx, STR("t"), a, &aliases, &count), OK);
	assert_int_equal(count, 0);
	struct feedback_row *rows;
	assert_int_equal(store_feedback_list(tx, 0, 10, a, &rows, &count), OK);
	assert_int_equal(count, 0);
	assert_int_equal(store_event_list(tx, 0, STR(""), STR("t"), 10, a, &events, &count), OK);
	assert_int_equal(count, 1);
	return OK;
}

static enum err what_belongs_to_no_tenant_is_refused(struct store_tx *tx, void *arg)
{
	(void)arg;
	struct license_row license = {.state = "active"};
	struct override_row override = {"active", "why", "me", 99, 1};
	struct user_row user = {.client_key = "t", .account_id = "u", .first_seen = 1, .last_seen = 2, .seat_at = 3};
	struct feedback_row feedback = {.client_key = "t", .message = "m", .at = 1};
	assert_int_equal(store_alias_put(tx, STR("t"), "sen", STR("S"), 1), ERR_NOT_FOUND);
	assert_int_equal(store_license_put(tx, STR("t"), &license), ERR_NOT_FOUND);
	assert_int_equal(store_override_put(tx, STR("t"), &override), ERR_NOT_FOUND);
	assert_int_equal(store_user_put(tx, &user), ERR_NOT_FOUND);
	assert_int_equal(store_feedback_add(tx, &feedback), ERR_NOT_FOUND);
	assert_int_equal(store_webhook_seen(tx, STR("t"), STR("w"), 1), ERR_NOT_FOUND);
	return OK;
}

static enum err the_sweep_finds_the_longest_gone_first(struct store_tx *tx, void *arg)
{
	static const struct {
		const char *client_key, *status;
		int64_t uninstalled_at;
	} rows[] = {{"c", "uninstalled", 30}, {"a", "uninstalled", 20}, {"b", "uninstalled", 10}, {"in", "installed", 0}};
	struct arena *a = arg;
	const char **keys;
	size_t count;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tenant_row t = tenant_named(rows[i].client_key);
		t.status = rows[i].status;
		t.uninstalled_at = rows[i].uninstalled_at;
		assert_int_equal(store_tenant_put(tx, &t), OK);
	}
	assert_int_equal(store_tenants_uninstalled_before(tx, 30, 10, a, &keys, &count), OK);
	assert_int_equal(count, 2);
	assert_string_equal(keys[0], "b");
	assert_string_equal(keys[1], "a");
	assert_int_equal(store_tenants_uninstalled_before(tx, 31, 1, a, &keys, &count), OK);
	assert_int_equal(count, 1);
	return OK;
}

static enum err text_with_a_nul_byte_is_refused(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	struct tenant_row t = tenant_named("t"), got;
	assert_int_equal(store_tenant_put(tx, &t), OK);
	assert_int_equal(store_tenant_get(tx, STR("t\0x"), a, &got), ERR_INVALID);
	assert_int_equal(store_alias_put(tx, STR("t"), "host", STR("a\0b"), 1), ERR_INVALID);
	return OK;
}

/* ---- aliases ---- */

static enum err an_alias_keeps_its_first_sight(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	struct tenant_row t = tenant_named("t");
	struct alias_row *list;
	size_t count;
	assert_int_equal(store_tenant_put(tx, &t), OK);
	assert_int_equal(store_alias_put(tx, STR("t"), "sen", STR("S"), 10), OK);
	assert_int_equal(store_alias_put(tx, STR("t"), "host", STR("h"), 5), OK);
	assert_int_equal(store_alias_put(tx, STR("t"), "sen", STR("S"), 20), OK);
	assert_int_equal(store_alias_list(tx, STR("t"), a, &list, &count), OK);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].kind, "host");
	assert_string_equal(list[1].value, "S");
	assert_int_equal(list[1].first_seen, 10);
	assert_int_equal(list[1].last_seen, 20);
	return OK;
}

static size_t found(struct store_tx *tx, struct arena *a, const char *prefix, size_t max, const char *first)
{
	struct str *keys = NULL;
	size_t count = 0;
	assert_int_equal(store_alias_find(tx, str_of(prefix), max, a, &keys, &count), OK);
	if (first)
		assert_true(count > 0 && str_eqz(keys[0], first));
	return count;
}

static enum err an_alias_is_found_by_its_beginning(struct store_tx *tx, void *arg)
{
	struct arena *a = arg;
	const char *names[] = {"b", "a", "c"};
	for (size_t i = 0; i < 3; i++) {
		struct tenant_row t = tenant_named(names[i]);
		assert_int_equal(store_tenant_put(tx, &t), OK);
		assert_int_equal(store_alias_put(tx, str_of(names[i]), "host", STR("same.example.com"), 1), OK);
	}
	assert_int_equal(store_alias_put(tx, STR("b"), "sen", STR("SEN-12"), 1), OK);
	assert_int_equal(store_alias_put(tx, STR("b"), "sen", STR("SEN-123"), 1), OK);
	assert_int_equal(store_alias_put(tx, STR("c"), "sen", STR("SEN-\xc3\xa9"), 1), OK);
	assert_int_equal(found(tx, a, "sen-12", 10, "b"), 1);
	assert_int_equal(found(tx, a, "SEN-", 10, "b"), 2);
	assert_int_equal(found(tx, a, "SEN-\xc3\xa9", 10, "c"), 1);
	assert_int_equal(found(tx, a, "SEN-1234", 10, NULL), 0);
	assert_int_equal(found(tx, a, "EN-12", 10, NULL), 0);
	assert_int_equal(found(tx, a, "same", 10, "a"), 3);
	assert_int_equal(found(tx, a, "same", 2, "a"), 2);
	assert_int_equal(found(tx, a, "%", 10, NULL), 0);
	struct str *keys = NULL;
	size_t count = 0;
	char longest[ALIAS_PREFIX_MAX + 1];
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(store_alias_find(tx, (struct str){longest, sizeof(longest)}, 10, a, &keys, &count), ERR_TOO_LARGE);
	return OK;
}

/* ---- the table ---- */

static const struct promise promises[] = {
    P(a_tenant_comes_back_as_it_was_put),
    P(a_put_replaces_the_row_and_keeps_what_it_owns),
    P(a_tenant_needs_a_known_status),
    P(a_status_sets_its_times),
    P(last_seen_never_goes_back),
    P(an_import_finds_the_newest_other_tenant),
    P(each_goes_in_order_and_stops_when_told),
    P(a_purge_takes_all_but_the_events),
    P(what_belongs_to_no_tenant_is_refused),
    P(the_sweep_finds_the_longest_gone_first),
    P(text_with_a_nul_byte_is_refused),
    P(an_alias_keeps_its_first_sight),
    P(an_alias_is_found_by_its_beginning),
};

int main(void)
{
	return promises_keep(promises, sizeof(promises) / sizeof(promises[0]));
}
