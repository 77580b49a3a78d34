/* test_features.c - what a features file may say, and what is told of one that is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "license/policy.h"

struct told {
	char text[4096]; /* "place: text" lines */
	int count;
};

static void tell(void *arg, const struct problem *p)
{
	struct told *t = arg;
	size_t len = strlen(t->text);
	(void)snprintf(t->text + len, sizeof t->text - len, "%s: %s\n", p->place, p->text);
	t->count++;
}

/* One wrong thing each: the file, then how the one problem told of it must begin. */
static const struct {
	const char *json, *told;
} wrong[] = {
    {"", "f.json: line 1, column 0: is not JSON"},
    {"{\"features\":", "f.json: line 1, column 12: is not JSON"},
    {"{\"features\":{\"a\":{\"active\":\"allow\"}}} x", "f.json: line 1, column 39: is not JSON"},
    {"[]", "f.json: line 1, column 1: is not JSON as it should be: an object is needed"},
    {"{}", "f.json: features: is missing"},
    {"{\"features\":{}}", "f.json: features: must be an object with at least one feature"},
    {"{\"features\":[1]}", "f.json: features: must be an object with at least one feature"},
    {"{\"features\":null}", "f.json: features: must be an object with at least one feature"},
    {"{\"features\":{\"a\":{\"active\":\"allow\"}},\"page\":{}}", "f.json: page: is not known"},
    {"{\"features\":{\"a\":{\"active\":\"allow\"},\"a\":{\"active\":\"deny\"}}}",
     "f.json: line 1, column 39: is not JSON as it should be: duplicate object key"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"active\":\"deny\"}}}",
     "f.json: line 1, column 43: is not JSON as it should be: duplicate object key"},
    {"{\"features\":{\"a\":\"allow\"}}", "f.json: features.a: must be an object"},
    {"{\"features\":{\"a\":{}}}", "f.json: features.a: names no state and no default"},
    {"{\"features\":{\"a\":{\"seats\":true}}}", "f.json: features.a: names no state and no default"},
    {"{\"features\":{\"\":{\"active\":\"allow\"}}}", "f.json: features.: is not a feature's name"},
    {"{\"features\":{\"a b\":{\"active\":\"allow\"}}}", "f.json: features.a b: is not a feature's name"},
    {"{\"features\":{\"a\":{\"Active\":\"allow\"}}}", "f.json: features.a.Active: is not known: use a state"},
    {"{\"features\":{\"a\":{\"licensed\":\"allow\"}}}", "f.json: features.a.licensed: is not known: use a state"},
    {"{\"features\":{\"a\":{\"active\":\"yes\"}}}", "f.json: features.a.active: is not a verdict"},
    {"{\"features\":{\"a\":{\"active\":true}}}", "f.json: features.a.active: is not a verdict"},
    {"{\"features\":{\"a\":{\"default\":null}}}", "f.json: features.a.default: is not a verdict"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"edition\":\"capabilityAdvanced\"}}}",
     "f.json: features.a.edition: is not an edition"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"edition\":null}}}", "f.json: features.a.edition: is not an edition"},
    {"{\"features\":{\"a\":{\"active\":\"allow\"}},\"forge_environments\":[]}",
     "f.json: forge_environments: must be an object"},
    {"{\"features\":{\"a\":{\"active\":\"allow\"}},\"forge_environments\":null}",
     "f.json: forge_environments: must be an object"},
    {"{\"features\":{\"a\":{\"active\":\"allow\"}},\"forge_environments\":{\"PRODUCTION\":\"allow\"}}",
     "f.json: forge_environments.PRODUCTION: has licences"},
    {"{\"features\":{\"a\":{\"active\":\"allow\"}},\"forge_environments\":{\"development\":\"allow\"}}",
     "f.json: forge_environments.development: is not a Forge environment"},
    {"{\"features\":{\"a\":{\"active\":\"allow\"}},\"forge_environments\":{\"\":\"allow\"}}",
     "f.json: forge_environments.: is not a Forge environment"},
    {"{\"features\":{\"a\":{\"active\":\"allow\"}},\"forge_environments\":{\"DEVELOPMENT\":true}}",
     "f.json: forge_environments.DEVELOPMENT: is not a verdict"},
    {"{\"features\":{\"a\":{\"active\":\"allow\"}},\"forge_environments\":{\"DEVELOPMENT\":\"yes\"}}",
     "f.json: forge_environments.DEVELOPMENT: is not a verdict"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"seats\":\"true\"}}}",
     "f.json: features.a.seats: must be true or false"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"seats\":100}}}", "f.json: features.a.seats: must be true or false"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"seats\":true,\"overage\":\"3x\"}}}",
     "f.json: features.a.overage: is not a strategy"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"seats\":true,\"overage\":1.5}}}",
     "f.json: features.a.overage: is not a strategy"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"seats\":true,\"overage\":null}}}",
     "f.json: features.a.overage: is not a strategy"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"overage\":\"2x\"}}}",
     "f.json: features.a.overage: has no effect without \"seats\": true"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"seats\":false,\"overage\":\"NO_OVERAGE\"}}}",
     "f.json: features.a.overage: has no effect without \"seats\": true"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"choices\":\"allow\"}}}", "f.json: features.a.choices: must list"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"choices\":[]}}}", "f.json: features.a.choices: must list"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"choices\":[\"allow\"]}}}", "f.json: features.a.choices: must list"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"choices\":[\"read_only\",\"deny\"]}}}",
     "f.json: features.a.choices: must list"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"choices\":[\"allow\",\"allow\"]}}}",
     "f.json: features.a.choices: must list"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"choices\":[\"allow\",\"read_only\",\"read_only\"]}}}",
     "f.json: features.a.choices: must list"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"choices\":[\"allow\",\"write\"]}}}",
     "f.json: features.a.choices: must list"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"choices\":[\"allow\",2]}}}",
     "f.json: features.a.choices: must list"},
    {"{\"features\":{\"a\":{\"active\":\"allow\",\"choices\":{\"allow\":1}}}}",
     "f.json: features.a.choices: must list"},
    {"{\"features\":{\"a\":{\"choices\":[\"allow\",\"deny\"]}}}", "f.json: features.a: names no state and no default"},
    {"{\"features\":{\"a\":{\"installed_before\":\"2024-13-01\"}}}",
     "f.json: features.a.installed_before: is not a day"},
    {"{\"features\":{\"a\":{\"installed_before\":\"2024-02-30\"}}}",
     "f.json: features.a.installed_before: is not a day"},
    {"{\"features\":{\"a\":{\"installed_before\":\"01.07.2024\"}}}",
     "f.json: features.a.installed_before: is not a day"},
    {"{\"features\":{\"a\":{\"installed_before\":\"2024-07-01T00:00:00Z\"}}}",
     "f.json: features.a.installed_before: is not a day"},
    {"{\"features\":{\"a\":{\"installed_before\":20240701}}}", "f.json: features.a.installed_before: is not a day"},
    {"{\"features\":{\"a\":{\"active\":\"allow\"}},\"pages\":[]}", "f.json: pages: must be an object"},
    {"{\"features\":{\"a\":{\"active\":\"allow\"}},\"pages\":{\"/app/x\":\"b\"}}",
     "f.json: pages./app/x: names no feature"},
    {"{\"features\":{\"a\":{\"active\":\"allow\"}},\"pages\":{\"/app/x\":[\"a\"]}}",
     "f.json: pages./app/x: names no feature"},
    {"{\"features\":{\"a\":{\"active\":\"allow\"}},\"pages\":{\"app/x\":\"a\"}}", "f.json: pages.app/x: is not a path"},
    {"{\"features\":{\"a\":{\"active\":\"allow\"}},\"pages\":{\"/app/x?y=1\":\"a\"}}",
     "f.json: pages./app/x?y=1: is not a path"},
    {"{\"features\":{\"a\":{\"active\":\"allow\"}},\"pages\":{\"/app//x\":\"a\"}}",
     "f.json: pages./app//x: is not a path"},
    {"{\"features\":{\"a\":{\"active\":\"allow\"}},\"pages\":{\"\":\"a\"}}", "f.json: pages.: is not a path"},
    {"{\"features\":{\"a\":{\"active\":\"all\\u0000ow\"}}}", "f.json: line 1, column 40: is not JSON"},
};

