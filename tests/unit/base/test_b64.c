/* base64 in both alphabets: RFC 4648 section 10, every length there and back, and what a strict decoder refuses. */
#include "check.h"

#include "base/b64.h"

static void known_texts(void **state)
{
	(void)state;
	static const struct {
		const char *plain, *standard, *url;
	} rows[] = {
	    {"", "", ""},
	    {"f", "Zg==", "Zg"},
	    {"fo", "Zm8=", "Zm8"},
	    {"foo", "Zm9v", "Zm9v"},
	    {"foob", "Zm9vYg==", "Zm9vYg"},
	    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
	    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
	    {"\xfb\xff\xbe", "+/++", "-_--"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		__cleanup_buf struct buf standard = BUF_INIT(100);
		__cleanup_buf struct buf url = BUF_INIT(100);
		size_t len = strlen(rows[i].plain);
		b64_encode(&standard, (const uint8_t *)rows[i].plain, len);
		b64url_encode(&url, (const uint8_t *)rows[i].plain, len);
		assert_text(buf_text(&standard), rows[i].standard);
		assert_text(buf_text(&url), rows[i].url);
		uint8_t out[32];
		size_t n;
		assert_true(b64_decode(str_of(rows[i].standard), out, &n));
		assert_text((struct str){(char *)out, n}, rows[i].plain);
		assert_true(b64url_decode(str_of(rows[i].url), out, &n));
		assert_text((struct str){(char *)out, n}, rows[i].plain);
	}
}

static void every_length_there_and_back(void **state)
{
	(void)state;
	uint8_t data[200];
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 151 + 7);
	for (size_t len = 0; len <= sizeof(data); len++) {
		__cleanup_buf struct buf text = BUF_INIT(400);
		b64url_encode(&text, data, len);
		uint8_t out[300 / 4 * 4 + 2];
		size_t n;
		assert_true(b64url_decode(buf_text(&text), out, &n));
		assert_int_equal(n, len);
		assert_memory_equal(out, data, len);
	}
}

static void refuses_other_spellings(void **state)
{
	(void)state;
	static const struct {
		bool url;
		struct str text;
		const char *why;
	} rows[] = {
	    {true, {"Zg==", 4}, "padding in the URL alphabet"},
	    {true, {"Zg=", 3}, "half a padding"},
	    {true, {"Z", 1}, "six bits are no byte"},
	    {true, {"Zm9vY", 5}, "one letter too many"},
	    {true, {"Zh", 2}, "unused bits set"},
	    {true, {"Zm9", 3}, "unused bits set, three letters"},
	    {true, {"Zm+v", 4}, "standard alphabet's plus"},
	    {true, {"Zm/v", 4}, "standard alphabet's slash"},
	    {true, {"Zm9 ", 4}, "blank"},
	    {true, {"Zm9v\n", 5}, "newline at the end"},
	    {true, {"Zm\0v", 4}, "NUL"},
	    {true, {"Zm\xe9v", 4}, "byte above ASCII"},
	    {false, {"Zg", 2}, "padding missing"},
	    {false, {"Zg=", 3}, "half the padding"},
	    {false, {"Zg===", 5}, "too much padding"},
	    {false, {"====", 4}, "padding alone"},
	    {false, {"Z===", 4}, "three of padding"},
	    {false, {"Zg==Zg==", 8}, "two texts"},
	    {false, {"Zm-v", 4}, "URL alphabet's minus"},
	    {false, {"Zm_v", 4}, "URL alphabet's underscore"},
	    {false, {"Zh==", 4}, "unused bits set"},
	    {false, {"Zm9vYmE=\n", 9}, "newline at the end"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t out[32];
		size_t n = 99;
		if ((rows[i].url ? b64url_decode : b64_decode)(rows[i].text, out, &n) || n != 99)
			fail_msg("%s", rows[i].why);
	}
}

static void writes_hex(void **state)
{
	(void)state;
	char out[8];
	hex_encode(out, (const uint8_t[]){0x00, 0x1f, 0xab, 0xff}, 4);
	assert_memory_equal(out, "001fabff", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_texts),
	    cmocka_unit_test(every_length_there_and_back),
	    cmocka_unit_test(refuses_other_spellings),
	    cmocka_unit_test(writes_hex),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
