/* The simulated Jira over real sockets: against an app that answers as the test wants, and asked as an app would ask.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "fake_server.h"
#include "sim/sim_parts.h"
#include "token/qsh.h"
#include "token/token.h"

enum { CALLS_KEPT = 32 };

/* An app: serves its descriptor, answers callbacks with `status`, remembers them. */
static struct app {
	struct fake_server *server;
	atomic_int status;
	pthread_mutex_t lock;
	pthread_cond_t opened;
	bool closed; /* answers wait */
	char targets[CALLS_KEPT][64];
	char *tokens[CALLS_KEPT], *bodies[CALLS_KEPT];
	size_t calls;
} app = {.lock = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER};
static struct sim *sim;

static bool app_answers(void *arg, int fd, const struct fake_request *req)
{
	(void)arg;
	char descriptor[600];
	if (!strcmp(req->method, "GET")) {
		snprintf(
		    descriptor, sizeof(descriptor),
		    "{\"key\":\"test-app\",\"baseUrl\":\"%s/base\",\"authentication\":{\"type\":\"jwt\"},"
		    "\"lifecycle\":{\"installed\":\"/installed\",\"uninstalled\":\"/uninstalled\",\"enabled\":\"/enabled\"},"
		    "\"modules\":{\"generalPages\":[{\"key\":\"board\",\"url\":\"/board?i={issue.key}\"}]}}",
		    fake_server_url(app.server));
		return fake_answer(fd, 200, "", descriptor);
	}
	pthread_mutex_lock(&app.lock);
	if (app.calls < CALLS_KEPT) {
		snprintf(app.targets[app.calls], sizeof(app.targets[0]), "%.60s", req->target);
		app.tokens[app.calls] = fake_header(req, "Authorization");
		app.bodies[app.calls] = strndup(req->body ? req->body : "", req->body_len);
		app.calls++;
	}
	while (app.closed)
		pthread_cond_wait(&app.opened, &app.lock);
	pthread_mutex_unlock(&app.lock);
	return fake_answer(fd, atomic_load(&app.status), "", "");
}

static void app_close(bool closed)
{
	pthread_mutex_lock(&app.lock);
	app.closed = closed;
	pthread_cond_broadcast(&app.opened);
	pthread_mutex_unlock(&app.lock);
}

static int setup(void **state)
{
	(void)state;
	const struct sim_options o = {.listen = "127.0.0.1:0"};
	atomic_store(&app.status, 204);
	app.calls = 0;
	app.server = fake_server_start(app_answers, NULL);
	return app.server && sim_start(&o, &sim) == OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	sim_stop(sim);
	fake_server_stop(app.server);
	for (size_t i = 0; i < app.calls; i++) {
		free(app.tokens[i]);
		free(app.bodies[i]);
	}
	app.calls = 0;
	return 0;
}

static void install(const char *site)
{
	char url[128];
	snprintf(url, sizeof(url), "%s/base/atlassian-connect.json", fake_server_url(app.server));
	assert_int_equal(sim_install(sim, site, url), OK);
}

/* ---- waiting for what runs elsewhere ---- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t done;
} work = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void one_done(void)
{
	pthread_mutex_lock(&work.lock);
	work.done++;
	pthread_cond_signal(&work.changed);
	pthread_mutex_unlock(&work.lock);
}

static void wait_done(size_t count)
{
	pthread_mutex_lock(&work.lock);
	while (work.done < count)
		pthread_cond_wait(&work.changed, &work.lock);
	work.done = 0;
	pthread_mutex_unlock(&work.lock);
}

static void action_done(struct action *a)
{
	(void)a;
	one_done();
}

static struct action act(enum site_action kind)
{
	struct action a = {.sim = sim, .site = sim->sites[0], .kind = kind, .done = action_done};
	sim_act(&a);
	wait_done(1);
	return a;
}

/* ---- what the app gets ---- */

