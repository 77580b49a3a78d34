/* test_lifecycle_body.c - which callbacks are taken, which are refused and how; and that the secret stays in its place.
 */
#include "test.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "connect/lifecycle_body.h"

#define SECRET "ATCO-secret-0123456789abcdef"
static char *const HOSTS[] = {"*.atlassian.net", NULL};
static const struct lifecycle_rules RULES = {
    .app_key = "com.example.app", .iss = {"client-1", 8}, .allowed_hosts = HOSTS, .allow_insecure = false};

/* A good body with one member replaced, removed (value NULL) or added. */
static char *body(const char *name, const char *value)
{
	static const char *const good[][2] = {
	    {"key", "\"com.example.app\""},     {"clientKey", "\"client-1\""},
	    {"sharedSecret", "\"" SECRET "\""}, {"baseUrl", "\"https://acme.atlassian.net\""},
	    {"productType", "\"jira\""},        {"eventType", "\"installed\""},
	};
	struct buf out = BUF_INIT(1 << 20);
	bool first = true, done = name == NULL;
	buf_char(&out, '{');
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		bool mine = name && strcmp(name, good[i][0]) == 0;
		const char *text = mine ? value : good[i][1];
		done = done || mine;
		if (text)
			buf_printf(&out, "%s\"%s\":%s", first ? "" : ",", good[i][0], text);
		first = first && !text;
	}
	if (!done)
		buf_printf(&out, ",\"%s\":%s", name, value);
	buf_char(&out, '}');
	return buf_take(&out);
}

struct row {
	const char *name, *value; /* NULL value: left out */
	enum err expected;
	const char *code;
};

static void check(enum lifecycle_event event, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		__cleanup_free char *text = body(rows[i].name, rows[i].value);
		struct lifecycle_body b = {0};
		struct lifecycle_refusal r = {0};
		bool taken = lifecycle_body_read(str_of(text), event, &RULES, &b, &r);
		if (taken)
			lifecycle_body_release(&b);
		if (taken != (rows[i].expected == OK) ||
		    (!taken && (r.err != rows[i].expected || strcmp(r.code, rows[i].code) != 0)))
			fail_msg("%s = %s: got %s %s", rows[i].name, rows[i].value, taken ? "taken" : err_name(r.err), r.code);
	}
}

static void installed(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {NULL, NULL, OK, NULL},
	    {"sharedSecret", "\"x\"", OK, NULL},
	    {"description", "\"Jira at acme\"", OK, NULL},
	    {"description", "null", OK, NULL},
	    {"oauthClientId", "\"abc\"", OK, NULL},
	    {"somethingNew", "{\"a\":[1,2]}", OK, NULL},
	    {"publicKey", "42", OK, NULL},
	    {"baseUrl", "\"https://acme.atlassian.net/wiki/\"", OK, NULL},
	    /* missing */
	    {"key", NULL, ERR_INVALID, "missing_field"},
	    {"clientKey", NULL, ERR_INVALID, "missing_field"},
	    {"sharedSecret", NULL, ERR_INVALID, "missing_field"},
	    {"baseUrl", NULL, ERR_INVALID, "missing_field"},
	    {"productType", NULL, ERR_INVALID, "missing_field"},
	    {"eventType", NULL, ERR_INVALID, "missing_field"},
	    {"sharedSecret", "null", ERR_INVALID, "missing_field"},
	    /* wrong type */
	    {"key", "1", ERR_INVALID, "wrong_type"},
	    {"clientKey", "[\"client-1\"]", ERR_INVALID, "wrong_type"},
	    {"sharedSecret", "12345678", ERR_INVALID, "wrong_type"},
	    {"baseUrl", "{}", ERR_INVALID, "wrong_type"},
	    {"eventType", "true", ERR_INVALID, "wrong_type"},
	    {"description", "7", ERR_INVALID, "wrong_type"},
	    {"entitlementId", "false", ERR_INVALID, "wrong_type"},
	    /* wrong value */
	    {"key", "\"com.example.other\"", ERR_INVALID, "wrong_value"},
	    {"key", "\"COM.EXAMPLE.APP\"", ERR_INVALID, "wrong_value"},
	    {"eventType", "\"uninstalled\"", ERR_INVALID, "wrong_value"},
	    {"eventType", "\"Installed\"", ERR_INVALID, "wrong_value"},
	    {"sharedSecret", "\"\"", ERR_INVALID, "empty_field"},
	    {"productType", "\"a\\u0001b\"", ERR_INVALID, "control_characters"},
	    {"clientKey", "\"client-1\\u0000\"", ERR_INVALID, "not_an_object"},
	    {"clientKey", "\"x\", \"clientKey\":\"client-1\"", ERR_INVALID, "not_an_object"},
	    /* of another tenant, another host */
	    {"clientKey", "\"client-2\"", ERR_DENIED, "wrong_client_key"},
	    {"clientKey", "\"CLIENT-1\"", ERR_DENIED, "wrong_client_key"},
	    {"baseUrl", "\"http://acme.atlassian.net\"", ERR_DENIED, "base_url_not_https"},
	    {"baseUrl", "\"\"", ERR_DENIED, "base_url_not_https"},
	    {"baseUrl", "\"https://a@acme.atlassian.net\"", ERR_DENIED, "base_url_userinfo"},
	    {"baseUrl", "\"https://acme.atlassian.net:22\"", ERR_DENIED, "host_not_allowed"},
	    {"baseUrl", "\"https://evil.example\"", ERR_DENIED, "host_not_allowed"},
	    {"baseUrl", "\"https://acme.atlassian.net/a/../b\"", ERR_DENIED, "base_url_malformed"},
	};
	check(LIFECYCLE_INSTALLED, rows, sizeof(rows) / sizeof(rows[0]));
}

