/* test_jwks.c - the keys of Forge tokens: what a set may hold, when its host is asked, and that old keys outlive its
 * troubles. One host on loopback; the clock is stepped by hand. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "../token/vectors.h"
#include "base/log.h"
#include "base/secret.h"
#include "fake_server.h"
#include "forge/jwks.h"

static char n_text[400]; /* modulus of the vector file's key */
#define E_TEXT "AQAB"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows, and struct waiting */
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static char set_text[8192];
static int answer_status;

static bool serve(void *arg, int fd, const struct fake_request *req)
{
	(void)arg, (void)req;
	char text[sizeof(set_text)];
	pthread_mutex_lock(&lock);
	memcpy(text, set_text, sizeof(text));
	const int status = answer_status;
	pthread_mutex_unlock(&lock);
	return fake_answer(fd, status, "", text);
}

struct fixture {
	struct clock_manual clock;
	struct fake_server *server;
	struct http_client *client;
	struct jwks *keys;
	char url[64];
};

static int group_up(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	if (!crypto_init())
		return -1;
	json_t *root = vectors_load("signed-tokens.json");
	const json_t *jwk =
	    json_array_get(json_object_get(json_object_get(json_object_get(root, "fit"), "jwks"), "keys"), 0);
	snprintf(n_text, sizeof(n_text), "%s", text_of(jwk, "n").ptr);
	json_decref(root);
	return 0;
}

static void serve_kids(const char *first, const char *second)
{
	pthread_mutex_lock(&lock);
	size_t at = (size_t)snprintf(set_text, sizeof(set_text), "{\"keys\":[");
	const char *const kids[] = {first, second};
	for (size_t i = 0; i < 2 && kids[i]; i++)
		at += (size_t)snprintf(
		    set_text + at, sizeof(set_text) - at,
		    "%s{\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"RS256\",\"kid\":\"%s\",\"n\":\"%s\",\"e\":\"" E_TEXT "\"}",
		    i ? "," : "", kids[i], n_text);
	snprintf(set_text + at, sizeof(set_text) - at, "]}");
	answer_status = 200;
	pthread_mutex_unlock(&lock);
}

static void serve_status(int status)
{
	pthread_mutex_lock(&lock);
	answer_status = status;
	pthread_mutex_unlock(&lock);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	clock_manual_init(&f->clock, 1750000000000);
	f->server = fake_server_start(serve, f);
	snprintf(f->url, sizeof(f->url), "%s/jwks.json", fake_server_url(f->server));
	const struct http_client_options co = {.clock = &clock_system,
	                                       .allow_insecure = true,
	                                       .timeout_ms = 2000,
	                                       .in_flight_max = 4,
	                                       .queue_max = 16,
	                                       .per_host_max = 4};
	assert_int_equal(http_client_new(&co, &f->client), OK);
	const struct jwks_options o = {.clock = &f->clock.clock, .client = f->client, .url = f->url, .timeout_ms = 2000};
	assert_int_equal(jwks_new(&o, &f->keys), OK);
	serve_kids("k1", NULL);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	http_client_stop(f->client);
	jwks_free(f->keys);
	http_client_free(f->client);
	fake_server_stop(f->server);
	free(f);
	return 0;
}

struct waiting {
	bool done;
	enum jwks_status status;
	struct jwks_key *key;
};

static void told(void *arg, enum jwks_status status, struct jwks_key *key)
{
	struct waiting *w = arg;
	pthread_mutex_lock(&lock);
	w->status = status;
	w->key = key;
	w->done = true;
	pthread_cond_signal(&answered);
	pthread_mutex_unlock(&lock);
}

/* Asks, waits for the answer, gives the key back. */
static enum jwks_status ask(struct fixture *f, const char *kid)
{
	struct waiting w = {.done = false};
	enum jwks_status status;
	struct jwks_key *key;
	if (jwks_get(f->keys, str_of(kid), &status, &key, told, &w))
		told(&w, status, key);
	pthread_mutex_lock(&lock);
	while (!w.done)
		pthread_cond_wait(&answered, &lock);
	pthread_mutex_unlock(&lock);
	assert_true((w.status == JWKS_FOUND) == (w.key != NULL));
	if (w.key)
		assert_non_null(jwks_key_rsa(w.key));
	jwks_key_unref(w.key);
	return w.status;
}

static unsigned asked(struct fixture *f)
{
	return fake_server_requests(f->server);
}

static void step(struct fixture *f, int64_t ms)
{
	clock_manual_step(&f->clock, ms);
}

static void test_unknown_kids_ask_once_a_minute(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(ask(f, "k1"), JWKS_FOUND);
	assert_int_equal(asked(f), 1);
	serve_kids("k1", "k2");
	assert_int_equal(ask(f, "k2"), JWKS_FOUND); /* at once */
	assert_int_equal(asked(f), 2);
	for (int i = 0; i < 50; i++)
		assert_int_equal(ask(f, "made-up"), JWKS_UNKNOWN);
	assert_int_equal(asked(f), 2);
	step(f, JWKS_UNKNOWN_MS - 1);
	assert_int_equal(ask(f, "made-up"), JWKS_UNKNOWN);
	assert_int_equal(asked(f), 2);
	step(f, 1);
	assert_int_equal(ask(f, "made-up"), JWKS_UNKNOWN);
	assert_int_equal(asked(f), 3);
	assert_int_equal(ask(f, "../k1"), JWKS_UNKNOWN);
	step(f, JWKS_UNKNOWN_MS);
	assert_int_equal(ask(f, "a b"), JWKS_UNKNOWN);
	assert_int_equal(asked(f), 3);
}

