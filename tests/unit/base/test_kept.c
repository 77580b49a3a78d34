/* test_kept.c - the table of kept answers by itself: who is told to ask, who waits, what is forgotten and when. */
#include "test.h"

#include <stdio.h>

#include "alloc_faults.h"
#include "base/kept.h"
#include "base/secret.h"

enum { MAX = 3, IN_FLIGHT_MAX = 2, TTL_MS = 1000 };

static struct clock_manual now;
static bool may; /* what the owner says when asked whether a question may be asked */

static bool may_ask(void *arg)
{
	(void)arg;
	return may;
}

static int setup(void **state)
{
	const struct kept_options options = {
	    .clock = &now.clock, .max = MAX, .in_flight_max = IN_FLIGHT_MAX, .may_ask = may_ask};
	clock_manual_init(&now, 1000000);
	may = true;
	return crypto_init() && kept_new(&options, (struct kept **)state) == OK ? 0 : -1;
}

static int teardown(void **state)
{
	kept_free(*state);
	return 0;
}

/* Who was told, in order: a letter each, upper case with an answer, lower case without. */
static char told[64];

static void tell(void *arg, const struct kept_value *value)
{
	const size_t len = strlen(told);
	const char *letter = arg;
	told[len] = value ? *letter : (char)(*letter + ('a' - 'A'));
	told[len + 1] = '\0';
}

static char letters[] = "ABC";

/* What kept_get() finds; the code of the value if there is one, else -1. */
static enum kept_found ask(struct kept *k, const char *key, char *letter, int *ret_code)
{
	struct kept_value *value = NULL;
	const enum kept_found found = kept_get(k, str_of(key), letter ? tell : NULL, letter, &value);
	assert_int_equal(found == KEPT_NOW, value != NULL);
	*ret_code = value ? value->code : -1;
	kept_value_unref(value);
	return found;
}

static void assert_found(struct kept *k, const char *key, char *letter, enum kept_found want, int want_code)
{
	int code;
	const enum kept_found found = ask(k, key, letter, &code);
	if (found != want || code != want_code)
		fail_msg("%s: found %d with code %d, not %d with %d", key, found, code, want, want_code);
}

static void answer(struct kept *k, const char *key, int code, int64_t ttl_ms)
{
	struct kept_value *value = kept_value_new(code, NULL, STR("text"));
	assert_non_null(value);
	kept_answer(k, str_of(key), value, ttl_ms);
}

static void test_one_asks_and_all_are_told_in_order(void **state)
{
	struct kept *k = *state;
	told[0] = '\0';
	assert_found(k, "key", &letters[0], KEPT_ASK, -1);
	assert_found(k, "key", &letters[1], KEPT_WAIT, -1);
	assert_found(k, "key", &letters[2], KEPT_WAIT, -1);
	assert_found(k, "key", NULL, KEPT_REFUSED, -1); /* only looks */
	assert_string_equal(told, "");
	answer(k, "key", 7, TTL_MS);
	assert_string_equal(told, "ABC");
	assert_found(k, "key", NULL, KEPT_NOW, 7);
}

static void test_an_answer_has_its_time(void **state)
{
	struct kept *k = *state;
	answer(k, "short", 1, TTL_MS);
	answer(k, "always", 2, KEPT_FOR_EVER);
	answer(k, "never", 3, 0);
	assert_found(k, "never", NULL, KEPT_REFUSED, -1);
	clock_manual_step(&now, TTL_MS - 1);
	assert_found(k, "short", NULL, KEPT_NOW, 1);
	clock_manual_step(&now, 1);
	assert_found(k, "short", NULL, KEPT_REFUSED, -1);
	assert_found(k, "short", &letters[0], KEPT_ASK, -1); /* and is asked anew */
	answer(k, "short", 4, TTL_MS);
	assert_found(k, "short", NULL, KEPT_NOW, 4);
	clock_manual_step(&now, INT64_C(1000) * 86400000);
	assert_found(k, "always", NULL, KEPT_NOW, 2);
}

