/* Forge invocation tokens: the vector file, and one table of what each claim may do. Tokens of the table are signed
 * here. */
#include "vectors.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>

#include "arena_fixture.h"
#include "base/b64.h"
#include "token/fit.h"

#define APP "ari:cloud:ecosystem::app/8db33809-1f32-48bb-8c52-5877dab48107"
#define INSTALLATION "ari:cloud:ecosystem::installation/0a3a7799-53ae-4a5b-9e7e-03338980abb5"
enum { NOW = 1750000000 };

static EVP_PKEY *pair;
static struct rsa_key *key;
static struct str private_pem;

static int group_up(void **state)
{
	(void)state;
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	enum token_code code;
	if (!crypto_init() || !(pair = EVP_RSA_gen(2048)) || PEM_write_bio_PUBKEY(bio, pair) != 1)
		return -1;
	long len = BIO_get_mem_data(bio, &data);
	key = rsa_key_from_pem((struct str){data, (size_t)len}, &code);
	BIO_free(bio);
	bio = BIO_new(BIO_s_mem());
	if (PEM_write_bio_PrivateKey(bio, pair, NULL, NULL, 0, NULL, NULL) != 1)
		return -1;
	len = BIO_get_mem_data(bio, &data);
	private_pem = (struct str){str_dup((struct str){data, (size_t)len}), (size_t)len};
	BIO_free(bio);
	return key ? 0 : -1;
}

static int group_down(void **state)
{
	(void)state;
	free((void *)(uintptr_t)private_pem.ptr);
	rsa_key_free(key);
	EVP_PKEY_free(pair);
	return 0;
}

static enum token_code judge(struct str token, const struct rsa_key *with, struct str app, int64_t now,
                             const struct fit **ret_fit)
{
	struct fit_unverified t;
	*ret_fit = NULL;
	enum token_code code = fit_parse(&arena, token, &t);
	if (code == TOKEN_OK)
		code = fit_verify(&t, with, app, now, ret_fit);
	assert_true((*ret_fit != NULL) == (code == TOKEN_OK));
	return code;
}

static void test_vectors(void **state)
{
	(void)state;
	json_t *root = vectors_load("signed-tokens.json"), *fit_file = json_object_get(root, "fit"), *test;
	const json_t *jwk = json_array_get(json_object_get(json_object_get(fit_file, "jwks"), "keys"), 0);
	enum token_code code;
	struct rsa_key *published = rsa_key_from_jwk(text_of(jwk, "n"), text_of(jwk, "e"), &code);
	assert_non_null(published);
	size_t i, accepted = 0;
	json_array_foreach(json_object_get(fit_file, "tests"), i, test)
	{
		const struct fit *fit;
		struct fit_unverified t;
		code = judge(text_of(test, "token"), published, text_of(fit_file, "appId"), 1767225600, &fit);
		/* the set of the file has one key: another kid finds none */
		if (fit_parse(&arena, text_of(test, "token"), &t) == TOKEN_OK && !str_eq(t.token.kid, text_of(jwk, "kid")))
			code = TOKEN_UNKNOWN_KID;
		if ((code == TOKEN_OK) != json_is_true(json_object_get(test, "accept")))
			fail_msg("%s: %s", text_of(test, "name").ptr, token_code_name(code));
		if (code != TOKEN_OK)
			continue;
		accepted++;
		assert_true(fit->has_license);
		assert_int_equal(fit->license_active, json_is_true(json_object_get(test, "license_active")));
		assert_str(fit->installation_id, STR(INSTALLATION));
		assert_str(fit->environment, STR("PRODUCTION"));
		assert_str(fit->product, STR("Jira"));
		assert_str(fit->site_url, STR("https://t1.atlassian.net"));
		assert_str(fit->account_id, STR("557058:aaid"));
	}
	assert_int_equal(accepted, 2);
	assert_int_equal(i, 7);
	rsa_key_free(published);
	json_decref(root);
}

