/* A site's calendar and its script: what passes when, what the app is told. The clocks are numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "base/secret.h"
#include "sim/site.h"

#define DAY (24 * 60 * 60 * (int64_t)1000)
#define NOW (20000 * DAY)

static struct site *site_with_app(void)
{
	struct remote_app app = {0};
	const char *why = NULL;
	assert_int_equal(remote_app_read(STR("{\"key\":\"k\",\"baseUrl\":\"http://127.0.0.1:1\"}"), &app, &why), OK);
	struct site *s = site_new(STR("acme"), &app, NOW);
	assert_non_null(s);
	return s;
}

/* The script plays a day a second. */
static const struct {
	int64_t second;
	const char *phase;
	enum site_license_state state;
	int64_t end_in; /* days, as the app is told */
} script[] = {
    {0, "evaluation", SITE_LICENSE_EVALUATION, 30}, {1, "evaluation", SITE_LICENSE_EVALUATION, 29},
    {29, "evaluation", SITE_LICENSE_EVALUATION, 1}, {30, "grace", SITE_LICENSE_EXPIRED, 0},
    {44, "grace", SITE_LICENSE_EXPIRED, -14},       {45, "expired", SITE_LICENSE_EXPIRED, -15},
    {52, "expired", SITE_LICENSE_EXPIRED, -22},     {53, "purchased", SITE_LICENSE_ACTIVE, 365},
    {60, "purchased", SITE_LICENSE_ACTIVE, 358},    {100, "purchased", SITE_LICENSE_ACTIVE, 358},
};

static void assert_at(struct site *s, size_t i)
{
	int64_t wall = NOW + script[i].second * 1000;
	site_clock_run(s, wall, script[i].second * 1000);
	assert_string_equal(script_phase(script[i].second), script[i].phase);
	assert_int_equal(s->license.state, script[i].state);
	/* after its end the calendar goes on with the wall clock */
	int64_t played = script[i].second > 60 ? (script[i].second - 60) * 1000 : 0;
	assert_int_equal(site_told_ms(s, s->license.expires_at) - wall + played, script[i].end_in * DAY);
}

static void the_script_goes_through_its_phases(void **state)
{
	(void)state;
	struct site *s = site_with_app();
	site_script_start(s, NOW, 0, 60 * 1000);
	for (size_t i = 0; i < sizeof(script) / sizeof(script[0]); i++) {
		assert_at(s, i);
		assert_int_equal(site_script_running(s), script[i].second < 60);
	}
	site_free(s);
}

static void whoever_looks_late_sees_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(script) / sizeof(script[0]); i++) {
		if (script[i].second > 60)
			continue;
		struct site *s = site_with_app();
		site_script_start(s, NOW, 0, 60 * 1000);
		assert_at(s, i);
		site_free(s);
	}
}

static void a_step_of_the_wall_clock_does_not_move_the_script(void **state)
{
	(void)state;
	struct site *s = site_with_app();
	site_script_start(s, NOW, 0, 60 * 1000);
	site_clock_run(s, NOW - 100 * DAY, 10 * 1000);
	assert_int_equal(s->clock.seen_ms, NOW + 10 * DAY);
	assert_int_equal(site_told_ms(s, s->license.expires_at), NOW - 100 * DAY + 20 * DAY);
	site_free(s);
}

static const struct {
	const char *what;
	enum site_license_state state;
	int64_t end_in, ahead;
	enum site_license_state after;
} passing[] = {
    {"before its end", SITE_LICENSE_EVALUATION, 30, 29, SITE_LICENSE_EVALUATION},
    {"at its end", SITE_LICENSE_EVALUATION, 30, 30, SITE_LICENSE_EXPIRED},
    {"a paid one", SITE_LICENSE_ACTIVE, 365, 400, SITE_LICENSE_EXPIRED},
    {"a cancelled one", SITE_LICENSE_CANCELLED, 20, 21, SITE_LICENSE_EXPIRED},
    {"without a date", SITE_LICENSE_ACTIVE, 0, 3650, SITE_LICENSE_ACTIVE},
    {"already past when it was set: as set", SITE_LICENSE_ACTIVE, -5, 1, SITE_LICENSE_ACTIVE},
    {"suspended", SITE_LICENSE_SUSPENDED, 10, 20, SITE_LICENSE_SUSPENDED},
    {"none", SITE_LICENSE_NONE, 0, 20, SITE_LICENSE_NONE},
};

static void a_licence_ends_when_the_calendar_passes_its_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		struct site *s = site_with_app();
		s->license.state = passing[i].state;
		s->license.expires_at = passing[i].end_in ? NOW + passing[i].end_in * DAY : 0;
		site_clock_set(s, NOW, passing[i].ahead);
		if (s->license.state != passing[i].after)
			fail_msg("%s", passing[i].what);
		if (s->license.expires_at)
			assert_int_equal(site_told_ms(s, s->license.expires_at),
			                 NOW + (passing[i].end_in - passing[i].ahead) * DAY);
		site_free(s);
	}
}

static void real_days_count_too(void **state)
{
	(void)state;
	struct site *s = site_with_app();
	s->license.expires_at = NOW + DAY;
	site_clock_run(s, NOW + DAY - 1, 5);
	assert_int_equal(s->license.state, SITE_LICENSE_ACTIVE);
	site_clock_run(s, NOW + DAY, 6);
	assert_int_equal(s->license.state, SITE_LICENSE_EXPIRED);
	site_free(s);
}

static void back_to_today_keeps_what_is_left(void **state)
{
	(void)state;
	struct site *s = site_with_app();
	site_clock_set(s, NOW, 100);
	int64_t told = site_told_ms(s, s->license.expires_at);
	site_clock_set(s, NOW, 0);
	assert_int_equal(s->clock.seen_ms, NOW);
	assert_int_equal(site_told_ms(s, s->license.expires_at), told);
	assert_int_equal(s->license.expires_at, told);
	site_free(s);
}

static void setting_the_calendar_ends_the_script(void **state)
{
	(void)state;
	struct site *s = site_with_app();
	site_script_start(s, NOW, 0, 60 * 1000);
	site_clock_run(s, NOW, 10 * 1000);
	site_clock_set(s, NOW, 20);
	assert_false(site_script_running(s));
	site_clock_run(s, NOW, 50 * 1000);
	assert_int_equal(s->clock.seen_ms, NOW + 20 * DAY);
	assert_int_equal(s->license.state, SITE_LICENSE_EVALUATION);
	site_free(s);
}

static int setup(void **state)
{
	(void)state;
	return crypto_init() ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_script_goes_through_its_phases),
	    cmocka_unit_test(whoever_looks_late_sees_the_same),
	    cmocka_unit_test(a_step_of_the_wall_clock_does_not_move_the_script),
	    cmocka_unit_test(a_licence_ends_when_the_calendar_passes_its_end),
	    cmocka_unit_test(real_days_count_too),
	    cmocka_unit_test(back_to_today_keeps_what_is_left),
	    cmocka_unit_test(setting_the_calendar_ends_the_script),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
