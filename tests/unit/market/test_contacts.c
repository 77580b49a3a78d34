/* test_contacts.c - contacts of report rows: how they are kept, and every way in which they go. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "market/contacts.h"
#include "store/fixture.h"
#include "store/github.h"
#include "store/mail.h"
#include "store/sql.h"

#define OLD_KEY "old:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define NEW_KEY "new:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="

struct world {
	struct fixture fixture;
	struct loan loan;
	struct store_tx *tx;
	struct keyring *keyring;
	struct arena arena;
	int64_t now;
};

static const struct contact jo = {"technical", STR("Jo@Planted.example"), STR("Jo Planted"), STR("+49 555 0100"),
                                  STR("1 Planted Road")};
static const struct contact al = {"billing", STR("al@planted.example"), STR("Al Planted"), STR(""), STR("")};
static const struct contact jo_erased = {"technical", STR("RTBF"), STR("RTBF"), STR("RTBF"), STR("")};

static struct keyring *ring(const char *text)
{
	struct keyring *k = NULL;
	struct problem p;
	assert_int_equal(keyring_parse(str_of(text), &p, &k), OK);
	return k;
}

static int set_up(void **state)
{
	static struct world w;
	w = (struct world){.loan = {.state = LOAN_NONE}, .now = 1772445600000};
	fixture_init(&w.fixture);
	arena_init(&w.arena, 1 << 20);
	w.keyring = ring(OLD_KEY);
	assert_int_equal(fixture_open(&w.fixture, 1000, false), OK);
	assert_int_equal(put_tenant(w.fixture.store, "acme"), OK);
	w.tx = loan_take(&w.loan, w.fixture.store);
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	loan_return(&w->loan, ERR_INTERNAL);
	fixture_release(&w->fixture);
	keyring_free(w->keyring);
	arena_release(&w->arena);
	return 0;
}

/* What was done so far is committed; a new transaction is lent. */
static void commit(struct world *w)
{
	assert_int_equal(loan_return(&w->loan, OK), OK);
	w->tx = loan_take(&w->loan, w->fixture.store);
}

static void take(struct world *w, const char *license, const char *tenant, const struct contact *list, size_t count)
{
	w->now++;
	assert_int_equal(
	    contacts_take(w->tx, w->keyring, str_of(license), STR("SEN-1"), str_of(tenant), list, count, false, w->now),
	    OK);
}

static const char *shown(struct world *w, const char *tenant)
{
	struct buf b = BUF_INIT(65536);
	struct jsonw j = jsonw(&b);
	assert_int_equal(contacts_write(w->tx, w->keyring, str_of(tenant), &j), OK);
	const char *text = arena_strz(&w->arena, buf_text(&b));
	buf_release(&b);
	return text;
}

static struct contacts_forgotten forget(struct world *w, const char *email)
{
	struct contacts_forgotten f;
	assert_int_equal(contacts_forget(w->tx, w->keyring, str_of(email), w->now, &f), OK);
	return f;
}

static size_t events(struct world *w, const char **ret_json)
{
	struct event_row *list = NULL;
	size_t count = 0;
	assert_int_equal(store_event_list(w->tx, 0, STR("contact.available"), STR(""), 100, &w->arena, &list, &count), OK);
	if (ret_json && count)
		*ret_json = list[0].json;
	return count;
}

static bool file_holds_bytes(const char *file, struct str text)
{
	FILE *f = fopen(file, "rb");
	if (!f)
		return false;
	__cleanup_free char *all = malloc(16 << 20);
	size_t len = fread(all, 1, 16 << 20, f);
	fclose(f);
	return memmem(all, len, text.ptr, text.len) != NULL;
}

static bool file_holds(const char *file, const char *text)
{
	return file_holds_bytes(file, str_of(text));
}

static void contacts_are_kept_and_shown_to_who_asks(void **state)
{
	struct world *w = *state;
	const struct contact both[] = {jo, al};
	take(w, "E-1", "acme", both, 2);
	assert_string_equal(shown(w, "acme"),
	                    "[{\"role\":\"technical\",\"email\":\"Jo@Planted.example\",\"name\":\"Jo Planted\",\"phone\":"
	                    "\"+49 555 0100\",\"address\":\"1 Planted Road\",\"license\":\"E-1\"},{\"role\":\"billing\","
	                    "\"email\":\"al@planted.example\",\"name\":\"Al Planted\",\"phone\":\"\",\"address\":\"\","
	                    "\"license\":\"E-1\"}]");
	assert_string_equal(shown(w, "other"), "[]");
}

