/* The canonical request and its hash: vectors, corner cases as a table, order, UTF-8, memory. */
#include "vectors.h"

#include "base/buf.h"
#include "base/form.h"
#include "base/secret.h"
#include "token/qsh.h"

enum { PLENTY = 16 << 20 };

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, PLENTY);
	return crypto_init() ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static struct str canonical(const char *method, const char *target, const char *base_path)
{
	struct str text;
	assert_true(qsh_canonical(&arena, str_of(method), str_of(target), str_of(base_path), &text));
	return text;
}

static struct str path_of_url(struct str url)
{
	if (url.len == 0)
		return url;
	const char *host = memmem(url.ptr, url.len, "://", 3);
	assert_non_null(host);
	struct str rest = {host + 3, url.len - (size_t)(host + 3 - url.ptr)};
	size_t slash = str_find(rest, '/');
	return (struct str){rest.ptr + slash, rest.len - slash};
}

static void test_vectors(void **state)
{
	(void)state;
	json_t *root = vectors_load("qsh.json"), *test;
	size_t i;
	json_array_foreach(json_object_get(root, "tests"), i, test)
	{
		struct str text, base = path_of_url(text_of(test, "baseUrl"));
		char qsh[QSH_LEN];
		assert_true(qsh_canonical(&arena, text_of(test, "method"), text_of(test, "target"), base, &text));
		assert_str(text, text_of(test, "canonical"));
		assert_true(qsh_compute(&arena, text_of(test, "method"), text_of(test, "target"), base, qsh));
		assert_str(((struct str){qsh, QSH_LEN}), text_of(test, "qsh"));
	}
	assert_int_equal(i, 28);
	json_decref(root);
}

