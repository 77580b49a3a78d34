/* test_sign.c - signatures, secrets, the retry table, and which URLs may be told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/secret.h"
#include "events/endpoints.h"
#include "events/schedule.h"
#include "events/sign.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The check value of the Standard Webhooks specification. */
static void the_check_value_of_standard_webhooks(void **state)
{
	(void)state;
	struct signing_key keys[2] = {{.len = 0}};
	struct buf out = BUF_INIT(300);
	assert_true(signing_secret_read(STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), &keys[0]));
	assert_int_equal(
	    webhook_sign(keys, 1, STR("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330, STR("{\"test\": 2432232314}"), &out),
	    OK);
	assert_string_equal(out.data, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");

	/* two keys, two signatures, a blank between */
	keys[1] = keys[0];
	buf_reset(&out);
	assert_int_equal(
	    webhook_sign(keys, 2, STR("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330, STR("{\"test\": 2432232314}"), &out),
	    OK);
	assert_string_equal(out.data, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= "
	                              "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");

	/* never with an empty key */
	buf_reset(&out);
	keys[0].len = 0;
	assert_int_equal(webhook_sign(keys, 1, STR("a"), 1, STR("{}"), &out), ERR_INVALID);
	buf_release(&out);
}

static void secrets(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t len; /* 0: not a secret */
	} rows[] = {
	    {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 24},
	    {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 32},
	    {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", 64},
	    {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 0}, /* 65 */
	    {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 0},                                                         /* 23 */
	    {"whsec_", 0},
	    {"", 0},
	    {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 0},
	    {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!", 0},
	    {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", 0},
	    {"WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 0},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct signing_key key = {.len = 0};
		assert_int_equal(signing_secret_read(str_of(rows[i].text), &key), rows[i].len > 0);
		assert_int_equal(key.len, rows[i].len);
	}
	char a[SIGNING_SECRET_SIZE], b[SIGNING_SECRET_SIZE];
	struct signing_key key;
	assert_true(signing_secret_new(a) && signing_secret_new(b));
	assert_true(signing_secret_read(str_of(a), &key));
	assert_int_equal(key.len, 32);
	assert_string_not_equal(a, b);
}

#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

static void the_table_of_retries(void **state)
{
	(void)state;
	static const int64_t delays[] = {5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR,  5 * HOUR,
	                                 10 * HOUR,  14 * HOUR,  20 * HOUR,   24 * HOUR, -1};
	for (size_t i = 0; i < COUNT(delays); i++) {
		const int number = (int)i + 1;
		assert_int_equal(retry_delay_ms(number), delays[i]);
		/* jitter: from nothing to a tenth more */
		const struct attempt_end soon = {number, OK, 500, -1, 0}, late = {number, OK, 500, -1, 65535};
		const struct verdict_on_attempt v = attempt_judge(&soon), w = attempt_judge(&late);
		if (delays[i] < 0) {
			assert_int_equal(v.result, ATTEMPT_LAST_FAILED);
			continue;
		}
		assert_int_equal(v.result, ATTEMPT_FAILED);
		assert_int_equal(v.delay_ms, delays[i]);
		assert_true(w.delay_ms > delays[i] && w.delay_ms <= delays[i] + delays[i] / 10);
	}
	assert_int_equal(retry_delay_ms(0), -1);
	assert_int_equal(retry_delay_ms(11), -1);
}

static void how_many_may_start(void **state)
{
	(void)state;
	static const struct {
		int64_t at_ms;
		size_t free, take;
	} rows[] = {
	    {1000000, 50, 0},                   /* never more together, however long it was quiet */
	    {1000000, 50, 50}, {1000000, 0, 0}, /* all are taken */
	    {1000001, 0, 0},   {1000002, 1, 1}, /* 500 a second: one in 2 ms */
	    {1000003, 0, 0},   {1000004, 1, 0}, /* halves are not lost */
	    {1000010, 4, 4},   {1000108, 49, 0}, {1000110, 50, 50}, {INT64_MAX / 2, 50, 50},
	};
	struct start_pace p = {0};
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(starts_free(&p, rows[i].at_ms), rows[i].free);
		starts_take(&p, rows[i].take);
	}
}

static void what_an_end_means(void **state)
{
	(void)state;
	static const struct {
		enum err err;
		int status;
		int64_t retry_after_s;
		int result;
		int64_t delay_ms;
		bool gone, slow_down;
		int64_t slow_for_ms;
	} rows[] = {
	    {OK, 200, -1, ATTEMPT_DELIVERED, 0, false, false, 0},
	    {OK, 204, -1, ATTEMPT_DELIVERED, 0, false, false, 0},
	    {OK, 299, 100, ATTEMPT_DELIVERED, 0, false, false, 0},
	    {OK, 301, -1, ATTEMPT_FAILED, 5000, false, false, 0},
	    {OK, 304, -1, ATTEMPT_FAILED, 5000, false, false, 0},
	    {OK, 400, -1, ATTEMPT_FAILED, 5000, false, false, 0},
	    {OK, 404, -1, ATTEMPT_FAILED, 5000, false, false, 0},
	    {OK, 410, -1, ATTEMPT_LAST_FAILED, 0, true, false, 0},
	    {OK, 500, -1, ATTEMPT_FAILED, 5000, false, false, 0},
	    {OK, 429, -1, ATTEMPT_FAILED, 5000, false, true, 0},
	    {OK, 502, -1, ATTEMPT_FAILED, 5000, false, true, 0},
	    {OK, 504, -1, ATTEMPT_FAILED, 5000, false, true, 0},
	    /* Retry-After: never earlier than the table, never longer than a day; it holds up the endpoint for an hour at
	       most */
	    {OK, 429, 3, ATTEMPT_FAILED, 5000, false, true, 3000},
	    {OK, 429, 120, ATTEMPT_FAILED, 120000, false, true, 120000},
	    {OK, 503, 120, ATTEMPT_FAILED, 120000, false, false, 0},
	    {OK, 429, 7200, ATTEMPT_FAILED, 7200000, false, true, 3600000},
	    {OK, 429, 9999999999, ATTEMPT_FAILED, 86400000, false, true, 3600000},
	    {OK, 429, 0, ATTEMPT_FAILED, 5000, false, true, 0},
	    {OK, 100, -1, ATTEMPT_FAILED, 5000, false, false, 0},
	    {ERR_TIMEOUT, 0, -1, ATTEMPT_FAILED, 5000, false, false, 0},
	    {ERR_UPSTREAM, 0, -1, ATTEMPT_FAILED, 5000, false, false, 0},
	    {ERR_DENIED, 0, -1, ATTEMPT_FAILED, 5000, false, false, 0},
	    {ERR_TOO_LARGE, 0, -1, ATTEMPT_FAILED, 5000, false, false, 0},
	    {ERR_INVALID, 0, -1, ATTEMPT_FAILED, 5000, false, false, 0},
	    /* never made: it costs no attempt */
	    {ERR_STOPPING, 0, -1, ATTEMPT_UNDECIDED, 0, false, false, 0},
	    {ERR_FULL, 0, -1, ATTEMPT_UNDECIDED, 0, false, false, 0},
	    {ERR_NOMEM, 0, -1, ATTEMPT_UNDECIDED, 0, false, false, 0},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct attempt_end end = {1, rows[i].err, rows[i].status, rows[i].retry_after_s, 0};
		const struct verdict_on_attempt v = attempt_judge(&end);
		assert_int_equal(v.result, rows[i].result);
		assert_int_equal(v.delay_ms, rows[i].delay_ms);
		assert_int_equal(v.gone, rows[i].gone);
		assert_int_equal(v.slow_down, rows[i].slow_down);
		assert_int_equal(v.slow_for_ms, rows[i].slow_for_ms);
		assert_int_equal(v.error == NULL, v.result == ATTEMPT_DELIVERED);
	}
}

static void which_urls_may_be_told(void **state)
{
	(void)state;
	static const struct {
		const char *url;
		bool always, insecure; /* allowed always; with insecure hosts */
	} rows[] = {
	    {"https://hooks.example.com/a/b", true, true},
	    {"https://hooks.example.com", true, true},
	    {"https://hooks.example.com:8443/a?key=1&b=%20x", true, true},
	    {"https://hooks.example.com?x=1", true, true},
	    {"https://203.0.112.9/hook", true, true},
	    {"http://hooks.example.com/a", false, true},
	    {"http://127.0.0.1:9/a", false, true},
	    {"https://127.0.0.1/a", false, true},
	    {"https://127.0.0.1./a", false, true},
	    {"https://127.1/a", false, true},
	    {"https://2130706433/a", false, true},
	    {"https://0x7f.0.0.1/a", false, true},
	    {"https://0X7F000001/a", false, true},
	    {"https://10.1.2.3/a", false, true},
	    {"https://192.168.0.1/a", false, true},
	    {"https://172.16.0.1/a", false, true},
	    {"https://169.254.169.254/latest/meta-data", false, true},
	    {"https://100.64.0.1/a", false, true},
	    {"https://0.0.0.0/a", false, true},
	    {"https://[::1]/a", false, true},
	    {"https://[::ffff:127.0.0.1]/a", false, true},
	    {"https://[fd00::1]/a", false, true},
	    {"https://[fe80::1]/a", false, true},
	    {"https://localhost/a", false, true},
	    {"https://LOCALHOST./a", false, true},
	    {"https://x.localhost/a", false, true},
	    {"https://localhost.example.com/a", true, true},
	    {"https://user@hooks.example.com/a", false, false},
	    {"https://user:pw@127.0.0.1/a", false, false},
	    {"https://hooks.example.com/a#b", false, false},
	    {"https://hooks.example.com\\@127.0.0.1/a", false, false},
	    {"https://hooks.example.com:0/a", false, false},
	    {"https://hooks.example.com:99999/a", false, false},
	    {"https://hooks.example.com /a", false, false},
	    {"https://hooks.example.com/a\n", false, false},
	    {"https://hooks.example.com/\xc3\xa4", false, false},
	    {"https:///a", false, false},
	    {"https://", false, false},
	    {"ftp://hooks.example.com/a", false, false},
	    {"file:///etc/passwd", false, false},
	    {"HTTPS://hooks.example.com/a", false, false},
	    {"//hooks.example.com/a", false, false},
	    {"", false, false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		if ((endpoint_url_wrong(str_of(rows[i].url), false) == NULL) != rows[i].always ||
		    (endpoint_url_wrong(str_of(rows[i].url), true) == NULL) != rows[i].insecure)
			fail_msg("%s", rows[i].url);
	}
	assert_non_null(endpoint_url_wrong(STR("https://hooks.example.com/a\0b"), true));
	static char longest[ENDPOINT_URL_MAX + 1];
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "https://a/", 10);
	assert_null(endpoint_url_wrong((struct str){longest, sizeof(longest) - 1}, false));
	assert_non_null(endpoint_url_wrong((struct str){longest, sizeof(longest)}, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_check_value_of_standard_webhooks),
	    cmocka_unit_test(secrets),
	    cmocka_unit_test(the_table_of_retries),
	    cmocka_unit_test(how_many_may_start),
	    cmocka_unit_test(what_an_end_means),
	    cmocka_unit_test(which_urls_may_be_told),
	};
	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
