/* test_install_keys.c - keys by kid from hosts that answer in every way.
 *
 * Two key hosts on loopback; the clock of the cache is stepped by hand. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/secret.h"
#include "connect/install_keys.h"
#include "fake_server.h"
#include "install_key.h"

static const char key_1024[] = "-----BEGIN PUBLIC KEY-----\n"
                               "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDacpDtnyKhwXVQOhOvNNWE4wqW\n"
                               "E920/qgfq1IlYobN2lINehXIQ6l82bCyUuD+sk03SgEXWYFoKUszbDtDU++TDAPC\n"
                               "deWk3VaUgBzF6F2wDxxDOMZceDOcgEvceee4xOxwSo9IEwwmsqk5P+Sz/Wi6UCJ5\n"
                               "2grYN5MU8PDxfuYa3QIDAQAB\n"
                               "-----END PUBLIC KEY-----\n";
static const char key_ec[] = "-----BEGIN PUBLIC KEY-----\n"
                             "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEtrl3GLV+Aj5ZmkFYjUrWvnk4ELGg\n"
                             "PdzJNGf5pbQuGLfKPHIp8OXgtmtZiJTHvXSNiRv8RMqjzg5ziqSTSC7wZg==\n"
                             "-----END PUBLIC KEY-----\n";

enum { TIMEOUT_MS = 1000 };

/* What a key host does with each request. */
enum manner {
	GIVES_KEY,
	KEY_CRLF,
	SAYS_404,
	SAYS_500,
	HTML,
	REDIRECT,
	WEAK_KEY,
	EC_KEY,
	CUT_KEY,
	CUT_BODY,
	EMPTY,
	HUGE_BODY,
	SILENT,
	DOWN
};

struct key_host {
	enum manner manner;
	struct fake_server *server;
	char last_target[256];
	/* held: requests wait until the test lets go */
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool held;
};

static bool answer(void *arg, int fd, const struct fake_request *req)
{
	struct key_host *h = arg;
	static char huge[20000];

	pthread_mutex_lock(&h->lock);
	snprintf(h->last_target, sizeof h->last_target, "%.255s", req->target);
	while (h->held)
		pthread_cond_wait(&h->moved, &h->lock);
	enum manner manner = h->manner;
	pthread_mutex_unlock(&h->lock);
	switch (manner) {
	case GIVES_KEY:
		return fake_answer(fd, 200, "Content-Type: text/plain\r\n", key_2048);
	case KEY_CRLF: {
		char text[2048];
		snprintf(text, sizeof text, "\r\n%s\r\n\r\n", key_2048);
		return fake_answer(fd, 200, "", text);
	}
	case SAYS_404:
		return fake_answer(fd, 404, "", "no such key");
	case SAYS_500:
		return fake_answer(fd, 500, "", key_2048);
	case HTML:
		return fake_answer(fd, 200, "Content-Type: text/html\r\n", "<html>maintenance</html>");
	case REDIRECT:
		return fake_answer(fd, 302, "Location: /elsewhere\r\n", key_2048);
	case WEAK_KEY:
		return fake_answer(fd, 200, "", key_1024);
	case EC_KEY:
		return fake_answer(fd, 200, "", key_ec);
	case CUT_KEY: {
		char text[200];
		snprintf(text, sizeof text, "%.150s", key_2048);
		return fake_answer(fd, 200, "", text);
	}
	case CUT_BODY:
		fake_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 41);
		fake_send(fd, key_2048, strlen(key_2048));
		return false;
	case EMPTY:
		return fake_answer(fd, 200, "", "");
	case HUGE_BODY:
		memset(huge, '\n', sizeof huge - 1);
		memcpy(huge, key_2048, strlen(key_2048));
		return fake_answer(fd, 200, "", huge);
	case SILENT:
	case DOWN:
		fake_client_left(fd, 60 * 1000);
		return false;
	}
	return false;
}

/* ---- one test's world ---- */
struct world {
	struct key_host hosts[2];
	char urls[2][128];
	char *url_list[3];
	struct clock_manual clock;
	struct http_client *client;
	struct install_keys *keys;
};

static void set_manner(struct key_host *h, enum manner manner)
{
	pthread_mutex_lock(&h->lock);
	h->manner = manner;
	pthread_mutex_unlock(&h->lock);
}

