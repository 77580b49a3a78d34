/* test_alloc_app.c - a whole server, each of whose allocations fails in turn: once, and from then on.
 *
 * Never a crash or a leak; never a 2xx that was not earned: an acknowledged install is there after a restart, an
 * acknowledged uninstall too, a licence answer is the right tenant's and never better than its licence, and a page
 * behind the gate is not shown to who has none. Trouble of ours is a 5xx or a closed connection, so that the host calls
 * again. When there is memory again, the same request succeeds. */
#include <stdio.h>
#include <stdlib.h>

#include "alloc_libraries.h"
#include "base/log.h"
#include "test.h"
#include "world.h"

enum {
	TENANTS_MAX = 8192,
	NTH_MAX = 4000,
	NAME_SIZE = 48,
	UNREACHED = 24 /* so many in a row end a sweep: what the server does besides takes allocations, too, more or less */
};

static struct world world;
static struct {
	char name[NAME_SIZE];
	bool installed; /* else uninstalled: acknowledged */
} acknowledged[TENANTS_MAX];
static size_t acknowledged_count;

static void remember(const char *tenant, bool installed)
{
	assert_in_range(acknowledged_count, 0, TENANTS_MAX - 1);
	snprintf(acknowledged[acknowledged_count].name, NAME_SIZE, "%s", tenant);
	acknowledged[acknowledged_count++].installed = installed;
}

static void assert_trouble_of_ours(int status, long nth)
{
	if (status != 0 && status < 500)
		fail_msg("allocation %ld failed: answer %d", nth, status);
}

/* One request while allocations fail, and the same one when they do not. */
struct story {
	const char *name, *tenant; /* tenant: first part of its name */
	void (*before)(const char *tenant);
	int (*request)(const char *tenant, long nth);
	void (*after)(const char *tenant, int status);
	int good;
};

static void server_is_well(void)
{
	struct page p;
	world_page(&world, "paid-always", "/app/license.json", &p);
	if (p.status != 200 || !strstr(p.body, "\"state\":\"active\""))
		fail_msg("%d %s", p.status, p.body);
}

/* How many allocations the request needs, at most about. */
static long sweep(const struct story *s, bool for_ever)
{
	long nth = 0, unreached = 0;
	for (; unreached < UNREACHED; nth = alloc_faults_next(nth)) {
		char tenant[NAME_SIZE];
		snprintf(tenant, sizeof tenant, "%s-%s-%s-%ld", s->tenant, s->name, for_ever ? "ever" : "once", nth);
		s->before(tenant);
		alloc_faults_arm(nth, for_ever);
		const int status = s->request(tenant, nth);
		unreached = alloc_faults_disarm() ? 0 : unreached + 1;
		s->after(tenant, status);
		if (status != s->good)
			assert_trouble_of_ours(status, nth);
		server_is_well();
		assert_in_range(nth, 0, NTH_MAX);
	}
	return nth;
}

static void both_ways(const struct story *s)
{
	for (int for_ever = 0; for_ever < 2; for_ever++) {
		const long needed = sweep(s, for_ever);
		print_message("%s: %ld allocations tried\n", s->name, needed);
		assert_true(needed > 5);
	}
}

/* ---- stories ---- */

static void nothing_before(const char *tenant)
{
	(void)tenant;
}

static void is_installed(const char *tenant)
{
	assert_int_equal(world_installed(&world, tenant, "known"), 204);
}

static int install_with_known_key(const char *tenant, long nth)
{
	(void)nth;
	return world_installed(&world, tenant, "known");
}

/* Acknowledged at once or at the second try: then the tenant's requests are known. */
static void install_again(const char *tenant, int status)
{
	struct page p;
	if (status != 204)
		assert_int_equal(world_installed(&world, tenant, "known"), 204);
	world_page(&world, tenant, "/app/license.json", &p);
	assert_int_equal(p.status, 200);
	remember(tenant, true);
}

static int uninstall(const char *tenant, long nth)
{
	(void)nth;
	return world_uninstalled(&world, tenant, "known");
}

static void uninstall_again(const char *tenant, int status)
{
	struct page p;
	if (status != 204)
		assert_int_equal(world_uninstalled(&world, tenant, "known"), 204);
	world_page(&world, tenant, "/app/license.json", &p);
	assert_int_equal(p.status, 401);
	remember(tenant, false);
}

