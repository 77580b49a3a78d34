/* test_app_threads.c - a whole server under clients that install, open pages, refresh, rotate and uninstall at once.
 *
 * Each client has tenants of its own, so that it knows what each answer must be; the host's trouble comes and goes
 * meanwhile. Run by the thread sanitizer, too. Clients are threads: assert(), not cmocka's. */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "test.h"
#include "world.h"

enum { CLIENTS = 6, TENANTS_EACH = 3, RUN_S = 2 };

static struct world world;
static _Atomic bool over;
static atomic_int answered;

struct client {
	pthread_t thread;
	unsigned number;
	char tenants[TENANTS_EACH][32];
};

static void expect(int status, int wanted)
{
	if (status != wanted)
		fprintf(stderr, "answer %d instead of %d\n", status, wanted);
	assert(status == wanted);
	atomic_fetch_add(&answered, 1);
}

/* An answer of the right tenant; nobody gets a licence that the host did not give. */
static void licence_is_right(const char *tenant)
{
	struct page p;
	char own[64];
	world_page(&world, tenant, "/app/license.json", &p);
	expect(p.status, 200);
	snprintf(own, sizeof own, "\"tenant\":\"%s\"", tenant);
	assert(strstr(p.body, own));
	const bool active = strstr(p.body, "\"state\":\"active\"") != NULL;
	assert(!active || strncmp(tenant, "paid", 4) == 0);
}

static void one_life(const char *tenant)
{
	struct page p;
	expect(world_installed(&world, tenant, "known"), 204);
	licence_is_right(tenant);
	expect(world_posted(&world, tenant, "/webhooks/user_deleted", "{\"user\":{\"accountId\":\"5:2\"}}"), 204);
	const int refreshed = world_refreshed(&world, tenant);
	assert(refreshed == 200 || refreshed == 202 || refreshed >= 500);
	world_page(&world, tenant, "/app/export", &p);
	assert(p.status == 403 || (p.status == 200 && strncmp(tenant, "paid", 4) == 0));
	expect(world_installed(&world, tenant, "known"), 204); /* again, as after an upgrade */
	licence_is_right(tenant);
	expect(world_uninstalled(&world, tenant, "known"), 204);
	world_page(&world, tenant, "/app/license.json", &p);
	expect(p.status, 401);
}

static void *client_main(void *arg)
{
	struct client *c = arg;
	for (unsigned i = 0; i < TENANTS_EACH; i++)
		snprintf(c->tenants[i], sizeof c->tenants[i], "%s-%u-%u", i % 2 ? "free" : "paid", c->number, i);
	for (unsigned i = 0; !atomic_load(&over); i++)
		one_life(c->tenants[i % TENANTS_EACH]);
	for (unsigned i = 0; i < TENANTS_EACH; i++)
		expect(world_installed(&world, c->tenants[i], "known"), 204);
	return NULL;
}

/* Reads what the clients change: health, one shared tenant, and everything through the admin's eyes. */
static void *watcher_main(void *arg)
{
	(void)arg;
	for (unsigned i = 0; !atomic_load(&over); i++) {
		atomic_store(&world.host_down, i % 8 == 7);
		licence_is_right("paid-shared");
		expect(world_healthy(&world), 200);
		expect(world_listed(&world), 200);
	}
	return NULL;
}

static void test_clients_do_not_disturb_each_other(void **state)
{
	(void)state;
	struct client clients[CLIENTS];
	pthread_t watcher;
	const struct timespec run = {.tv_sec = RUN_S};
	assert_int_equal(world_installed(&world, "paid-shared", "known"), 204);
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i].number = i;
		assert_int_equal(pthread_create(&clients[i].thread, NULL, client_main, &clients[i]), 0);
	}
	assert_int_equal(pthread_create(&watcher, NULL, watcher_main, NULL), 0);
	nanosleep(&run, NULL); /* how long to press, not what to wait for */
	atomic_store(&over, true);
	for (unsigned i = 0; i < CLIENTS; i++)
		pthread_join(clients[i].thread, NULL);
	pthread_join(watcher, NULL);
	atomic_store(&world.host_down, false);
	print_message("%d answers\n", atomic_load(&answered));

	world_restart(&world);
	for (unsigned i = 0; i < CLIENTS; i++)
		for (unsigned k = 0; k < TENANTS_EACH; k++)
			licence_is_right(clients[i].tenants[k]);
}

static int start(void **state)
{
	(void)state;
	log_set_sink(quiet, NULL);
	world_start(&world);
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
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_clients_do_not_disturb_each_other)};
	return cmocka_run_group_tests(tests, start, stop);
}
