/* test_host.c - calls to a tenant's site: what is asked, how it is signed, what is made of the answers.
 *
 * One server on loopback plays the site and the authorization server. The clock is stepped by hand. */
#include <assert.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/b64.h"
#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"
#include "connect/host.h"
#include "fake_server.h"
#include "token/qsh.h"
#include "token/token.h"

#define APP_KEY "com.example.app"
#define CLIENT_KEY "11111111-aaaa"
#define SECRET "a-shared-secret-of-a-test-0123456789"
#define LATEST "/rest/atlassian-connect/latest/license"
#define ADDON "/rest/atlassian-connect/1/addons/" APP_KEY
#define PERMISSIONS "/rest/api/3/permissions/check"
#define MYSELF "/rest/api/3/myself?expand=groups"

enum { TIMEOUT_MS = 300, LOG_MAX = 32, SILENCE = -1 };
static const int64_t start_wall_ms = INT64_C(1768471200000);

/* What the server answers to a target. */
struct page {
	const char *target;
	int status; /* SILENCE: nothing comes */
	const char *headers, *body;
};

struct seen {
	char method[16], target[256], authorization[4096], body[8192];
};

struct site {
	struct fake_server *server;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool held; /* requests wait until the test lets go */
	struct page pages[4];
	struct seen seen[LOG_MAX];
	unsigned count;

	char base_url[128];
	struct tenant tenant;
	struct clock_manual clock;
	struct http_client *client;
	struct host *host;
};

static bool answer(void *arg, int fd, const struct fake_request *req)
{
	struct site *s = arg;
	char *authorization = fake_header(req, "Authorization");
	struct page page = {.status = 404, .headers = "", .body = "{}"};

	pthread_mutex_lock(&s->lock);
	struct seen *seen = &s->seen[s->count++ % LOG_MAX];
	snprintf(seen->method, sizeof seen->method, "%s", req->method);
	snprintf(seen->target, sizeof seen->target, "%.255s", req->target);
	snprintf(seen->authorization, sizeof seen->authorization, "%.4095s", authorization ? authorization : "");
	snprintf(seen->body, sizeof seen->body, "%.8191s", req->body);
	while (s->held)
		pthread_cond_wait(&s->moved, &s->lock);
	for (size_t i = 0; i < 4; i++)
		if (s->pages[i].target && strcmp(s->pages[i].target, req->target) == 0)
			page = s->pages[i];
	pthread_mutex_unlock(&s->lock);
	free(authorization);
	if (page.status == SILENCE) {
		fake_client_left(fd, 60 * 1000);
		return false;
	}
	return fake_answer(fd, page.status, page.headers ? page.headers : "", page.body ? page.body : "");
}

static void hold(struct site *s, bool held)
{
	pthread_mutex_lock(&s->lock);
	s->held = held;
	pthread_cond_broadcast(&s->moved);
	pthread_mutex_unlock(&s->lock);
}

static void set_page(struct site *s, unsigned i, struct page page)
{
	pthread_mutex_lock(&s->lock);
	s->pages[i] = page;
	pthread_mutex_unlock(&s->lock);
}

/* Also makes what the server noted until now readable here. */
static unsigned asked_so_far(struct site *s)
{
	pthread_mutex_lock(&s->lock);
	unsigned n = s->count;
	pthread_mutex_unlock(&s->lock);
	return n;
}

static struct site *site_new(const char *base_path, const char *product_type)
{
	struct site *s = calloc(1, sizeof *s);

	assert_non_null(s);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->moved, NULL);
	s->server = fake_server_start(answer, s);
	snprintf(s->base_url, sizeof s->base_url, "%s%s", fake_server_url(s->server), base_path);
	s->tenant = (struct tenant){.status = TENANT_ENABLED,
	                            .client_key = STR(CLIENT_KEY),
	                            .base_url = str_of(s->base_url),
	                            .product_type = str_of(product_type),
	                            .shared_secret = STR(SECRET),
	                            .oauth_client_id = STR("client-id")};
	atomic_init(&s->tenant.refs, 1); /* the test's own: it never falls to 0 */
	clock_manual_init(&s->clock, start_wall_ms);
	const struct http_client_options co = {.clock = &clock_system,
	                                       .allow_insecure = true,
	                                       .timeout_ms = 60 * 1000,
	                                       .in_flight_max = 8,
	                                       .queue_max = 100,
	                                       .per_host_max = 4};
	assert_int_equal(http_client_new(&co, &s->client), OK);
	const struct host_options ho = {.clock = &s->clock.clock,
	                                .client = s->client,
	                                .app_key = APP_KEY,
	                                .authorization_server = fake_server_url(s->server),
	                                .timeout_ms = TIMEOUT_MS};
	assert_int_equal(host_new(&ho, &s->host), OK);
	return s;
}

