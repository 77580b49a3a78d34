/* test_page_fill.c - values in a page are text, whatever they hold. */
#include "test.h"

#include "connect/page_reply.h"

static void rows(void **state)
{
	(void)state;
	const struct page_value values[] = {
	    {"a", STR("<b>&\"'")}, {"b", STR("{{a}}")}, {"empty", STR("")}, {"long_name", STR("x")}};
	static const char *const cases[][2] = {
	    {"", ""},
	    {"plain", "plain"},
	    {"{{a}}", "&lt;b&gt;&amp;&quot;&#39;"},
	    {"<p>{{a}}</p>{{a}}", "<p>&lt;b&gt;&amp;&quot;&#39;</p>&lt;b&gt;&amp;&quot;&#39;"},
	    {"{{b}}", "{{a}}"}, /* a value is never read again */
	    {"[{{empty}}]", "[]"},
	    {"{{long_name}}", "x"},
	    {"{{unknown}} {{a }} {a} {{", "{{unknown}} {{a }} {a} {{"},
	    {"{{{a}}}", "{&lt;b&gt;&amp;&quot;&#39;}"},
	    {"{{a}", "{{a}"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena a;
		arena_init(&a, 1 << 16);
		struct str got = page_fill(&a, str_of(cases[i][0]), values, sizeof(values) / sizeof(values[0]));
		if (!got.ptr || !str_eqz(got, cases[i][1]))
			fail_msg("%s: got %s", cases[i][0], got.ptr);
		arena_release(&a);
	}
}

static void no_memory_is_no_page(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 0);
	static char big[ARENA_FIRST_BYTES + 1];
	memset(big, 'x', sizeof(big));
	assert_null(page_fill(&a, (struct str){big, sizeof(big)}, NULL, 0).ptr);
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(rows), cmocka_unit_test(no_memory_is_no_page)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
