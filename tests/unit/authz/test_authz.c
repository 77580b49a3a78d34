/* test_authz.c - forward authentication as each proxy asks: real tokens of a real tenant, answers written down. */
#include "connect/door_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "authz/authz.h"
#include "token/minted.h"
#include "token/qsh.h"

static const struct license_facts LICENSED = {.valid = true, .resource = 1, .users_max = 100, .max_age_s = -1};
static const struct license_facts UNLICENSED = {.valid = false, .resource = 1, .max_age_s = -1};
static struct cidr trusted;

/* "JWT <token>" of CLIENT for that request; target NULL: context-qsh. */
static char *token(struct door *d, const char *method, const char *target)
{
	char qsh[QSH_LEN + 1] = "context-qsh", claims[512];
	if (target) {
		struct arena a;
		arena_init(&a, 1 << 16);
		assert_true(qsh_compute(&a, str_of(method), str_of(target), STR(""), qsh));
		qsh[QSH_LEN] = '\0';
		arena_release(&a);
	}
	long long now = (long long)(clock_wall_ms(&d->clock.clock) / 1000);
	snprintf(claims, sizeof claims,
	         "{\"iss\":\"" CLIENT "\",\"sub\":\"account-1\",\"iat\":%lld,\"exp\":%lld,\"qsh\":\"%s\"}", now, now + 180,
	         qsh);
	char *jwt = minted("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", str_of(claims), STR(SECRET));
	char *header = malloc(strlen(jwt) + 5);
	assert_non_null(header);
	snprintf(header, strlen(jwt) + 5, "JWT %s", jwt);
	free(jwt);
	return header;
}

static void trust_peers(struct door *d)
{
	trusted = (struct cidr){.prefix_bits = 0};
	d->config.trusted_proxies.at = &trusted;
	d->config.trusted_proxies.count = 1;
}

static void start(struct door *d, const struct license_facts *facts)
{
	static char base[] = "https://app.example.test";
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	d->authenticates_itself = true;
	d->facts = facts;
	d->config.base_url = base;
	trust_peers(d);
}

static void set_header(struct door *d, size_t i, const char *name, const char *value)
{
	d->header[i][0] = value ? name : NULL;
	d->header[i][1] = value;
}

/* Asks as nginx does. authorization is freed. */
static int ask(struct door *d, const char *query, const char *method, const char *url, char *authorization)
{
	char target[256];
	snprintf(target, sizeof target, "/authz/nginx%s", query);
	set_header(d, 0, "X-Original-Method", method);
	set_header(d, 1, "X-Original-URL", url);
	set_header(d, 2, "Authorization", authorization);
	door_ask(d, authz_nginx, "GET", target, "");
	free(authorization);
	return d->answer.status;
}

static bool answered(const struct door *d, const char *header)
{
	return strstr(d->answer.headers, header) != NULL;
}

static void a_token_is_enough_by_default(void **state)
{
	struct door *d = *state;
	start(d, &UNLICENSED);
	assert_int_equal(ask(d, "", "GET", "/p?x=1", token(d, "GET", "/p?x=1")), 200);
	assert_true(answered(d, "X-Connect-Client-Key: " CLIENT "\n"));
	assert_true(answered(d, "X-Connect-Account-Id: account-1\n"));
	assert_true(answered(d, "X-Connect-Base-Url: " HOME "\n"));
	assert_true(answered(d, "X-Connect-Verdict: allow\n"));
	assert_true(answered(d, "X-Connect-License: none\n"));
	assert_true(answered(d, "X-Connect-License-Source: lookup\n"));
	assert_true(answered(d, "X-Connect-License-Age: 0\n"));
	assert_int_equal(ask(d, "", "GET", "https://app.example.test/p?x=1", token(d, "GET", "/p?x=1")), 200);
	assert_int_equal(ask(d, "", "POST", "/p?x=1", token(d, "POST", "/p?x=1")), 200);
}

static void only_401_and_403_refuse(void **state)
{
	struct door *d = *state;
	start(d, &LICENSED);
	assert_int_equal(ask(d, "", "GET", "/p", NULL), 401);
	assert_int_equal(ask(d, "", "POST", "/p", token(d, "GET", "/p")), 401);
	assert_int_equal(ask(d, "", "GET", "/other", token(d, "GET", "/p")), 401);
	assert_int_equal(ask(d, "", "GET", "/p", token(d, "GET", NULL)), 401);
	assert_int_equal(ask(d, "?token=context", "GET", "/p", token(d, "GET", NULL)), 200);
	assert_int_equal(ask(d, "", "GET", "/p?a=%ff", token(d, "GET", "/p?a=%ff")), 401);
	assert_int_equal(ask(d, "", "GET", "nonsense", token(d, "GET", "/p")), 403);
	assert_true(answered(d, "X-Connect-Deny: bad_forwarded_request"));
	assert_int_equal(ask(d, "", NULL, "/p", token(d, "GET", "/p")), 403);
	assert_int_equal(ask(d, "", "GET", NULL, token(d, "GET", "/p")), 403);
	assert_int_equal(ask(d, "?token=any", "GET", "/p", token(d, "GET", "/p")), 403);
	assert_true(answered(d, "X-Connect-Deny: bad_policy"));
	assert_int_equal(ask(d, "?feature=nonesuch", "GET", "/p", token(d, "GET", "/p")), 403);
	assert_true(answered(d, "X-Connect-Deny: unknown_feature"));
	set_header(d, 3, "X-Original-URL", "/p"); /* the client's own beside the proxy's */
	assert_int_equal(ask(d, "", "GET", "/p", token(d, "GET", "/p")), 403);
	set_header(d, 3, NULL, NULL);
	char *header = token(d, "GET", "/p");
	char url[1024];
	snprintf(url, sizeof url, "/p?jwt=%s", header + 4);
	assert_int_equal(ask(d, "", "GET", url, NULL), 200);
	assert_int_equal(ask(d, "", "GET", url, header), 401); /* two */
}

