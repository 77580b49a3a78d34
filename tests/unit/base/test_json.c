/* JSON both ways: what the reader refuses, what the getters tell apart, what the writer makes of any bytes. */
#include "check.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/jsonw.h"

static void reads_one_strict_object(void **state)
{
	(void)state;
	static const struct {
		enum err err;
		struct str text;
	} rows[] = {
	    {OK, {"{}", 2}},
	    {OK, {" {\"a\":[1,{\"a\":2}]} \n", 20}},
	    {ERR_INVALID, {"", 0}},
	    {ERR_INVALID, {NULL, 0}},
	    {ERR_INVALID, {"[]", 2}},
	    {ERR_INVALID, {"\"a\"", 3}},
	    {ERR_INVALID, {"null", 4}},
	    {ERR_INVALID, {"{", 1}},
	    {ERR_INVALID, {"{}x", 3}},
	    {ERR_INVALID, {"{}{}", 4}},
	    {ERR_INVALID, {"{}\0", 3}},
	    {ERR_INVALID, {"{\"a\":\"\0\"}", 9}},
	    {ERR_INVALID, {"{\"a\":\"\\u0000\"}", 14}},
	    {ERR_INVALID, {"{\"a\\u0000\":1}", 13}},
	    {ERR_INVALID, {"{\"a\":1,\"a\":1}", 13}},
	    {ERR_INVALID, {"{\"a\":1,\"\\u0061\":1}", 18}},
	    {ERR_INVALID, {"{\"a\":\"\xff\"}", 9}},
	    {ERR_INVALID, {"{\"a\":\"\\ud800\"}", 14}},
	    {ERR_INVALID, {"{\"a\":1e400}", 11}},
	    {ERR_INVALID, {"{\"a\":9223372036854775808}", 25}},
	    {ERR_INVALID, {"{'a':1}", 7}},
	    {ERR_INVALID, {"{\"a\":1,}", 8}},
	    {ERR_INVALID, {"{\"a\":01}", 8}},
	    {ERR_INVALID, {"{\"a\":NaN}", 9}},
	    {ERR_INVALID, {"\xef\xbb\xbf{}", 5}},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		__cleanup_json json_t *root = NULL;
		enum err err = json_read_object(rows[i].text, &root);
		if (err != rows[i].err)
			fail_msg("row %zu: %s", i, err_name(err));
		assert_int_equal(root != NULL, err == OK);
	}
}

