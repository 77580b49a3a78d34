/* test_system_tokens.c - the lent tokens and the limits of the licence resource: one call in five minutes, what was
 * found told again, 429 obeyed, everything bounded. The clock is stepped by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "forge/system_tokens.h"

static struct clock_manual clock_;
static struct system_tokens *tokens;

static int setup(void **state)
{
	(void)state;
	clock_manual_init(&clock_, 1750000000000);
	return system_tokens_new(&clock_.clock, &tokens) == OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	system_tokens_free(tokens);
	return 0;
}

static enum may_call call(const char *key, const char *expected_token, struct found_license *ret_found)
{
	struct buf token = BUF_INIT(SYSTEM_TOKEN_MAX_BYTES + 1);
	struct found_license found = {0};
	int64_t wait_ms = 0;
	enum may_call may = system_tokens_call(tokens, str_of(key), &token, &found, &wait_ms);
	if (may == CALL_NOW)
		assert_string_equal(token.data, expected_token);
	else
		assert_int_equal(token.len, 0);
	assert_true(wait_ms >= 0);
	if (ret_found)
		*ret_found = found;
	buf_wipe(&token);
	return may;
}

static void test_one_call_in_five_minutes(void **state)
{
	(void)state;
	struct found_license found;
	assert_int_equal(call("a", NULL, NULL), CALL_NO_TOKEN);
	assert_true(system_tokens_put(tokens, STR("a"), STR("t1")) > 0);
	assert_int_equal(call("a", "t1", NULL), CALL_NOW);
	assert_int_equal(call("a", NULL, NULL), CALL_LIMITED); /* nothing was found yet */
	const struct found_license licensed = {.valid = true, .expires_at = 7};
	system_tokens_found(tokens, STR("a"), &licensed);
	assert_int_equal(call("a", NULL, &found), CALL_KNOWN);
	assert_true(found.valid && found.expires_at == 7);
	assert_true(system_tokens_put(tokens, STR("a"), STR("t2")) > 0); /* a new token is no new allowance */
	clock_manual_step(&clock_, LICENSE_CALL_EVERY_MS - 1);
	assert_int_equal(call("a", NULL, NULL), CALL_KNOWN);
	clock_manual_step(&clock_, 1);
	assert_int_equal(call("a", "t2", NULL), CALL_NOW);
	assert_int_equal(call("b", NULL, NULL), CALL_NO_TOKEN); /* tenants are apart */
}

static void test_429_is_obeyed(void **state)
{
	(void)state;
	assert_true(system_tokens_put(tokens, STR("a"), STR("t")) > 0);
	assert_int_equal(call("a", "t", NULL), CALL_NOW);
	system_tokens_block(tokens, STR("a"), LICENSE_CALL_EVERY_MS * 2);
	clock_manual_step(&clock_, LICENSE_CALL_EVERY_MS + 1);
	assert_int_equal(call("a", NULL, NULL), CALL_LIMITED);
	system_tokens_block(tokens, STR("a"), 1); /* never shortens */
	assert_int_equal(call("a", NULL, NULL), CALL_LIMITED);
	clock_manual_step(&clock_, LICENSE_CALL_EVERY_MS);
	assert_int_equal(call("a", "t", NULL), CALL_NOW);
}

static void test_tokens_end_and_are_bounded(void **state)
{
	(void)state;
	char key[32], longest[SYSTEM_TOKEN_MAX_BYTES + 2];
	memset(longest, 't', sizeof(longest));
	assert_int_equal(system_tokens_put(tokens, STR("a"), (struct str){longest, SYSTEM_TOKEN_MAX_BYTES + 1}), 0);
	assert_int_equal(system_tokens_put(tokens, STR("a"), STR("")), 0);
	assert_int_equal(system_tokens_put(tokens, STR("a"), STR("a\r\nb")), 0);
	assert_true(system_tokens_put(tokens, STR("a"), STR("t")) > 0);
	clock_manual_step(&clock_, SYSTEM_TOKEN_LIFE_MS);
	assert_int_equal(call("a", NULL, NULL), CALL_NO_TOKEN);
	assert_true(system_tokens_put(tokens, STR("first"), STR("t")) > 0);
	for (int i = 0; i < SYSTEM_TOKENS_MAX; i++) {
		snprintf(key, sizeof(key), "tenant-%d", i);
		assert_true(system_tokens_put(tokens, str_of(key), STR("t")) > 0);
	}
	assert_int_equal(call("first", NULL, NULL), CALL_NO_TOKEN); /* it made place */
	assert_int_equal(call(key, "t", NULL), CALL_NOW);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_one_call_in_five_minutes),
	    T(test_429_is_obeyed),
	    T(test_tokens_end_and_are_bounded),
	};
	return cmocka_run_group_tests_name("system_tokens", tests, NULL, NULL);
}