static void test_each_problem_is_told_with_its_place(void **state)
{
	(void)state;
	int bad = 0;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct told t = {.count = 0};
		struct features *f = NULL;
		enum err err = features_parse(str_of(wrong[i].json), "f.json", tell, &t, &f);
		bool good =
		    err == ERR_INVALID && !f && t.count == 1 && strncmp(t.text, wrong[i].told, strlen(wrong[i].told)) == 0;
		if (!good) {
			print_error("%s\n    expected %s\n    got %s (%s)\n", wrong[i].json, wrong[i].told, t.text, err_name(err));
			bad++;
		}
		features_free(f);
	}
	assert_int_equal(bad, 0);
}

static void test_all_problems_are_told_at_once(void **state)
{
	(void)state;
	struct told t = {.count = 0};
	struct features *f = NULL;
	assert_int_equal(features_parse(STR("{\"features\":{\"a\":{\"activ\":\"allow\",\"grace\":\"maybe\"},\"b\":{}},"
	                                    "\"pages\":{\"/x\":\"c\"},\"more\":1}"),
	                                "f.json", tell, &t, &f),
	                 ERR_INVALID);
	assert_int_equal(t.count, 5);
	assert_null(f);
}

static void test_too_large(void **state)
{
	(void)state;
	struct told t = {.count = 0};
	struct features *f = NULL;
	char *text = calloc(1, FEATURES_TEXT_MAX + 2);
	assert_non_null(text);
	memset(text, ' ', FEATURES_TEXT_MAX + 1);
	assert_int_equal(features_parse((struct str){text, FEATURES_TEXT_MAX + 1}, "f.json", tell, &t, &f), ERR_TOO_LARGE);
	assert_int_equal(t.count, 1);
	free(text);
}