static void hold(struct key_host *h, bool held)
{
	pthread_mutex_lock(&h->lock);
	h->held = held;
	pthread_cond_broadcast(&h->moved);
	pthread_mutex_unlock(&h->lock);
}

static unsigned requests(struct world *w, int host)
{
	return w->hosts[host].server ? fake_server_requests(w->hosts[host].server) : 0;
}

static struct http_client *new_client(void)
{
	const struct http_client_options o = {.clock = &clock_system,
	                                      .allow_insecure = true,
	                                      .timeout_ms = 60 * 1000,
	                                      .in_flight_max = 8,
	                                      .queue_max = 1000,
	                                      .per_host_max = 4};
	struct http_client *c;

	assert_int_equal(http_client_new(&o, &c), OK);
	return c;
}

static struct install_keys *new_keys(struct world *w, struct store *store)
{
	const struct install_keys_options o = {
	    .clock = &w->clock.clock, .store = store, .client = w->client, .urls = w->url_list, .timeout_ms = TIMEOUT_MS};
	struct install_keys *k;

	assert_int_equal(install_keys_new(&o, &k), OK);
	return k;
}

static struct world *world_new(enum manner first, enum manner second, struct store *store)
{
	const enum manner manners[2] = {first, second};
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	clock_manual_init(&w->clock, 1000);
	for (int i = 0; i < 2; i++) {
		struct key_host *h = &w->hosts[i];
		pthread_mutex_init(&h->lock, NULL);
		pthread_cond_init(&h->moved, NULL);
		h->manner = manners[i];
		h->server = fake_server_start(answer, h);
		snprintf(w->urls[i], sizeof w->urls[i], "%s/keys%s", fake_server_url(h->server), i ? "/" : "");
		w->url_list[i] = w->urls[i];
		if (h->manner == DOWN) {
			fake_server_stop(h->server);
			h->server = NULL;
		}
	}
	w->client = new_client();
	w->keys = new_keys(w, store);
	return w;
}

static void world_free(struct world *w)
{
	http_client_stop(w->client);
	install_keys_free(w->keys);
	http_client_free(w->client);
	for (int i = 0; i < 2; i++)
		if (w->hosts[i].server)
			fake_server_stop(w->hosts[i].server);
	free(w);
}

struct outcome {
	pthread_mutex_t lock;
	pthread_cond_t came;
	unsigned count, found;
	enum key_status status;
	const struct rsa_key *key;
};

static void outcome_init(struct outcome *o)
{
	memset(o, 0, sizeof *o);
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->came, NULL);
}

static void on_key(void *arg, enum key_status status, const struct rsa_key *key)
{
	struct outcome *o = arg;

	pthread_mutex_lock(&o->lock);
	o->count++;
	o->found += status == KEY_FOUND && key;
	o->status = status;
	o->key = key;
	pthread_cond_broadcast(&o->came);
	pthread_mutex_unlock(&o->lock);
}

static void outcome_wait(struct outcome *o, unsigned count)
{
	pthread_mutex_lock(&o->lock);
	while (o->count < count)
		pthread_cond_wait(&o->came, &o->lock);
	pthread_mutex_unlock(&o->lock);
}

/* Status of one kid, waited for; *ret_at_once tells whether it was known. */
static enum key_status get(struct install_keys *k, const char *kid, bool *ret_at_once)
{
	const struct rsa_key *key = NULL;
	enum key_status status = KEY_UNAVAILABLE;
	struct outcome o;

	outcome_init(&o);
	*ret_at_once = install_keys_get(k, str_of(kid), &status, &key, on_key, &o);
	if (*ret_at_once) {
		assert_true((status == KEY_FOUND) == (key != NULL));
		return status;
	}
	outcome_wait(&o, 1);
	assert_true((o.status == KEY_FOUND) == (o.key != NULL));
	return o.status;
}