static void a_body_that_is_refused_is_told_why(void **state)
{
	(void)state;
	static const struct {
		struct str text;
		const char *wrong;
	} rows[] = {
	    {STR(""), "a body is needed: a JSON object"},
	    {STR("{\"a\":"), "the body is not a JSON object"},
	    {STR("[]"), "the body is not a JSON object"},
	    {{"{\"a\":\"\0\"}", 9}, "the body has a NUL byte"},
	    {STR("{\"a\":\"\\u0000\"}"), "the body has a \\u0000"},
	    {STR("{\"a\\u0000\":1}"), "the body has a \\u0000"},
	    {STR("{\"a\":1,\"a\":1}"), "the body has a member twice"},
	    {STR("{\"a\":\"\xff\"}"), "the body is not UTF-8"},
	    {STR("{\"a\":1e400}"), "the body has a number that is too large"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		json_t *root = NULL;
		const char *wrong = NULL;
		assert_int_equal(json_read_body(rows[i].text, &root, &wrong), ERR_INVALID);
		assert_null(root);
		assert_string_equal(wrong, rows[i].wrong);
	}
	__cleanup_json json_t *root = NULL;
	const char *wrong = NULL;
	assert_int_equal(json_read_body(STR("{}"), &root, &wrong), OK);
	assert_null(wrong);
}

static void deep_nesting_is_refused(void **state)
{
	(void)state;
	char text[20010] = "{\"a\":";
	memset(text + 5, '[', 20000);
	json_t *root = NULL;
	assert_int_equal(json_read_object((struct str){text, 20005}, &root), ERR_INVALID);
}

static void getters_tell_types_apart(void **state)
{
	(void)state;
	__cleanup_json json_t *root = NULL;
	assert_int_equal(json_read_object(STR("{\"s\":\"text\",\"n\":7,\"r\":7.0,\"t\":true,\"z\":null,\"o\":{}}"), &root),
	                 OK);
	struct str text = STR("before");
	int64_t number = 77;
	bool truth = false;
	assert_int_equal(json_get_str(root, "s", &text), JSON_GOT);
	assert_text(text, "text");
	assert_int_equal(json_get_str(root, "n", &text), JSON_BAD_TYPE);
	assert_int_equal(json_get_str(root, "z", &text), JSON_ABSENT);
	assert_int_equal(json_get_str(root, "none", &text), JSON_ABSENT);
	assert_text(text, "text");
	assert_int_equal(json_get_int(root, "s", &number), JSON_BAD_TYPE);
	assert_int_equal(json_get_int(root, "r", &number), JSON_BAD_TYPE);
	assert_int_equal(json_get_int(root, "t", &number), JSON_BAD_TYPE);
	assert_int_equal(json_get_int(root, "z", &number), JSON_ABSENT);
	assert_int_equal(number, 77);
	assert_int_equal(json_get_int(root, "n", &number), JSON_GOT);
	assert_int_equal(number, 7);
	assert_int_equal(json_get_bool(root, "n", &truth), JSON_BAD_TYPE);
	assert_int_equal(json_get_bool(root, "z", &truth), JSON_ABSENT);
	assert_int_equal(json_get_bool(root, "t", &truth), JSON_GOT);
	assert_true(truth);
	assert_non_null(json_get_obj(root, "o"));
	assert_null(json_get_obj(root, "s"));
	assert_null(json_get_obj(NULL, "o"));
	assert_int_equal(json_get_str(NULL, "s", &text), JSON_ABSENT);
}

static void writes_commas_where_they_belong(void **state)
{
	(void)state;
	__cleanup_buf struct buf out = BUF_INIT(1000);
	struct jsonw w = jsonw(&out);
	jw_obj(&w);
	jw_kint(&w, "n", -1);
	jw_key(&w, "list");
	jw_arr(&w);
	jw_obj(&w);
	jw_end_obj(&w);
	jw_arr(&w);
	jw_end_arr(&w);
	jw_bool(&w, true);
	jw_null(&w);
	jw_raw(&w, STR("{\"raw\":1}"));
	jw_end_arr(&w);
	jw_kbool(&w, "b", false);
	jw_kz(&w, "z", NULL);
	jw_kstr(&w, "s", STR("x"));
	jw_ktime(&w, "at", 1772445600000);
	jw_ktime(&w, "never", 0);
	jw_end_obj(&w);
	assert_text(buf_text(&out), "{\"n\":-1,\"list\":[{},[],true,null,{\"raw\":1}],\"b\":false,\"z\":null,\"s\":\"x\","
	                            "\"at\":\"2026-03-02T10:00:00Z\",\"never\":null}");
}

static void escapes_text(void **state)
{
	(void)state;
	static const struct {
		struct str text;
		const char *json;
	} rows[] = {
	    {{"plain", 5}, "\"plain\""},
	    {{"", 0}, "\"\""},
	    {{NULL, 0}, "\"\""},
	    {{"a\"b\\c/", 6}, "\"a\\\"b\\\\c/\""},
	    {{"\b\t\n\f\r", 5}, "\"\\b\\t\\n\\f\\r\""},
	    {{"\0\x1b\x1f\x7f", 4}, "\"\\u0000\\u001b\\u001f\\u007f\""},
	    {{"\xc2\x9b", 2}, "\"\\u009b\""},
	    {{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9}, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
	    {{"a\xff"
	      "b",
	      3},
	     "\"a\xef\xbf\xbd"
	     "b\""},
	    {{"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
	    {{"\xe2\x82", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		__cleanup_buf struct buf out = BUF_INIT(1000);
		struct jsonw w = jsonw(&out);
		jw_str(&w, rows[i].text);
		assert_text(buf_text(&out), rows[i].json);
	}
}

static void any_bytes_become_json_that_reads_back(void **state)
{
	(void)state;
	unsigned seed = 12345;
	for (int round = 0; round < 500; round++) {
		char bytes[64];
		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed = seed * 1103515245 + 12345;
			bytes[i] = (char)(1 + (seed >> 16) % 255);
		}
		__cleanup_buf struct buf out = BUF_INIT(1000);
		struct jsonw w = jsonw(&out);
		jw_obj(&w);
		jw_kstr(&w, "k", (struct str){bytes, sizeof(bytes)});
		jw_end_obj(&w);
		__cleanup_json json_t *root = NULL;
		assert_int_equal(json_read_object(buf_text(&out), &root), OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_one_strict_object),
	    cmocka_unit_test(a_body_that_is_refused_is_told_why),
	    cmocka_unit_test(deep_nesting_is_refused),
	    cmocka_unit_test(getters_tell_types_apart),
	    cmocka_unit_test(writes_commas_where_they_belong),
	    cmocka_unit_test(escapes_text),
	    cmocka_unit_test(any_bytes_become_json_that_reads_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
