/* The tenants of a page: order, paging without gaps or repeats, search, filter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/list.h"
#include "admin/params.h"
#include "admin/view.h"
#include "base/json.h"

enum { TENANTS = 137 };

static struct tenants *tenants;
static struct lookups *lookups;
static struct store *store;
static struct timers *timers;
static struct keyring *keyring;
static struct clock_manual wall;

static enum err no_fetch(void *fetcher, const struct tenant *tenant, int resource, license_fetched_fn *done, void *arg)
{
	(void)fetcher, (void)tenant, (void)resource, (void)done, (void)arg;
	return ERR_DENIED;
}

static void put(int i, const char *status)
{
	char key[32], url[64];
	snprintf(key, sizeof(key), "key-%04d", i);
	snprintf(url, sizeof(url), "https://Team-%d.atlassian.net", i);
	const struct tenant_row row = {.client_key = key,
	                               .product_type = "jira",
	                               .base_url = url,
	                               .status = status,
	                               .first_installed_at = 1000,
	                               .installed_at = 1000,
	                               .updated_at = 1000};
	assert_int_equal(tenants_put(tenants, &row, STR("secret")), OK);
}

static int setup(void **state)
{
	(void)state;
	clock_manual_init(&wall, 1000000);
	const struct store_options so = {
	    .url = "sqlite::memory:", .clock = &wall.clock, .queue_max = 100, .busy_timeout_ms = 100};
	if (!crypto_init() || timers_new(&wall.clock, false, &timers) != OK || keyring_random(&keyring) != OK ||
	    store_open(&so, &store) != OK || tenants_new(&tenants) != OK)
		return -1;
	const struct lookups_options lo = {.clock = &wall.clock,
	                                   .timers = timers,
	                                   .store = store,
	                                   .tenants = tenants,
	                                   .keyring = keyring,
	                                   .ttl_ms = 1000,
	                                   .stale_ms = 1000,
	                                   .retry_ms = 1000,
	                                   .fetch = no_fetch};
	if (lookups_new(&lo, &lookups) != OK)
		return -1;
	/* not in order, so that an order must be made */
	for (int i = 0; i < TENANTS; i++)
		put(i * 50 % TENANTS, i * 50 % TENANTS % 10 == 0 ? "uninstalled" : "enabled");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lookups_free(lookups);
	store_close(store);
	tenants_free(tenants);
	timers_free(timers);
	keyring_free(keyring);
	return 0;
}

/* Pages through everything that matches; checks order; returns how many there were. */
static size_t page_through(struct tenant_filter f, size_t *ret_pages)
{
	size_t seen = 0, pages = 0;
	char last[64] = "";
	struct tenant_page page = {.more = true};
	while (page.more) {
		f.after.key = str_of(last);
		assert_int_equal(tenant_list(tenants, lookups, &f, &page), OK);
		assert_true(f.limit == 0 || page.count <= f.limit);
		for (size_t i = 0; i < page.count; i++) {
			assert_true(str_cmp(page.at[i]->client_key, str_of(last)) > 0);
			snprintf(last, sizeof(last), "%.*s", STR_ARG(page.at[i]->client_key));
		}
		seen += page.count;
		pages++;
		assert_true(pages <= TENANTS); /* a page that never ends fails, not hangs */
		bool more = page.more;
		tenant_page_release(&page);
		page.more = more;
	}
	*ret_pages = pages;
	return seen;
}

static void pages_have_no_gap_and_no_repeat(void **state)
{
	(void)state;
	static const struct {
		size_t limit, pages;
	} sizes[] = {{0, 1}, {1, TENANTS}, {2, 69}, {50, 3}, {TENANTS - 1, 2}, {TENANTS, 1}, {TENANTS + 1, 1}, {500, 1}};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t pages;
		assert_int_equal(page_through((struct tenant_filter){.limit = sizes[i].limit}, &pages), TENANTS);
		assert_int_equal(pages, sizes[i].pages);
	}
}