#define TIMES "\"iat\":1749999990,\"exp\":1750000015"
#define WHO "\"iss\":\"forge/invocation-token\",\"aud\":\"" APP "\""
#define APP_CLAIM "\"app\":{\"installationId\":\"" INSTALLATION "\"}"

/* Claims (without braces) -> what the verifier says. */
static const struct {
	const char *claims;
	enum token_code code;
} cases[] = {
    {WHO "," TIMES "," APP_CLAIM, TOKEN_OK},
    {WHO ",\"iat\":1749999990,\"nbf\":1750000029,\"exp\":1749999971," APP_CLAIM, TOKEN_OK}, /* within the leeway */
    {WHO ",\"iat\":1749999990,\"exp\":1749999969," APP_CLAIM, TOKEN_EXPIRED},
    {WHO ",\"iat\":1750000031,\"exp\":1750000060," APP_CLAIM, TOKEN_NOT_YET},
    {WHO ",\"iat\":1749999990,\"nbf\":1750000031,\"exp\":1750000060," APP_CLAIM, TOKEN_NOT_YET},
    {WHO ",\"iat\":1749999990,\"exp\":1750000015000," APP_CLAIM, TOKEN_OK}, /* no cap on a token's life */
    {WHO ",\"iat\":1749999990,\"exp\":\"1750000015\"," APP_CLAIM, TOKEN_BAD_CLAIMS},
    {WHO ",\"iat\":1749999990,\"exp\":1e300," APP_CLAIM, TOKEN_BAD_CLAIMS},
    {WHO ",\"iat\":1749999990," APP_CLAIM, TOKEN_BAD_CLAIMS},
    {WHO ",\"exp\":1750000015," APP_CLAIM, TOKEN_BAD_CLAIMS},
    {WHO ",\"iat\":1749999990,\"nbf\":null,\"exp\":1750000015," APP_CLAIM, TOKEN_BAD_CLAIMS},
    /* issuer and audience */
    {"\"iss\":\"forge/invocation-token2\",\"aud\":\"" APP "\"," TIMES "," APP_CLAIM, TOKEN_WRONG_ISSUER},
    {"\"aud\":\"" APP "\"," TIMES "," APP_CLAIM, TOKEN_BAD_CLAIMS},
    {"\"iss\":\"forge/invocation-token\"," TIMES "," APP_CLAIM, TOKEN_BAD_CLAIMS},
    {"\"iss\":\"forge/invocation-token\",\"aud\":\"" APP "/\"," TIMES "," APP_CLAIM, TOKEN_WRONG_AUDIENCE},
    {"\"iss\":\"forge/invocation-token\",\"aud\":\"ari:cloud:ecosystem::app/8db33809\"," TIMES "," APP_CLAIM,
     TOKEN_WRONG_AUDIENCE},
    {"\"iss\":\"forge/invocation-token\",\"aud\":[\"" APP "\"]," TIMES "," APP_CLAIM, TOKEN_BAD_CLAIMS},
    {"\"iss\":\"forge/invocation-token\",\"aud\":\"\"," TIMES "," APP_CLAIM, TOKEN_BAD_CLAIMS},
    /* the installation */
    {WHO "," TIMES, TOKEN_BAD_CLAIMS},
    {WHO "," TIMES ",\"app\":{\"installationId\":7}", TOKEN_BAD_CLAIMS},
    {WHO "," TIMES ",\"app\":{\"installationId\":\"\"}", TOKEN_BAD_CLAIMS},
    {WHO "," TIMES ",\"app\":{\"installationId\":\"a b\"}", TOKEN_BAD_CLAIMS},
    {WHO "," TIMES ",\"app\":{\"installationId\":\"a\\u000ab\"}", TOKEN_BAD_CLAIMS},
    {WHO "," TIMES ",\"app\":{\"installation\":{\"id\":\"" INSTALLATION "\"}}", TOKEN_OK},
    {WHO "," TIMES ",\"app\":[{\"installationId\":\"" INSTALLATION "\"}]", TOKEN_BAD_CLAIMS},
};

