/* The authenticator of signed callbacks: when a key is asked for, in which order its answer may come, and what each
 * answer of the key host means for the caller. */
#include "auth_fixture.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>

static EVP_PKEY *pkey;
static struct rsa_key *key;
static char *token_installed; /* "JWT …" for POST /installed */
static struct str private_pem;

static struct str pem_of(int (*write)(BIO *))
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	assert_int_equal(write(bio), 1);
	long len = BIO_get_mem_data(bio, &data);
	struct str text = {str_dup((struct str){data, (size_t)len}), (size_t)len};
	BIO_free(bio);
	return text;
}

static int write_public(BIO *bio)
{
	return PEM_write_bio_PUBKEY(bio, pkey);
}

static int write_private(BIO *bio)
{
	return PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
}

static char *lifecycle_token(const char *aud, const char *kid)
{
	char claims[512], *token;
	/* the qsh of POST /installed */
	snprintf(claims, sizeof(claims),
	         "{\"iss\":\"acme\",\"iat\":1749999990,\"exp\":1750000170,%s"
	         "\"qsh\":\"4a2e1de8ca74e6cafe8862d332fa3ac7a8e51e692bc6d798ea4dfedc14948bf4\"}",
	         aud);
	assert_int_equal(token_mint_rs256(private_pem, str_of(kid), str_of(claims), &token), OK);
	size_t size = strlen(token) + sizeof("JWT ");
	char *header = malloc(size);
	snprintf(header, size, "JWT %s", token);
	free(token);
	return header;
}

static int keys_up(void **state)
{
	(void)state;
	enum token_code code;
	if (!crypto_init() || !(pkey = EVP_RSA_gen(2048)))
		return -1;
	struct str public_pem = pem_of(write_public);
	private_pem = pem_of(write_private);
	key = rsa_key_from_pem(public_pem, &code);
	free((void *)(uintptr_t)public_pem.ptr);
	token_installed = lifecycle_token("\"aud\":\"https://app.example/base\",", "kid-1");
	return key ? 0 : -1;
}

static int keys_down(void **state)
{
	(void)state;
	free(token_installed);
	free((void *)(uintptr_t)private_pem.ptr);
	rsa_key_free(key);
	EVP_PKEY_free(pkey);
	return 0;
}

static const char *last_code(struct auth_fixture *f)
{
	static char code[64];
	struct arena a;
	struct failure *list;
	size_t count;
	arena_init(&a, 1 << 20);
	assert_int_equal(failures_list(f->connect.failures, &a, &list, &count), OK);
	snprintf(code, sizeof(code), "%s", count ? list[0].code : "");
	arena_release(&a);
	return code;
}

static void assert_authorized(struct auth_fixture *f)
{
	assert_int_equal(outcome.authorized, 1);
	assert_int_equal(outcome.status, 0);
	assert_str(f->req.claims->iss, STR("acme"));
	assert_null(f->req.tenant); /* the handler decides whose install this is */
}

static void test_kept_key_is_used_at_once(void **state)
{
	struct auth_fixture *f = *state;
	auth_request(f, "POST", "/base/installed", token_installed);
	key_script = (struct key_script){.kept = true, .status = KEY_FOUND, .key = key};
	auth_lifecycle(&f->req, &f->connect);
	assert_authorized(f);
	assert_null(outcome.then);
	assert_int_equal(outcome.looked, 1);
	assert_int_equal(outcome.fetched, 0);
}

static void test_key_may_come_in_any_order(void **state)
{
	struct auth_fixture *f = *state;
	static const struct key_script scripts[] = {
	    {.came_in_between = true}, {.before_return = true}, {.on_thread = true}};
	for (int round = 0; round < 60; round++) {
		auth_request(f, "POST", "/installed", token_installed);
		key_script = scripts[round % 3];
		key_script.status = KEY_FOUND;
		key_script.key = key;
		auth_lifecycle(&f->req, &f->connect);
		auth_join();
		assert_int_equal(outcome.authorized, 0);
		assert_int_equal(outcome.woken, 1);
		assert_int_equal(outcome.fetched, 1);
		outcome.then(&f->req, &f->connect);
		assert_authorized(f);
	}
}