static void test_too_many_features(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(FEATURES_TEXT_MAX);
	buf_z(&b, "{\"features\":{");
	for (int i = 0; i <= FEATURES_MAX; i++)
		buf_printf(&b, "%s\"f%d\":{\"active\":\"allow\"}", i ? "," : "", i);
	buf_z(&b, "}}");
	struct told t = {.count = 0};
	struct features *f = NULL;
	assert_int_equal(features_parse(buf_text(&b), "f.json", tell, &t, &f), ERR_INVALID);
	assert_int_equal(t.count, 1);
	buf_release(&b);
}

static void test_everything_a_file_may_say(void **state)
{
	(void)state;
	struct told t = {.count = 0};
	struct features *f = NULL;
	assert_int_equal(
	    features_parse(
	        STR("{\"features\":{"
	            "\"board\":{\"evaluation\":\"allow\",\"expired\":\"read_only\",\"default\":\"deny\"},"
	            "\"export\":{\"active\":\"allow\",\"edition\":\"advanced\",\"seats\":true,"
	            "\"overage\":\"1.25x\",\"choices\":[\"deny\",\"allow\"],\"installed_before\":\"2024-07-01\"}},"
	            "\"pages\":{\"/app/z\":\"export\",\"/app/board\":\"board\",\"/app/a\":\"export\"}}"),
	        "f.json", tell, &t, &f),
	    OK);
	assert_int_equal(t.count, 0);
	assert_int_equal(features_count(f), 2);
	const struct feature *board = features_find(f, STR("board")), *export = features_find(f, STR("export"));
	assert_ptr_equal(board, features_at(f, 0));
	assert_ptr_equal(export, features_at(f, 1));
	assert_null(features_at(f, 2));
	assert_true(board->named[STATE_EVALUATION] && !board->named[STATE_ACTIVE]);
	assert_int_equal(board->by_state[STATE_EXPIRED], VERDICT_READ_ONLY);
	assert_int_equal(export->edition, EDITION_ADVANCED);
	assert_true(export->seats);
	assert_int_equal(export->overage, OVERAGE_1_25X);
	assert_int_equal(export->choices, 1u << VERDICT_ALLOW | 1u << VERDICT_DENY);
	assert_int_equal(board->overage, OVERAGE_NONE);
	assert_int_equal(board->choices, 0);
	int64_t day = 0;
	assert_int_equal(time_parse(STR("2024-07-01"), &day), OK);
	assert_int_equal(export->installed_before, day);
	assert_ptr_equal(features_for_page(f, STR("/app/board")), board);
	assert_ptr_equal(features_for_page(f, STR("/app/a")), export);
	assert_ptr_equal(features_for_page(f, STR("/app/z")), export);
	static const char *const other[] = {"/app/boar", "/app/board/", "/app/boards", "", "/", "/app/Board", "/zz"};
	for (size_t i = 0; i < sizeof other / sizeof *other; i++)
		assert_null(features_for_page(f, str_of(other[i])));
	assert_null(features_find(f, STR("Board")));
	assert_null(features_find(f, STR("board\0")));
	const char *path;
	const struct feature *of;
	size_t pages = 0;
	while (features_page_at(f, pages, &path, &of))
		pages++;
	assert_int_equal(pages, 3);
	features_free(f);
}

