/* test_demand.c - what a proxy may ask for; every word that is not understood refuses. */
#include "test.h"

#include "authz/demand.h"

static struct features *features;

static void rows(void **state)
{
	(void)state;
	static const struct {
		const char *query, *refused;
		bool context, required;
		const char *feature;
	} cases[] = {
	    {"", NULL, false, false, NULL},
	    {"token=page", NULL, false, false, NULL},
	    {"token=context", NULL, true, false, NULL},
	    {"license=any", NULL, false, false, NULL},
	    {"license=required", NULL, false, true, NULL},
	    {"feature=board", NULL, false, false, "board"},
	    {"feature=b%6Fard&token=context&license=required", NULL, true, true, "board"},
	    {"feature=nonesuch", "unknown_feature", false, false, NULL},
	    {"feature=Board", "unknown_feature", false, false, NULL},
	    {"feature=", "bad_policy", false, false, NULL},
	    {"feature", "bad_policy", false, false, NULL},
	    {"feature=board&feature=board", "bad_policy", false, false, NULL},
	    {"token=pages", "bad_policy", false, false, NULL},
	    {"token=", "bad_policy", false, false, NULL},
	    {"token=page&token=context", "bad_policy", false, false, NULL},
	    {"license=yes", "bad_policy", false, false, NULL},
	    {"licence=required", "bad_policy", false, false, NULL},
	    {"Token=page", "bad_policy", false, false, NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena a;
		struct demand d = {0};
		arena_init(&a, 1 << 16);
		const char *refused = demand_parse(&a, str_of(cases[i].query), features, &d);
		if (refused || cases[i].refused) {
			if (!refused || !cases[i].refused || strcmp(refused, cases[i].refused) != 0)
				fail_msg("%s: %s", cases[i].query, refused ? refused : "taken");
		} else if (d.context != cases[i].context || d.required != cases[i].required ||
		           (d.feature != NULL) != (cases[i].feature != NULL) ||
		           (d.feature && strcmp(d.feature->name, cases[i].feature) != 0)) {
			fail_msg("%s: read wrongly", cases[i].query);
		}
		arena_release(&a);
	}
}

static void no_query_asks_for_a_token_alone(void **state)
{
	(void)state;
	struct arena a;
	struct demand d = {.required = true};
	arena_init(&a, 0);
	assert_null(demand_parse(&a, (struct str){NULL, 0}, features, &d));
	assert_false(d.required || d.context || d.feature);
	arena_release(&a);
}

static void required_means_any_licensed_state(void **state)
{
	(void)state;
	for (enum license_state s = STATE_UNKNOWN; s < STATE_COUNT; s++) {
		const struct license_decision d = {.state = s, .source = SOURCE_LOOKUP};
		struct ruling r = policy_rule(&demand_any_license, &d, 0, true);
		assert_int_equal(r.verdict == VERDICT_ALLOW, license_state_licensed(s));
		assert_int_not_equal(r.verdict, VERDICT_READ_ONLY);
	}
}

static void tell(void *arg, const struct problem *p)
{
	(void)arg;
	fail_msg("%s: %s", p->place, p->text);
}

static int load(void **state)
{
	(void)state;
	return (int)features_parse(STR("{\"features\":{\"board\":{\"active\":\"allow\"}},\"pages\":{}}"), "test", tell,
	                           NULL, &features);
}

static int unload(void **state)
{
	(void)state;
	features_free(features);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(rows), cmocka_unit_test(no_query_asks_for_a_token_alone),
	                                   cmocka_unit_test(required_means_any_licensed_state)};
	return cmocka_run_group_tests(tests, load, unload);
}