static void a_row_without_tenant_is_found_by_the_entitlement(void **state)
{
	struct world *w = *state;
	take(w, "E-1", "", &jo, 1);
	assert_string_equal(shown(w, "acme"), "[]");
	assert_int_equal(store_alias_put(w->tx, STR("acme"), "sen", STR("SEN-1"), 1), OK);
	assert_non_null(strstr(shown(w, "acme"), "Jo Planted"));
}

static void a_row_is_found_by_the_licence_that_is_joined_to_the_tenant(void **state)
{
	struct world *w = *state;
	take(w, "E-1", "", &jo, 1);
	assert_int_equal(
	    sql_run(
	        w->tx, NULL,
	        "INSERT INTO market_licenses (row_key, sandbox, in_grace, content, content_hash, first_seen, changed_at, "
	        "seen_run, news_seq) VALUES ('E-1', 0, 0, '{}', $1, 1, 1, 1, 0)",
	        V_BLOB(STR("x"))),
	    OK);
	assert_int_equal(
	    sql_run(w->tx, NULL, "INSERT INTO market_aliases VALUES ('E-1', 'cloud_id', $1, 1, 1)", V_Z("c-1")), OK);
	assert_string_equal(shown(w, "acme"), "[]");
	assert_int_equal(store_alias_put(w->tx, STR("acme"), "cloud_id", STR("c-1"), 1), OK);
	assert_non_null(strstr(shown(w, "acme"), "Jo Planted"));
	assert_int_equal(store_tenant_purge(w->tx, STR("acme")), OK);
	struct contacts_row row;
	assert_int_equal(store_contacts_get(w->tx, STR("E-1"), &w->arena, &row), OK);
	assert_string_equal(row.erased, "purged");
}

static void nothing_of_a_contact_lies_open_in_the_file(void **state)
{
	struct world *w = *state;
	const char *const planted[] = {"lanted", "planted.example", "+49 555", "Road", "Jo@"};
	char wal[128];
	take(w, "E-1", "acme", &jo, 1);
	commit(w);
	snprintf(wal, sizeof(wal), "%s-wal", w->fixture.file);
	assert_true(file_holds(wal, "E-1")); /* the search works */
	for (size_t i = 0; i < sizeof(planted) / sizeof(planted[0]); i++) {
		assert_false(file_holds(w->fixture.file, planted[i]));
		assert_false(file_holds(wal, planted[i]));
	}
}

/* In no page, and not in the log of pages either: whoever has the file and the keys finds nobody. */
static void what_was_erased_is_in_no_file_any_more(void **state)
{
	struct world *w = *state;
	struct contacts_row row;
	char wal[128];
	snprintf(wal, sizeof(wal), "%s-wal", w->fixture.file);
	take(w, "E-1", "acme", &jo, 1);
	commit(w);
	assert_int_equal(store_contacts_get(w->tx, STR("E-1"), &w->arena, &row), OK);
	assert_true(file_holds_bytes(wal, row.sealed));
	forget(w, "jo@planted.example");
	commit(w);
	assert_false(file_holds_bytes(wal, row.sealed));
	assert_false(file_holds_bytes(w->fixture.file, row.sealed));
	assert_true(file_holds(w->fixture.file, "E-1"));
	clock_manual_step(&w->fixture.clock, 1000); /* it is done once a second at most */
	take(w, "E-2", "acme", &al, 1);
	commit(w);
	assert_int_equal(store_contacts_get(w->tx, STR("E-2"), &w->arena, &row), OK);
	assert_int_equal(store_tenant_purge(w->tx, STR("acme")), OK);
	commit(w);
	assert_false(file_holds_bytes(wal, row.sealed));
	assert_false(file_holds_bytes(w->fixture.file, row.sealed));
	clock_manual_step(&w->fixture.clock, 1000);
	const struct contact mo = {"technical", STR("mo@planted.example"), STR("Mo Planted"), STR(""), STR("")};
	take(w, "E-3", "", &mo, 1);
	commit(w);
	assert_int_equal(store_contacts_get(w->tx, STR("E-3"), &w->arena, &row), OK);
	assert_int_equal(contacts_doubt(w->tx, w->keyring, STR("E-3"), &jo_erased, 1, w->now), OK);
	commit(w);
	assert_false(file_holds_bytes(wal, row.sealed));
}

