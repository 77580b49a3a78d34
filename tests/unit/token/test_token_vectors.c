/* Every token of tests/vectors through parse and verify, as the routes would ask. What the callback's body decides (its
 * clientKey, its baseUrl) is not the token's business: there the token itself must pass. */
#include "vectors.h"

#include <stdio.h>

#include "arena_fixture.h"
#include "token/qsh.h"
#include "token/token.h"

/* The app of a vector file, and its clock. */
struct world {
	json_t *secrets; /* clientKey -> secret */
	json_t *keys;    /* kid -> PEM */
	struct str base_url, app_key;
	int64_t now_s;
};

static enum token_code verify_hs256(const struct world *w, const struct token_unverified *t,
                                    const struct token_rules *r)
{
	struct str secret = {NULL, 0};
	const char *key;
	json_t *value;
	json_object_foreach(w->secrets, key, value)
	{
		if (str_eqz(t->iss, key))
			secret = (struct str){json_string_value(value), json_string_length(value)};
	}
	const struct claims *claims = NULL;
	enum token_code code = secret.ptr ? token_verify_hs256(t, secret, r, &claims) : TOKEN_UNKNOWN_TENANT;
	assert_true((claims != NULL) == (code == TOKEN_OK));
	return code;
}

static enum token_code verify_rs256(const struct world *w, const struct token_unverified *t,
                                    const struct token_rules *r)
{
	char kid[129];
	assert_true(t->kid.len < sizeof(kid));
	snprintf(kid, sizeof(kid), "%.*s", STR_ARG(t->kid));
	const json_t *pem = json_object_get(w->keys, kid);
	if (!pem)
		return TOKEN_UNKNOWN_KID;
	enum token_code code = TOKEN_INVALID;
	struct rsa_key *key = rsa_key_from_pem(str_of(json_string_value(pem)), &code);
	if (!key)
		return code;
	const struct claims *claims = NULL;
	code = token_verify_rs256(t, key, r, &claims);
	assert_true((claims != NULL) == (code == TOKEN_OK));
	rsa_key_free(key);
	return code;
}

static bool is_lifecycle(struct str target)
{
	return str_eqz(target, "/installed") || str_eqz(target, "/uninstalled");
}

static enum token_code ask(const struct world *w, struct str method, struct str target, struct str token)
{
	bool lifecycle = is_lifecycle(target);
	char qsh[QSH_LEN];
	assert_true(qsh_compute(&arena, method, target, STR(""), qsh));
	struct token_rules rules = {.now_s = w->now_s,
	                            .audience_required = lifecycle,
	                            .audiences = &w->base_url,
	                            .audience_count = 1,
	                            .app_key = w->app_key,
	                            .qsh_expected = qsh,
	                            .context_allowed = str_starts(target, STR("/api/context"))};
	struct token_unverified t;
	enum token_code code = token_parse(&arena, token, lifecycle ? TOKEN_RS256 : TOKEN_HS256, &t);
	if (code != TOKEN_OK)
		return code;
	return lifecycle ? verify_rs256(w, &t, &rules) : verify_hs256(w, &t, &rules);
}

static bool decided_by_body(struct str id)
{
	return str_starts(id, STR("inst-baseurl-")) || str_starts(id, STR("inst-body-")) ||
	       str_eqz(id, "inst-iss-mismatch");
}

static void test_attacks(void **state)
{
	(void)state;
	json_t *root = vectors_load("token-attacks.json"), *config = json_object_get(root, "config"), *test;
	struct world w = {.secrets = json_object(),
	                  .keys = json_object_get(config, "keyHost"),
	                  .base_url = text_of(config, "addonBaseUrl"),
	                  .app_key = text_of(config, "addonKey"),
	                  .now_s = json_integer_value(json_object_get(root, "fixed_clock_now"))};
	assert_int_equal(w.now_s, 1750000000);
	size_t i, accepted = 0;
	json_array_foreach(json_object_get(config, "tenants"), i, test)
	{
		json_object_set(w.secrets, text_of(test, "clientKey").ptr, json_object_get(test, "secret"));
	}
	json_array_foreach(json_object_get(root, "tests"), i, test)
	{
		const json_t *request = json_object_get(test, "request");
		enum token_code code = ask(&w, text_of(request, "method"), text_of(request, "target"), text_of(test, "token"));
		bool expected = str_eqz(text_of(test, "expect"), "accept") || decided_by_body(text_of(test, "id"));
		if ((code == TOKEN_OK) != expected)
			fail_msg("%s: %s", text_of(test, "id").ptr, token_code_name(code));
		/* no_fetch: refused while parsing, before a key could be asked for */
		if (json_is_true(json_object_get(test, "no_fetch")) && code != TOKEN_BAD_KID && code != TOKEN_TOO_LONG)
			fail_msg("%s: %s, after parsing", text_of(test, "id").ptr, token_code_name(code));
		accepted += code == TOKEN_OK;
	}
	assert_int_equal(i, 108);
	assert_in_range(accepted, 20, 40);
	json_decref(w.secrets);
	json_decref(root);
}

