/* Descriptors of other apps: what is taken, what is refused, which URLs come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "sim/remote_app.h"

static const struct {
	const char *text;
	bool ok;
} descriptors[] = {
    {"{\"key\":\"a.b-c_1\",\"baseUrl\":\"https://app.example\"}", true},
    {"{\"key\":\"k\",\"baseUrl\":\"http://127.0.0.1:8080/base/\"}", true},
    {"{\"key\":\"k\",\"baseUrl\":\"ftp://app.example\"}", false},
    {"{\"key\":\"k\",\"baseUrl\":\"https://\"}", false},
    {"{\"key\":\"k\",\"baseUrl\":\"https://app.example/?x\"}", false},
    {"{\"key\":\"k\",\"baseUrl\":\"https://u@app.example/\"}", false},
    {"{\"key\":\"k\",\"baseUrl\":\"https://app.example/ x\"}", false},
    {"{\"key\":\"k\",\"baseUrl\":\"https://a;script-src\"}", false}, /* the origin is part of the page's policy */
    {"{\"key\":\"k\",\"baseUrl\":\"https://'self'\"}", false},
    {"{\"key\":\"k\",\"baseUrl\":\"https://a,b\"}", false},
    {"{\"key\":\"k\",\"baseUrl\":\"https://*\"}", false},
    {"{\"key\":\"k\",\"baseUrl\":7}", false},
    {"{\"key\":\"\",\"baseUrl\":\"https://app.example\"}", false},
    {"{\"key\":\"a b\",\"baseUrl\":\"https://app.example\"}", false},
    {"{\"baseUrl\":\"https://app.example\"}", false},
    {"[]", false},
    {"<html>", false},
    {"", false},
};

static void descriptors_are_taken_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++) {
		struct remote_app app = {0};
		const char *why = NULL;
		bool ok = remote_app_read(str_of(descriptors[i].text), &app, &why) == OK;
		if (ok != descriptors[i].ok)
			fail_msg("%s", descriptors[i].text);
		assert_int_equal(ok, why == NULL);
		remote_app_release(&app);
	}
}

static const char whole[] =
    "{\"key\":\"k\",\"baseUrl\":\"https://app.example/base/\","
    "\"lifecycle\":{\"installed\":\"/installed\",\"enabled\":\"enabled?x=1\",\"disabled\":\"https://evil.example/\","
    "\"uninstalled\":5},"
    "\"modules\":{\"generalPages\":[{\"key\":\"board\",\"url\":\"/"
    "board\",\"name\":{\"value\":\"Board\"}},7,{\"key\":\"x\"}],"
    "\"configurePage\":{\"key\":\"conf\",\"url\":\"/conf\",\"name\":\"Configure\"},"
    "\"webhooks\":[{\"event\":\"user_deleted\",\"url\":\"/webhooks/x\"}],"
    "\"jiraIssueContents\":[{\"key\":\"panel\",\"target\":{\"type\":\"web_panel\",\"url\":\"/panel?i={issue.key}\"}}],"
    "\"webPanels\":\"no\"}}";

static void urls_stay_below_the_base_url(void **state)
{
	(void)state;
	static const struct {
		const char *lifecycle, *url;
	} cases[] = {
	    {"installed", "https://app.example/base/installed"},
	    {"enabled", "https://app.example/base/enabled?x=1"},
	    {"disabled", ""},
	    {"uninstalled", ""},
	    {"none", ""},
	};
	struct remote_app app = {0};
	struct arena arena;
	const char *why = NULL;
	arena_init(&arena, 1 << 20);
	assert_int_equal(remote_app_read(str_of(whole), &app, &why), OK);
	assert_true(str_eqz(app.base_path, "/base"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str url;
		assert_true(remote_app_lifecycle_url(&app, cases[i].lifecycle, &arena, &url));
		assert_true(str_eqz(url, cases[i].url));
	}
	static const char *const elsewhere[] = {"//evil.example/x",      "https://evil.example/", "/x#y", "/x\ny",
	                                        "HTTPS://evil.example/", "/\\evil.example/"};
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
		struct str url;
		assert_true(remote_app_url(&app, str_of(elsewhere[i]), &arena, &url));
		assert_int_equal(url.len, 0);
	}
	assert_true(str_eqz(url_target(STR("http://h:1?a=b")), "?a=b"));
	assert_true(str_eqz(url_target(STR("https://h/a/b?c")), "/a/b?c"));
	arena_release(&arena);
	remote_app_release(&app);
}