static void an_unchanged_row_is_left_alone(void **state)
{
	struct world *w = *state;
	struct contacts_row first, again, changed;
	take(w, "E-1", "acme", &jo, 1);
	assert_int_equal(store_contacts_get(w->tx, STR("E-1"), &w->arena, &first), OK);
	take(w, "E-1", "acme", &jo, 1);
	assert_int_equal(store_contacts_get(w->tx, STR("E-1"), &w->arena, &again), OK);
	assert_int_equal(again.updated_at, first.updated_at);
	take(w, "E-1", "acme", &al, 1);
	assert_int_equal(store_contacts_get(w->tx, STR("E-1"), &w->arena, &changed), OK);
	assert_true(changed.updated_at > first.updated_at);
	assert_null(strstr(shown(w, "acme"), "Jo"));
	assert_non_null(strstr(shown(w, "acme"), "Al"));
}

static void the_first_contact_is_announced_once_with_ids_only(void **state)
{
	struct world *w = *state;
	const char *json = "";
	take(w, "E-1", "acme", &jo, 1);
	take(w, "E-1", "acme", &al, 1);
	take(w, "E-1", "acme", NULL, 0);
	take(w, "E-1", "acme", &jo, 1);
	assert_int_equal(events(w, &json), 1);
	assert_non_null(strstr(json, "\"entitlement\":\"SEN-1\""));
	assert_non_null(strstr(json, "\"tenant\":\"acme\""));
	assert_null(strstr(json, "lanted"));
	assert_int_equal(contacts_take(w->tx, w->keyring, STR("E-2"), STR("E-2"), STR(""), &jo, 1, true, w->now), OK);
	assert_int_equal(events(w, NULL), 1);
}

static void rtbf_erases_the_person_in_every_row_and_late_rows_do_not_bring_it_back(void **state)
{
	struct world *w = *state;
	const struct contact both[] = {jo, al}, erased[] = {jo_erased, al};
	take(w, "E-1", "acme", both, 2);
	take(w, "E-2", "acme", &jo, 1);
	take(w, "E-1", "acme", erased, 2);
	assert_null(strstr(shown(w, "acme"), "Jo"));
	assert_non_null(strstr(shown(w, "acme"), "Al"));
	take(w, "E-2", "acme", &jo, 1);
	assert_null(strstr(shown(w, "acme"), "Jo"));
}

static void any_field_that_reads_rtbf_erases_the_whole_contact(void **state)
{
	struct world *w = *state;
	struct contact half = jo;
	half.phone = STR(" rtbf ");
	take(w, "E-1", "acme", &half, 1);
	assert_string_equal(shown(w, "acme"), "[]");
}

static int64_t suppressed(struct world *w)
{
	int64_t count = -1;
	assert_int_equal(store_suppression_count(w->tx, &count), OK);
	return count;
}

/* A sale says that its technical contact was erased: that may be whom the licence has, or somebody before. */
static void a_sale_that_says_rtbf_erases_the_role_and_keeps_nobody_away(void **state)
{
	struct world *w = *state;
	const struct contact both[] = {jo, al};
	const struct contact old = {"billing", STR("old@planted.example"), STR("Old Planted"), STR(""), STR("")};
	const struct contact sale[] = {jo_erased, old};
	take(w, "E-1", "acme", both, 2);
	assert_int_equal(contacts_doubt(w->tx, w->keyring, STR("E-1"), sale, 2, w->now), OK);
	assert_null(strstr(shown(w, "acme"), "Jo"));
	assert_null(strstr(shown(w, "acme"), "Old"));
	assert_non_null(strstr(shown(w, "acme"), "Al"));
	assert_int_equal(suppressed(w), 0);
	take(w, "E-1", "acme", both, 2); /* the licence's row is read again */
	assert_non_null(strstr(shown(w, "acme"), "Jo"));
	assert_int_equal(contacts_doubt(w->tx, w->keyring, STR("E-9"), sale, 2, w->now), OK);
	assert_int_equal(contacts_doubt(w->tx, w->keyring, STR("E-1"), &al, 1, w->now), OK);
	assert_non_null(strstr(shown(w, "acme"), "Al"));
	const struct contact all[] = {jo_erased, {"billing", STR("RTBF"), STR(""), STR(""), STR("")}};
	assert_int_equal(contacts_doubt(w->tx, w->keyring, STR("E-1"), all, 2, w->now), OK);
	assert_string_equal(shown(w, "acme"), "[]");
	assert_int_equal(contacts_doubt(w->tx, w->keyring, STR("E-1"), all, 2, w->now), OK);
}

