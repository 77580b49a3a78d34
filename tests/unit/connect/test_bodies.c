/* test_bodies.c - bodies of webhooks and feedback: what counts, what does nothing, what is refused. */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "connect/feedback_body.h"
#include "connect/webhook_body.h"

static json_t *read(const char *text)
{
	json_t *json = NULL;
	assert_int_equal(json_read_object(str_of(text), &json), OK);
	return json;
}

static void webhooks(void **state)
{
	(void)state;
	static const struct {
		const char *name, *body;
		enum webhook_effect expected;
	} rows[] = {
	    {"user_created", "{\"user\":{\"accountId\":\"a1\"}}", WEBHOOK_USER_ADDED},
	    {"user_deleted", "{\"user\":{\"accountId\":\"a1\"}}", WEBHOOK_USER_REMOVED},
	    {"user_updated", "{\"user\":{\"accountId\":\"a1\"}}", WEBHOOK_USER_UPDATED},
	    {"user_updated", "{\"user\":{\"accountId\":\"a1\",\"active\":true}}", WEBHOOK_USER_UPDATED},
	    {"user_updated", "{\"user\":{\"accountId\":\"a1\",\"active\":false}}", WEBHOOK_USER_DEACTIVATED},
	    {"user_updated", "{\"user\":{\"accountId\":\"a1\",\"active\":0}}", WEBHOOK_USER_UPDATED},
	    {"user_deleted", "{\"user\":{\"accountId\":\"a1\",\"active\":false}}", WEBHOOK_USER_REMOVED},
	    {"user_updated", "{\"user\":{\"accountId\":\"unknown\",\"active\":false}}", WEBHOOK_NOTHING},
	    {"issue_updated", "{\"user\":{\"accountId\":\"a1\"}}", WEBHOOK_NOTHING},
	    {"user_created", "{\"user\":{\"accountId\":\"unknown\"}}", WEBHOOK_NOTHING},
	    {"user_created", "{\"user\":{\"accountId\":\"\"}}", WEBHOOK_NOTHING},
	    {"user_created", "{\"user\":{\"accountId\":7}}", WEBHOOK_NOTHING},
	    {"user_created", "{\"user\":{\"accountId\":\"a\\u0007\"}}", WEBHOOK_NOTHING},
	    {"user_created", "{\"user\":\"a1\"}", WEBHOOK_NOTHING},
	    {"user_created", "{\"accountId\":\"a1\"}", WEBHOOK_NOTHING},
	    {"user_created", "{}", WEBHOOK_NOTHING},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		__cleanup_json json_t *json = read(rows[i].body);
		struct str id = STR("");
		enum webhook_effect got = webhook_effect_of(str_of(rows[i].name), json, &id);
		if (got != rows[i].expected || (got != WEBHOOK_NOTHING && !str_eqz(id, "a1")))
			fail_msg("%s %s: got %d", rows[i].name, rows[i].body, (int)got);
	}
}

static void feedback(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		const char *message; /* NULL: refused */
		bool consent;
	} rows[] = {
	    {"{\"message\":\"hello\"}", "hello", false},
	    {"{\"message\":\"  hello\\n\"}", "hello", false},
	    {"{\"message\":\"two\\nlines\\tand <b>\"}", "two\nlines\tand <b>", false},
	    {"{\"message\":\"gr\\u00fc\\u00df\",\"account\":true}", "gr\xc3\xbc\xc3\x9f", true},
	    {"{\"message\":\"x\",\"account\":false,\"more\":1}", "x", false},
	    {"{\"message\":\"x\",\"account\":null}", "x", false},
	    {"{}", NULL, false},
	    {"{\"message\":null}", NULL, false},
	    {"{\"message\":1}", NULL, false},
	    {"{\"message\":\"\"}", NULL, false},
	    {"{\"message\":\" \\n \"}", NULL, false},
	    {"{\"message\":\"a\\u0008b\"}", NULL, false},
	    {"{\"message\":\"a\\u007fb\"}", NULL, false},
	    {"{\"message\":\"x\",\"account\":\"yes\"}", NULL, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		__cleanup_json json_t *json = read(rows[i].body);
		struct str message = STR("");
		bool consent = false;
		const char *wrong = feedback_read(json, &message, &consent);
		if ((wrong == NULL) != (rows[i].message != NULL))
			fail_msg("%s: %s", rows[i].body, wrong ? wrong : "taken");
		if (!wrong) {
			assert_true(str_eqz(message, rows[i].message));
			assert_int_equal(consent, rows[i].consent);
		}
	}
}

static void longest_feedback(void **state)
{
	(void)state;
	for (size_t n = FEEDBACK_MAX; n <= FEEDBACK_MAX + 1; n++) {
		__cleanup_buf struct buf text = BUF_INIT(20000);
		buf_z(&text, "{\"message\":\"");
		for (size_t i = 0; i < n; i++)
			buf_z(&text, "\xc3\xa4");
		buf_z(&text, "\"}");
		__cleanup_json json_t *json = read(text.data);
		struct str message = STR("");
		bool consent = false;
		assert_int_equal(feedback_read(json, &message, &consent) == NULL, n == FEEDBACK_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(webhooks), cmocka_unit_test(feedback),
	                                   cmocka_unit_test(longest_feedback)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