static void test_news_takes_the_place_of_what_was_kept(void **state)
{
	struct kept *k = *state;
	answer(k, "key", 1, KEPT_FOR_EVER);
	answer(k, "key", 2, TTL_MS);
	assert_found(k, "key", NULL, KEPT_NOW, 2);
	answer(k, "key", 3, KEPT_FOR_EVER);
	assert_found(k, "key", NULL, KEPT_NOW, 3);
	kept_answer(k, STR("key"), NULL, TTL_MS); /* no answer: nothing is kept */
	assert_found(k, "key", NULL, KEPT_REFUSED, -1);
	kept_answer(k, STR("key"), NULL, TTL_MS); /* nor was there anything */
	assert_found(k, "key", NULL, KEPT_REFUSED, -1);
}

static void test_the_least_used_goes_first(void **state)
{
	struct kept *k = *state;
	answer(k, "always", 9, KEPT_FOR_EVER); /* does not count */
	answer(k, "a", 1, TTL_MS);
	answer(k, "b", 2, TTL_MS);
	answer(k, "c", 3, TTL_MS);
	assert_found(k, "a", NULL, KEPT_NOW, 1);
	assert_found(k, "a", NULL, KEPT_NOW, 1); /* the last one used already */
	answer(k, "d", 4, TTL_MS);
	assert_found(k, "b", NULL, KEPT_REFUSED, -1);
	assert_found(k, "a", NULL, KEPT_NOW, 1);
	assert_found(k, "c", NULL, KEPT_NOW, 3);
	assert_found(k, "d", NULL, KEPT_NOW, 4);
	assert_found(k, "always", NULL, KEPT_NOW, 9);
}

static void test_questions_are_bounded(void **state)
{
	struct kept *k = *state;
	told[0] = '\0';
	assert_found(k, "a", &letters[0], KEPT_ASK, -1);
	assert_found(k, "b", &letters[1], KEPT_ASK, -1);
	assert_found(k, "c", &letters[2], KEPT_REFUSED, -1); /* too many under way */
	kept_answer(k, STR("b"), NULL, 0);
	may = false;
	assert_found(k, "c", &letters[2], KEPT_REFUSED, -1); /* the owner says no */
	may = true;
	assert_found(k, "c", &letters[2], KEPT_ASK, -1);
	answer(k, "c", 3, TTL_MS);
	kept_answer(k, STR("a"), NULL, 0);
	assert_string_equal(told, "bCa");
}

/* Without memory nobody waits who is not told, and nothing is left behind. */
static void test_memory_may_end(void **state)
{
	struct kept *k = *state;
	bool any = true;
	for (long nth = 0; any; nth++) {
		int first, second;
		told[0] = '\0';
		alloc_faults_arm(nth, false);
		const bool asks = ask(k, "key", &letters[0], &first) == KEPT_ASK;
		const bool waits = asks && ask(k, "key", &letters[1], &second) == KEPT_WAIT;
		struct kept_value *value = kept_value_new(5, NULL, STR("text"));
		const bool made = value != NULL;
		kept_answer(k, STR("key"), value, TTL_MS);
		any = alloc_faults_disarm();
		char want[3] = "";
		(void)snprintf(want, sizeof want, "%s%s", asks ? made ? "A" : "a" : "", waits ? made ? "B" : "b" : "");
		assert_string_equal(told, want);
		if (!any)
			assert_string_equal(told, "AB");
		kept_answer(k, STR("key"), NULL, 0);
		assert_found(k, "key", NULL, KEPT_REFUSED, -1);
	}
	struct kept_value *value = kept_value_new(6, NULL, STR("text"));
	assert_non_null(value);
	alloc_faults_arm(0, true);
	kept_answer(k, STR("new"), value, TTL_MS); /* there is no room for it: it is not kept */
	assert_true(alloc_faults_disarm());
	assert_found(k, "new", NULL, KEPT_REFUSED, -1);
	const struct kept_options options = {.clock = &now.clock, .max = 1, .in_flight_max = 1};
	struct kept *none = NULL;
	alloc_faults_arm(0, false);
	assert_int_equal(kept_new(&options, &none), ERR_NOMEM);
	assert_true(alloc_faults_disarm());
	assert_null(none);
	kept_free(none);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_one_asks_and_all_are_told_in_order),
	    T(test_an_answer_has_its_time),
	    T(test_news_takes_the_place_of_what_was_kept),
	    T(test_the_least_used_goes_first),
	    T(test_questions_are_bounded),
	    T(test_memory_may_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