static void put_lookup(struct world *w, const char *tenant, const char *email)
{
	struct buf sealed = BUF_INIT(1000);
	assert_int_equal(
	    seal(w->keyring, (struct seal_place){"licenses", "contact", str_of(tenant)}, str_of(email), &sealed), OK);
	const struct license_row l = {.contact_sealed = buf_text(&sealed)};
	assert_int_equal(store_license_put(w->tx, str_of(tenant), &l), OK);
	buf_release(&sealed);
}

static void the_contact_of_a_look_up_is_shown_too(void **state)
{
	struct world *w = *state;
	put_lookup(w, "acme", "jo@planted.example");
	assert_string_equal(shown(w, "acme"), "[{\"role\":\"lookup\",\"email\":\"jo@planted.example\"}]");
	take(w, "E-1", "acme", &al, 1);
	assert_non_null(strstr(shown(w, "acme"), "\"license\":\"E-1\"},{\"role\":\"lookup\""));
	forget(w, "jo@planted.example");
	assert_null(strstr(shown(w, "acme"), "lookup"));
}

static bool has_lookup_contact(struct world *w, const char *tenant)
{
	struct license_row l;
	assert_int_equal(store_license_get(w->tx, str_of(tenant), &w->arena, &l), OK);
	return l.contact_sealed.len > 0;
}

static void rtbf_takes_the_same_person_out_of_the_tenants_look_up(void **state)
{
	struct world *w = *state;
	take(w, "E-1", "acme", &jo, 1);
	put_lookup(w, "acme", "al@planted.example");
	take(w, "E-1", "acme", &jo_erased, 1);
	assert_true(has_lookup_contact(w, "acme"));
	take(w, "E-2", "acme", &al, 1);
	put_lookup(w, "acme", "AL@planted.example");
	const struct contact al_erased = {"billing", STR("RTBF"), STR("Al Planted"), STR(""), STR("")};
	take(w, "E-2", "acme", &al_erased, 1);
	assert_false(has_lookup_contact(w, "acme"));
}

static int64_t queue_mail(struct world *w, const char *event, const char *email)
{
	struct contact_key key;
	struct address_hash hash;
	struct mail_row *list = NULL;
	size_t count = 0;
	const struct mail_row m = {.template = "welcome", .event = event, .entitlement = "SEN-1", .next_at = 1};
	assert_int_equal(store_mail_queue(w->tx, &m), OK);
	assert_int_equal(store_contact_key(w->tx, w->keyring, &key), OK);
	assert_int_equal(address_hash(&key, str_of(email), &hash), OK);
	assert_int_equal(store_mail_list(w->tx, 0, 1, &w->arena, &list, &count), OK);
	assert_int_equal(store_mail_claim(w->tx, list[0].id, &hash, 2, 2), OK);
	return list[0].id;
}

static void put_account(struct world *w, const char *id, const char *email)
{
	struct buf sealed = BUF_INIT(1000);
	assert_int_equal(
	    seal(w->keyring, (struct seal_place){"github_accounts", "email", str_of(id)}, str_of(email), &sealed), OK);
	const struct github_account_row a = {
	    .account_id = id, .type = "Organization", .status = "active", .email_sealed = buf_text(&sealed)};
	assert_int_equal(store_github_account_put(w->tx, &a), OK);
	buf_release(&sealed);
}

static bool has_account_email(struct world *w, const char *id)
{
	struct github_account_row a;
	assert_int_equal(store_github_account_get(w->tx, str_of(id), &w->arena, &a), OK);
	return a.email_sealed.len > 0;
}