static void assert_signed_by_key_host(const char *authorization, const char *target)
{
	struct arena arena;
	arena_init(&arena, 1 << 20);
	char base[128], qsh[QSH_LEN];
	struct token_unverified t;
	const struct claims *claims = NULL;
	enum token_code code;
	snprintf(base, sizeof(base), "%s/base", fake_server_url(app.server));
	const struct str audience = str_of(base);
	assert_true(!strncmp(authorization, "JWT ", 4));
	assert_int_equal(token_parse(&arena, str_of(authorization + 4), TOKEN_RS256, &t), TOKEN_OK);
	assert_true(str_eqz(t.kid, sim->key.kid));
	assert_true(qsh_compute(&arena, STR("POST"), str_of(target), STR("/base"), qsh));
	struct rsa_key *key = rsa_key_from_pem(str_of(sim->key.public_pem), &code);
	assert_non_null(key);
	const struct token_rules rules = {.now_s = clock_wall_ms(&clock_system) / 1000,
	                                  .audience_required = true,
	                                  .audiences = &audience,
	                                  .audience_count = 1,
	                                  .qsh_expected = qsh};
	assert_int_equal(token_verify_rs256(&t, key, &rules, &claims), TOKEN_OK);
	assert_true(str_eqz(claims->iss, sim->sites[0]->now.client_key));
	rsa_key_free(key);
	arena_release(&arena);
}

static void an_install_is_signed_by_the_key_host_and_enabled_follows(void **state)
{
	(void)state;
	install("acme");
	assert_int_equal(app.calls, 2);
	assert_string_equal(app.targets[0], "/base/installed");
	assert_string_equal(app.targets[1], "/base/enabled");
	assert_signed_by_key_host(app.tokens[0], "/base/installed");
	json_t *body = json_loads(app.bodies[0], 0, NULL);
	assert_string_equal(json_string_value(json_object_get(body, "sharedSecret")), sim->sites[0]->now.secret);
	assert_string_equal(json_string_value(json_object_get(body, "eventType")), "installed");
	assert_string_equal(json_string_value(json_object_get(body, "key")), "test-app");
	assert_non_null(json_object_get(body, "entitlementId"));
	json_decref(body);
	assert_null(strstr(app.bodies[1], "sharedSecret"));
}

static void a_site_without_a_licence_names_no_entitlement(void **state)
{
	(void)state;
	install("acme");
	sim->sites[0]->license.state = SITE_LICENSE_NONE;
	act(ACTION_REINSTALL);
	assert_int_equal(app.calls, 5);
	assert_null(strstr(app.bodies[3], "entitlement"));
}

static void a_refusal_is_told_and_changes_nothing(void **state)
{
	(void)state;
	install("acme");
	struct site_identity before = sim->sites[0]->now;
	atomic_store(&app.status, 503);
	struct action a = act(ACTION_ROTATE);
	assert_false(a.accepted);
	assert_int_equal(a.status, 503);
	assert_string_equal(sim->sites[0]->now.secret, before.secret);
	atomic_store(&app.status, 204);
	a = act(ACTION_ROTATE);
	assert_true(a.accepted);
	assert_string_not_equal(sim->sites[0]->now.secret, before.secret);
}

static void what_the_descriptor_does_not_want_is_not_called(void **state)
{
	(void)state;
	install("acme");
	struct action a = act(ACTION_DISABLE); /* no lifecycle.disabled */
	assert_true(a.accepted);
	assert_int_equal(a.status, 0);
	assert_int_equal(sim->sites[0]->status, SITE_DISABLED);
	assert_int_equal(app.calls, 2);
}