/* The file that ships: board and export are allowed with VALID when active, and no other rule stands in the way. */
static void test_the_shipped_file(void **state)
{
	(void)state;
	struct told t = {.count = 0};
	struct features *f = NULL;
	struct buf text = BUF_INIT(FEATURES_TEXT_MAX);
	assert_int_equal(file_read(PROJECT_DIR "/descriptor/features.json", &text), OK);
	assert_int_equal(features_parse(buf_text(&text), "features.json", tell, &t, &f), OK);
	static const char *const names[] = {"board", "export"}, *const pages[] = {"/app/board", "/app/export"};
	assert_int_equal(features_count(f), 2);
	for (size_t i = 0; i < 2; i++) {
		const struct feature *feature = features_find(f, str_of(names[i]));
		assert_non_null(feature);
		assert_ptr_equal(features_for_page(f, str_of(pages[i])), feature);
		struct license_decision active = {.state = STATE_ACTIVE, .source = SOURCE_LIC}, none = {.state = STATE_NONE};
		assert_int_equal(policy_rule(feature, &active, 0, false).verdict, VERDICT_ALLOW);
		assert_int_equal(policy_rule(feature, &active, 0, false).code, CODE_VALID);
		assert_int_equal(policy_rule(feature, &none, 0, true).verdict, VERDICT_DENY);
	}
	features_free(f);
	buf_release(&text);
}

static void test_forge_environments(void **state)
{
	(void)state;
	struct told told = {.count = 0};
	struct features *f = NULL;
	const struct str json = STR("{\"features\":{\"a\":{\"active\":\"allow\"}},"
	                            "\"forge_environments\":{\"DEVELOPMENT\":\"allow\",\"STAGING\":\"read_only\"}}");
	assert_int_equal(features_parse(json, "f.json", tell, &told, &f), OK);
	assert_int_equal(features_forge_environment(f, STR("DEVELOPMENT")), VERDICT_ALLOW);
	assert_int_equal(features_forge_environment(f, STR("STAGING")), VERDICT_READ_ONLY);
	/* what is not named is denied, PRODUCTION too: its states rule it */
	assert_int_equal(features_forge_environment(f, STR("development")), VERDICT_DENY);
	assert_int_equal(features_forge_environment(f, STR("PRODUCTION")), VERDICT_DENY);
	assert_int_equal(features_forge_environment(f, STR("")), VERDICT_DENY);
	features_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forge_environments),
	    cmocka_unit_test(test_each_problem_is_told_with_its_place),
	    cmocka_unit_test(test_all_problems_are_told_at_once),
	    cmocka_unit_test(test_too_large),
	    cmocka_unit_test(test_too_many_features),
	    cmocka_unit_test(test_everything_a_file_may_say),
	    cmocka_unit_test(test_the_shipped_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