static void test_a_cold_set_that_lacks_the_kid_is_not_asked_twice(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(ask(f, "nope"), JWKS_UNKNOWN);
	assert_int_equal(asked(f), 1);
}

static void test_old_sets_are_refreshed_behind_the_call(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(ask(f, "k1"), JWKS_FOUND);
	serve_kids("k2", NULL); /* k1 is withdrawn */
	step(f, JWKS_REFRESH_MS - 1);
	assert_int_equal(ask(f, "k1"), JWKS_FOUND);
	assert_int_equal(asked(f), 1);
	step(f, 1);
	assert_int_equal(ask(f, "k1"), JWKS_FOUND); /* not held up */
	fake_server_wait_requests(f->server, 2);
	while (ask(f, "k1") == JWKS_FOUND)
		sched_yield();
	assert_int_equal(ask(f, "k2"), JWKS_FOUND);
}

static void test_old_keys_stay_good_while_the_host_fails(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(ask(f, "k1"), JWKS_FOUND);
	serve_status(500);
	step(f, JWKS_REFRESH_MS * 24);
	assert_int_equal(ask(f, "k1"), JWKS_FOUND);
	fake_server_wait_requests(f->server, 2);
	assert_int_equal(ask(f, "k2"), JWKS_UNAVAILABLE); /* joins that, or asks itself */
	assert_int_equal(ask(f, "k1"), JWKS_FOUND);
	step(f, JWKS_UNKNOWN_MS);
	assert_int_equal(ask(f, "k2"), JWKS_UNAVAILABLE); /* the host did not say that it has none */
	serve_kids("k2", NULL);
	step(f, JWKS_UNKNOWN_MS);
	assert_int_equal(ask(f, "k2"), JWKS_FOUND);
}

static void test_without_any_keys_the_host_is_asked_again_soon(void **state)
{
	struct fixture *f = *state;
	serve_status(503);
	assert_int_equal(ask(f, "k1"), JWKS_UNAVAILABLE);
	assert_int_equal(ask(f, "k1"), JWKS_UNAVAILABLE);
	assert_int_equal(asked(f), 1);
	serve_kids("k1", NULL);
	step(f, JWKS_RETRY_MS);
	assert_int_equal(ask(f, "k1"), JWKS_FOUND);
	assert_int_equal(asked(f), 2);
}

/* A set -> usable keys, 0: no set. N stands for a good modulus. */
static const struct {
	const char *text;
	size_t usable;
} sets[] = {
    {"{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"N\",\"e\":\"AQAB\"}]}", 1},
    {"{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"N\",\"e\":\"AQAB\"},{\"kty\":\"EC\",\"kid\":\"b\"},7,null]}",
     1},
    {"{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"N\",\"e\":\"AQAB\"},"
     "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"N\",\"e\":\"AQAB\"}]}",
     0}, /* which one is meant? */
    {"{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"use\":\"enc\",\"n\":\"N\",\"e\":\"AQAB\"}]}", 0},
    {"{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"alg\":\"PS256\",\"n\":\"N\",\"e\":\"AQAB\"}]}", 0},
    {"{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"use\":7,\"n\":\"N\",\"e\":\"AQAB\"}]}", 0},
    {"{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"key_ops\":[\"sign\"],\"n\":\"N\",\"e\":\"AQAB\"}]}", 0},
    {"{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"key_ops\":[\"verify\"],\"n\":\"N\",\"e\":\"AQAB\"}]}", 1},
    {"{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"../a\",\"n\":\"N\",\"e\":\"AQAB\"}]}", 0},
    {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"N\",\"e\":\"AQAB\"}]}", 0},
    {"{\"keys\":[{\"kty\":\"rsa\",\"kid\":\"a\",\"n\":\"N\",\"e\":\"AQAB\"}]}", 0},
    {"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"c2VjcmV0\"}]}", 0},
    {"{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}", 0},
    {"{\"keys\":[]}", 0},
    {"{\"keys\":{}}", 0},
    {"{}", 0},
    {"[]", 0},
    {"", 0},
    {"<html>", 0},
};

static void test_sets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		struct buf text = BUF_INIT(8192);
		for (const char *c = sets[i].text; *c; c++)
			if (*c == 'N' && c[-1] == '"')
				buf_z(&text, n_text);
			else
				buf_char(&text, *c);
		struct jwks_set *set = NULL;
		enum err err = jwks_read(buf_text(&text), &set);
		if ((err == OK ? jwks_set_count(set) : 0) != sets[i].usable)
			fail_msg("%s: %s", sets[i].text, err_name(err));
		jwks_set_free(set);
		buf_release(&text);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_unknown_kids_ask_once_a_minute),
	    T(test_a_cold_set_that_lacks_the_kid_is_not_asked_twice),
	    T(test_old_sets_are_refreshed_behind_the_call),
	    T(test_old_keys_stay_good_while_the_host_fails),
	    T(test_without_any_keys_the_host_is_asked_again_soon),
	    cmocka_unit_test(test_sets),
	};
	return cmocka_run_group_tests_name("jwks", tests, group_up, NULL);
}