static void test_answers_of_the_key_host(void **state)
{
	struct auth_fixture *f = *state;
	static const struct {
		enum key_status status;
		int answer;
		enum token_code code;
	} cases[] = {
	    {KEY_UNKNOWN, 401, TOKEN_UNKNOWN_KID},
	    {KEY_BAD, 401, TOKEN_WEAK_KEY},
	    {KEY_UNAVAILABLE, 503, TOKEN_KEYS_UNAVAILABLE},
	};
	for (size_t i = 0; i < 6; i++) {
		auth_request(f, "POST", "/installed", token_installed);
		key_script.status = cases[i / 2].status;
		key_script.kept = i % 2;
		key_script.before_return = true;
		auth_lifecycle(&f->req, &f->connect);
		if (outcome.then)
			outcome.then(&f->req, &f->connect);
		assert_int_equal(outcome.status, cases[i / 2].answer);
		assert_int_equal(outcome.authorized, 0);
		assert_null(f->req.claims);
		assert_string_equal(last_code(f), token_code_name(cases[i / 2].code));
	}
}

static void assert_refused_unasked(struct auth_fixture *f, int status, enum token_code code)
{
	auth_lifecycle(&f->req, &f->connect);
	assert_int_equal(outcome.status, status);
	assert_string_equal(last_code(f), token_code_name(code));
	assert_int_equal(outcome.looked + outcome.fetched + outcome.authorized, 0);
}

static void test_refused_before_any_key_is_asked_for(void **state)
{
	struct auth_fixture *f = *state;
	char *page = auth_token("acme", "POST", "/installed", TENANT_SECRET);
	char *bad_kid = lifecycle_token("", "../kid-1");
	char target[4096];
	auth_request(f, "POST", "/installed", NULL);
	assert_refused_unasked(f, 401, TOKEN_MISSING);
	auth_request(f, "POST", "/installed", page);
	assert_refused_unasked(f, 401, TOKEN_WRONG_ALG);
	auth_request(f, "POST", "/installed", bad_kid);
	assert_refused_unasked(f, 401, TOKEN_BAD_KID);
	auth_request(f, "POST", "/installed?a=%80", token_installed);
	assert_refused_unasked(f, 400, TOKEN_NOT_UTF8);
	snprintf(target, sizeof(target), "/installed?jwt=%s", token_installed + 4);
	auth_request(f, "POST", target, token_installed);
	assert_refused_unasked(f, 400, TOKEN_TWO);
	free(page);
	free(bad_kid);
}

static void test_refused_by_the_judgement(void **state)
{
	struct auth_fixture *f = *state;
	static const struct {
		const char *target, *aud;
		enum token_code code;
	} cases[] = {
	    {"/uninstalled", "\"aud\":\"https://app.example/base\",", TOKEN_BAD_QSH}, /* replayed on another callback */
	    {"/installed", "", TOKEN_WRONG_AUDIENCE},
	    {"/installed", "\"aud\":\"https://app.example\",", TOKEN_WRONG_AUDIENCE},
	    {"/installed", "\"aud\":[\"com.example.app\",\"acme\"],", TOKEN_WRONG_AUDIENCE},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *token = lifecycle_token(cases[i].aud, "kid-1");
		auth_request(f, "POST", cases[i].target, token);
		key_script = (struct key_script){.kept = true, .status = KEY_FOUND, .key = key};
		auth_lifecycle(&f->req, &f->connect);
		assert_int_equal(outcome.status, 401);
		assert_int_equal(outcome.authorized, 0);
		assert_null(f->req.claims);
		assert_string_equal(last_code(f), token_code_name(cases[i].code));
		free(token);
	}
}

static void test_out_of_memory(void **state)
{
	struct auth_fixture *f = *state;
	int refused = 0, let_through = 0;
	for (size_t room = 0; room <= 4096; room += 32) {
		auth_request(f, "POST", "/installed", token_installed);
		f->req.arena.max = 0;
		assert_non_null(arena_alloc(&f->req.arena, ARENA_FIRST_BYTES - room));
		key_script = (struct key_script){.kept = true, .status = KEY_FOUND, .key = key};
		auth_lifecycle(&f->req, &f->connect);
		assert_int_equal(outcome.authorized + (outcome.status == 503), 1);
		refused += outcome.status == 503;
		let_through += outcome.authorized;
	}
	f->req.arena.max = 1 << 20;
	assert_true(refused > 5 && let_through > 5);
}

#define T(name) cmocka_unit_test_setup_teardown(name, auth_fixture_up, auth_fixture_down)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_kept_key_is_used_at_once), T(test_key_may_come_in_any_order),
	    T(test_answers_of_the_key_host),  T(test_refused_before_any_key_is_asked_for),
	    T(test_refused_by_the_judgement), T(test_out_of_memory),
	};
	return cmocka_run_group_tests_name("auth_lifecycle", tests, keys_up, keys_down);
}
