/* test_descriptor.c - what the check at start says of a descriptor template, and what is served of a good one.
 *
 * Each bad row is the shipped template with one piece of text replaced; the problem must name the place. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "connect/descriptor.h"

#define SHIPPED PROJECT_DIR "/descriptor/atlassian-connect.json"

static char base_url[] = "https://app.example.test/base";
static char file[] = "/tmp/licgate-descriptor-XXXXXX";

static bool serves(void *arg, const char *method, struct str path)
{
	(void)arg;
	static const char *const get[] = {"/app/board",     "/app/export", "/app/license",
	                                  "/app/configure", "/app/panel",  NULL};
	static const char *const post[] = {"/installed", "/uninstalled", "/enabled", "/disabled", NULL};
	if (str_eqz(str_of(method), "POST") && str_starts(path, STR("/webhooks/")))
		return true;
	const char *const *list = str_eqz(str_of(method), "POST") ? post : get;
	for (size_t i = 0; list[i]; i++)
		if (str_eqz(path, list[i]))
			return true;
	return false;
}

struct told {
	size_t count;
	char first_place[160];
};

static void tell(void *arg, const struct problem *p)
{
	struct told *told = arg;
	if (told->count++ == 0)
		memcpy(told->first_place, p->place, sizeof(told->first_place));
}

static enum err load(const char *path, struct config *config, struct told *told, struct descriptor **ret)
{
	*told = (struct told){0};
	return descriptor_load(path, config, serves, NULL, tell, told, ret);
}

/* Writes the shipped template with one piece replaced. */
static void write_template(const char *find, const char *replace)
{
	__cleanup_buf struct buf text = BUF_INIT(1 << 20);
	assert_int_equal(file_read(SHIPPED, &text), OK);
	const char *at = find ? strstr(text.data, find) : text.data;
	assert_non_null(at);
	FILE *f = fopen(file, "w");
	assert_non_null(f);
	fwrite(text.data, 1, (size_t)(at - text.data), f);
	fputs(find ? replace : "", f);
	fputs(at + (find ? strlen(find) : 0), f);
	fclose(f);
}

static void the_shipped_template_is_good(void **state)
{
	(void)state;
	struct config config = {.base_url = base_url};
	struct told told;
	struct descriptor *d = NULL;
	assert_int_equal(load(SHIPPED, &config, &told, &d), OK);
	assert_int_equal(told.count, 0);
	assert_string_equal(d->key, "com.example.licgate");
	assert_int_equal(d->len, strlen(d->text));
	assert_non_null(strstr(d->text, "\"baseUrl\": \"https://app.example.test/base\""));
	assert_null(strstr(d->text, "{{"));
	assert_int_equal(d->etag[0], '"');
	assert_int_equal(d->etag[strlen(d->etag) - 1], '"');
	assert_true(descriptor_is_admin_path(d, STR("/app/configure")));
	assert_false(descriptor_is_admin_path(d, STR("/app/board")));
	descriptor_free(d);
}

static void admin_pages_are_known(void **state)
{
	(void)state;
	struct config config = {.base_url = base_url};
	struct told told;
	struct descriptor *d = NULL;
	write_template("\"webhooks\": [",
	               "\"adminPages\": [{\"key\": \"a\", \"url\": \"/app/export?x={y}\"}], \"webhooks\": [");
	assert_int_equal(load(file, &config, &told, &d), OK);
	assert_true(descriptor_is_admin_path(d, STR("/app/export")));
	descriptor_free(d);
}

static void what_a_vendor_may_add(void **state)
{
	(void)state;
	static const char *const modules[] = {
	    "\"webItems\": [{\"key\": \"help\", \"url\": \"https://example.com/help\"}],", /* a link, nothing we serve */
	    "\"webItems\": [{\"key\": \"x\", \"url\": \"/app/export?issue={issue.id}\"}],",
	    "\"jiraEntityProperties\": [{\"key\": \"p\"}],",
	};
	struct config config = {.base_url = base_url};
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		char with[200];
		struct told told;
		struct descriptor *d = NULL;
		snprintf(with, sizeof(with), "%s \"webhooks\": [", modules[i]);
		write_template("\"webhooks\": [", with);
		if (load(file, &config, &told, &d) != OK)
			fail_msg("%s: %s", modules[i], told.first_place);
		descriptor_free(d);
	}
	write_template("\"enabled\": \"/enabled\",", ""); /* not every app asks for it */
	struct told told;
	struct descriptor *d = NULL;
	assert_int_equal(load(file, &config, &told, &d), OK);
	descriptor_free(d);
}

