/* test_pages.c - pages behind the licence, the licence answer, webhooks and feedback, as one site's people meet them.
 */
#include "door_fixture.h"

#include <stdio.h>

#include "connect/webhook_body.h"

enum { WEBHOOK_ID_LONG = WEBHOOK_IDENTIFIER_MAX + 1 };

static const struct license_facts LICENSED = {.valid = true, .resource = 1, .users_max = 1, .max_age_s = -1};
static const struct license_facts UNLICENSED = {.valid = false, .resource = 1, .max_age_s = -1};

static void accept(struct door *d, const char *types)
{
	d->header[0][0] = "Accept";
	d->header[0][1] = types;
}

/* Installs the app on a site with that licence; the look-up is answered when it is asked for. */
static void installed(struct door *d, const struct license_facts *facts)
{
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	d->facts = facts;
	accept(d, "text/html,application/xhtml+xml,*/*;q=0.8");
}

static void page(struct door *d, const char *target)
{
	door_ask(d, page_get, "GET", target, "");
}

static void assert_answer(struct door *d, int status, const char *type)
{
	assert_int_equal(d->answer.status, status);
	assert_non_null(strstr(d->answer.type, type));
}

static void a_licensed_page_is_served(void **state)
{
	struct door *d = *state;
	installed(d, &LICENSED);
	page(d, "/app/board?lic=active");
	assert_answer(d, 200, "text/html");
	assert_non_null(strstr(d->answer.body, "<title>Board</title>"));
	assert_non_null(strstr(d->answer.headers, "frame-ancestors " HOME ";"));
	assert_non_null(strstr(d->answer.headers, "script-src 'self' https://connect-cdn.atl-paas.net;"));
	assert_null(strstr(d->answer.headers, "unsafe-inline"));
	assert_null(strstr(d->answer.headers, "X-Licgate-Code"));
	assert_int_equal(d->waits, 0); /* the signed word of this request is enough */
}

static void with_nothing_known_the_page_waits_for_the_host(void **state)
{
	struct door *d = *state;
	installed(d, &LICENSED);
	page(d, "/app/board");
	assert_answer(d, 200, "text/html");
	assert_int_equal(d->waits, 1);
	page(d, "/app/board");
	assert_int_equal(d->waits, 0);
}

static void a_denied_page_says_why_and_what_to_do(void **state)
{
	struct door *d = *state;
	installed(d, &UNLICENSED);
	page(d, "/app/board");
	assert_answer(d, 403, "text/html");
	assert_non_null(strstr(d->answer.body, "NO_LICENSE"));
	assert_non_null(strstr(d->answer.body, "<h1>This app has no licence here</h1>"));
	assert_non_null(strstr(d->answer.body, "href=\"" HOME "/plugins/servlet/upm\""));
	assert_null(strstr(d->answer.body, "{{"));
	assert_non_null(strstr(d->answer.headers, "X-Licgate-Code: NO_LICENSE"));
	assert_non_null(strstr(d->answer.headers, "frame-ancestors"));
}

static void a_program_gets_the_refusal_as_a_problem(void **state)
{
	struct door *d = *state;
	static const struct {
		const char *accept, *type;
	} rows[] = {
	    {"application/json", "application/problem+json"},
	    {"Application/Problem+JSON", "application/problem+json"},
	    {"text/html, application/json", "text/html"},
	    {"*/*", "text/html"},
	    {"image/png", "text/html"},
	};
	installed(d, &UNLICENSED);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		accept(d, rows[i].accept);
		page(d, "/app/board");
		assert_answer(d, 403, rows[i].type);
		assert_non_null(strstr(d->answer.headers, "X-Licgate-Code: NO_LICENSE"));
	}
	d->header[0][0] = NULL;
	page(d, "/app/board");
	assert_answer(d, 403, "text/html");
}

static void read_only_still_shows(void **state)
{
	struct door *d = *state;
	installed(d, &LICENSED);
	page(d, "/app/board");
	clock_manual_step(&d->clock, 20LL * 86400000);
	page(d, "/app/board?lic=expired"); /* since now: grace, which gets nothing here */
	assert_answer(d, 403, "text/html");
	clock_manual_step(&d->clock, 20LL * 86400000);
	page(d, "/app/board?lic=expired");
	assert_answer(d, 200, "text/html");
	page(d, "/app/export?lic=expired");
	assert_answer(d, 403, "text/html");
	assert_non_null(strstr(d->answer.body, "EXPIRED"));
}

static void seats_go_to_those_who_come_first(void **state)
{
	struct door *d = *state;
	installed(d, &LICENSED);
	page(d, "/app/export");
	assert_answer(d, 200, "text/html");
	page(d, "/app/export");
	assert_answer(d, 200, "text/html");
	d->claims.account_id = STR("account-2");
	page(d, "/app/export");
	assert_answer(d, 403, "text/html");
	assert_non_null(strstr(d->answer.body, "SEATS_EXCEEDED"));
	page(d, "/app/board");
	assert_answer(d, 200, "text/html");
}