static void forgetting_erases_everywhere_and_says_how_much(void **state)
{
	struct world *w = *state;
	const struct contact both[] = {jo, al};
	take(w, "E-1", "acme", both, 2);
	take(w, "E-2", "acme", &jo, 1);
	put_lookup(w, "acme", "jo@planted.example");
	queue_mail(w, "evt_1", "jo@planted.example");
	queue_mail(w, "evt_2", "al@planted.example");
	put_account(w, "1", "Jo@planted.example");
	put_account(w, "2", "al@planted.example");
	struct contacts_forgotten f = forget(w, "  JO@planted.EXAMPLE ");
	assert_int_equal(f.contacts, 2);
	assert_int_equal(f.lookups, 1);
	assert_int_equal(f.accounts, 1);
	assert_int_equal(f.mails, 1);
	assert_false(f.known);
	assert_false(has_account_email(w, "1"));
	assert_true(has_account_email(w, "2"));
	assert_null(strstr(shown(w, "acme"), "Jo"));
	assert_non_null(strstr(shown(w, "acme"), "Al"));
	assert_false(has_lookup_contact(w, "acme"));
	take(w, "E-2", "acme", &jo, 1);
	take(w, "E-3", "acme", both, 2);
	assert_null(strstr(shown(w, "acme"), "Jo"));
	f = forget(w, "jo@planted.example");
	assert_int_equal(f.contacts + f.lookups + f.accounts + f.mails, 0);
	assert_true(f.known);
}

static void a_purged_tenants_contacts_go_and_stay_away_until_it_comes_back(void **state)
{
	struct world *w = *state;
	struct contacts_row row;
	take(w, "E-1", "acme", &jo, 1);
	take(w, "E-2", "", &jo, 1);
	assert_int_equal(store_alias_put(w->tx, STR("acme"), "entitlement_number", STR("E-2"), 1), OK);
	assert_int_equal(store_tenant_purge(w->tx, STR("acme")), OK);
	const char *const keys[] = {"E-1", "E-2"};
	for (size_t i = 0; i < 2; i++) {
		take(w, keys[i], "", &jo, 1);
		assert_int_equal(store_contacts_get(w->tx, str_of(keys[i]), &w->arena, &row), OK);
		assert_int_equal(row.sealed.len, 0);
		assert_string_equal(row.erased, "purged");
	}
	take(w, "E-1", "acme", &jo, 1);
	assert_non_null(strstr(shown(w, "acme"), "Jo"));
}

static void the_hash_survives_new_keys_and_needs_one(void **state)
{
	struct world *w = *state;
	take(w, "E-1", "acme", &jo, 1);
	take(w, "E-2", "acme", &al, 1);
	forget(w, "al@planted.example");
	assert_int_equal(loan_return(&w->loan, OK), OK);
	keyring_free(w->keyring);
	w->keyring = ring(NEW_KEY "," OLD_KEY);
	struct rekey r = {0};
	assert_int_equal(store_rekey(w->fixture.store, w->keyring, &r), OK);
	assert_true(r.settled);
	assert_int_equal(r.resealed, 2); /* one row of contacts, the key of the hashes */
	keyring_free(w->keyring);
	w->keyring = ring(NEW_KEY);
	w->tx = loan_take(&w->loan, w->fixture.store);
	assert_non_null(strstr(shown(w, "acme"), "Jo"));
	assert_int_equal(forget(w, "jo@planted.example").contacts, 1);
	assert_true(forget(w, "al@planted.example").known);
	keyring_free(w->keyring);
	w->keyring = ring(OLD_KEY);
	assert_int_equal(contacts_take(w->tx, w->keyring, STR("E-1"), STR("E-1"), STR(""), &jo, 1, true, 1), ERR_SEAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(contacts_are_kept_and_shown_to_who_asks, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_row_without_tenant_is_found_by_the_entitlement, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_row_is_found_by_the_licence_that_is_joined_to_the_tenant, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(nothing_of_a_contact_lies_open_in_the_file, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_was_erased_is_in_no_file_any_more, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(an_unchanged_row_is_left_alone, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_first_contact_is_announced_once_with_ids_only, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(rtbf_erases_the_person_in_every_row_and_late_rows_do_not_bring_it_back, set_up,
	                                    tear_down),
	    cmocka_unit_test_setup_teardown(any_field_that_reads_rtbf_erases_the_whole_contact, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_sale_that_says_rtbf_erases_the_role_and_keeps_nobody_away, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_contact_of_a_look_up_is_shown_too, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(rtbf_takes_the_same_person_out_of_the_tenants_look_up, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(forgetting_erases_everywhere_and_says_how_much, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_purged_tenants_contacts_go_and_stay_away_until_it_comes_back, set_up,
	                                    tear_down),
	    cmocka_unit_test_setup_teardown(the_hash_survives_new_keys_and_needs_one, set_up, tear_down),
	};
	return crypto_init() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