static void the_others_need_no_secret(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {"eventType", "\"enabled\"", OK, NULL},
	    {"eventType", "\"installed\"", ERR_INVALID, "wrong_value"},
	};
	check(LIFECYCLE_ENABLED, rows, sizeof(rows) / sizeof(rows[0]));
	struct lifecycle_body b = {0};
	struct lifecycle_refusal r = {0};
	struct str text =
	    STR("{\"key\":\"com.example.app\",\"clientKey\":\"client-1\",\"baseUrl\":\"https://a.atlassian.net/\","
	        "\"productType\":\"jira\",\"eventType\":\"uninstalled\"}");
	assert_true(lifecycle_body_read(text, LIFECYCLE_UNINSTALLED, &RULES, &b, &r));
	assert_int_equal(b.shared_secret.len, 0);
	assert_null(b.kept);
	assert_true(str_eqz(b.base_url, "https://a.atlassian.net"));
	lifecycle_body_release(&b);
}

/* Keys that read like another door's tenants, signed as they may be: no callback of Connect reaches those. */
static void keys_of_other_doors_are_refused(void **state)
{
	(void)state;
	static const char *const keys[] = {"github:1", "github:", "forge:x"};
	static const enum lifecycle_event events[] = {LIFECYCLE_INSTALLED, LIFECYCLE_UNINSTALLED, LIFECYCLE_ENABLED};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		for (size_t k = 0; k < sizeof(events) / sizeof(events[0]); k++) {
			struct lifecycle_rules rules = RULES;
			rules.iss = str_of(keys[i]);
			struct buf text = BUF_INIT(4096);
			buf_printf(&text,
			           "{\"key\":\"com.example.app\",\"clientKey\":\"%s\",\"sharedSecret\":\"s\",\"baseUrl\":"
			           "\"https://a.atlassian.net\",\"productType\":\"jira\",\"eventType\":\"%s\"}",
			           keys[i], lifecycle_event_name(events[k]));
			struct lifecycle_body b = {0};
			struct lifecycle_refusal r = {0};
			assert_false(lifecycle_body_read(buf_text(&text), events[k], &rules, &b, &r));
			assert_int_equal(r.err, ERR_DENIED);
			assert_string_equal(r.code, "client_key_reserved");
			buf_release(&text);
		}
}