/* ---- tests ---- */
static void hosts_are_asked_in_order_and_their_troubles_told_apart(void **state)
{
	static const struct {
		enum manner first, second;
		enum key_status status;
		unsigned asked_first, asked_second;
	} cases[] = {
	    {GIVES_KEY, GIVES_KEY, KEY_FOUND, 1, 0},
	    {KEY_CRLF, SAYS_404, KEY_FOUND, 1, 0},
	    {SAYS_404, GIVES_KEY, KEY_FOUND, 1, 1},
	    {SAYS_404, SAYS_404, KEY_UNKNOWN, 1, 1},
	    /* trouble of the first: the second helps */
	    {SAYS_500, GIVES_KEY, KEY_FOUND, 1, 1},
	    {HTML, GIVES_KEY, KEY_FOUND, 1, 1},
	    {REDIRECT, GIVES_KEY, KEY_FOUND, 1, 1},
	    {CUT_KEY, GIVES_KEY, KEY_FOUND, 1, 1},
	    {CUT_BODY, GIVES_KEY, KEY_FOUND, 1, 1},
	    {EMPTY, GIVES_KEY, KEY_FOUND, 1, 1},
	    {HUGE_BODY, GIVES_KEY, KEY_FOUND, 1, 1},
	    {SILENT, GIVES_KEY, KEY_FOUND, 1, 1},
	    {DOWN, GIVES_KEY, KEY_FOUND, 0, 1},
	    /* or does not: try again later */
	    {SAYS_500, SAYS_404, KEY_UNAVAILABLE, 1, 1},
	    {SAYS_404, SAYS_500, KEY_UNAVAILABLE, 1, 1},
	    {HTML, HTML, KEY_UNAVAILABLE, 1, 1},
	    {REDIRECT, SAYS_404, KEY_UNAVAILABLE, 1, 1},
	    {CUT_BODY, SAYS_404, KEY_UNAVAILABLE, 1, 1},
	    {CUT_KEY, SAYS_404, KEY_UNAVAILABLE, 1, 1},
	    {HUGE_BODY, SAYS_404, KEY_UNAVAILABLE, 1, 1},
	    {DOWN, DOWN, KEY_UNAVAILABLE, 0, 0},
	    {SAYS_404, SILENT, KEY_UNAVAILABLE, 1, 1},
	    /* a key, but none to trust */
	    {WEAK_KEY, GIVES_KEY, KEY_BAD, 1, 0},
	    {EC_KEY, GIVES_KEY, KEY_BAD, 1, 0},
	    {SAYS_404, WEAK_KEY, KEY_BAD, 1, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct world *w = world_new(cases[i].first, cases[i].second, NULL);
		bool at_once;
		enum key_status status = get(w->keys, "kid-1", &at_once);

		if (status != cases[i].status || at_once || requests(w, 0) != cases[i].asked_first ||
		    requests(w, 1) != cases[i].asked_second)
			fail_msg("case %zu: status %d, asked %u and %u", i, (int)status, requests(w, 0), requests(w, 1));
		world_free(w);
	}
}

static void a_key_is_asked_for_by_its_kid_and_kept_for_ever(void **state)
{
	struct world *w = world_new(GIVES_KEY, SAYS_404, NULL);
	bool at_once;

	(void)state;
	assert_int_equal(get(w->keys, "Kid-1", &at_once), KEY_FOUND);
	assert_string_equal(w->hosts[0].last_target, "/keys/Kid-1");
	set_manner(&w->hosts[0], SAYS_500);
	clock_manual_step(&w->clock, INT64_C(1000) * 86400 * 3650);
	assert_int_equal(get(w->keys, "Kid-1", &at_once), KEY_FOUND);
	assert_true(at_once);
	assert_int_equal(requests(w, 0), 1);
	assert_int_equal(get(w->keys, "kid-1", &at_once), KEY_UNAVAILABLE); /* another kid */
	world_free(w);
}

static void many_who_wait_share_one_fetch(void **state)
{
	struct world *w = world_new(GIVES_KEY, SAYS_404, NULL);
	const struct rsa_key *key;
	enum key_status status;
	struct outcome o;

	(void)state;
	outcome_init(&o);
	hold(&w->hosts[0], true);
	for (int i = 0; i < 64; i++)
		assert_false(install_keys_get(w->keys, STR("kid-1"), &status, &key, on_key, &o));
	fake_server_wait_requests(w->hosts[0].server, 1);
	assert_int_equal(o.count, 0);
	hold(&w->hosts[0], false);
	outcome_wait(&o, 64);
	assert_int_equal(o.found, 64);
	assert_int_equal(requests(w, 0), 1);
	world_free(w);
}

static void known_kids_work_while_the_hosts_are_in_trouble(void **state)
{
	struct world *w = world_new(GIVES_KEY, SAYS_404, NULL);
	bool at_once;

	(void)state;
	assert_int_equal(get(w->keys, "known", &at_once), KEY_FOUND);
	set_manner(&w->hosts[0], SILENT);
	assert_int_equal(get(w->keys, "unknown", &at_once), KEY_UNAVAILABLE);
	assert_int_equal(get(w->keys, "known", &at_once), KEY_FOUND);
	set_manner(&w->hosts[0], GIVES_KEY);
	assert_int_equal(get(w->keys, "unknown", &at_once), KEY_FOUND); /* trouble is not remembered */
	world_free(w);
}

static void an_unknown_kid_is_remembered_for_a_while(void **state)
{
	struct world *w = world_new(SAYS_404, SAYS_404, NULL);
	bool at_once;

	(void)state;
	assert_int_equal(get(w->keys, "made-up", &at_once), KEY_UNKNOWN);
	clock_manual_step(&w->clock, INSTALL_KEY_UNKNOWN_MS - 1);
	assert_int_equal(get(w->keys, "made-up", &at_once), KEY_UNKNOWN);
	assert_true(at_once);
	clock_manual_step(&w->clock, 1);
	set_manner(&w->hosts[0], GIVES_KEY);
	assert_int_equal(get(w->keys, "made-up", &at_once), KEY_FOUND);
	assert_false(at_once);
	world_free(w);
}

static void made_up_kids_are_not_turned_into_traffic(void **state)
{
	struct world *w = world_new(SAYS_404, SAYS_404, NULL);
	unsigned asked = 0;
	bool at_once;
	char kid[32];

	(void)state;
	for (int i = 0; i < INSTALL_KEY_FETCH_BURST; i++) {
		snprintf(kid, sizeof kid, "made-up-%d", i);
		assert_int_equal(get(w->keys, kid, &at_once), KEY_UNKNOWN);
	}
	assert_int_equal(get(w->keys, "one-more", &at_once), KEY_UNAVAILABLE);
	assert_true(at_once);
	assert_int_equal(requests(w, 0), INSTALL_KEY_FETCH_BURST);

	clock_manual_step(&w->clock, 1000);
	for (int i = 0; i < 2 * INSTALL_KEY_FETCHES_PER_S; i++) {
		snprintf(kid, sizeof kid, "later-%d", i);
		asked += get(w->keys, kid, &at_once) == KEY_UNKNOWN;
	}
	assert_int_equal(asked, INSTALL_KEY_FETCHES_PER_S);
	world_free(w);
}

static void a_malformed_kid_never_leaves(void **state)
{
	static const char *const kids[] = {
	    "",    "..",  "a/b",      "a?b", "a#b", "a b", "kid\r\nX: y", "%2e%2e", "http://example.com/",
	    "a_b", "a.b", "k\xc3\xa9"};
	struct world *w = world_new(GIVES_KEY, GIVES_KEY, NULL);
	char longest[130];
	bool at_once;

	(void)state;
	for (size_t i = 0; i < sizeof kids / sizeof *kids; i++) {
		assert_int_equal(get(w->keys, kids[i], &at_once), KEY_UNKNOWN);
		assert_true(at_once);
	}
	const struct rsa_key *key;
	enum key_status status;
	assert_true(install_keys_get(w->keys, (struct str){"a\0b", 3}, &status, &key, NULL, NULL));
	assert_int_equal(status, KEY_UNKNOWN);
	memset(longest, 'a', 129);
	longest[129] = '\0';
	assert_int_equal(get(w->keys, longest, &at_once), KEY_UNKNOWN);
	assert_int_equal(requests(w, 0), 0);
	longest[128] = '\0';
	assert_int_equal(get(w->keys, longest, &at_once), KEY_FOUND);
	world_free(w);
}

static void looking_only_asks_nobody(void **state)
{
	struct world *w = world_new(GIVES_KEY, GIVES_KEY, NULL);
	const struct rsa_key *key;
	enum key_status status;

	(void)state;
	assert_false(install_keys_get(w->keys, STR("kid-1"), &status, &key, NULL, NULL));
	assert_int_equal(requests(w, 0), 0);
	world_free(w);
}

static void waiting_ends_when_the_client_stops(void **state)
{
	struct world *w = world_new(SILENT, SILENT, NULL);
	const struct rsa_key *key;
	enum key_status status;
	struct outcome o;
	bool at_once;

	(void)state;
	outcome_init(&o);
	assert_false(install_keys_get(w->keys, STR("kid-1"), &status, &key, on_key, &o));
	http_client_stop(w->client);
	assert_int_equal(o.count, 1);
	assert_int_equal(o.status, KEY_UNAVAILABLE);
	assert_int_equal(get(w->keys, "kid-2", &at_once), KEY_UNAVAILABLE);
	world_free(w);
}

static enum err nothing(struct store_tx *tx, void *arg)
{
	(void)tx;
	(void)arg;
	return OK;
}

static struct store *store_with_room(unsigned queue_max)
{
	const struct store_options so = {
	    .url = "sqlite::memory:", .clock = &clock_system, .queue_max = queue_max, .busy_timeout_ms = 1000};
	struct store *store;

	assert_int_equal(store_open(&so, &store), OK);
	return store;
}

static void keys_are_stored_and_loaded(void **state)
{
	struct store *store = store_with_room(100);
	struct world *w;
	bool at_once;

	(void)state;
	w = world_new(GIVES_KEY, SAYS_404, store);
	assert_int_equal(get(w->keys, "kid-1", &at_once), KEY_FOUND);
	assert_int_equal(store_write(store, nothing, NULL), OK); /* queued behind the key */
	install_keys_free(w->keys);
	w->keys = new_keys(w, store);
	assert_int_equal(get(w->keys, "kid-1", &at_once), KEY_FOUND);
	assert_true(at_once);
	assert_int_equal(requests(w, 0), 1);
	world_free(w);
	store_close(store);
}

/* A key that cannot be used, and one under a name no token can ask for. */
static enum err put_unusable(struct store_tx *tx, void *arg)
{
	(void)arg;
	enum err err = store_install_key_put(tx, STR("kid-1"), STR(key_1024), 1);
	return err == OK ? store_install_key_put(tx, STR("kid 2"), STR(key_2048), 1) : err;
}

static void stored_keys_that_cannot_be_used_are_fetched_anew(void **state)
{
	struct store *store = store_with_room(100);
	struct world *w;
	bool at_once;

	(void)state;
	assert_int_equal(store_write(store, put_unusable, NULL), OK);
	w = world_new(GIVES_KEY, SAYS_404, store);
	assert_int_equal(get(w->keys, "kid-1", &at_once), KEY_FOUND);
	assert_false(at_once);
	assert_int_equal(get(w->keys, "kid 2", &at_once), KEY_UNKNOWN);
	assert_int_equal(requests(w, 0), 1);
	world_free(w);
	store_close(store);
}

/* It is used all the same, and fetched again after the next start. */
static void a_key_that_cannot_be_stored_is_used(void **state)
{
	struct store *full = store_with_room(0);
	struct world *w;
	bool at_once;

	(void)state;
	w = world_new(GIVES_KEY, SAYS_404, full);
	assert_int_equal(get(w->keys, "kid-1", &at_once), KEY_FOUND);
	assert_int_equal(get(w->keys, "kid-1", &at_once), KEY_FOUND);
	assert_true(at_once);
	install_keys_free(w->keys);
	w->keys = new_keys(w, full);
	assert_int_equal(get(w->keys, "kid-1", &at_once), KEY_FOUND);
	assert_int_equal(requests(w, 0), 2);
	world_free(w);
	store_close(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hosts_are_asked_in_order_and_their_troubles_told_apart),
	    cmocka_unit_test(a_key_is_asked_for_by_its_kid_and_kept_for_ever),
	    cmocka_unit_test(many_who_wait_share_one_fetch),
	    cmocka_unit_test(known_kids_work_while_the_hosts_are_in_trouble),
	    cmocka_unit_test(an_unknown_kid_is_remembered_for_a_while),
	    cmocka_unit_test(made_up_kids_are_not_turned_into_traffic),
	    cmocka_unit_test(a_malformed_kid_never_leaves),
	    cmocka_unit_test(looking_only_asks_nobody),
	    cmocka_unit_test(waiting_ends_when_the_client_stops),
	    cmocka_unit_test(keys_are_stored_and_loaded),
	    cmocka_unit_test(stored_keys_that_cannot_be_used_are_fetched_anew),
	    cmocka_unit_test(a_key_that_cannot_be_stored_is_used),
	};
	log_set_level(LOG_ERROR);
	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
