/* What an action of a simulated site calls, and what the app's answer changes: as tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "base/secret.h"
#include "sim/site.h"

static struct site *site_with_app(void)
{
	struct remote_app app = {0};
	const char *why = NULL;
	assert_int_equal(remote_app_read(STR("{\"key\":\"k\",\"baseUrl\":\"http://127.0.0.1:1/base\"}"), &app, &why), OK);
	struct site *s = site_new(STR("acme"), &app, 1000);
	assert_non_null(s);
	return s;
}

/* Runs an action to its end; every callback is answered with status. */
static void act(struct site *s, enum site_action a, int status)
{
	enum site_status before = s->status;
	assert_true(site_action_allowed(s, a));
	for (size_t step = 0;; step++) {
		enum callback c = site_action_step(a, before, step);
		if (c == CALLBACK_NONE)
			break;
		assert_true(site_prepare(s, a, c));
		bool accepted = callback_accepted(c, status);
		site_answered(s, c, accepted);
		if (c == CALLBACK_INSTALLED && !accepted)
			break;
	}
}

static const struct {
	const char *name;
	enum site_action action;
	enum site_status before;
	enum callback steps[3];
} steps[] = {
    {"install", ACTION_INSTALL, SITE_UNINSTALLED, {CALLBACK_INSTALLED, CALLBACK_ENABLED}},
    {"uninstall", ACTION_UNINSTALL, SITE_ENABLED, {CALLBACK_UNINSTALLED}},
    {"reinstall", ACTION_REINSTALL, SITE_ENABLED, {CALLBACK_UNINSTALLED, CALLBACK_INSTALLED, CALLBACK_ENABLED}},
    {"reinstall", ACTION_REINSTALL, SITE_UNINSTALLED, {CALLBACK_INSTALLED, CALLBACK_ENABLED}},
    {"rename", ACTION_RENAME, SITE_ENABLED, {CALLBACK_INSTALLED}},
    {"rotate", ACTION_ROTATE, SITE_ENABLED, {CALLBACK_INSTALLED}},
    {"import", ACTION_IMPORT, SITE_ENABLED, {CALLBACK_INSTALLED}},
    {"enable", ACTION_ENABLE, SITE_DISABLED, {CALLBACK_ENABLED}},
    {"disable", ACTION_DISABLE, SITE_ENABLED, {CALLBACK_DISABLED}},
};

static void each_action_makes_its_calls_in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		enum site_action parsed;
		assert_true(site_action_parse(str_of(steps[i].name), &parsed));
		assert_int_equal(parsed, steps[i].action);
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(site_action_step(parsed, steps[i].before, k), steps[i].steps[k]);
		assert_int_equal(site_action_step(parsed, steps[i].before, 3), CALLBACK_NONE);
	}
}

static const struct {
	enum site_action action;
	bool new_secret, new_key;
} identities[] = {
    {ACTION_INSTALL, false, false}, /* of an installed app: an upgrade */
    {ACTION_REINSTALL, true, false}, {ACTION_RENAME, false, false},
    {ACTION_ROTATE, true, false},    {ACTION_IMPORT, true, true},
};

static void an_accepted_action_changes_secret_and_key_as_hosts_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
		struct site *s = site_with_app();
		act(s, ACTION_INSTALL, 204);
		assert_int_equal(s->status, SITE_ENABLED);
		assert_int_equal(strlen(s->now.secret), SITE_SECRET_LEN);
		struct site_identity before = s->now;
		act(s, identities[i].action, 200);
		assert_int_equal(strcmp(before.secret, s->now.secret) != 0, identities[i].new_secret);
		assert_int_equal(strcmp(before.client_key, s->now.client_key) != 0, identities[i].new_key);
		assert_int_equal(s->status, SITE_ENABLED);
		site_free(s);
	}
}

static void a_refused_install_leaves_the_site_as_it_was(void **state)
{
	(void)state;
	static const int refusals[] = {0, 201, 302, 401, 503};
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct site *s = site_with_app();
		act(s, ACTION_INSTALL, refusals[i]);
		assert_int_equal(s->status, SITE_UNINSTALLED);
		assert_string_equal(s->now.secret, "");
		assert_string_equal(s->pending.secret, "");
		act(s, ACTION_INSTALL, 204);
		struct site_identity before = s->now;
		act(s, ACTION_ROTATE, refusals[i]);
		assert_string_equal(s->now.secret, before.secret);
		act(s, ACTION_IMPORT, refusals[i]);
		assert_string_equal(s->now.client_key, before.client_key);
		assert_int_equal(s->status, SITE_ENABLED);
		site_free(s);
	}
}

static void an_uninstall_stands_whatever_the_app_says(void **state)
{
	(void)state;
	struct site *s = site_with_app();
	act(s, ACTION_INSTALL, 204);
	act(s, ACTION_UNINSTALL, 500);
	assert_int_equal(s->status, SITE_UNINSTALLED);
	site_free(s);
}

static void what_needs_an_installed_app_is_not_allowed_without(void **state)
{
	(void)state;
	struct site *s = site_with_app();
	for (int a = 0; a < ACTION_COUNT; a++)
		assert_int_equal(site_action_allowed(s, (enum site_action)a), a == ACTION_INSTALL || a == ACTION_REINSTALL);
	site_free(s);
}

static void installing_again_after_an_uninstall_takes_a_new_secret(void **state)
{
	(void)state;
	struct site *s = site_with_app();
	act(s, ACTION_INSTALL, 204);
	struct site_identity before = s->now;
	act(s, ACTION_UNINSTALL, 204);
	act(s, ACTION_INSTALL, 204);
	assert_string_not_equal(s->now.secret, before.secret);
	assert_string_equal(s->now.client_key, before.client_key);
	site_free(s);
}

static void names_are_what_a_path_segment_may_be(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool ok;
	} names[] = {{"acme", true}, {"a", true},    {"a-1", true},  {"", false},     {"-a", false},
	             {"A", false},   {"a.b", false}, {"a/b", false}, {"a%20", false}, {"a b", false}};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(site_name_ok(str_of(names[i].name)), names[i].ok);
	char longest[SITE_NAME_MAX + 2];
	memset(longest, 'a', sizeof(longest));
	assert_true(site_name_ok((struct str){longest, SITE_NAME_MAX}));
	assert_false(site_name_ok((struct str){longest, SITE_NAME_MAX + 1}));
}

static int setup(void **state)
{
	(void)state;
	return crypto_init() ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_action_makes_its_calls_in_order),
	    cmocka_unit_test(an_accepted_action_changes_secret_and_key_as_hosts_do),
	    cmocka_unit_test(a_refused_install_leaves_the_site_as_it_was),
	    cmocka_unit_test(an_uninstall_stands_whatever_the_app_says),
	    cmocka_unit_test(what_needs_an_installed_app_is_not_allowed_without),
	    cmocka_unit_test(installing_again_after_an_uninstall_takes_a_new_secret),
	    cmocka_unit_test(names_are_what_a_path_segment_may_be),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
