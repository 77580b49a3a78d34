/* Every request of tests/vectors/http1-torture.json, as raw bytes to a real server: the status must be one the
 * vector expects. Where this server differs, or the vector leaves it open, the table below says what it does and why.
 */
#include "test.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/b64.h"
#include "base/log.h"
#include "raw_client.h"
#include "test_server.h"

enum { NO_ANSWER = 0 /* closed without one, at the latest by the deadline */ };

static const struct {
	const char *id;
	int status;
	const char *why;
} ours[] = {
    {"te-tab", 400, "a length beside an encoding is refused whatever the encoding (RFC 9112 6.1 allows it)"},
    {"sp-tab", NO_ANSWER, "the library closes on a request line without a space"},
    {"cr-only", NO_ANSWER, "no line ends, so none begins: the deadline closes"},
    {"chunk-ext-lf", 200,
     "the library takes a bare LF after a chunk's size, and this is seen by it alone; the framing of "
     "the message is the same in both readings"},
    {"partial-line", NO_ANSWER, "the deadline closes"},
    {"partial-hdr", NO_ANSWER, "the deadline closes"},
    {"uri-nul", 400, "no %00"},
    {"uri-rawnul", 400, "no NUL byte"},
    {"uri-dbl", 404, "paths are not decoded"},
    {"uri-eslash", 404, "paths are not decoded"},
    {"uri-pctend", 400, "malformed escape"},
    {"uri-hi", 400, "not ASCII"},
    {"uri-noslash", 400, "no path"},
    {"uri-q-nul", 400, "no %00"},
    {"uri-q-plus", 200, "the query is not looked at"},
    {"uri-q-dup", 200, "the query is not looked at"},
    {"uri-q-qq", 200, "the query is not looked at"},
    {"uri-q-crlf", 200, "the query is not decoded"},
};

/* expect: "200|400" or "400/413". */
static bool is_expected(const char *id, const char *expect, int status)
{
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
		if (strcmp(ours[i].id, id) == 0)
			return status == ours[i].status;
	char text[16];
	snprintf(text, sizeof text, "%d", status);
	return strstr(expect, text) != NULL;
}

static bool gets_no_answer(const char *id)
{
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
		if (strcmp(ours[i].id, id) == 0)
			return ours[i].status == NO_ANSWER;
	return false;
}

static void run_one(struct test_server *t, const char *id, const char *expect, const char *b64)
{
	const struct str text = str_of(b64);
	uint8_t *raw = malloc(text.len + 4);
	size_t len = 0;
	assert_non_null(raw);
	assert_true(b64_decode(text, raw, &len));
	int fd = raw_connect(t->address);
	test_server_until_open(t, 1);
	raw_try_send(fd, raw, len);
	free(raw);
	if (gets_no_answer(id)) {
		for (int i = 0; i < 4; i++)
			test_server_step(t, REQUEST_MS);
		assert_true(raw_ended(fd));
	}
	struct raw_answer a = {0};
	if (!gets_no_answer(id))
		raw_read(fd, false, &a);
	if (!is_expected(id, expect, a.status))
		fail_msg("%s: %d, expected %s", id, a.status, expect);
	close(fd);
	test_server_until_open(t, 0);
}

static void every_vector_gets_what_it_should(void **state)
{
	(void)state;
	json_error_t error;
	json_t *file = json_load_file(TESTS_DIR "/vectors/http1-torture.json", 0, &error);
	assert_non_null(file);
	struct test_server *t = test_server_start(NULL);
	json_t *test;
	size_t i;
	json_array_foreach(json_object_get(file, "tests"), i, test)
	{
		run_one(t, json_string_value(json_object_get(test, "id")),
		        json_string_value(json_object_get(test, "rfc_expect")),
		        json_string_value(json_object_get(test, "raw_b64")));
	}
	assert_true(i > 30);
	test_server_free(t, 10000);
	json_decref(file);
}

int main(void)
{
	log_set_sink(quiet, NULL);
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_vector_gets_what_it_should)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