static void actions_of_one_site_run_one_after_the_other(void **state)
{
	(void)state;
	enum { ACTIONS = 6 };
	struct action a[ACTIONS];
	install("acme");
	for (size_t i = 0; i < ACTIONS; i++)
		a[i] = (struct action){
		    .sim = sim, .site = sim->sites[0], .kind = i % 2 ? ACTION_INSTALL : ACTION_UNINSTALL, .done = action_done};
	app_close(true); /* no answer before all are asked for */
	for (size_t i = 0; i < ACTIONS; i++)
		sim_act(&a[i]);
	app_close(false);
	wait_done(ACTIONS);
	for (size_t i = 0; i < ACTIONS; i++)
		assert_true(a[i].accepted);
	assert_int_equal(app.calls, 2 + ACTIONS / 2 * 3);
	for (size_t i = 2; i < app.calls; i += 3) {
		assert_string_equal(app.targets[i], "/base/uninstalled");
		assert_string_equal(app.targets[i + 1], "/base/installed");
		assert_string_equal(app.targets[i + 2], "/base/enabled");
	}
}

static void a_name_cannot_be_taken_twice(void **state)
{
	(void)state;
	install("acme");
	install("beta");
	struct action a = {.sim = sim, .site = sim->sites[0], .kind = ACTION_RENAME, .to = "beta", .done = action_done};
	sim_act(&a);
	wait_done(1);
	assert_int_equal(a.err, ERR_CONFLICT);
	assert_string_equal(sim->sites[0]->name, "acme");
	char url[128];
	snprintf(url, sizeof(url), "%s/base/atlassian-connect.json", fake_server_url(app.server));
	assert_int_equal(sim_install(sim, "beta", url), ERR_UPSTREAM);
}

/* ---- what the app asks ---- */

struct asked {
	enum err err;
	int status;
	char body[2048];
};

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct asked *a = arg;
	a->err = answer->err;
	a->status = answer->status;
	snprintf(a->body, sizeof(a->body), "%.*s", (int)answer->body.len, answer->body.ptr);
	one_done();
}

/* GET path below the site, with a token for that very path signed with secret. */
static struct asked ask(const char *path, const char *secret, const char *issuer)
{
	struct arena arena;
	struct asked asked = {0};
	char url[256], claims[400], qsh[QSH_LEN], base_path[80];
	__cleanup_free char *token = NULL;
	arena_init(&arena, 1 << 20);
	int64_t now_s = clock_wall_ms(&clock_system) / 1000;
	snprintf(base_path, sizeof(base_path), "/sites/%s", sim->sites[0]->name);
	snprintf(url, sizeof(url), "http://%s%s%s", sim_address(sim), base_path, path);
	assert_true(qsh_compute(&arena, STR("GET"), url_target(str_of(url)), str_of(base_path), qsh));
	snprintf(claims, sizeof(claims), "{\"iss\":\"%s\",\"iat\":%lld,\"exp\":%lld,\"qsh\":\"%.64s\",\"aud\":[\"%s\"]}",
	         issuer, (long long)now_s, (long long)now_s + 180, qsh, sim->sites[0]->now.client_key);
	arena_release(&arena);
	assert_int_equal(token_mint_hs256(str_of(secret), str_of(claims), &token), OK);
	char *authorization = NULL;
	assert_true(asprintf(&authorization, "JWT %s", token) > 0);
	const struct http_header header = {"Authorization", authorization};
	const struct http_call call = {.method = "GET",
	                               .url = url,
	                               .headers = &header,
	                               .header_count = 1,
	                               .answer_max = 4096,
	                               .done = on_answer,
	                               .arg = &asked};
	assert_int_equal(http_client_call(sim->client, &call), OK);
	wait_done(1);
	free(authorization);
	assert_int_equal(asked.err, OK);
	return asked;
}

#define LATEST "/rest/atlassian-connect/latest/license"
#define ADDON "/rest/atlassian-connect/1/addons/test-app"

