/* test_door_nomem.c - every kind of request again and again, with each allocation of ours and of the JSON reader's
 * failing in turn: once, and from then on. Nothing crashes or leaks, every request gets an answer, no success is told
 * that was not earned, and with memory again the same request works. */
#include "door_fixture.h"

#include <stdio.h>

#include "alloc_faults.h"
#include "base/log.h"
#include "license/choices.h"

static const struct license_facts LICENSED = {.valid = true, .resource = 1, .users_max = 100, .max_age_s = -1};
static char key[32], url[64];

/* ---- what is asked; each gives the status ---- */

static int install(struct door *d)
{
	return door_install(d, SECRET, url, ",\"entitlementId\":\"e\",\"description\":\"" SECRET "\"");
}

static int uninstall(struct door *d)
{
	return door_lifecycle(d, lifecycle_uninstalled, "uninstalled");
}

static int enable(struct door *d)
{
	return door_lifecycle(d, lifecycle_enabled, "enabled");
}

static int post(struct door *d, handler_fn *handler, const char *target, const char *body)
{
	d->header[0][0] = "Content-Type";
	d->header[0][1] = "application/json";
	door_ask(d, handler, "POST", target, body);
	return d->answer.status;
}

static int webhook(struct door *d)
{
	return post(d, webhook_receive, "/webhooks/user_created", "{\"user\":{\"accountId\":\"account-9\"}}");
}

static int feedback(struct door *d)
{
	return post(d, api_feedback, "/api/v1/feedback", "{\"message\":\"hello\",\"account\":true}");
}

static int get(struct door *d, handler_fn *handler, const char *target)
{
	d->header[0][0] = NULL;
	door_ask(d, handler, "GET", target, "");
	return d->answer.status;
}

static int page(struct door *d)
{
	return get(d, page_get, "/app/export?lic=active");
}

static int denied_page(struct door *d)
{
	return get(d, page_get, "/app/board?lic=none&lic=none");
}

static int license(struct door *d)
{
	return get(d, page_license_json, "/app/license.json?lic=active");
}

static int configure(struct door *d)
{
	return get(d, api_configure_get, "/api/v1/configure?after=a");
}

static int choose(struct door *d)
{
	d->header[0][0] = "Content-Type";
	d->header[0][1] = "application/json";
	door_ask(d, api_configure_put, "PUT", "/api/v1/configure", "{\"choices\":{\"board\":\"read_only\"}}");
	return d->answer.status;
}

static const struct {
	const char *name;
	int (*ask)(struct door *d);
	int status;     /* with memory */
	bool installed; /* before it is asked */
} REQUESTS[] = {
    {"install", install, 204, false},    {"reinstall", install, 204, true},       {"uninstall", uninstall, 204, true},
    {"enable", enable, 204, true},       {"webhook", webhook, 204, true},         {"feedback", feedback, 201, true},
    {"page", page, 200, true},           {"denied page", denied_page, 403, true}, {"license", license, 200, true},
    {"configure", configure, 200, true}, {"choose", choose, 200, true},
};

/* What a success promises. */
static void assert_earned(struct door *d, size_t request)
{
	const struct tenant *t = tenants_find(d->tenants, d->claims.iss);
	assert_non_null(t);
	if (REQUESTS[request].ask == install)
		assert_true(str_eqz(t->shared_secret, SECRET) && str_eqz(t->base_url, url));
	if (REQUESTS[request].ask == uninstall)
		assert_int_equal(t->status, TENANT_UNINSTALLED);
	if (REQUESTS[request].ask == enable)
		assert_int_equal(t->status, TENANT_ENABLED);
	if (REQUESTS[request].ask == choose)
		assert_int_equal(tenant_choice(t, features_find(d->features, STR("board"))), VERDICT_READ_ONLY);
	tenant_unref(t);
}

/* One request with the n-th allocation failing; false once there is no n-th. */
static bool fails_at(struct door *d, size_t request, long n, bool from_then_on)
{
	snprintf(key, sizeof key, "client-%zu-%ld-%d", request, n, from_then_on);
	snprintf(url, sizeof url, "https://%s.atlassian.net", key);
	d->claims.iss = str_of(key);
	if (REQUESTS[request].installed)
		assert_int_equal(door_install(d, "an-older-secret", url, ""), 204);
	if (REQUESTS[request].ask == webhook)
		assert_int_equal(webhook(d), 204);

	alloc_faults_arm(n, from_then_on);
	int status = REQUESTS[request].ask(d);
	const bool failed = alloc_faults_disarm();
	if (status == REQUESTS[request].status)
		assert_earned(d, request);
	else if (status != 503 &&
	         !(status == 403 && REQUESTS[request].ask == page)) /* a seat that cannot be noted is none */
		fail_msg("%s, allocation %ld: status %d %s", REQUESTS[request].name, n, status, d->answer.code);

	status = REQUESTS[request].ask(d);
	if (status != REQUESTS[request].status)
		fail_msg("%s, allocation %ld: %d afterwards", REQUESTS[request].name, n, status);
	assert_earned(d, request);
	return failed;
}

static void every_allocation_fails_once(struct door *d, bool from_then_on)
{
	d->facts = &LICENSED;
	d->admin = ADMIN_SAYS_YES;
	log_set_level(LOG_ERROR);
	for (size_t request = 0; request < sizeof REQUESTS / sizeof REQUESTS[0]; request++) {
		long n = 0;
		while (fails_at(d, request, n, from_then_on))
			n++;
		assert_true(n > 0);
		print_message("%s: %ld allocations\n", REQUESTS[request].name, n);
	}
}

static void one(void **state)
{
	every_allocation_fails_once(*state, false);
}

static void from_then_on(void **state)
{
	every_allocation_fails_once(*state, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(one, door_up, door_down),
	                                   cmocka_unit_test_setup_teardown(from_then_on, door_up, door_down)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