static void strangers_are_not_believed(void **state)
{
	struct door *d = *state;
	start(d, &LICENSED);
	d->config.trusted_proxies.count = 0;
	assert_int_equal(ask(d, "", "GET", "/p", token(d, "GET", "/p")), 403);
	assert_true(answered(d, "X-Connect-Deny: untrusted_proxy"));
	assert_false(answered(d, "X-Connect-Client-Key"));
}

static void the_licence_rules(void **state)
{
	struct door *d = *state;
	start(d, &UNLICENSED);
	assert_int_equal(ask(d, "?license=required", "GET", "/p", token(d, "GET", "/p")), 403);
	assert_true(answered(d, "X-Connect-Deny: NO_LICENSE"));
	assert_int_equal(ask(d, "?feature=board", "GET", "/p", token(d, "GET", "/p")), 403);
	assert_true(answered(d, "X-Connect-Deny: NO_LICENSE"));
	/* lic counts where a page token covers it, and nowhere else */
	const char *url = "/p?lic=active";
	assert_int_equal(ask(d, "?license=required&token=context", "GET", url, token(d, "GET", NULL)), 403);
	assert_int_equal(ask(d, "?license=required&token=context", "GET", url, token(d, "GET", url)), 403);
	assert_int_equal(ask(d, "?license=required", "GET", url, token(d, "GET", url)), 200);
	assert_true(answered(d, "X-Connect-License-Source: lic"));
}

static void read_only_lets_reading_pass(void **state)
{
	struct door *d = *state;
	static const char *const url = "/p?lic=expired";
	static const struct {
		const char *method;
		int status;
	} rows[] = {{"GET", 200},    {"HEAD", 200}, {"POST", 403},   {"PUT", 403},
	            {"DELETE", 403}, {"get", 403},  {"OPTIONS", 403}};
	start(d, &LICENSED);
	assert_int_equal(ask(d, "?feature=board", "GET", "/p?lic=active", token(d, "GET", "/p?lic=active")), 200);
	(void)ask(d, "?feature=board", "GET", url, token(d, "GET", url)); /* the expiry is first seen */
	clock_manual_step(&d->clock, 20LL * 86400000);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(ask(d, "?feature=board", rows[i].method, url, token(d, rows[i].method, url)), rows[i].status);
		assert_true(answered(d, rows[i].status == 200 ? "X-Connect-Verdict: read_only" : "X-Connect-Deny: EXPIRED"));
	}
}

static void without_a_known_state_there_are_no_licence_headers(void **state)
{
	struct door *d = *state;
	start(d, NULL);
	door_step(d, 1000);
	door_host_answers(d, NULL);
	assert_int_equal(ask(d, "", "GET", "/p", token(d, "GET", "/p")), 200);
	assert_true(answered(d, "X-Connect-Client-Key"));
	assert_false(answered(d, "X-Connect-License"));
	assert_int_equal(ask(d, "?license=required", "GET", "/p", token(d, "GET", "/p")), 403);
	assert_true(answered(d, "X-Connect-Deny: UNKNOWN"));
}

static void traefik_and_caddy(void **state)
{
	struct door *d = *state;
	start(d, &LICENSED);
	char *authorization = token(d, "PATCH", "//a/../b?q=%zz");
	set_header(d, 0, "X-Forwarded-Method", "PATCH");
	set_header(d, 1, "X-Forwarded-Uri", "//a/../b?q=%zz");
	set_header(d, 2, "Authorization", authorization);
	door_ask(d, authz_forward, "GET", "/authz/forward?license=required", "");
	assert_int_equal(d->answer.status, 200);
	set_header(d, 1, "X-Original-URL", "//a/../b?q=%zz"); /* nginx's name is not theirs */
	door_ask(d, authz_forward, "GET", "/authz/forward", "");
	assert_int_equal(d->answer.status, 403);
	free(authorization);
}

static void envoy(void **state)
{
	struct door *d = *state;
	start(d, &UNLICENSED);
	char *authorization = token(d, "POST", "/any/page?license=any&x=1");
	set_header(d, 0, "Authorization", authorization);
	door_ask(d, authz_envoy, "POST", "/authz/envoy/any/page?license=any&x=1", "");
	assert_int_equal(d->answer.status, 200);
	set_header(d, 1, "X-Licgate-Policy", "license=required");
	door_ask(d, authz_envoy, "POST", "/authz/envoy/any/page?license=any&x=1", "");
	assert_int_equal(d->answer.status, 403);
	assert_true(answered(d, "X-Connect-Deny: NO_LICENSE"));
	set_header(d, 2, "X-Licgate-Policy", "license=any"); /* two: one of them is the client's */
	door_ask(d, authz_envoy, "POST", "/authz/envoy/any/page?license=any&x=1", "");
	assert_int_equal(d->answer.status, 403);
	assert_true(answered(d, "X-Connect-Deny: bad_policy"));
	free(authorization);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, door_up, door_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_token_is_enough_by_default),
	    TEST(only_401_and_403_refuse),
	    TEST(strangers_are_not_believed),
	    TEST(the_licence_rules),
	    TEST(read_only_lets_reading_pass),
	    TEST(without_a_known_state_there_are_no_licence_headers),
	    TEST(traefik_and_caddy),
	    TEST(envoy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