static void site_free(struct site *s)
{
	http_client_stop(s->client);
	host_free(s->host);
	http_client_free(s->client);
	assert_int_equal(s->tenant.refs, 1);
	fake_server_stop(s->server);
	free(s);
}

/* ---- what comes back ---- */
struct outcome {
	pthread_mutex_t lock;
	pthread_cond_t came;
	unsigned count;
	enum err err;
	int status;
	char body[256], failure[64], type[64];
	bool valid;
	int resource;
	int64_t max_age_s;
};

static void outcome_init(struct outcome *o)
{
	memset(o, 0, sizeof *o);
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->came, NULL);
}

static void outcome_wait(struct outcome *o, unsigned count)
{
	pthread_mutex_lock(&o->lock);
	while (o->count < count)
		pthread_cond_wait(&o->came, &o->lock);
	pthread_mutex_unlock(&o->lock);
}

static void came(struct outcome *o)
{
	o->count++;
	pthread_cond_broadcast(&o->came);
	pthread_mutex_unlock(&o->lock);
}

static void on_license(void *arg, const struct license_facts *facts, const char *failure)
{
	struct outcome *o = arg;

	pthread_mutex_lock(&o->lock);
	snprintf(o->failure, sizeof o->failure, "%s", failure ? failure : "");
	if (facts) {
		o->valid = facts->valid;
		o->resource = facts->resource;
		o->max_age_s = facts->max_age_s;
		snprintf(o->type, sizeof o->type, "%.*s", STR_ARG(facts->type));
	}
	came(o);
}

static void on_answer(void *arg, const struct http_answer *a)
{
	struct outcome *o = arg;

	pthread_mutex_lock(&o->lock);
	o->err = a->err;
	o->status = a->status;
	assert(a->header(a, "x-none").ptr == NULL);
	snprintf(o->body, sizeof o->body, "%.*s", STR_ARG(a->body));
	came(o);
}

static void on_wake(void *arg)
{
	struct outcome *o = arg;

	pthread_mutex_lock(&o->lock);
	came(o);
}

static void fetch_license(struct site *s, int resource, struct outcome *o)
{
	outcome_init(o);
	assert_int_equal(host_license_fetch(s->host, &s->tenant, resource, on_license, o), OK);
	outcome_wait(o, 1);
}

/* The n-th request carried our JWT: made for that request, for this tenant, for three minutes. */
static void assert_signed(struct site *s, unsigned n, const char *method, const char *target, const char *base_path)
{
	struct seen *seen = &s->seen[n];
	struct token_unverified t;
	const struct claims *claims = NULL;
	char qsh[QSH_LEN + 1] = "";
	struct arena a;
	const struct str audience = STR(CLIENT_KEY);

	assert_true(n < asked_so_far(s));
	assert_string_equal(seen->method, method);
	assert_string_equal(seen->target, target);
	assert_memory_equal(seen->authorization, "JWT ", 4);
	arena_init(&a, 65536);
	assert_true(qsh_compute(&a, str_of(method), str_of(target), str_of(base_path), qsh));
	assert_int_equal(token_parse(&a, str_of(seen->authorization + 4), TOKEN_HS256, &t), TOKEN_OK);
	const struct token_rules rules = {.now_s = start_wall_ms / 1000,
	                                  .audience_required = true,
	                                  .audiences = &audience,
	                                  .audience_count = 1,
	                                  .qsh_expected = qsh};
	assert_int_equal(token_verify_hs256(&t, STR(SECRET), &rules, &claims), TOKEN_OK);
	assert_true(str_eqz(claims->iss, APP_KEY));
	assert_int_equal(claims->iat_s, start_wall_ms / 1000);
	assert_int_equal(claims->exp_s, start_wall_ms / 1000 + 180);
	arena_release(&a);
}