static void pages_without_a_rule_need_no_licence(void **state)
{
	struct door *d = *state;
	installed(d, NULL);
	page(d, "/app/license");
	assert_answer(d, 200, "text/html");
	assert_int_equal(d->fetches, 0);
	page(d, "/app/nonesuch");
	assert_answer(d, 404, "problem+json");
	page(d, "/app/denied");
	assert_answer(d, 404, "problem+json");
}

static void admin_pages_ask_the_host(void **state)
{
	static const struct {
		enum admin_says says;
		int status, waits;
	} rows[] = {{ADMIN_SAYS_NO, 403, 0},
	            {ADMIN_SAYS_YES, 200, 0},
	            {ADMIN_SAYS_YES_LATER, 200, 1},
	            {ADMIN_SAYS_NOTHING, 403, 1}};
	static char admin_path[] = "/app/license";
	static char *admin_paths[] = {admin_path, NULL};
	struct door *d = *state;
	installed(d, &LICENSED);
	d->descriptor.admin_paths = admin_paths;
	for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
		d->admin = rows[i / 2].says;
		page(d, i % 2 ? "/app/license" : "/app/configure");
		assert_int_equal(d->answer.status, rows[i / 2].status);
		assert_int_equal(d->waits, rows[i / 2].waits);
	}
	assert_non_null(strstr(d->answer.body, "not_admin"));
	d->admin = ADMIN_SAYS_YES;
	d->claims.account_id = STR("");
	page(d, "/app/configure");
	assert_answer(d, 403, "text/html");
}

static void the_licence_answer(void **state)
{
	struct door *d = *state;
	installed(d, &LICENSED);
	door_ask(d, page_license_json, "GET", "/app/license.json?lic=none", "");
	assert_answer(d, 200, "application/json");
	assert_non_null(strstr(d->answer.body, "\"source\":\"lic\""));
	d->claims.is_context = true;
	door_ask(d, api_license, "GET", "/api/v1/license?lic=none", "");
	assert_non_null(strstr(d->answer.body, "\"source\":\"lookup\""));
	assert_non_null(strstr(d->answer.body, "\"state\":\"active\""));
	d->claims.is_context = false; /* made for this very URL: its lic is signed */
	door_ask(d, api_license, "GET", "/api/v1/license?lic=none", "");
	assert_non_null(strstr(d->answer.body, "\"source\":\"lic\""));
}

static void unknown_is_an_answer_too(void **state)
{
	struct door *d = *state;
	installed(d, NULL);
	door_step(d, 1000); /* the look-up after the install, which the host does not answer */
	d->facts = NULL;
	assert_int_equal(d->fetches, 1);
	door_host_answers(d, NULL);
	door_ask(d, api_license, "GET", "/api/v1/license", "");
	assert_answer(d, 200, "application/json");
	assert_non_null(strstr(d->answer.body, "\"state\":\"unknown\""));
	page(d, "/app/board");
	assert_answer(d, 403, "text/html");
	assert_non_null(strstr(d->answer.body, "UNKNOWN"));
}

static int hook(struct door *d, const char *name, const char *identifier, const char *body)
{
	char target[64];
	snprintf(target, sizeof target, "/webhooks/%s", name);
	d->header[0][0] = "Content-Type";
	d->header[0][1] = "application/json";
	d->header[1][0] = identifier ? "X-Atlassian-Webhook-Identifier" : NULL;
	d->header[1][1] = identifier;
	door_ask(d, webhook_receive, "POST", target, body);
	d->header[1][0] = NULL;
	return d->answer.status;
}

static void webhooks(void **state)
{
	struct door *d = *state;
	static const char user[] = "{\"webhookEvent\":\"x\",\"user\":{\"accountId\":\"account-9\"}}";
	static char long_id[WEBHOOK_ID_LONG + 1];
	char last[4096];
	installed(d, &LICENSED);
	assert_int_equal(hook(d, "user_created", "h1", user), 204);
	assert_int_equal(hook(d, "user_created", "h1", user), 204);
	assert_string_equal(door_events(d, CLIENT, last), "tenant.installed user.added");
	assert_non_null(strstr(last, "\"account_id\":\"account-9\""));
	assert_int_equal(hook(d, "user_deleted", "h2", user), 204);
	assert_int_equal(hook(d, "user_deleted", "h2", user), 204);
	assert_int_equal(hook(d, "user_updated", "h3", user), 204);
	assert_int_equal(hook(d, "issue_updated", NULL, "{}"), 204);
	assert_string_equal(door_events(d, CLIENT, NULL), "tenant.installed user.added user.removed");
	/* without an identifier each call counts */
	assert_int_equal(hook(d, "user_created", NULL, user), 204);
	clock_manual_step(&d->clock, 1);
	assert_int_equal(hook(d, "user_created", NULL, user), 204);
	assert_string_equal(door_events(d, CLIENT, NULL), "tenant.installed user.added user.removed user.added user.added");
	/* an identifier is forgotten after a week, well after the host's last retry */
	door_step(d, 8LL * 86400000);
	assert_int_equal(hook(d, "user_created", "h1", user), 204);
	assert_int_equal(hook(d, "user_created", "h4", "[]"), 400);
	memset(long_id, 'x', WEBHOOK_ID_LONG);
	assert_int_equal(hook(d, "user_created", long_id, user), 400);
}