static void test_corners(void **state)
{
	(void)state;
	static const struct {
		const char *target, *base_path, *expected;
	} cases[] = {
	    {"/x?", "", "GET&/x&"},
	    {"/x?&&", "", "GET&/x&"},
	    {"/x?=", "", "GET&/x&="},
	    {"/x?a&a", "", "GET&/x&a=,"},
	    {"/x?a=?b", "", "GET&/x&a=%3Fb"},
	    {"/a&b", "", "GET&/a%26b&"},
	    {"/a+b%20c", "", "GET&/a+b%20c&"},
	    {"//", "", "GET&/&"},
	    {"//x//", "", "GET&//x/&"},
	    {"/./x", "", "GET&/./x&"},
	    {"/basement", "/base", "GET&/basement&"},
	    {"/base/base", "/base", "GET&/base&"},
	    {"/base&x", "/base", "GET&/base%26x&"},
	    {"/base?x=1", "/base", "GET&/&x=1"},
	    {"/other", "/base", "GET&/other&"},
	    {"/x?a=%zz", "", "GET&/x&a=%25zz"},
	    {"/x?a=%", "", "GET&/x&a=%25"},
	    {"/x?a=%2", "", "GET&/x&a=%252"},
	    {"/x?a=%2%20", "", "GET&/x&a=%252%20"},
	    {"/x?a=%2f", "", "GET&/x&a=%2F"},
	    {"/x?a=%2F", "", "GET&/x&a=%2F"},
	    {"/x?a=%2Fb%41+", "", "GET&/x&a=%2FbA%20"},
	    {"/x?a=b,c&a=b", "", "GET&/x&a=b,b%2Cc"},
	    {"/x?%61=1&a=0", "", "GET&/x&a=0,1"},
	    {"/x?JWT=1&jwt=2&jwt=3&%6a%77%74=4", "", "GET&/x&JWT=1"},
	    {"/x?jwt", "", "GET&/x&"},
	    {"/x?jwts=1&jw=2", "", "GET&/x&jw=2&jwts=1"},
	    /* names by their encoded form: '%' comes before letters, so "%C3%A9" before "z" and before "a" */
	    {"/x?z=1&%C3%A9=2&a=3", "", "GET&/x&%C3%A9=2&a=3&z=1"},
	    /* "a+" is "a%20", "a-" stays: '%' < '-' */
	    {"/x?a-=1&a+=2&a=3", "", "GET&/x&a=3&a%20=2&a-=1"},
	    /* values by their decoded form: ' ' < '-' < '/' whatever their encoding */
	    {"/x?a=-&a=%2F&a=+", "", "GET&/x&a=%20,-,%2F"},
	    {"/x?a=bb&a=b&a=", "", "GET&/x&a=,b,bb"},
	    {"/x?a=%EF%BF%BD&a=%F4%8F%BF%BF&a=%EE%80%80&a=%ED%9F%BF&a=%C3%A9", "",
	     "GET&/x&a=%C3%A9,%ED%9F%BF,%F4%8F%BF%BF,%EE%80%80,%EF%BF%BD"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_str(canonical("GET", cases[i].target, cases[i].base_path), str_of(cases[i].expected));
}

static void test_many_parameters(void **state)
{
	(void)state;
	/* past the 1000th parameter everything still counts */
	enum { COUNT = 2000 };
	__cleanup_buf struct buf target = BUF_INIT(COUNT * 16), expected = BUF_INIT(COUNT * 16);
	buf_z(&target, "/x?");
	buf_z(&expected, "GET&/x&");
	for (int i = 0; i < COUNT; i++) {
		buf_printf(&target, "%sp%04d=", i ? "&" : "", COUNT - 1 - i);
		buf_printf(&expected, "%sp%04d=", i ? "&" : "", i);
	}
	assert_str(canonical("GET", target.data, ""), buf_text(&expected));
}

static void test_utf8(void **state)
{
	(void)state;
	static const char *const good[] = {"/", "/x?a=%C3%A9", "/%F0%9F%98%80", "/\xc3\xa9", "/x?a=%zz%", "/%c3%a9+%20",
	                                   ""};
	static const char *const bad[] = {"/x?a=%FF",    "/%C3",           "/%C3/%A9",          "/x?a=%C3&b=%A9",
	                                  "/x?a=%C0%80", "/x?a=%ED%A0%80", "/x?%E2%82",         "/\xff",
	                                  "/x?a=%C3+",   "/%80",           "/x?a=%F4%90%80%80", "/x?a=%F8%80%80"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!qsh_target_utf8(str_of(good[i])))
			fail_msg("%s is UTF-8", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (qsh_target_utf8(str_of(bad[i])))
			fail_msg("%s is not UTF-8", bad[i]);
}

static void test_out_of_memory(void **state)
{
	(void)state;
	/* every amount of memory too small fails cleanly; enough gives the same text */
	struct str target = STR("/a/b?x=%2f&y=a+b&x=%41&z=1"), text;
	size_t failures = 0;
	for (size_t room = 0; room <= 512; room += 16) {
		struct arena small;
		arena_init(&small, 0);
		assert_non_null(arena_alloc(&small, ARENA_FIRST_BYTES - room));
		char qsh[QSH_LEN];
		if (qsh_compute(&small, STR("GET"), target, STR(""), qsh)) {
			assert_true(qsh_canonical(&arena, STR("GET"), target, STR(""), &text));
			assert_str(text, STR("GET&/a/b&x=%2F,A&y=a%20b&z=1"));
		} else {
			failures++;
		}
		arena_release(&small);
	}
	assert_in_range(failures, 5, 31);
}

static void test_form(void **state)
{
	(void)state;
	struct str rest = STR("&a=1&&b&=c&"), name, value;
	static const char *const expected[][2] = {{"a", "1"}, {"b", ""}, {"", "c"}};
	for (size_t i = 0; i < 3; i++) {
		assert_true(form_next(&rest, &name, &value));
		assert_str(name, str_of(expected[i][0]));
		assert_str(value, str_of(expected[i][1]));
	}
	assert_false(form_next(&rest, &name, &value));
	assert_true(form_is(STR("%6Awt"), "jwt"));
	assert_true(form_is(STR("j%57t"), "jWt"));
	assert_false(form_is(STR("jw"), "jwt"));
	assert_false(form_is(STR("jwtt"), "jwt"));
	assert_true(form_decode(&arena, STR("a%2Bb+c%zz"), &value));
	assert_str(value, STR("a+b c%zz"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_vectors, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_corners, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_many_parameters, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_utf8, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_out_of_memory, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_form, setup, teardown),
	};
	return cmocka_run_group_tests_name("qsh", tests, NULL, NULL);
}