/* ---- licence ---- */
static void a_look_up_uses_the_resource_that_answers(void **state)
{
	static const struct {
		const char *name;
		int resource; /* that worked last */
		struct page latest, addon;
		const char *failure;
		bool valid;
		int from;
		const char *asked; /* L and A, in order */
	} cases[] = {
#define OK_LATEST {LATEST, 200, "", "{\"valid\":true,\"licenseType\":\"LATEST\"}"}
#define OK_ADDON                                                                                                       \
	{                                                                                                                  \
		ADDON, 200, "", "{\"key\":\"app\",\"state\":\"ENABLED\",\"license\":{\"active\":true,\"type\":\"ADDON\"}}"     \
	}
#define LATEST_IS(status, text)                                                                                        \
	{                                                                                                                  \
		LATEST, status, "", text                                                                                       \
	}
#define ADDON_IS(status, text)                                                                                         \
	{                                                                                                                  \
		ADDON, status, "", text                                                                                        \
	}
	    {"latest works", 0, OK_LATEST, OK_ADDON, "", true, 1, "L"},
	    {"latest worked last", 1, OK_LATEST, OK_ADDON, "", true, 1, "L"},
	    {"addons worked last", 2, OK_LATEST, OK_ADDON, "", true, 2, "A"},
	    {"latest 404", 0, LATEST_IS(404, ""), OK_ADDON, "", true, 2, "LA"},
	    {"latest lacks it", 0, LATEST_IS(200, "{\"version\":1}"), OK_ADDON, "", true, 2, "LA"},
	    {"latest is a page", 0, LATEST_IS(200, "<html>"), OK_ADDON, "", true, 2, "LA"},
	    {"addons 404 now", 2, OK_LATEST, ADDON_IS(404, ""), "", true, 1, "AL"},
	    {"both 404", 0, LATEST_IS(404, ""), ADDON_IS(404, ""), "status_404", false, 0, "LA"},
	    {"both 404, addons first", 2, LATEST_IS(404, ""), ADDON_IS(404, ""), "status_404", false, 0, "AL"},
	    {"garbage", 0, LATEST_IS(200, "}{"), ADDON_IS(200, "}{"), "not_json", false, 0, "LA"},
	    {"valid is text", 0, LATEST_IS(200, "{\"valid\":\"yes\"}"), ADDON_IS(404, ""), "status_404", false, 0, "LA"},
	    {"nothing of a licence", 0, LATEST_IS(200, "{}"), ADDON_IS(200, "{}"), "not_a_license", false, 0, "LA"},
	    {"no licence", 0, LATEST_IS(404, ""), ADDON_IS(200, "{\"key\":\"app\"}"), "", false, 2, "LA"},
	    {"disabled", 0, LATEST_IS(404, ""), ADDON_IS(200, "{\"key\":\"app\",\"state\":\"DISABLED\"}"), "app_disabled",
	     false, 0, "LA"},
	    {"401", 0, LATEST_IS(401, ""), OK_ADDON, "unauthorized", false, 0, "L"},
	    {"403", 0, LATEST_IS(403, ""), OK_ADDON, "unauthorized", false, 0, "L"},
	    {"429", 0, LATEST_IS(429, ""), OK_ADDON, "status_429", false, 0, "L"},
	    {"400", 0, LATEST_IS(400, ""), OK_ADDON, "status_4xx", false, 0, "L"},
	    {"302", 0, LATEST_IS(302, ""), OK_ADDON, "status_3xx", false, 0, "L"},
	    {"204", 0, LATEST_IS(204, ""), OK_ADDON, "status_2xx", false, 0, "L"},
	    {"500", 0, LATEST_IS(500, "{\"valid\":true}"), OK_ADDON, "status_5xx", false, 0, "L"},
	    {"503 of the other", 0, LATEST_IS(404, ""), ADDON_IS(503, ""), "status_5xx", false, 0, "LA"},
	    {"silence", 0, LATEST_IS(SILENCE, ""), OK_ADDON, "timeout", false, 0, "L"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct site *s = site_new("", "jira");
		struct outcome o;
		char asked[LOG_MAX + 1] = "";

		set_page(s, 0, cases[i].latest);
		set_page(s, 1, cases[i].addon);
		fetch_license(s, cases[i].resource, &o);
		for (unsigned n = 0; n < asked_so_far(s); n++)
			asked[n] = strcmp(s->seen[n].target, LATEST) == 0 ? 'L' : 'A';
		if (strcmp(o.failure, cases[i].failure) != 0 || o.valid != cases[i].valid || o.resource != cases[i].from ||
		    strcmp(asked, cases[i].asked) != 0)
			fail_msg("%s: failure '%s', valid %d, resource %d, asked %s", cases[i].name, o.failure, o.valid, o.resource,
			         asked);
		if (o.valid)
			assert_string_equal(o.type, cases[i].from == 1 ? "LATEST" : "ADDON");
		site_free(s);
	}
}

static void a_look_up_is_signed_for_its_request(void **state)
{
	struct site *s = site_new("", "jira");
	struct outcome o;

	(void)state;
	set_page(s, 0, (struct page)LATEST_IS(404, ""));
	set_page(s, 1, (struct page)OK_ADDON);
	fetch_license(s, 0, &o);
	assert_signed(s, 0, "GET", LATEST, "");
	assert_signed(s, 1, "GET", ADDON, "");
	site_free(s);
}

/* Confluence: REST below /wiki, which the base URL may have; the qsh leaves the base URL's path out. */
static void confluence_is_asked_below_wiki(void **state)
{
	static const struct {
		const char *base_path;
		const char *qsh_base;
	} cases[] = {{"", ""}, {"/wiki", "/wiki"}, {"/wiki/", "/wiki"}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct site *s = site_new(cases[i].base_path, "confluence");
		struct outcome o;

		set_page(s, 0, (struct page){"/wiki" LATEST, 404, "", ""});
		set_page(s, 1, (struct page){"/wiki" ADDON, 200, "", "{\"key\":\"app\",\"license\":{\"active\":true}}"});
		fetch_license(s, 0, &o);
		assert_true(o.valid);
		assert_signed(s, 0, "GET", "/wiki" LATEST, cases[i].qsh_base);
		assert_signed(s, 1, "GET", "/wiki" ADDON, cases[i].qsh_base);
		site_free(s);
	}
}

static void the_hosts_max_age_is_told(void **state)
{
	struct site *s = site_new("", "jira");
	struct outcome o;

	(void)state;
	set_page(s, 0, (struct page){LATEST, 200, "Cache-Control: private, max-age=42\r\n", "{\"valid\":true}"});
	fetch_license(s, 0, &o);
	assert_int_equal(o.max_age_s, 42);
	set_page(s, 0, (struct page){LATEST, 200, "Cache-Control: no-store\r\n", "{\"valid\":true}"});
	fetch_license(s, 0, &o);
	assert_int_equal(o.max_age_s, -1);
	site_free(s);
}

static void without_a_secret_nothing_is_asked(void **state)
{
	struct site *s = site_new("", "jira");
	struct outcome o;

	(void)state;
	outcome_init(&o);
	s->tenant.shared_secret = (struct str){0};
	assert_int_not_equal(host_license_fetch(s->host, &s->tenant, 0, on_license, &o), OK);
	assert_int_equal(o.count, 0);
	assert_int_equal(asked_so_far(s), 0);
	site_free(s);
}

/* ---- calls as the app ---- */
static void the_app_may_call_anything_below_the_base_url(void **state)
{
	struct site *s = site_new("", "jira");
	struct outcome o;
	struct host_call call = {
	    .method = "PUT", .path = STR("/rest/x?b=1&a=%20"), .body = STR("{\"a\":1}"), .done = on_answer, .arg = &o};

	(void)state;
	outcome_init(&o);
	set_page(s, 0, (struct page){"/rest/x?b=1&a=%20", 200, "", "done"});
	assert_int_equal(host_call(s->host, &s->tenant, &call), OK);
	outcome_wait(&o, 1);
	assert_string_equal(o.body, "done");
	assert_int_equal(asked_so_far(s), 1);
	assert_string_equal(s->seen[0].body, "{\"a\":1}");
	assert_signed(s, 0, "PUT", "/rest/x?b=1&a=%20", "");

	call.path = STR("@evil.example/"); /* would turn the site's host into a user name */
	assert_int_equal(host_call(s->host, &s->tenant, &call), ERR_INVALID);
	call.path = (struct str){0};
	assert_int_equal(host_call(s->host, &s->tenant, &call), ERR_INVALID);
	assert_int_equal(o.count, 1);
	site_free(s);
}

/* ---- administrators ---- */
#define PERMISSIONS_ARE(text)                                                                                          \
	{                                                                                                                  \
		PERMISSIONS, 200, "", text                                                                                     \
	}

static enum admin_answer ask_admin(struct site *s, const char *account)
{
	struct outcome o;

	outcome_init(&o);
	enum admin_answer answered = host_is_admin(s->host, &s->tenant, str_of(account), on_wake, &o);
	if (answered != ADMIN_PENDING)
		return answered;
	outcome_wait(&o, 1);
	return host_is_admin(s->host, &s->tenant, str_of(account), NULL, NULL);
}

static void only_a_clear_yes_makes_an_administrator(void **state)
{
	static const struct {
		struct page page;
		enum admin_answer answer;
	} cases[] = {
	    {PERMISSIONS_ARE("{\"globalPermissions\":[\"ADMINISTER\"],\"projectPermissions\":[]}"), ADMIN_YES},
	    {PERMISSIONS_ARE("{\"globalPermissions\":[\"OTHER\",\"ADMINISTER\"]}"), ADMIN_YES},
	    {PERMISSIONS_ARE("{\"globalPermissions\":[]}"), ADMIN_NO},
	    {PERMISSIONS_ARE("{\"globalPermissions\":[\"ADMINISTER2\",7,null]}"), ADMIN_NO},
	    {PERMISSIONS_ARE("{\"globalPermissions\":\"ADMINISTER\"}"), ADMIN_NO},
	    {PERMISSIONS_ARE("{}"), ADMIN_NO},
	    {PERMISSIONS_ARE("<html>"), ADMIN_NO},
	    {{PERMISSIONS, 403, "", "{\"globalPermissions\":[\"ADMINISTER\"]}"}, ADMIN_NO},
	    {{PERMISSIONS, 500, "", ""}, ADMIN_NO},
	    {{PERMISSIONS, SILENCE, "", ""}, ADMIN_NO},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct site *s = site_new("", "jira");

		set_page(s, 0, cases[i].page);
		if (ask_admin(s, "account-1") != cases[i].answer)
			fail_msg("case %zu", i);
		assert_int_equal(asked_so_far(s), 1);
		assert_signed(s, 0, "POST", PERMISSIONS, "");
		assert_string_equal(s->seen[0].body, "{\"globalPermissions\":[\"ADMINISTER\"],\"accountId\":\"account-1\"}");
		site_free(s);
	}
}

static void the_answer_is_kept_per_account(void **state)
{
	struct site *s = site_new("", "jira");

	(void)state;
	set_page(s, 0, (struct page)PERMISSIONS_ARE("{\"globalPermissions\":[\"ADMINISTER\"]}"));
	assert_int_equal(ask_admin(s, "a"), ADMIN_YES);
	clock_manual_step(&s->clock, ADMIN_KEPT_MS - 1);
	assert_int_equal(ask_admin(s, "a"), ADMIN_YES);
	assert_int_equal(asked_so_far(s), 1);
	set_page(s, 0, (struct page)PERMISSIONS_ARE("{\"globalPermissions\":[]}"));
	assert_int_equal(ask_admin(s, "b"), ADMIN_NO);
	clock_manual_step(&s->clock, 1);
	assert_int_equal(ask_admin(s, "a"), ADMIN_NO);
	assert_int_equal(asked_so_far(s), 3);
	assert_int_equal(ask_admin(s, ""), ADMIN_NO); /* server-to-server */
	assert_int_equal(asked_so_far(s), 3);
	site_free(s);
}

static void no_answer_is_a_short_no(void **state)
{
	struct site *s = site_new("", "jira");

	(void)state;
	set_page(s, 0, (struct page){PERMISSIONS, 500, "", ""});
	assert_int_equal(ask_admin(s, "a"), ADMIN_NO);
	set_page(s, 0, (struct page)PERMISSIONS_ARE("{\"globalPermissions\":[\"ADMINISTER\"]}"));
	assert_int_equal(ask_admin(s, "a"), ADMIN_NO);
	clock_manual_step(&s->clock, ADMIN_FAILURE_KEPT_MS);
	assert_int_equal(host_is_admin(s->host, &s->tenant, STR("a"), NULL, NULL), ADMIN_PENDING); /* only looks */
	assert_int_equal(asked_so_far(s), 1);
	assert_int_equal(ask_admin(s, "a"), ADMIN_YES);
	site_free(s);
}

static void many_who_wait_share_one_question(void **state)
{
	struct site *s = site_new("", "jira");
	struct outcome o;

	(void)state;
	outcome_init(&o);
	set_page(s, 0, (struct page)PERMISSIONS_ARE("{\"globalPermissions\":[\"ADMINISTER\"]}"));
	hold(s, true);
	for (int i = 0; i < 20; i++)
		assert_int_equal(host_is_admin(s->host, &s->tenant, STR("a"), on_wake, &o), ADMIN_PENDING);
	fake_server_wait_requests(s->server, 1);
	hold(s, false);
	outcome_wait(&o, 20);
	assert_int_equal(fake_server_requests(s->server), 1);
	site_free(s);
}

/* ---- users ---- */
static void call_as_user(struct site *s, const char *account, struct outcome *o)
{
	const struct host_call call = {
	    .method = "GET", .path = STR(MYSELF), .account_id = str_of(account), .done = on_answer, .arg = o};

	assert_int_equal(host_call(s->host, &s->tenant, &call), OK);
}

static void a_user_call_gets_a_token_and_keeps_it(void **state)
{
	struct site *s = site_new("", "jira");
	struct outcome o;

	(void)state;
	set_page(s, 0,
	         (struct page){"/oauth2/token", 200, "",
	                       "{\"access_token\":\"tok-1\",\"token_type\":\"Bearer\",\"expires_in\":900}"});
	set_page(s, 1, (struct page){MYSELF, 200, "", "me"});
	outcome_init(&o);
	call_as_user(s, "account-1", &o);
	outcome_wait(&o, 1);
	assert_string_equal(o.body, "me");
	assert_int_equal(asked_so_far(s), 2);
	assert_string_equal(s->seen[0].method, "POST");
	assert_string_equal(s->seen[0].target, "/oauth2/token");
	assert_string_equal(s->seen[1].target, MYSELF);
	assert_string_equal(s->seen[1].authorization, "Bearer tok-1");

	clock_manual_step(&s->clock, (900 - 60) * 1000 - 1);
	call_as_user(s, "account-1", &o);
	outcome_wait(&o, 2);
	assert_int_equal(asked_so_far(s), 3); /* the same token */
	clock_manual_step(&s->clock, 1);
	call_as_user(s, "account-1", &o);
	outcome_wait(&o, 3);
	assert_int_equal(asked_so_far(s), 5);
	call_as_user(s, "account-2", &o);
	outcome_wait(&o, 4);
	assert_int_equal(asked_so_far(s), 7); /* another account's token is another one */
	site_free(s);
}

static void the_assertion_names_site_app_and_user(void **state)
{
	static const char form[] = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
	struct site *s = site_new("", "jira");
	char want[512], *mid, *end;
	struct outcome o;
	uint8_t text[4096], mac[32], got[64];
	size_t len = 0, got_len = 0;

	(void)state;
	set_page(s, 0, (struct page){"/oauth2/token", 200, "", "{\"access_token\":\"t\",\"expires_in\":900}"});
	set_page(s, 1, (struct page){MYSELF, 200, "", "me"});
	outcome_init(&o);
	call_as_user(s, "account-1", &o);
	outcome_wait(&o, 1);
	assert_int_equal(asked_so_far(s), 2);
	char *assertion = s->seen[0].body;
	assert_memory_equal(assertion, form, sizeof form - 1);
	assertion += sizeof form - 1;
	mid = strchr(assertion, '.');
	assert_non_null(mid);
	end = strchr(mid + 1, '.');
	assert_non_null(end);
	assert_true(hmac_sha256(STR(SECRET), (struct str){assertion, (size_t)(end - assertion)}, mac));
	assert_true(b64url_decode(str_of(end + 1), got, &got_len));
	assert_int_equal(got_len, 32);
	assert_memory_equal(got, mac, 32);
	assert_true(b64url_decode((struct str){mid + 1, (size_t)(end - mid - 1)}, text, &len));
	json_t *claims = json_loadb((char *)text, len, 0, NULL);
	int64_t now = start_wall_ms / 1000;
	json_t *wanted = json_pack("{s:s,s:s,s:s,s:s,s:I,s:I}", "iss", "urn:atlassian:connect:clientid:client-id", "sub",
	                           "urn:atlassian:connect:useraccountid:account-1", "tnt", s->base_url, "aud",
	                           fake_server_url(s->server), "iat", now, "exp", now + 60);
	snprintf(want, sizeof want, "%.*s", (int)len, (char *)text);
	if (!json_equal(claims, wanted))
		fail_msg("claims: %s", want);
	json_decref(claims);
	json_decref(wanted);
	site_free(s);
}

static void users_that_wait_share_one_grant(void **state)
{
	struct site *s = site_new("", "jira");
	struct outcome o;

	(void)state;
	set_page(s, 0, (struct page){"/oauth2/token", 200, "", "{\"access_token\":\"t\",\"expires_in\":900}"});
	set_page(s, 1, (struct page){MYSELF, 200, "", "me"});
	outcome_init(&o);
	hold(s, true);
	for (int i = 0; i < 5; i++)
		call_as_user(s, "account-1", &o);
	fake_server_wait_requests(s->server, 1);
	hold(s, false);
	outcome_wait(&o, 5);
	assert_int_equal(o.err, OK);
	assert_int_equal(asked_so_far(s), 6);
	site_free(s);
}

static void a_refused_grant_ends_the_call(void **state)
{
	static const struct page answers[] = {
	    {"/oauth2/token", 401, "", "{\"error\":\"invalid_grant\"}"},
	    {"/oauth2/token", 200, "", "{\"token_type\":\"Bearer\"}"},
	    {"/oauth2/token", 200, "", "{\"access_token\":\"a\\nb\"}"},
	    {"/oauth2/token", 200, "", "<html>"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct site *s = site_new("", "jira");
		const struct host_call call = {
		    .method = "GET", .path = STR(MYSELF), .account_id = STR("account-1"), .done = on_answer, .arg = NULL};
		struct outcome o;

		set_page(s, 0, answers[i]);
		outcome_init(&o);
		call_as_user(s, "account-1", &o);
		outcome_wait(&o, 1);
		assert_int_equal(o.err, ERR_UPSTREAM);
		assert_int_equal(host_call(s->host, &s->tenant, &call), ERR_UPSTREAM); /* not asked again at once */
		assert_int_equal(asked_so_far(s), 1);
		site_free(s);
	}
}

static void a_tenant_without_a_client_id_has_no_users(void **state)
{
	struct site *s = site_new("", "jira");
	const struct host_call call = {.method = "GET", .path = STR(MYSELF), .account_id = STR("account-1")};

	(void)state;
	s->tenant.oauth_client_id = (struct str){0};
	assert_int_equal(host_call(s->host, &s->tenant, &call), ERR_INVALID);
	assert_int_equal(asked_so_far(s), 0);
	site_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_look_up_uses_the_resource_that_answers),
	    cmocka_unit_test(a_look_up_is_signed_for_its_request),
	    cmocka_unit_test(confluence_is_asked_below_wiki),
	    cmocka_unit_test(the_hosts_max_age_is_told),
	    cmocka_unit_test(without_a_secret_nothing_is_asked),
	    cmocka_unit_test(the_app_may_call_anything_below_the_base_url),
	    cmocka_unit_test(only_a_clear_yes_makes_an_administrator),
	    cmocka_unit_test(the_answer_is_kept_per_account),
	    cmocka_unit_test(no_answer_is_a_short_no),
	    cmocka_unit_test(many_who_wait_share_one_question),
	    cmocka_unit_test(a_user_call_gets_a_token_and_keeps_it),
	    cmocka_unit_test(the_assertion_names_site_app_and_user),
	    cmocka_unit_test(users_that_wait_share_one_grant),
	    cmocka_unit_test(a_refused_grant_ends_the_call),
	    cmocka_unit_test(a_tenant_without_a_client_id_has_no_users),
	};
	log_set_level(LOG_ERROR);
	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
