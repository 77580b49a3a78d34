/* test_outgoing_nomem.c - look-up, install key, permission and user call, again and again, with each allocation of ours
 * failing in turn: once, and from then on. Nothing crashes or leaks, whoever was promised an answer gets one, no key,
 * licence or permission appears that nobody gave, and when there is memory again everything heals. */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "alloc_faults.h"
#include "base/log.h"
#include "base/secret.h"
#include "connect/host.h"
#include "connect/install_keys.h"
#include "fake_server.h"

/* ---- a site that gives nothing, or everything ---- */
static _Atomic bool generous;

static bool answer(void *arg, int fd, const struct fake_request *req)
{
	(void)arg;
	if (strcmp(req->target, "/rest/atlassian-connect/latest/license") == 0)
		return fake_answer(fd, 200, "", generous ? "{\"valid\":true}" : "{\"valid\":false}");
	if (strcmp(req->target, "/rest/api/3/permissions/check") == 0)
		return fake_answer(fd, 200, "",
		                   generous ? "{\"globalPermissions\":[\"ADMINISTER\"]}" : "{\"globalPermissions\":[]}");
	if (strcmp(req->target, "/oauth2/token") == 0)
		return fake_answer(fd, generous ? 200 : 401, "", "{\"access_token\":\"t\",\"expires_in\":900}");
	return fake_answer(fd, generous ? 200 : 404, "", "");
}

struct world {
	struct fake_server *server;
	char *urls[2];
	char url[128];
	struct tenant tenant;
	struct clock_manual clock;
	struct http_client *client;
	struct install_keys *keys;
	struct host *host;

	pthread_mutex_t lock;
	pthread_cond_t came;
	int promised, kept; /* answers */
	bool licensed, key, user_answered;
	enum admin_answer admin;
};

static void one_came(struct world *w)
{
	w->kept++;
	pthread_cond_broadcast(&w->came);
	pthread_mutex_unlock(&w->lock);
}

static void on_license(void *arg, const struct license_facts *facts, const char *failure)
{
	struct world *w = arg;

	pthread_mutex_lock(&w->lock);
	w->licensed = !failure && facts->valid;
	one_came(w);
}

static void on_key(void *arg, enum key_status status, const struct rsa_key *key)
{
	struct world *w = arg;

	pthread_mutex_lock(&w->lock);
	w->key = status == KEY_FOUND || key;
	one_came(w);
}

static void on_wake(void *arg)
{
	struct world *w = arg;

	pthread_mutex_lock(&w->lock);
	one_came(w);
}

static void on_user_answer(void *arg, const struct http_answer *a)
{
	struct world *w = arg;

	pthread_mutex_lock(&w->lock);
	w->user_answered = a->err == OK && a->status == 200;
	one_came(w);
}

static void wait_for_all(struct world *w)
{
	pthread_mutex_lock(&w->lock);
	while (w->kept < w->promised)
		pthread_cond_wait(&w->came, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

static void world_start(struct world *w, struct fake_server *server)
{
	memset(w, 0, sizeof *w);
	w->server = server;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->came, NULL);
	snprintf(w->url, sizeof w->url, "%s", fake_server_url(server));
	w->urls[0] = w->url;
	w->tenant = (struct tenant){.client_key = STR("acme"),
	                            .base_url = str_of(w->url),
	                            .product_type = STR("jira"),
	                            .shared_secret = STR("a-shared-secret-of-a-test"),
	                            .oauth_client_id = STR("client-id")};
	atomic_init(&w->tenant.refs, 1);
	clock_manual_init(&w->clock, INT64_C(1768471200000));
	const struct http_client_options co = {.clock = &clock_system,
	                                       .allow_insecure = true,
	                                       .timeout_ms = 60 * 1000,
	                                       .in_flight_max = 4,
	                                       .queue_max = 16,
	                                       .per_host_max = 1};
	assert_int_equal(http_client_new(&co, &w->client), OK);
	const struct install_keys_options ko = {
	    .clock = &w->clock.clock, .client = w->client, .urls = w->urls, .timeout_ms = 60 * 1000};
	assert_int_equal(install_keys_new(&ko, &w->keys), OK);
	const struct host_options ho = {.clock = &w->clock.clock,
	                                .client = w->client,
	                                .app_key = "app",
	                                .authorization_server = w->url,
	                                .timeout_ms = 60 * 1000};
	assert_int_equal(host_new(&ho, &w->host), OK);
}

static void world_end(struct world *w)
{
	http_client_stop(w->client);
	host_free(w->host);
	install_keys_free(w->keys);
	http_client_free(w->client);
	assert_int_equal(w->promised, w->kept);
	assert_int_equal(w->tenant.refs, 1);
}

static void live_through(struct world *w)
{
	const struct host_call call = {
	    .method = "GET", .path = STR("/user"), .account_id = STR("ann"), .done = on_user_answer, .arg = w};
	const struct rsa_key *key;
	enum key_status status;

	w->promised += host_license_fetch(w->host, &w->tenant, 0, on_license, w) == OK;
	w->promised += host_call(w->host, &w->tenant, &call) == OK;
	if (!install_keys_get(w->keys, STR("kid-1"), &status, &key, on_key, w))
		w->promised++;
	else if (status == KEY_FOUND)
		w->key = true;
	w->admin = host_is_admin(w->host, &w->tenant, STR("ann"), on_wake, w);
	w->promised += w->admin == ADMIN_PENDING;
	wait_for_all(w);
	if (w->admin == ADMIN_PENDING)
		w->admin = host_is_admin(w->host, &w->tenant, STR("ann"), NULL, NULL);
}

static void every_allocation_may_fail(bool from_then_on)
{
	struct fake_server *server = fake_server_start(answer, NULL);
	bool was;
	long nth = 0;

	do {
		struct world w;

		world_start(&w, server);
		generous = false;
		alloc_faults_arm(nth++, from_then_on);
		live_through(&w);
		was = alloc_faults_disarm();
		if (w.licensed || w.key || w.user_answered || w.admin == ADMIN_YES)
			fail_msg("allocation %ld failed and something was granted", nth - 1);

		generous = true;
		clock_manual_step(&w.clock, ADMIN_KEPT_MS);
		live_through(&w);
		if (!w.licensed || !w.user_answered || w.admin != ADMIN_YES)
			fail_msg("allocation %ld failed once and nothing works after it", nth - 1);
		world_end(&w);
	} while (was);
	fake_server_stop(server);
	assert_in_range(nth, 30, 1000); /* there is something to fail, and it ends */
}

static void any_allocation_may_fail_once(void **state)
{
	(void)state;
	every_allocation_may_fail(false);
}

static void memory_may_end_at_any_allocation(void **state)
{
	(void)state;
	every_allocation_may_fail(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(any_allocation_may_fail_once),
	    cmocka_unit_test(memory_may_end_at_any_allocation),
	};
	log_set_level(LOG_ERROR);
	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
