/* The command line of `licgate tenants`: which lines are understood, and as what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdint.h>
#include <string.h>

#include "tenants_args.h"

enum { WORDS_MAX = 14 };

/* Splits a line at blanks; "" stays out. */
static bool parse(const char *line, struct tenants_args *ret, char *why, size_t why_size)
{
	static char text[300];
	char *words[WORDS_MAX] = {0}, *rest = text;
	int count = 0;
	strncpy(text, line, sizeof(text) - 1);
	while (count < WORDS_MAX && (words[count] = strsep(&rest, " ")))
		count++;
	return tenants_args_parse(count, words, ret, why, why_size);
}

static const struct {
	const char *line;
	enum tenants_verb verb;
	const char *key;
} good[] = {
    {"tenants", TENANTS_LIST, NULL},
    {"tenants --json", TENANTS_LIST, NULL},
    {"tenants list --query acme --state expired --limit 500 --cursor abc --json", TENANTS_LIST, NULL},
    {"tenants show k1", TENANTS_SHOW, "k1"},
    {"tenants show k1 --json", TENANTS_SHOW, "k1"},
    {"tenants export --state installed", TENANTS_EXPORT, NULL},
    {"tenants refresh k1", TENANTS_REFRESH, "k1"},
    {"tenants override k1 --state active --until 2030-01-01 --reason paid --by ops", TENANTS_OVERRIDE, "k1"},
    {"tenants override k1 --end", TENANTS_OVERRIDE, "k1"},
    {"tenants --help", TENANTS_HELP, NULL},
    {"tenants show -h", TENANTS_HELP, NULL},
};

static const char *const bad[] = {
    "tenants nonesuch",
    "tenants list extra",
    "tenants list --limit 0",
    "tenants list --limit 501",
    "tenants list --limit x",
    "tenants list --limit",
    "tenants list --query",
    "tenants list --until 2030-01-01",
    "tenants list --nonesuch",
    "tenants show",
    "tenants show --json",
    "tenants show k1 k2",
    "tenants show k1 --state active",
    "tenants export --limit 5",
    "tenants export --json",
    "tenants refresh",
    "tenants override k1",
    "tenants override k1 --state active --until 2030-01-01 --reason paid",
    "tenants override k1 --end --state active",
};

static void lines_are_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct tenants_args a = {.verb = TENANTS_HELP};
		char why[200] = "";
		if (!parse(good[i].line, &a, why, sizeof(why)))
			fail_msg("%s: %s", good[i].line, why);
		assert_int_equal(a.verb, good[i].verb);
		assert_int_equal(a.key != NULL, good[i].key != NULL);
		if (a.key)
			assert_string_equal(a.key, good[i].key);
	}
}

static void options_arrive_where_they_belong(void **state)
{
	(void)state;
	struct tenants_args a;
	char why[200];
	assert_true(parse("tenants list --query acme --state expired --limit 7 --cursor abc --json", &a, why, sizeof(why)));
	assert_string_equal(a.query, "acme");
	assert_string_equal(a.state, "expired");
	assert_string_equal(a.cursor, "abc");
	assert_int_equal(a.limit, 7);
	assert_true(a.json);
	assert_true(parse("tenants override k --state none --until 2030-01-01 --reason r --by b", &a, why, sizeof(why)));
	assert_string_equal(a.until, "2030-01-01");
	assert_string_equal(a.reason, "r");
	assert_string_equal(a.by, "b");
	assert_false(a.end);
}

static void wrong_lines_are_refused_with_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tenants_args a;
		char why[200] = "";
		if (parse(bad[i], &a, why, sizeof(why)))
			fail_msg("taken: %s", bad[i]);
		assert_true(strlen(why) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_are_understood),
	    cmocka_unit_test(options_arrive_where_they_belong),
	    cmocka_unit_test(wrong_lines_are_refused_with_a_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