static const struct {
	enum site_license_state state;
	const char *latest, *addon; /* a piece of the answer */
} licences[] = {
    {SITE_LICENSE_EVALUATION, "\"valid\":true,\"evaluation\":true",
     "\"active\":true,\"type\":\"COMMERCIAL\",\"evaluation\":true"},
    {SITE_LICENSE_ACTIVE, "\"valid\":true,\"evaluation\":false", "\"active\":true"},
    {SITE_LICENSE_CANCELLED, "\"cancelled\":true", "\"cancelled\":true"},
    {SITE_LICENSE_EXPIRED, "\"valid\":false,\"evaluation\":false", "\"active\":false"},
    {SITE_LICENSE_SUSPENDED, "\"valid\":false", "\"active\":false"},
    {SITE_LICENSE_NONE, "{\"valid\":false}", "\"state\":\"ENABLED\""},
};

static void the_licence_is_told_to_the_app_alone(void **state)
{
	(void)state;
	install("acme");
	struct site *site = sim->sites[0];
	char secret[SITE_SECRET_LEN + 1];
	memcpy(secret, site->now.secret, sizeof(secret));
	for (size_t i = 0; i < sizeof(licences) / sizeof(licences[0]); i++) {
		pthread_mutex_lock(&sim->lock);
		site->license.state = licences[i].state;
		sim_unlock(sim);
		struct asked latest = ask(LATEST, secret, "test-app"), addon = ask(ADDON, secret, "test-app");
		assert_int_equal(latest.status, 200);
		assert_non_null(strstr(latest.body, licences[i].latest));
		assert_int_equal(addon.status, 200);
		assert_non_null(strstr(addon.body, licences[i].addon));
		assert_int_equal(strstr(addon.body, "license") != NULL, licences[i].state != SITE_LICENSE_NONE);
	}
	assert_int_equal(ask(LATEST, "another-secret", "test-app").status, 401);
	assert_int_equal(ask(LATEST, secret, "another-app").status, 401);
	assert_int_equal(ask("/rest/atlassian-connect/1/addons/another-app", secret, "test-app").status, 404);
	act(ACTION_ROTATE);
	assert_int_equal(ask(LATEST, secret, "test-app").status, 401);
	assert_int_equal(ask(LATEST, site->now.secret, "test-app").status, 200);
	act(ACTION_UNINSTALL);
	assert_int_equal(ask(LATEST, site->now.secret, "test-app").status, 401);
}

static void a_slow_site_lets_go_at_the_stop(void **state)
{
	(void)state;
	install("acme");
	pthread_mutex_lock(&sim->lock);
	sim->sites[0]->fault = FAULT_SLOW;
	sim_unlock(sim);
	struct asked asked = {0};
	char url[256];
	snprintf(url, sizeof(url), "http://%s/sites/acme" LATEST, sim_address(sim));
	const struct http_client_options o = {.clock = &clock_system,
	                                      .allow_insecure = true,
	                                      .timeout_ms = 60000,
	                                      .in_flight_max = 1,
	                                      .queue_max = 1,
	                                      .per_host_max = 1};
	struct http_client *client = NULL;
	const struct http_call call = {.method = "GET", .url = url, .answer_max = 4096, .done = on_answer, .arg = &asked};
	assert_int_equal(http_client_new(&o, &client), OK);
	assert_int_equal(http_client_call(client, &call), OK);
	bool waiting = false;
	while (!waiting) {
		pthread_mutex_lock(&sim->lock);
		waiting = sim->slow != NULL;
		sim_unlock(sim);
		sched_yield();
	}
	sim_stop(sim);
	sim = NULL;
	wait_done(1); /* answered long before its 30 s */
	assert_true(asked.err != OK || asked.status == 401);
	http_client_free(client);
}

static int crypto(void **state)
{
	(void)state;
	return crypto_init() ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(an_install_is_signed_by_the_key_host_and_enabled_follows, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_site_without_a_licence_names_no_entitlement, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_refusal_is_told_and_changes_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_the_descriptor_does_not_want_is_not_called, setup, teardown),
	    cmocka_unit_test_setup_teardown(actions_of_one_site_run_one_after_the_other, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_name_cannot_be_taken_twice, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_licence_is_told_to_the_app_alone, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_slow_site_lets_go_at_the_stop, setup, teardown),
	};
	return cmocka_run_group_tests(tests, crypto, NULL);
}
