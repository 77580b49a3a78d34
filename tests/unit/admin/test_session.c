/* Sessions of the admin page: who is let in, how long, how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "admin/session.h"
#include "base/secret.h"

enum { COOKIE_SIZE = SESSION_TEXT_LEN + 1 };

static struct clock_manual wall;
static struct sessions *sessions;

static int setup(void **state)
{
	(void)state;
	clock_manual_init(&wall, 1000000);
	sessions = crypto_init() ? sessions_new(&wall.clock) : NULL;
	return sessions ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	sessions_free(sessions);
	return 0;
}

static void only_the_whole_cookie_opens(void **state)
{
	(void)state;
	struct session opened, found;
	char cookie[COOKIE_SIZE], other[COOKIE_SIZE];
	assert_true(session_open(sessions, &opened, cookie));
	assert_int_equal(strlen(cookie), SESSION_TEXT_LEN);
	assert_true(session_find(sessions, str_of(cookie), &found));
	assert_int_equal(found.serial, opened.serial);
	assert_string_equal(found.csrf, opened.csrf);
	assert_string_not_equal(cookie, opened.csrf);
	snprintf(other, sizeof(other), "%s", cookie);
	other[0] = cookie[0] == 'a' ? 'b' : 'a';
	assert_false(session_find(sessions, str_of(other), &found));
	assert_false(session_find(sessions, (struct str){cookie, SESSION_TEXT_LEN - 1}, &found));
	assert_false(session_find(sessions, STR(""), &found));
	assert_false(session_find(sessions, str_of(opened.csrf), &found));
}

static void it_ends_after_twelve_hours_or_when_closed(void **state)
{
	(void)state;
	struct session early, late, found;
	char early_cookie[COOKIE_SIZE], late_cookie[COOKIE_SIZE];
	assert_true(session_open(sessions, &early, early_cookie));
	assert_int_equal(early.expires_at, 1000000 + SESSION_LIFE_MS);
	clock_manual_step(&wall, SESSION_LIFE_MS - 1);
	assert_true(session_find(sessions, str_of(early_cookie), &found));
	assert_true(session_open(sessions, &late, late_cookie));
	clock_manual_step(&wall, 1);
	assert_false(session_find(sessions, str_of(early_cookie), &found));
	assert_false(session_alive(sessions, early.serial));
	assert_true(session_alive(sessions, late.serial));
	session_close(sessions, late.serial);
	assert_false(session_find(sessions, str_of(late_cookie), &found));
	assert_false(session_alive(sessions, 0));
	session_close(sessions, 0);
}

static void the_oldest_makes_room(void **state)
{
	(void)state;
	static char cookies[SESSIONS_MAX + 1][COOKIE_SIZE];
	struct session s;
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		assert_true(session_open(sessions, &s, cookies[i]));
	assert_true(session_find(sessions, str_of(cookies[1]), &s));
	session_close(sessions, s.serial);
	assert_true(session_open(sessions, &s, cookies[1])); /* in the gap */
	assert_true(session_find(sessions, str_of(cookies[0]), &s));
	assert_true(session_open(sessions, &s, cookies[SESSIONS_MAX]));
	assert_false(session_find(sessions, str_of(cookies[0]), &s));
	for (size_t i = 1; i <= SESSIONS_MAX; i++)
		assert_true(session_find(sessions, str_of(cookies[i]), &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(only_the_whole_cookie_opens, setup, teardown),
	    cmocka_unit_test_setup_teardown(it_ends_after_twelve_hours_or_when_closed, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_oldest_makes_room, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
