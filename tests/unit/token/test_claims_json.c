/* The JSON reader of token headers and claims: a table of texts, and the promise of its header, whatever it accepts
 * jansson accepts with the same values, over many altered texts. The fuzz target keeps the same promise
 * (tests/fuzz/fuzz_token.c). */
#include "vectors.h"

#include "base/buf.h"
#include "claims_twin.h"

static void test_table(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool accepted;
	} cases[] = {
	    {"{}", true},
	    {" \t\r\n{ } \n", true},
	    {"{\"a\":1}", true},
	    {"{\"a\":[]}", true},
	    {"{\"a\":[1,2,{\"b\":null}],\"b\":true,\"c\":false}", true},
	    {"{\"\":0}", true},
	    {"{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"}", true},
	    {"{\"a\":\"\xc3\xa9\xf0\x9f\x98\x80\"}", true},
	    {"{\"a\":-0,\"b\":-1.5e-3,\"c\":1E+2,\"d\":0.0,\"e\":9223372036854775807}", true},
	    {"{\"a\":{\"x\":1},\"b\":{\"x\":1}}", true},
	    {"", false},
	    {" ", false},
	    {"1", false},
	    {"[]", false},
	    {"\"a\"", false},
	    {"null", false},
	    {"{", false},
	    {"{}x", false},
	    {"{}{}", false},
	    {"{\"a\"}", false},
	    {"{\"a\":}", false},
	    {"{\"a\":1,}", false},
	    {"{,\"a\":1}", false},
	    {"{\"a\":1 \"b\":2}", false},
	    {"{a:1}", false},
	    {"{'a':1}", false},
	    {"{\"a\":[1,]}", false},
	    {"{\"a\":[,1]}", false},
	    {"{\"a\":[1}", false},
	    {"{\"a\":01}", false},
	    {"{\"a\":-}", false},
	    {"{\"a\":+1}", false},
	    {"{\"a\":.5}", false},
	    {"{\"a\":1.}", false},
	    {"{\"a\":1e}", false},
	    {"{\"a\":1e+}", false},
	    {"{\"a\":0x10}", false},
	    {"{\"a\":NaN}", false},
	    {"{\"a\":Infinity}", false},
	    {"{\"a\":1e400}", false},
	    {"{\"a\":-1e400}", false},
	    {"{\"a\":9223372036854775808}", false},
	    {"{\"a\":tru}", false},
	    {"{\"a\":True}", false},
	    {"{\"a\":nul}", false},
	    {"{\"a\":\"b}", false},
	    {"{\"a\":\"\t\"}", false},
	    {"{\"a\":\"\\x\"}", false},
	    {"{\"a\":\"\\u12\"}", false},
	    {"{\"a\":\"\\u12g4\"}", false},
	    {"{\"a\":\"\\u0000\"}", false},
	    {"{\"a\\u0000\":1}", false},
	    {"{\"a\":\"\\ud800\"}", false},
	    {"{\"a\":\"\\ud800\\u0041\"}", false},
	    {"{\"a\":\"\\udc00\\ud800\"}", false},
	    {"{\"a\":\"\\ud800x\"}", false},
	    {"{\"a\":\"\xff\"}", false},
	    {"{\"a\":\"\xc3\\u00a9\"}", false},
	    {"{\"a\":\"\xed\xa0\x80\"}", false},
	    {"{\"a\":1,\"a\":1}", false},
	    {"{\"a\":1,\"\\u0061\":1}", false},
	    {"{\"x\":{\"a\":1,\"b\":2,\"a\":3}}", false},
	    {"{\"x\":[{\"a\":1,\"a\":3}]}", false},
	    {"{\"a\":1/**/}", false},
	    {"\xef\xbb\xbf{}", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str text = str_of(cases[i].text);
		if (claims_accepts(text) != cases[i].accepted)
			fail_msg("%s must be %s", cases[i].text, cases[i].accepted ? "accepted" : "refused");
		assert_true(claims_agrees(text));
	}
	assert_false(claims_accepts((struct str){"{}\0", 3}));
	assert_false(claims_accepts((struct str){"{\"a\":\"b\0c\"}", 11}));
	assert_false(claims_accepts((struct str){"{\"a\":1\0}", 8}));
}

static bool nested_accepted(int depth)
{
	__cleanup_buf struct buf text = BUF_INIT(4096);
	for (int i = 0; i < depth; i++)
		buf_z(&text, "{\"a\":");
	buf_char(&text, '1');
	for (int i = 0; i < depth; i++)
		buf_char(&text, '}');
	return claims_accepts(buf_text(&text));
}

static bool names_accepted(int count)
{
	__cleanup_buf struct buf text = BUF_INIT(8192);
	for (int i = 0; i < count; i++)
		buf_printf(&text, "%c\"n%d\":%d", i ? ',' : '{', i, i);
	buf_char(&text, '}');
	return claims_accepts(buf_text(&text));
}

static void test_caps(void **state)
{
	(void)state;
	assert_true(nested_accepted(CLAIMS_DEPTH_MAX));
	assert_false(nested_accepted(CLAIMS_DEPTH_MAX + 1));
	assert_true(names_accepted(CLAIMS_NAMES_MAX));
	assert_false(names_accepted(CLAIMS_NAMES_MAX + 1));
}

static bool stop_at_b(void *arg, const struct str *path, size_t depth, const struct claims_value *value)
{
	(void)value;
	size_t *told = arg;
	++*told;
	return depth != 1 || !str_eqz(path[0], "b");
}

static void test_reader_may_stop(void **state)
{
	(void)state;
	char text[] = "{\"a\":[1,2],\"b\":1,\"c\":1}";
	size_t told = 0;
	assert_false(claims_json_read(text, sizeof(text) - 1, stop_at_b, &told));
	assert_int_equal(told, 4);
}

/* Deterministic noise. */
static uint32_t noise(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void test_altered_texts_agree_with_jansson(void **state)
{
	(void)state;
	static const char seed_text[] =
	    "{\"iss\":\"a\\u00e9\\ud83d\\ude00b\",\"iat\":1749999990,\"exp\":1750000170.5e0,\"aud\":[\"x\",\"y\"],"
	    "\"context\":{\"user\":{\"accountId\":\"1:2\"},\"license\":{\"active\":true}},\"n\":null,\"f\":-0.25E-3}";
	static const char alphabet[] = "{}[]\",:\\u0123456789abcdefDEtrnl+-. \n\xc3\xa9\xf0\x9f\x00";
	uint32_t seed = 1;
	size_t accepted = 0;
	for (int round = 0; round < 60000; round++) {
		char text[sizeof(seed_text)];
		memcpy(text, seed_text, sizeof(seed_text));
		size_t len = sizeof(seed_text) - 1;
		for (uint32_t edits = 1 + noise(&seed) % 3; edits > 0; edits--) {
			size_t at = noise(&seed) % len;
			if (noise(&seed) % 4 == 0 && len > 1) {
				memmove(text + at, text + at + 1, len - at - 1);
				len--;
			} else {
				text[at] = alphabet[noise(&seed) % (sizeof(alphabet) - 1)];
			}
		}
		struct str altered = {text, len};
		if (!claims_agrees(altered))
			fail_msg("disagree: %.*s", STR_ARG(altered));
		accepted += claims_accepts(altered);
	}
	assert_in_range(accepted, 3000, 59000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_caps),
	    cmocka_unit_test(test_reader_may_stop),
	    cmocka_unit_test(test_altered_texts_agree_with_jansson),
	};
	return cmocka_run_group_tests_name("claims_json", tests, NULL, NULL);
}
