/* test_alloc_parts.c - tokens, settings, files and a server's start, each of whose allocations fails in turn: once, and
 * from then on.
 *
 * Want of memory is told as such or as any failure, never as a success: a token that is accepted has its claims, a
 * forged one is never accepted, what was loaded is whole, a server that started answers. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "alloc_libraries.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/secret.h"
#include "connect/descriptor.h"
#include "test.h"
#include "token/qsh.h"
#include "token/token.h"
#include "world.h"

enum { NTH_MAX = 50000 }; /* a start makes 20,000 */

/* Returns whether the part did its work. */
typedef bool part_fn(void *arg);

/* Until no allocation fails any more; then the part must work. */
static void every_allocation(const char *name, part_fn *part, void *arg)
{
	for (int for_ever = 0; for_ever < 2; for_ever++) {
		bool any = true, worked = false;
		long nth = 0, failures = 0;
		for (; any; nth = alloc_faults_next(nth)) {
			alloc_faults_arm(nth, for_ever);
			worked = part(arg);
			any = alloc_faults_disarm();
			failures += !worked;
			assert_in_range(nth, 0, NTH_MAX);
		}
		assert_true(worked);
		assert_true(failures > 0 || !for_ever); /* what is tried again survives one */
		print_message("%s: about %ld allocations, %ld failures\n", name, nth, failures);
	}
}

/* ---- tokens ---- */

#define TARGET "/app/board?b=2&a=1&a=%20%C3%A9&jwt=x"
#define SECRET STR("a-tenant's-shared-secret-0123456789")

struct signed_request {
	char *token;
	const struct rsa_key *key; /* NULL: HS256 */
	bool forged;
};

static enum token_code verify(struct arena *a, const struct signed_request *r, const struct claims **ret)
{
	const struct str audience = STR("https://app.example");
	char qsh[QSH_LEN];
	struct token_rules rules = {.now_s = time(NULL),
	                            .audience_required = r->key != NULL,
	                            .audiences = &audience,
	                            .audience_count = 1,
	                            .app_key = STR("com.example.app"),
	                            .qsh_expected = qsh};
	struct token_unverified t;
	enum token_code code = token_parse(a, str_of(r->token), r->key ? TOKEN_RS256 : TOKEN_HS256, &t);
	if (code != TOKEN_OK)
		return code;
	if (!qsh_compute(a, STR("GET"), STR(TARGET), STR(""), qsh))
		return TOKEN_NO_MEMORY;
	if (!r->key)
		return token_verify_hs256(&t, SECRET, &rules, ret);
	return token_verify_rs256(&t, r->key, &rules, ret);
}

static bool token_part(void *arg)
{
	const struct signed_request *r = arg;
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, 1 << 20);
	const struct claims *claims = NULL;
	const enum token_code code = verify(&arena, r, &claims);
	assert_int_equal(code == TOKEN_OK, claims != NULL);
	if (r->forged) {
		assert_true(code == TOKEN_NO_MEMORY || code == TOKEN_BAD_SIGNATURE);
		return code == TOKEN_BAD_SIGNATURE;
	}
	assert_true(code == TOKEN_NO_MEMORY || code == TOKEN_OK);
	if (claims) {
		assert_true(str_eqz(claims->iss, "tenant-with-a-long-client-key") && str_eqz(claims->account_id, "5:1"));
		assert_true(claims->has_license && !claims->license_active && !claims->is_context);
	}
	return code == TOKEN_OK;
}

static bool key_part(void *pem)
{
	enum token_code code = TOKEN_OK;
	struct rsa_key *key = rsa_key_from_pem(str_of(pem), &code);
	assert_true(key || code == TOKEN_NO_MEMORY);
	rsa_key_free(key);
	return key != NULL;
}

static char *token_made(struct sim_key *key)
{
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, 65536);
	char qsh[QSH_LEN], claims[512], *token = NULL;
	const long long now = (long long)time(NULL);
	assert_true(qsh_compute(&arena, STR("GET"), STR(TARGET), STR(""), qsh));
	snprintf(claims, sizeof claims,
	         "{\"iss\":\"tenant-with-a-long-client-key\",\"iat\":%lld,\"exp\":%lld,\"qsh\":\"%.*s\",\"sub\":\"5:1\","
	         "\"aud\":\"https://app.example\",\"context\":{\"license\":{\"active\":false}}}",
	         now, now + 600, QSH_LEN, qsh);
	enum err err = key ? token_mint_rs256(str_of(key->private_pem), str_of(key->kid), str_of(claims), &token)
	                   : token_mint_hs256(SECRET, str_of(claims), &token);
	assert_int_equal(err, OK);
	return token;
}

static void test_tokens(void **state)
{
	(void)state;
	struct sim_key key;
	enum token_code code;
	assert_int_equal(sim_key_make(&key), OK);
	struct rsa_key *public = rsa_key_from_pem(str_of(key.public_pem), &code);
	assert_non_null(public);
	struct signed_request page = {token_made(NULL), NULL, false}, install = {token_made(&key), public, false};
	every_allocation("HS256", token_part, &page);
	every_allocation("install key", key_part, key.public_pem);
	every_allocation("RS256", token_part, &install);
	char *signature = strrchr(install.token, '.') + 9;
	*signature = *signature == 'A' ? 'B' : 'A';
	install.forged = true;
	every_allocation("RS256, forged", token_part, &install);
	free(page.token);
	free(install.token);
	rsa_key_free(public);
	sim_key_release(&key);
}