/* name -> what this verifier says; the file's ace_status tells what another implementation does. */
static const struct {
	const char *name;
	enum token_code code;
} signed_expected[] = {
    {"valid, header member order and extra member", TOKEN_OK},
    {"wrong secret", TOKEN_BAD_SIGNATURE},
    {"payload altered after signing", TOKEN_BAD_SIGNATURE},
    {"signature with = padding", TOKEN_INVALID},
    {"alg none, empty signature", TOKEN_INVALID},
    {"alg None (case)", TOKEN_INVALID},
    {"alg HS512", TOKEN_WRONG_ALG},
    {"alg hs256 lower case", TOKEN_WRONG_ALG},
    {"alg RS256 with install key on a tenant route", TOKEN_WRONG_ALG},
    {"no exp", TOKEN_BAD_CLAIMS},
    {"no iat", TOKEN_BAD_CLAIMS},
    {"nbf in 2099", TOKEN_NOT_YET},
    {"aud overrides iss", TOKEN_UNKNOWN_TENANT},
    {"context-qsh on context route", TOKEN_OK},
    {"lic changed in the URL", TOKEN_BAD_QSH},
    {"lic appended to a URL signed without it", TOKEN_BAD_QSH},
    {"four segments", TOKEN_INVALID},
    {"two segments", TOKEN_INVALID},
    {"aud trailing slash", TOKEN_OK},
    {"iss != body.clientKey", TOKEN_OK}, /* 403 by the handler */
    {"wrong key", TOKEN_BAD_SIGNATURE},
    {"unknown kid", TOKEN_UNKNOWN_KID},
    {"kid traversal", TOKEN_BAD_KID},
    {"no kid", TOKEN_BAD_KID},
    {"HS256 with shared secret", TOKEN_WRONG_ALG},
    {"no token", TOKEN_INVALID},
    {"garbage token", TOKEN_INVALID},
};

static void check_signed(const struct world *w, const json_t *test)
{
	struct str name = text_of(test, "name");
	enum token_code code = ask(w, text_of(test, "method"), text_of(test, "target"), text_of(test, "token"));
	for (size_t i = 0; i < sizeof(signed_expected) / sizeof(signed_expected[0]); i++) {
		if (!str_eqz(name, signed_expected[i].name))
			continue;
		if (code != signed_expected[i].code)
			fail_msg("%s: %s", name.ptr, token_code_name(code));
		return;
	}
	fail_msg("no expectation for %s (%s)", name.ptr, token_code_name(code));
}

static void test_signed(void **state)
{
	(void)state;
	json_t *root = vectors_load("signed-tokens.json"), *install = json_object_get(root, "install"), *test;
	struct world w = {.secrets = json_object(),
	                  .keys = json_object_get(install, "keys"),
	                  .base_url = text_of(root, "baseUrl"),
	                  .app_key = STR("com.example.app"),
	                  .now_s = 1767225700};
	json_object_set(w.secrets, text_of(root, "clientKey").ptr, json_object_get(root, "sharedSecret"));
	size_t i, j;
	json_array_foreach(json_object_get(root, "symmetric"), i, test)
	{
		check_signed(&w, test);
	}
	json_array_foreach(json_object_get(install, "tests"), j, test)
	{
		check_signed(&w, test);
	}
	assert_int_equal(i + j, sizeof(signed_expected) / sizeof(signed_expected[0]));
	json_decref(w.secrets);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_attacks, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_signed, setup, teardown),
	};
	return cmocka_run_group_tests_name("token vectors", tests, NULL, NULL);
}