static void length_of_the_secret_counts_characters(void **state)
{
	(void)state;
	for (size_t n = SHARED_SECRET_MAX - 1; n <= SHARED_SECRET_MAX + 1; n++) {
		struct buf value = BUF_INIT(4096);
		buf_char(&value, '"');
		for (size_t i = 0; i < n; i++)
			buf_z(&value, "\xc3\xa4");
		buf_char(&value, '"');
		bool good = n <= SHARED_SECRET_MAX;
		const struct row row = {"sharedSecret", value.data, good ? OK : ERR_INVALID, "too_long"};
		check(LIFECYCLE_INSTALLED, &row, 1);
		buf_release(&value);
	}
}

static void not_one_object(void **state)
{
	(void)state;
	static const char *const texts[] = {"",       "[]",     "null", "1", "\"x\"", "{", "{}x", "{\"a\":1,\"a\":2}",
	                                    "\xff{}", "{'a':1}"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct lifecycle_body b = {0};
		struct lifecycle_refusal r = {0};
		assert_false(lifecycle_body_read(str_of(texts[i]), LIFECYCLE_INSTALLED, &RULES, &b, &r));
		assert_int_equal(r.err, ERR_INVALID);
		assert_string_equal(r.code, "not_an_object");
	}
}

static void the_secret_is_kept_nowhere_else(void **state)
{
	(void)state;
	static const char *const places[][2] = {
	    {"extra", "{\"sharedSecret\":\"" SECRET "\"}"},
	    {"extra", "[[{\"a\":{\"SharedSecret\":\"other\"}}]]"},
	    {"extra", "[1,\"x" SECRET "y\"]"},
	    {"extra", "{\"" SECRET "\":1}"},
	    {"description", "\"Jira " SECRET "\""},
	};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		__cleanup_free char *text = body(places[i][0], places[i][1]);
		struct lifecycle_body b = {0};
		struct lifecycle_refusal r = {0};
		assert_true(lifecycle_body_read(str_of(text), LIFECYCLE_INSTALLED, &RULES, &b, &r));
		assert_true(str_eqz(b.shared_secret, SECRET));
		assert_null(strstr(b.kept, SECRET));
		assert_null(strcasestr(b.kept, "sharedSecret"));
		assert_non_null(strstr(b.kept, "\"clientKey\":\"client-1\""));
		assert_null(memmem(b.description.ptr, b.description.len, SECRET, strlen(SECRET)));
		lifecycle_body_release(&b);
	}
}

static void fields_are_read(void **state)
{
	(void)state;
	struct str text =
	    STR("{\"key\":\"com.example.app\",\"clientKey\":\"client-1\",\"sharedSecret\":\"s\",\"baseUrl\":\"https://"
	        "a.atlassian.net\",\"displayUrl\":\"https://d\",\"productType\":\"confluence\",\"description\":\"D\","
	        "\"serviceEntitlementNumber\":\"SEN-1\",\"entitlementId\":\"ei\",\"entitlementNumber\":\"E-1\","
	        "\"capabilitySet\":\"capabilityAdvanced\",\"installationId\":\"ari:1\",\"oauthClientId\":\"o\","
	        "\"eventType\":\"installed\"}");
	struct lifecycle_body b = {0};
	struct lifecycle_refusal r = {0};
	assert_true(lifecycle_body_read(text, LIFECYCLE_INSTALLED, &RULES, &b, &r));
	assert_true(str_eqz(b.product_type, "confluence"));
	assert_true(str_eqz(b.display_url, "https://d"));
	assert_true(str_eqz(b.description, "D"));
	assert_true(str_eqz(b.sen, "SEN-1"));
	assert_true(str_eqz(b.entitlement_id, "ei"));
	assert_true(str_eqz(b.entitlement_number, "E-1"));
	assert_true(str_eqz(b.capability_set, "capabilityAdvanced"));
	assert_true(str_eqz(b.installation_id, "ari:1"));
	assert_true(str_eqz(b.oauth_client_id, "o"));
	lifecycle_body_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(installed),
	    cmocka_unit_test(the_others_need_no_secret),
	    cmocka_unit_test(keys_of_other_doors_are_refused),
	    cmocka_unit_test(length_of_the_secret_counts_characters),
	    cmocka_unit_test(not_one_object),
	    cmocka_unit_test(the_secret_is_kept_nowhere_else),
	    cmocka_unit_test(fields_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