static void filters_choose(void **state)
{
	(void)state;
	static const struct {
		const char *query, *by;
		size_t count;
	} cases[] = {
	    {"", "", TENANTS},        {"KEY-0010", "", 1},  {"team-13.", "", 1},           {"team-13", "", 8},
	    {"nobody", "", 0},        {"", "enabled", 123}, {"", "uninstalled", 14},       {"", "disabled", 0},
	    {"", "unknown", TENANTS}, {"", "active", 0},    {"team-1.", "uninstalled", 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tenant_filter f = {.query = str_of(cases[i].query), .limit = 7};
		size_t pages;
		assert_true(tenant_filter_by(&f, str_of(cases[i].by)));
		size_t count = page_through(f, &pages);
		if (count != cases[i].count)
			fail_msg("query \"%s\" by \"%s\": %zu", cases[i].query, cases[i].by, count);
	}
	struct tenant_filter f = {0};
	assert_false(tenant_filter_by(&f, STR("golden")));
}

static enum err put_alias(struct store_tx *tx, void *arg)
{
	(void)arg;
	const struct tenant_row row = {.client_key = "key-0042", .status = "enabled"};
	enum err err = store_tenant_put(tx, &row);
	return err == OK ? store_alias_put(tx, STR("key-0042"), "sen", STR("SEN-777"), 1) : err;
}

/* query, how many: by an id that is not in memory, beside those whose key or URL has it too. */
static void another_id_finds_its_tenant(void **state)
{
	(void)state;
	static const struct {
		const char *query;
		size_t count;
	} cases[] = {{"sen-7", 1}, {"SEN-777", 1}, {"SEN-7777", 0}, {"se", 0}, {"team-13", 8}, {"se\xff-777", 0}};
	assert_int_equal(store_write(store, put_alias, NULL), OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tenant_filter f = {.query = str_of(cases[i].query), .limit = 7};
		struct arena arena;
		size_t pages;
		arena_init(&arena, 100000);
		assert_int_equal(tenant_filter_also(&f, store, &arena), OK);
		size_t count = page_through(f, &pages);
		if (count != cases[i].count)
			fail_msg("query \"%s\": %zu", cases[i].query, count);
		arena_release(&arena);
	}
}

/* Walks all pages of an order and notes the keys. */
static size_t keys_in_order(struct tenant_filter f, char keys[static TENANTS][16])
{
	size_t seen = 0;
	struct arena arena;
	struct buf cursor = BUF_INIT(1000);
	struct tenant_page page = {.more = true};
	arena_init(&arena, 100000);
	while (page.more) {
		assert_int_equal(tenant_list(tenants, lookups, &f, &page), OK);
		assert_int_equal(page.total, TENANTS);
		for (size_t i = 0; i < page.count; i++) {
			assert_true(seen < TENANTS);
			snprintf(keys[seen++], sizeof(keys[0]), "%.*s", STR_ARG(page.at[i]->client_key));
		}
		buf_reset(&cursor);
		place_write(&cursor, &page.last); /* as a client gives it back */
		assert_true(place_read(&arena, buf_text(&cursor), &f.after));
		bool more = page.more;
		tenant_page_release(&page);
		page.more = more;
	}
	buf_release(&cursor);
	arena_release(&arena);
	return seen;
}

static void every_order_is_complete_and_its_reverse_is_the_reverse(void **state)
{
	(void)state;
	static char up[TENANTS][16], down[TENANTS][16];
	for (unsigned sort = 0; sort < SORT_COUNT; sort++) {
		struct tenant_filter f = {.sort = (enum tenant_sort)sort, .limit = 10};
		assert_int_equal(keys_in_order(f, up), TENANTS);
		f.descending = true;
		assert_int_equal(keys_in_order(f, down), TENANTS);
		for (size_t i = 0; i < TENANTS; i++)
			assert_string_equal(up[i], down[TENANTS - 1 - i]);
	}
	const struct tenant_filter by_status = {.sort = SORT_STATUS, .limit = 7};
	keys_in_order(by_status, up);
	assert_string_equal(up[0], "key-0000"); /* uninstalled ones first, then by key */
	assert_string_equal(up[1], "key-0010");
	assert_string_equal(up[14], "key-0001");
	enum tenant_sort sort;
	assert_true(tenant_sort_parse(STR("last_seen_at"), &sort) && sort == SORT_LAST_SEEN_AT);
	assert_true(tenant_sort_parse(STR(""), &sort) && sort == SORT_CLIENT_KEY);
	assert_false(tenant_sort_parse(STR("colour"), &sort));
}

static void a_bent_cursor_is_refused(void **state)
{
	(void)state;
	static const char *const bent[] = {"1", "1,", "x,1,ab", "1,x,ab", "1,2,ab", "1,-1,ab", "1,99,ab", "1,1"};
	struct arena arena;
	struct tenant_place place;
	arena_init(&arena, 1000);
	for (size_t i = 0; i < sizeof(bent) / sizeof(bent[0]); i++) {
		struct buf cursor = BUF_INIT(100);
		cursor_write(&cursor, str_of(bent[i]));
		assert_false(place_read(&arena, buf_text(&cursor), &place));
		buf_release(&cursor);
	}
	assert_true(place_read(&arena, STR(""), &place) && place.key.len == 0);
	arena_release(&arena);
}

static void a_view_has_every_member_and_no_secret(void **state)
{
	(void)state;
	struct tenant_filter f = {.limit = 1};
	struct tenant_page page;
	struct buf out = BUF_INIT(1 << 20);
	struct jsonw w = jsonw(&out);
	assert_int_equal(tenant_list(tenants, lookups, &f, &page), OK);
	tenants_view(&w, lookups, &page);
	json_t *json = json_loads(out.data, 0, NULL);
	const json_t *first = json_array_get(json_object_get(json, "tenants"), 0);
	static const char *const members[] = {"client_key",   "base_url",   "product_type", "status",
	                                      "installed_at", "updated_at", "last_seen_at", "license"};
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		assert_non_null(json_object_get(first, members[i]));
	assert_true(json_is_string(json_object_get(json, "next")));
	assert_null(strstr(out.data, "secret"));
	json_decref(json);
	buf_reset(&out);
	tenants_csv(&out, lookups, &page);
	assert_null(strstr(out.data, "secret"));
	tenant_page_release(&page);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pages_have_no_gap_and_no_repeat),
	    cmocka_unit_test(filters_choose),
	    cmocka_unit_test(another_id_finds_its_tenant),
	    cmocka_unit_test(every_order_is_complete_and_its_reverse_is_the_reverse),
	    cmocka_unit_test(a_bent_cursor_is_refused),
	    cmocka_unit_test(a_view_has_every_member_and_no_secret),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