/* ---- settings and files ---- */

static char database[64], *const settings[] = {
                              (char[]){"LICGATE_BASE_URL=https://app.example/gate"},
                              (char[]){"LICGATE_ALLOWED_BASE_URLS=https://b.example,https://c.example"},
                              (char[]){"LICGATE_SECRET_KEYS=k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},
                              (char[]){"LICGATE_TRUSTED_PROXIES=10.0.0.0/8,::1"},
                              (char[]){"LICGATE_ADMIN_TOKEN=operator-of-the-fault-tests"},
                              (char[]){"LICGATE_DESCRIPTOR=" PROJECT_DIR "/descriptor/atlassian-connect.json"},
                              (char[]){"LICGATE_FEATURES=" PROJECT_DIR "/descriptor/features.json"},
                              (char[]){"LICGATE_STATIC=" PROJECT_DIR "/static"},
                              (char[]){"LICGATE_LISTEN=127.0.0.1:0"},
                              (char[]){"LICGATE_ADMIN_LISTEN=127.0.0.1:0"},
                              (char[]){"LICGATE_THREADS=1"},
                              (char[]){"LICGATE_REQUEST_TIMEOUT=1"},
                              (char[]){"LICGATE_LOG=error"},
                              database,
                              NULL};

static void ignore(void *arg, const struct problem *p)
{
	(void)arg, (void)p;
}

static void count_problem(void *count, const struct problem *p)
{
	(void)p;
	++*(int *)count;
}

static bool settings_part(void *printed)
{
	__cleanup(config_free_p) struct config *c = NULL;
	int problems = 0;
	const enum err err = config_load(settings, count_problem, &problems, &c);
	assert_true(err == OK || err == ERR_NOMEM);
	assert_int_equal(problems, 0); /* nothing is wrong with them */
	assert_int_equal(err == OK, c != NULL);
	__cleanup_buf struct buf again = BUF_INIT(65536);
	if (c)
		config_print(c, &again);
	if (again.err == OK && c)
		assert_true(str_eq(buf_text(&again), buf_text(printed)));
	return c && again.err == OK;
}

static void test_settings(void **state)
{
	struct config *c = *state;
	__cleanup_buf struct buf printed = BUF_INIT(65536);
	config_print(c, &printed);
	every_allocation("settings", settings_part, &printed);
}

struct whole {
	const struct config *config;
	struct app_files good;
};

static bool files_part(void *arg)
{
	const struct whole *w = arg;
	struct app_files files = {0};
	if (app_files_load(w->config, ignore, NULL, &files) != OK) {
		assert_true(!files.descriptor && !files.features && !files.pages);
		return false;
	}
	assert_string_equal(files.descriptor->text, w->good.descriptor->text);
	assert_string_equal(files.descriptor->etag, w->good.descriptor->etag);
	assert_int_equal(features_count(files.features), features_count(w->good.features));
	for (size_t i = 0; w->good.descriptor->admin_paths[i]; i++)
		assert_string_equal(files.descriptor->admin_paths[i], w->good.descriptor->admin_paths[i]);
	app_files_release(&files);
	return true;
}

static void test_files(void **state)
{
	struct whole w = {.config = *state};
	assert_int_equal(app_files_load(w.config, ignore, NULL, &w.good), OK);
	every_allocation("files", files_part, &w);
	app_files_release(&w.good);
}

static char folder[] = "/tmp/licgate-faults-XXXXXX";

static void remove_database(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	for (size_t i = 0; i < 3; i++) {
		char path[64];
		snprintf(path, sizeof path, "%s/parts.db%s", folder, suffixes[i]);
		remove(path);
	}
}

/* On no database, on half a one that an earlier start left, on a whole one. */
static bool start_part(void *config)
{
	static unsigned starts;
	if (starts++ % 3 == 0)
		remove_database();
	struct app *app = NULL;
	if (app_start(config, &app) != OK) {
		assert_null(app);
		return false;
	}
	assert_non_null(strchr(app_public_address(app), ':'));
	assert_non_null(strchr(app_admin_address(app), ':'));
	app_stop(app);
	return true;
}

static void test_start(void **state)
{
	every_allocation("start", start_part, *state);
}

static int begin(void **state)
{
	log_set_sink(quiet, NULL);
	if (!mkdtemp(folder) || !crypto_init())
		return -1;
	snprintf(database, sizeof database, "LICGATE_DATABASE=sqlite:%s/parts.db", folder);
	return config_load(settings, print_problem, NULL, (struct config **)state) == OK ? 0 : -1;
}

static int end(void **state)
{
	config_free(*state);
	remove_database();
	return remove(folder);
}

int main(void)
{
	alloc_libraries_install();
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tokens),
	    cmocka_unit_test(test_settings),
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_start),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
