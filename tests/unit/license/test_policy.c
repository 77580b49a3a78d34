/* test_policy.c - runs policy.rules: features as the file writes them, verdict and code for each decision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "license/policy.h"
#include "license/rules_file.h"

static void tell(void *arg, const struct problem *p)
{
	(void)arg;
	print_error("%s: %s\n", p->place, p->text);
}

static void read_feature(struct features **features, const struct rule *r)
{
	char json[RULE_LINE_MAX + 64];
	const char *body = strchr(r->raw, '{');
	assert_non_null(body);
	(void)snprintf(json, sizeof json, "{\"features\":{\"%s\":%s}}", r->words[1], body);
	features_free(*features);
	*features = NULL;
	assert_int_equal(features_parse(str_of(json), "policy.rules", tell, NULL, features), OK);
}

/* By the feature that the lines before define. */
static bool rule(void *features, const struct rule *r, char got[static RULE_LINE_MAX])
{
	if (strcmp(r->words[0], "feature") == 0) {
		read_feature(features, r);
		return false;
	}
	const struct feature *f = features_at(*(struct features **)features, 0);
	struct license_decision d = {.source = rule_has(r, "override") ? SOURCE_OVERRIDE : SOURCE_LOOKUP};
	assert_true(license_state_parse(str_of(r->words[0]), &d.state));
	enum verdict environment = VERDICT_DENY;
	d.ruled = rule_get(r, "environment") != NULL;
	if (d.ruled)
		assert_true(verdict_parse(str_of(rule_get(r, "environment")), &environment));
	d.rule = environment;
	const char *edition = rule_get(r, "edition"), *installed = rule_get(r, "installed"), *seat = rule_get(r, "seat");
	d.edition = !edition ? EDITION_NONE : strcmp(edition, "advanced") == 0 ? EDITION_ADVANCED : EDITION_STANDARD;
	int64_t first = 0;
	if (!installed || strcmp(installed, "never") != 0)
		assert_int_equal(time_parse(str_of(installed ? installed : "2025-06-15"), &first), OK);
	struct ruling ruling = policy_rule(f, &d, first, !seat || strcmp(seat, "no") != 0);
	enum verdict most = VERDICT_ALLOW;
	if (rule_get(r, "most"))
		assert_true(verdict_parse(str_of(rule_get(r, "most")), &most));
	ruling = ruling_at_most(ruling, most);
	(void)snprintf(got, RULE_LINE_MAX, "%s %s", verdict_name(ruling.verdict), policy_code_name(ruling.code));
	return true;
}

static void test_rules(void **state)
{
	(void)state;
	static struct features *features;
	rules_check(TESTS_DIR "/unit/license/policy.rules", rule, &features, 50);
	features_free(features);
}

static void test_zero_denies(void **state)
{
	(void)state;
	const struct feature f = {.name = NULL};
	const struct license_decision d = {.state = STATE_UNKNOWN};
	struct ruling r = policy_rule(&f, &d, 0, true);
	assert_int_equal(r.verdict, VERDICT_DENY);
	assert_int_equal(r.code, CODE_UNKNOWN);
	assert_string_equal(verdict_name((enum verdict)0), "deny");
}

static void test_overage(void **state)
{
	(void)state;
	static const struct {
		enum overage o;
		int64_t limit, seats;
	} rows[] = {
	    {OVERAGE_NONE, 10, 10},
	    {OVERAGE_NONE, 0, 0},
	    {OVERAGE_NONE, -1, 0},
	    {OVERAGE_NONE, INT64_MAX, INT64_MAX},
	    {OVERAGE_1_25X, 1, 1},
	    {OVERAGE_1_25X, 4, 5},
	    {OVERAGE_1_25X, 10, 12},
	    {OVERAGE_1_25X, 100, 125},
	    {OVERAGE_1_5X, 1, 1},
	    {OVERAGE_1_5X, 3, 4},
	    {OVERAGE_1_5X, 593, 889},
	    {OVERAGE_2X, 1, 2},
	    {OVERAGE_2X, INT64_MAX / 4, INT64_MAX / 4 * 2},
	    {OVERAGE_2X, INT64_MAX, INT64_MAX},
	    {OVERAGE_2X, 0, 0},
	    {OVERAGE_ALWAYS, 1, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(overage_seats(rows[i].o, rows[i].limit), rows[i].seats);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rules),
	    cmocka_unit_test(test_zero_denies),
	    cmocka_unit_test(test_overage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