static void modules_with_a_page_are_found(void **state)
{
	(void)state;
	struct remote_app app = {0};
	struct str url;
	const char *why = NULL;
	assert_int_equal(remote_app_read(str_of(whole), &app, &why), OK);
	assert_true(remote_app_module(&app, STR("board"), &url));
	assert_true(str_eqz(url, "/board"));
	assert_true(remote_app_module(&app, STR("conf"), &url));
	assert_true(remote_app_module(&app, STR("panel"), &url));
	assert_true(str_eqz(url, "/panel?i={issue.key}"));
	assert_false(remote_app_module(&app, STR("x"), &url));
	assert_false(remote_app_module(&app, STR(""), &url));
	struct buf out = BUF_INIT(1000);
	struct jsonw w = jsonw(&out);
	remote_app_modules_write(&app, &w);
	assert_string_equal(
	    out.data,
	    "[{\"kind\":\"generalPages\",\"key\":\"board\",\"name\":\"Board\",\"location\":\"\",\"opens\":true},"
	    "{\"kind\":\"configurePage\",\"key\":\"conf\",\"name\":\"Configure\",\"location\":\"\",\"opens\":true},"
	    "{\"kind\":\"jiraIssueContents\",\"key\":\"panel\",\"name\":\"panel\",\"location\":\"\",\"opens\":true}]");
	buf_release(&out);
	remote_app_release(&app);
}

/* Everything of a wrong type, twice, too long or too many. */
static void a_hostile_descriptor_is_cut_to_size(void **state)
{
	(void)state;
	struct buf text = BUF_INIT(REMOTE_DESCRIPTOR_MAX), out = BUF_INIT(1 << 20);
	struct remote_app app = {0};
	const char *why = NULL;
	buf_z(&text, "{\"key\":\"k\",\"baseUrl\":\"https://app.example:1\",\"name\":[],\"enableLicensing\":\"yes\","
	             "\"modules\":{\"webhooks\":[7,{\"event\":1,\"url\":\"/x\"},{\"event\":\"e\",\"url\":\"/e\"}],"
	             "\"adminPages\":{\"key\":\"away\",\"url\":\"//evil.example/\",\"location\":{}},\"generalPages\":[");
	for (int i = 0; i < 500; i++)
		buf_printf(&text, "%s{\"key\":\"p%d\",\"url\":\"/p\",\"name\":\"%01000d\"}", i ? "," : "", i, i);
	buf_z(&text, "]}}");
	assert_int_equal(remote_app_read(buf_text(&text), &app, &why), OK);
	assert_true(str_eqz(app.name, "k"));
	assert_false(app.licensing);
	assert_true(str_eqz(remote_app_origin(&app), "https://app.example:1"));
	struct jsonw w = jsonw(&out);
	remote_app_modules_write(&app, &w);
	json_t *list = json_loads(out.data, 0, NULL);
	assert_int_equal(json_array_size(list), REMOTE_LISTED_MAX);
	for (size_t i = 0; i < REMOTE_LISTED_MAX; i++) {
		const json_t *one = json_array_get(list, i);
		bool away = !strcmp(json_string_value(json_object_get(one, "key")), "away");
		assert_int_equal(json_is_true(json_object_get(one, "opens")), !away);
		assert_in_range(json_string_length(json_object_get(one, "name")), 1, REMOTE_NAME_MAX);
	}
	json_decref(list);
	buf_reset(&out);
	w = jsonw(&out);
	remote_app_webhooks_write(&app, &w);
	assert_string_equal(out.data, "[\"e\"]");
	struct str url;
	assert_true(remote_app_webhook(&app, STR("e"), &url));
	assert_true(str_eqz(url, "/e"));
	assert_false(remote_app_webhook(&app, STR("1"), &url));
	buf_release(&text);
	buf_release(&out);
	remote_app_release(&app);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(descriptors_are_taken_or_refused),
	    cmocka_unit_test(urls_stay_below_the_base_url),
	    cmocka_unit_test(modules_with_a_page_are_found),
	    cmocka_unit_test(a_hostile_descriptor_is_cut_to_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