static struct str signed_token(const char *claims, const char *kid)
{
	char text[4096], *token;
	snprintf(text, sizeof(text), "{%s}", claims);
	assert_int_equal(token_mint_rs256(private_pem, str_of(kid), str_of(text), &token), OK);
	const char *copy = arena_strz(&arena, str_of(token));
	free(token);
	return str_of(copy);
}

static void test_claims(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct fit *fit;
		enum token_code code = judge(signed_token(cases[i].claims, "forge/k-1"), key, STR(APP), NOW, &fit);
		if (code != cases[i].code)
			fail_msg("%s: %s, expected %s", cases[i].claims, token_code_name(code), token_code_name(cases[i].code));
	}
	const struct fit *fit;
	assert_int_equal(judge(signed_token(cases[0].claims, "k"), key, STR(""), NOW, &fit), TOKEN_WRONG_AUDIENCE);
}

/* The licence as it stands in the token -> licensed, evaluation, trial's end, subscription's end. */
static const struct {
	const char *license;
	bool has, active, evaluation;
	int64_t trial, paid;
} licenses[] = {
    {"{\"isActive\":true}", true, true, false, 0, 0},
    {"{\"isActive\":false,\"subscriptionEndDate\":\"1689949707000\"}", true, false, false, 0, 1689949707000},
    {"{\"isActive\":true,\"isEvaluation\":true,\"trialEndDate\":\"1989949707000\"}", true, true, true, 1989949707000,
     0},
    {"{\"isActive\":true,\"trialEndDate\":1989949707000,\"subscriptionEndDate\":null}", true, true, false,
     1989949707000, 0},
    {"{\"isActive\":true,\"trialEndDate\":\"soon\",\"subscriptionEndDate\":\"-5\"}", true, true, false, 0, 0},
    {"{\"isActive\":\"true\"}", true, false, false, 0, 0},
    {"{\"isActive\":1}", true, false, false, 0, 0},
    {"{}", true, false, false, 0, 0},
    {"\"active\"", true, false, false, 0, 0},
    {"[]", true, false, false, 0, 0},
    {"null", false, false, false, 0, 0},
};

static void test_licenses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(licenses) / sizeof(licenses[0]); i++) {
		char claims[1024];
		const struct fit *fit;
		snprintf(claims, sizeof(claims), WHO "," TIMES ",\"app\":{\"installationId\":\"i\",\"license\":%s}",
		         licenses[i].license);
		assert_int_equal(judge(signed_token(claims, "k"), key, STR(APP), NOW, &fit), TOKEN_OK);
		if (fit->has_license != licenses[i].has || fit->license_active != licenses[i].active ||
		    fit->license_evaluation != licenses[i].evaluation || fit->trial_end != licenses[i].trial ||
		    fit->subscription_end != licenses[i].paid)
			fail_msg("%s", licenses[i].license);
	}
}

static void test_site_and_product_where_only_the_api_url_tells(void **state)
{
	(void)state;
	const struct fit *fit;
	const char *claims =
	    WHO "," TIMES ",\"app\":{\"installationId\":\"i\",\"apiBaseUrl\":\"https://api.atlassian.com/ex/jira/one\","
	        "\"installation\":{\"contexts\":[{\"name\":\"Confluence\",\"apiBaseUrl\":"
	        "\"https://api.atlassian.com/ex/confluence/two\"},{\"name\":\"Jira\"}]}}";
	assert_int_equal(judge(signed_token(claims, "k"), key, STR(APP), NOW, &fit), TOKEN_OK);
	assert_str(fit->product, STR("Confluence"));
	assert_str(fit->cloud_id, STR("two"));
	assert_str(fit->site_url, STR(""));
	claims =
	    WHO "," TIMES ",\"app\":{\"installationId\":\"i\",\"apiBaseUrl\":\"https://api.atlassian.com/ex/jira/one\"}";
	assert_int_equal(judge(signed_token(claims, "k"), key, STR(APP), NOW, &fit), TOKEN_OK);
	assert_str(fit->product, STR("jira"));
	assert_str(fit->cloud_id, STR("one"));
}