static void problems_name_their_place(void **state)
{
	(void)state;
	static const struct {
		const char *find, *replace, *place; /* place: behind the file's name */
	} rows[] = {
	    {"\"key\": \"com.example.licgate\",", "", ": key"},
	    {"com.example.licgate", "com example", ": key"},
	    {"com.example.licgate", "k1234567890123456789012345678901234567890123456789012345678901234567890", ": key"},
	    {"\"baseUrl\": \"{{baseUrl}}\"", "\"baseUrl\": \"https://other.example\"", ": baseUrl"},
	    {"\"baseUrl\": \"{{baseUrl}}\",", "", ": baseUrl"},
	    {"{{baseUrl}}/atlassian", "{{localBaseUrl}}/atlassian", ""},
	    {"\"name\": \"Licgate example app\"", "\"name\": 7", ": name"},
	    {"\"type\": \"jwt\"", "\"type\": \"none\"", ": authentication.type"},
	    {"\"enableLicensing\": true,", "", ": enableLicensing"},
	    {"\"enableLicensing\": true,", "\"enableLicensing\": \"true\",", ": enableLicensing"},
	    {"\"signed-install\": true", "\"signed-install\": false", ": apiMigrations.signed-install"},
	    {"\"context-qsh\": true", "\"context-qsh\": false", ": apiMigrations.context-qsh"},
	    {"\"installed\": \"/installed\",", "", ": lifecycle.installed"},
	    {"\"/installed\"", "\"/install\"", ": lifecycle.installed"},
	    {"\"/installed\"", "\"https://app.example.test/installed\"", ": lifecycle.installed"},
	    {"\"READ\"", "\"EVERYTHING\"", ": scopes[0]"},
	    {"/app/board", "/app/bord", ": modules.generalPages[0].url"},
	    {"/app/export", "/app/export?lic=active", ": modules.generalPages[1].url"},
	    {"/app/export", "/app/export?a=1&xdm_e=x", ": modules.generalPages[1].url"},
	    {"/app/configure", "app/configure", ": modules.configurePage.url"},
	    {"\"key\": \"license\"", "\"key\": \"li_cense\"", ": modules.generalPages[2].key"},
	    {"\"event\": \"user_updated\", ", "", ": modules.webhooks[1].event"},
	    {"/webhooks/user_deleted", "/hooks/user_deleted", ": modules.webhooks[2].url"},
	    {"\"apiVersion\": 1,", "\"apiVersion\": 1, \"apiVersion\": 1,", ""},
	    {"\"name\": \"Licgate example app\"", "\"name\": \"\"", ": name"},
	    {"\"vendor\": {", "\"vendor\": 1, \"x\": {", ": vendor"},
	    {"\"name\": \"Example Vendor\"", "\"name\": []", ": vendor.name"},
	    {"[\"READ\"]", "\"READ\"", ": scopes"},
	    {"[\"READ\"]", "[\"READ\", 1]", ": scopes[1]"},
	    {"[\"READ\"]", "[\"READ WRITE\"]", ": scopes[0]"},
	    {"\"lifecycle\":", "\"lifecycles\":", ": lifecycle"},
	    {"\"/uninstalled\"", "7", ": lifecycle.uninstalled"},
	    {"\"modules\": {", "\"modules\": [], \"x\": {", ": modules"},
	    {"\"configurePage\": {", "\"configurePage\": 1, \"x\": {", ": modules.configurePage"},
	    {"\"webhooks\": [", "\"webhooks\": [\"user_created\",", ": modules.webhooks[0]"},
	    {", \"url\": \"/webhooks/user_created\"", "", ": modules.webhooks[0].url"},
	    {"\"webhooks\": [", "\"adminPages\": [{\"key\": \"a\", \"url\": \"https://x.example/\"}], \"webhooks\": [",
	     ": modules.adminPages[0].url"},
	    {"\"apiVersion\": 1,", "\"apiVersion\": 1", ""},
	};
	struct config config = {.base_url = base_url};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct told told;
		struct descriptor *d = NULL;
		char place[200];
		write_template(rows[i].find, rows[i].replace);
		snprintf(place, sizeof(place), "%s%s", file, rows[i].place);
		enum err err = load(file, &config, &told, &d);
		if (err != ERR_INVALID || told.count == 0 || strcmp(told.first_place, place) != 0)
			fail_msg("%s -> %s: %s, %zu problems, first at %s", rows[i].find, rows[i].replace, err_name(err),
			         told.count, told.first_place);
	}
}

static void every_problem_is_told(void **state)
{
	(void)state;
	struct config config = {.base_url = base_url};
	struct told told;
	struct descriptor *d = NULL;
	FILE *f = fopen(file, "w");
	fputs("{}", f);
	fclose(f);
	assert_int_equal(load(file, &config, &told, &d), ERR_INVALID);
	assert_true(told.count >= 5);
}

static void a_file_that_is_not_there(void **state)
{
	(void)state;
	struct config config = {.base_url = base_url};
	struct told told;
	struct descriptor *d = NULL;
	assert_int_equal(load("/nonexistent/descriptor.json", &config, &told, &d), ERR_INVALID);
	assert_int_equal(told.count, 1);
}

static void http_is_for_tests_alone(void **state)
{
	(void)state;
	static char public_http[] = "http://app.example.test", local_http[] = "http://127.0.0.1:8080";
	struct told told;
	struct descriptor *d = NULL;
	struct config config = {.base_url = public_http};
	assert_int_equal(load(SHIPPED, &config, &told, &d), ERR_INVALID);
	config.allow_insecure_hosts = true;
	assert_int_equal(load(SHIPPED, &config, &told, &d), OK);
	descriptor_free(d);
	config = (struct config){.base_url = local_http};
	assert_int_equal(load(SHIPPED, &config, &told, &d), OK);
	descriptor_free(d);
}

static int make_file(void **state)
{
	(void)state;
	int fd = mkstemp(file);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_shipped_template_is_good), cmocka_unit_test(admin_pages_are_known),
	    cmocka_unit_test(what_a_vendor_may_add),        cmocka_unit_test(problems_name_their_place),
	    cmocka_unit_test(every_problem_is_told),        cmocka_unit_test(a_file_that_is_not_there),
	    cmocka_unit_test(http_is_for_tests_alone),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