/* The first licence answer of a tenant: a look-up, too. */
static int ask_licence(const char *tenant, long nth)
{
	struct page p;
	char own[NAME_SIZE + 16];
	world_page(&world, tenant, "/app/license.json", &p);
	if (p.status != 200)
		return p.status;
	snprintf(own, sizeof own, "\"tenant\":\"%s\"", tenant);
	if (!strstr(p.body, own) || !strstr(p.body, "\"state\":\"") || p.body[strlen(p.body) - 1] != '}')
		fail_msg("allocation %ld failed: answer %s", nth, p.body);
	if (strncmp(tenant, "paid", 4) != 0 &&
	    (strstr(p.body, "\"state\":\"active\"") || strstr(p.body, "\"verdict\":\"allow\"")))
		fail_msg("allocation %ld failed: licensed by nobody: %s", nth, p.body);
	return p.status;
}

static void keeps_being_installed(const char *tenant, int status)
{
	(void)status;
	remember(tenant, true);
}

/* A page only licensed tenants see: 403 is its answer to others. */
static int open_gated_page(const char *tenant, long nth)
{
	struct page p;
	(void)nth;
	world_page(&world, tenant, "/app/export", &p);
	return p.status;
}

static int give_feedback(const char *tenant, long nth)
{
	(void)nth;
	return world_posted(&world, tenant, "/api/v1/feedback", "{\"message\":\"good\"}");
}

static int receive_webhook(const char *tenant, long nth)
{
	(void)nth;
	return world_posted(&world, tenant, "/webhooks/user_deleted", "{\"timestamp\":1,\"user\":{\"accountId\":\"5:2\"}}");
}

static void test_installs(void **state)
{
	(void)state;
	both_ways(&(struct story){"install", "paid", nothing_before, install_with_known_key, install_again, 204});
}

static void test_uninstalls(void **state)
{
	(void)state;
	both_ways(&(struct story){"uninstall", "paid", is_installed, uninstall, uninstall_again, 204});
}

static void test_licence_answers(void **state)
{
	(void)state;
	both_ways(&(struct story){"answer", "paid", is_installed, ask_licence, keeps_being_installed, 200});
	both_ways(&(struct story){"answer", "free", is_installed, ask_licence, keeps_being_installed, 200});
}

static void test_gated_pages(void **state)
{
	(void)state;
	both_ways(&(struct story){"page", "free", is_installed, open_gated_page, keeps_being_installed, 403});
}

static void test_small_callbacks(void **state)
{
	(void)state;
	both_ways(&(struct story){"feedback", "paid", is_installed, give_feedback, keeps_being_installed, 201});
	both_ways(&(struct story){"webhook", "paid", is_installed, receive_webhook, keeps_being_installed, 204});
}

/* Key hosts are asked while memory is short. Few, since there is a cap on kids nobody knows. */
static void test_installs_with_new_keys(void **state)
{
	(void)state;
	enum { FETCHES = 40, APART = 9 };
	for (long i = 0; i < FETCHES; i++) {
		char tenant[NAME_SIZE], kid[NAME_SIZE];
		snprintf(tenant, sizeof tenant, "paid-kid-%ld", i);
		snprintf(kid, sizeof kid, "kid-%ld", i);
		alloc_faults_arm(i * APART, i % 2);
		const int status = world_installed(&world, tenant, kid);
		(void)alloc_faults_disarm();
		if (status != 204)
			assert_trouble_of_ours(status, i * APART);
		install_again(tenant, status);
		server_is_well();
	}
}

/* What was acknowledged is there after a restart; last, since it looks at all of them. */
static void test_what_was_acknowledged_is_stored(void **state)
{
	(void)state;
	world_restart(&world);
	assert_int_equal(world_healthy(&world), 200);
	for (size_t i = 0; i < acknowledged_count; i++) {
		struct page p;
		world_page(&world, acknowledged[i].name, "/app/license.json", &p);
		if (p.status != (acknowledged[i].installed ? 200 : 401))
			fail_msg("%s: %d", acknowledged[i].name, p.status);
		const bool paid = strncmp(acknowledged[i].name, "paid", 4) == 0;
		assert_true(p.status != 200 || paid == (strstr(p.body, "\"state\":\"active\"") != NULL));
	}
}

static int start(void **state)
{
	(void)state;
	log_set_sink(quiet, NULL); /* thousands of lines of trouble, all of it made here */
	world_start(&world);
	is_installed("paid-always");
	server_is_well();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_stop(&world);
	return 0;
}

int main(void)
{
	alloc_exempt = true; /* this thread plays the host's part */
	alloc_libraries_install();
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_installs),
	    cmocka_unit_test(test_uninstalls),
	    cmocka_unit_test(test_licence_answers),
	    cmocka_unit_test(test_gated_pages),
	    cmocka_unit_test(test_small_callbacks),
	    cmocka_unit_test(test_installs_with_new_keys),
	    cmocka_unit_test(test_what_was_acknowledged_is_stored),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
