/* Log lines: one JSON object each, whatever a field holds; levels; lines of several threads stay whole. */
#include "check.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"

struct lines {
	size_t count, bad;
	char last[8192];
	size_t last_len;
};

static void keep(const char *line, size_t len, void *arg)
{
	struct lines *l = arg;
	l->count++;
	l->last_len = len < sizeof(l->last) ? len : sizeof(l->last);
	memcpy(l->last, line, l->last_len);
	__cleanup_json json_t *root = NULL;
	bool whole = len > 0 && line[len - 1] == '\n' && memchr(line, '\n', len) == line + len - 1;
	l->bad += !whole || json_read_object((struct str){line, len}, &root) != OK;
}

static struct lines lines;

static int setup(void **state)
{
	(void)state;
	lines = (struct lines){0};
	log_set_sink(keep, &lines);
	log_set_level(LOG_INFO);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	return 0;
}

static json_t *last_line(void)
{
	json_t *root = NULL;
	assert_int_equal(json_read_object((struct str){lines.last, lines.last_len}, &root), OK);
	return root;
}

static void a_line_says_when_what_and_about_what(void **state)
{
	(void)state;
	log_event(LOG_WARN, "tenant.installed", LF_Z("tenant", "client-1"), LF_INT("ms", -7), LF_STR("kind", STR("first")));
	assert_int_equal(lines.count, 1);
	__cleanup_json json_t *root = last_line();
	assert_string_equal(json_string_value(json_object_get(root, "level")), "warn");
	assert_string_equal(json_string_value(json_object_get(root, "event")), "tenant.installed");
	assert_string_equal(json_string_value(json_object_get(root, "tenant")), "client-1");
	assert_int_equal(json_integer_value(json_object_get(root, "ms")), -7);
	assert_string_equal(json_string_value(json_object_get(root, "kind")), "first");
	assert_int_equal(strlen(json_string_value(json_object_get(root, "at"))) >= 20, 1);
	log_event(LOG_INFO, "without.fields");
	assert_int_equal(lines.count, 2);
	assert_int_equal(lines.bad, 0);
}

static void nothing_a_client_sends_makes_a_second_line(void **state)
{
	(void)state;
	log_event(LOG_INFO, "x", LF_STR("path", STR("/a\r\n{\"level\":\"error\"}\x1b[2J\xff\xc2\x9b")));
	assert_int_equal(lines.count, 1);
	assert_int_equal(lines.bad, 0);
	assert_null(memchr(lines.last, '\x1b', lines.last_len));
	assert_non_null(memmem(lines.last, lines.last_len, "\\r\\n{\\\"level", 12));
}

static void long_fields_are_cut_between_characters(void **state)
{
	(void)state;
	char text[600];
	memset(text, 'a', sizeof(text));
	memcpy(text + 510, "\xe2\x82\xac", 3); /* crosses the limit of 512 */
	log_event(LOG_INFO, "x", LF_STR("long", ((struct str){text, sizeof(text)})));
	__cleanup_json json_t *root = last_line();
	assert_int_equal(json_string_length(json_object_get(root, "long")), 510);
	memset(text, 0x80, sizeof(text)); /* continuation bytes alone: still cut */
	log_event(LOG_INFO, "x", LF_STR("long", ((struct str){text, sizeof(text)})));
	__cleanup_json json_t *replaced = last_line();
	assert_true(json_string_length(json_object_get(replaced, "long")) <= 512 * 3);
}

static void a_line_that_grows_too_long_keeps_its_event(void **state)
{
	(void)state;
	enum { FIELDS = 40 };
	char text[512];
	memset(text, 1, sizeof(text)); /* six characters each once escaped */
	struct log_field fields[FIELDS];
	for (size_t i = 0; i < FIELDS; i++)
		fields[i] = LF_STR("f", ((struct str){text, sizeof(text)}));
	log_write(LOG_ERROR, "too.long", fields, FIELDS);
	assert_int_equal(lines.count, 1);
	assert_int_equal(lines.bad, 0);
	__cleanup_json json_t *root = last_line();
	assert_string_equal(json_string_value(json_object_get(root, "event")), "too.long");
	assert_string_equal(json_string_value(json_object_get(root, "cut")), "ERR_TOO_LARGE");
}

static void levels_filter(void **state)
{
	(void)state;
	log_event(LOG_DEBUG, "x");
	assert_int_equal(lines.count, 0);
	assert_false(log_enabled(LOG_DEBUG));
	log_set_level(LOG_ERROR);
	log_event(LOG_WARN, "x");
	assert_int_equal(lines.count, 0);
	log_event(LOG_ERROR, "x");
	assert_int_equal(lines.count, 1);
	log_set_level(LOG_DEBUG);
	log_event(LOG_DEBUG, "x");
	assert_int_equal(lines.count, 2);
}

static void *log_often(void *arg)
{
	for (int i = 0; i < 200; i++)
		log_event(LOG_INFO, "thread", LF_INT("n", i), LF_Z("name", arg));
	return NULL;
}

static void threads_log_whole_lines(void **state)
{
	(void)state;
	enum { THREADS = 4 };
	pthread_t threads[THREADS];
	char names[THREADS][2] = {"a", "b", "c", "d"};
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_often, names[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(lines.count, THREADS * 200);
	assert_int_equal(lines.bad, 0);
}

int main(void)
{
#define LOG_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
	    LOG_TEST(a_line_says_when_what_and_about_what),
	    LOG_TEST(nothing_a_client_sends_makes_a_second_line),
	    LOG_TEST(long_fields_are_cut_between_characters),
	    LOG_TEST(a_line_that_grows_too_long_keeps_its_event),
	    LOG_TEST(levels_filter),
	    LOG_TEST(threads_log_whole_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