static void test_kids(void **state)
{
	(void)state;
	static const char *const good[] = {"k", "forge/invocation-token/3c-4", "a.b", "A_b+c-d", "a/.b"};
	static const char *const bad[] = {"",  "/",   "/a",       "a/",     "a//b", "../a", "a/..",
	                                  ".", "a b", "http://x", "a\r\nb", "a?",   "a%2f", "\xc3\xa9"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!fit_kid_ok(str_of(good[i])))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (fit_kid_ok(str_of(bad[i])))
			fail_msg("%s", bad[i]);
	char longest[TOKEN_KID_MAX + 2];
	memset(longest, 'k', sizeof(longest));
	assert_true(fit_kid_ok((struct str){longest, TOKEN_KID_MAX}));
	assert_false(fit_kid_ok((struct str){longest, TOKEN_KID_MAX + 1}));
	assert_false(fit_kid_ok((struct str){"a\0b", 3}));
	struct fit_unverified t;
	assert_int_equal(fit_parse(&arena, signed_token(cases[0].claims, "../k"), &t), TOKEN_BAD_KID);
}

static void test_bearer_alone_is_a_token(void **state)
{
	(void)state;
	struct str token;
	assert_int_equal(fit_find(STR("Bearer a.b.c"), &token), TOKEN_OK);
	assert_str(token, STR("a.b.c"));
	assert_int_equal(fit_find(STR("bearer   a.b.c "), &token), TOKEN_OK);
	assert_str(token, STR("a.b.c"));
	static const char *const others[] = {"", "JWT a.b.c", "Basic a", "a.b.c", "Bearera.b.c"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(fit_find(str_of(others[i]), &token), TOKEN_MISSING);
	assert_int_equal(fit_find((struct str){NULL, 0}, &token), TOKEN_MISSING);
}

static void test_jwk_numbers(void **state)
{
	(void)state;
	static const struct {
		const char *n, *e;
	} bad[] = {
	    {"", "AQAB"}, {"AQAB", "AQAB"}, {"!!", "AQAB"}, {"AAAA", "AQAB"}, {"____", "AQAB="}, {"____", ""},
	};
	enum token_code code;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(rsa_key_from_jwk(str_of(bad[i].n), str_of(bad[i].e), &code));
		assert_int_equal(code, TOKEN_WEAK_KEY);
	}
	/* the modulus of a good key with exponents that are none */
	json_t *root = vectors_load("signed-tokens.json");
	const json_t *jwk =
	    json_array_get(json_object_get(json_object_get(json_object_get(root, "fit"), "jwks"), "keys"), 0);
	static const char *const exponents[] = {"AQ", "Ag", "AAEAAQ", "AQAC", "________________"};
	for (size_t i = 0; i < sizeof(exponents) / sizeof(exponents[0]); i++)
		assert_null(rsa_key_from_jwk(text_of(jwk, "n"), str_of(exponents[i]), &code));
	char *shorter = strndup(text_of(jwk, "n").ptr, 300); /* some 1800 bits */
	assert_null(rsa_key_from_jwk(str_of(shorter), STR("AQAB"), &code));
	free(shorter);
	json_decref(root);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_vectors),     T(test_claims),
	    T(test_licenses),    T(test_site_and_product_where_only_the_api_url_tells),
	    T(test_kids),        T(test_bearer_alone_is_a_token),
	    T(test_jwk_numbers),
	};
	return cmocka_run_group_tests_name("fit", tests, group_up, group_down);
}