static void a_user_that_is_deleted_gives_the_seat_back(void **state)
{
	struct door *d = *state;
	installed(d, &LICENSED);
	page(d, "/app/export");
	assert_answer(d, 200, "text/html");
	assert_int_equal(hook(d, "user_created", "h0", "{\"user\":{\"accountId\":\"account-1\"}}"), 204);
	assert_int_equal(seats_used(d->req.tenant), 1);
	assert_int_equal(hook(d, "user_deleted", "h1", "{\"user\":{\"accountId\":\"account-1\"}}"), 204);
	assert_int_equal(seats_used(d->req.tenant), 0);
	d->claims.account_id = STR("account-2");
	page(d, "/app/export");
	assert_answer(d, 200, "text/html");
}

struct kept {
	char account[64], message[64];
	size_t count;
	struct arena a;
};

static enum err read_feedback(struct store_tx *tx, void *arg)
{
	struct kept *k = arg;
	struct feedback_row *rows = NULL;
	enum err err = store_feedback_list(tx, 0, 10, &k->a, &rows, &k->count);
	if (err == OK && k->count) {
		snprintf(k->account, sizeof k->account, "%s", rows[0].account_id ? rows[0].account_id : "(none)");
		snprintf(k->message, sizeof k->message, "%s", rows[0].message);
	}
	return err;
}

static void assert_feedback(struct door *d, size_t count, const char *account, const char *message)
{
	struct kept k = {.count = 0};
	arena_init(&k.a, 1 << 20);
	assert_int_equal(store_read(d->store, read_feedback, &k), OK);
	arena_release(&k.a);
	assert_int_equal(k.count, count);
	assert_string_equal(k.account, account);
	assert_string_equal(k.message, message);
}

static int send(struct door *d, const char *body)
{
	d->header[0][0] = "Content-Type";
	d->header[0][1] = "application/json";
	door_ask(d, api_feedback, "POST", "/api/v1/feedback", body);
	return d->answer.status;
}

static void feedback(void **state)
{
	struct door *d = *state;
	char last[4096];
	installed(d, &LICENSED);
	assert_int_equal(send(d, "{\"message\":\"dark mode\"}"), 201);
	assert_feedback(d, 1, "(none)", "dark mode");
	assert_int_equal(send(d, "{\"message\":\"please\",\"account\":true}"), 201);
	assert_feedback(d, 2, "account-1", "please");
	d->claims.account_id = STR("unknown");
	assert_int_equal(send(d, "{\"message\":\"who am I\",\"account\":true}"), 201);
	assert_feedback(d, 3, "(none)", "who am I");
	assert_int_equal(send(d, "{\"message\":\"\"}"), 400);
	assert_int_equal(send(d, "nonsense"), 400);
	d->header[0][0] = NULL;
	door_ask(d, api_feedback, "POST", "/api/v1/feedback", "{\"message\":\"x\"}");
	assert_int_equal(d->answer.status, 415);
	assert_feedback(d, 3, "(none)", "who am I");
	assert_non_null(strstr(door_events(d, CLIENT, last), "feedback.received"));
	assert_null(strstr(last, "who am I"));
}

static void the_descriptor(void **state)
{
	struct door *d = *state;
	static char text[] = "{\"key\":\"x\"}";
	d->descriptor.text = text;
	d->descriptor.len = strlen(text);
	memcpy(d->descriptor.etag, "\"abc\"", 6);
	static const struct {
		const char *tag;
		int status;
	} rows[] = {{"\"abc\"", 304}, {"W/\"abc\"", 304}, {"\"x\", \"abc\"", 304}, {"*", 304}, {"\"abcd\"", 200},
	            {"abc", 200},     {"", 200}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		d->header[0][0] = "If-None-Match";
		d->header[0][1] = rows[i].tag;
		door_ask(d, descriptor_get, "GET", "/atlassian-connect.json", "");
		assert_int_equal(d->answer.status, rows[i].status);
		assert_non_null(strstr(d->answer.headers, "ETag: \"abc\""));
		assert_string_equal(d->answer.body, rows[i].status == 200 ? text : "");
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, door_up, door_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_licensed_page_is_served),
	    TEST(with_nothing_known_the_page_waits_for_the_host),
	    TEST(a_denied_page_says_why_and_what_to_do),
	    TEST(a_program_gets_the_refusal_as_a_problem),
	    TEST(read_only_still_shows),
	    TEST(seats_go_to_those_who_come_first),
	    TEST(pages_without_a_rule_need_no_licence),
	    TEST(admin_pages_ask_the_host),
	    TEST(the_licence_answer),
	    TEST(unknown_is_an_answer_too),
	    TEST(webhooks),
	    TEST(a_user_that_is_deleted_gives_the_seat_back),
	    TEST(feedback),
	    TEST(the_descriptor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
