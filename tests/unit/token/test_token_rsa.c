/* RS256: which keys are taken, which signatures verify, what we mint is what we and libjwt accept. Keys are made here;
 * public keys of odd sizes and exponents are built from numbers, since only their shape matters. */
#include "vectors.h"

#include <jwt.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "base/b64.h"
#include "base/buf.h"
#include "base/secret.h"
#include "token/token.h"

enum { NOW = 1750000000 };
static const struct str audience = {"https://app.example", 19};
#define QSH "0158257da48bb6af8650595bb176bbb1eef580894e2572b437e819997a21bf23"
#define CLAIMS(aud) "{\"iss\":\"k\",\"qsh\":\"" QSH "\",\"iat\":1749999990,\"exp\":1750000170" aud "}"

static struct arena arena;
static EVP_PKEY *key_2048, *key_other;

static int make_keys(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	key_2048 = EVP_RSA_gen(2048);
	key_other = EVP_RSA_gen(2048);
	return crypto_init() && key_2048 && key_other ? 0 : -1;
}

static int free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(key_2048);
	EVP_PKEY_free(key_other);
	arena_release(&arena);
	return 0;
}

/* Whatever the writer wrote, in the arena. */
static struct str text_of_bio(BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	char *copy = arena_strz(&arena, (struct str){data, (size_t)len});
	BIO_free(bio);
	return (struct str){copy, (size_t)len};
}

static struct str public_pem(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
	return text_of_bio(bio);
}

static struct str private_pem(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	return text_of_bio(bio);
}

static struct rsa_key *key_of(EVP_PKEY *key)
{
	enum token_code code;
	struct rsa_key *k = rsa_key_from_pem(public_pem(key), &code);
	assert_non_null(k);
	return k;
}

static bool taken(struct str pem)
{
	enum token_code code = TOKEN_INVALID;
	struct rsa_key *k = rsa_key_from_pem(pem, &code);
	assert_int_equal(code, k ? TOKEN_INVALID : TOKEN_WEAK_KEY);
	rsa_key_free(k);
	return k != NULL;
}

/* A public key with a modulus of that many bits (no primes behind it) and that exponent in hex. */
static struct str numbers_pem(int bits, const char *exponent)
{
	BIGNUM *n = BN_new(), *e = NULL;
	BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
	BN_hex2bn(&e, exponent);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;
	EVP_PKEY_fromdata_init(ctx);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	struct str pem = public_pem(key);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(n);
	BN_free(e);
	return pem;
}

static void test_sizes_and_exponents(void **state)
{
	(void)state;
	static const struct {
		int bits;
		const char *exponent;
		bool taken;
	} cases[] = {
	    {2048, "10001", true},  {2048, "3", true},      {2048, "FFFFFFFFFFFFFFFF", true},
	    {8192, "10001", true},  {2047, "10001", false}, {1024, "10001", false},
	    {8193, "10001", false}, {2048, "1", false},     {2048, "10000", false},
	    {2048, "2", false},     {2048, "0", false},     {2048, "10000000000000001", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (taken(numbers_pem(cases[i].bits, cases[i].exponent)) != cases[i].taken)
			fail_msg("%d bits, exponent %s", cases[i].bits, cases[i].exponent);
}

static struct str joined(struct str a, struct str b)
{
	char *text = arena_printf(&arena, "%.*s%.*s", STR_ARG(a), STR_ARG(b));
	return str_of(text);
}

static void test_only_one_public_key_pem(void **state)
{
	(void)state;
	struct str pem = public_pem(key_2048);
	assert_true(taken(pem));
	assert_true(taken(joined(pem, STR("\r\n \t\n"))));
	assert_false(taken(STR("")));
	assert_false(taken(STR("<html>no such key</html>")));
	assert_false(taken((struct str){pem.ptr, pem.len - 30}));
	assert_false(taken(joined(STR("\n"), pem)));
	assert_false(taken(joined(STR("text\n"), pem)));
	assert_false(taken(joined(pem, STR("text\n"))));
	assert_false(taken(joined(pem, pem)));
	assert_false(taken(private_pem(key_2048)));
	/* the body of a private key under the name of a public one */
	struct str private = private_pem(key_2048);
	size_t line = str_find(private, '\n'), end = private.len - STR("-----END PRIVATE KEY-----\n").len;
	struct str body = {private.ptr + line, end - line};
	assert_false(taken(joined(joined(STR("-----BEGIN PUBLIC KEY-----"), body), STR("-----END PUBLIC KEY-----\n"))));
	/* encrypted-style headers inside */
	assert_false(taken(STR("-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END PUBLIC KEY-----\n")));

	BIO *bio = BIO_new(BIO_s_mem());
	EVP_PKEY *ec = EVP_EC_gen("P-256");
	assert_int_equal(PEM_write_bio_PUBKEY(bio, ec), 1);
	assert_false(taken(text_of_bio(bio)));
	EVP_PKEY_free(ec);

	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	EVP_PKEY *pss = NULL;
	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &pss), 1);
	assert_false(taken(public_pem(pss)));
	EVP_PKEY_free(pss);
	EVP_PKEY_CTX_free(ctx);
}

static void test_nothing_behind_the_key(void **state)
{
	(void)state;
	unsigned char der[1024], *end = der;
	int len = i2d_PUBKEY(key_2048, &end);
	for (int more = 0; more < 2; more++) {
		BIO *bio = BIO_new(BIO_s_mem());
		der[len] = 0;
		assert_true(PEM_write_bio(bio, PEM_STRING_PUBLIC, "", der, len + more) > 0);
		assert_int_equal(taken(text_of_bio(bio)), more == 0);
	}
}

static enum token_code verify(struct str token, EVP_PKEY *key, const struct claims **ret)
{
	struct token_rules rules = {.now_s = NOW,
	                            .audience_required = true,
	                            .audiences = &audience,
	                            .audience_count = 1,
	                            .app_key = STR("com.example.app"),
	                            .qsh_expected = QSH};
	struct token_unverified t;
	*ret = NULL;
	enum token_code code = token_parse(&arena, token, TOKEN_RS256, &t);
	if (code != TOKEN_OK)
		return code;
	struct rsa_key *k = key_of(key);
	code = token_verify_rs256(&t, k, &rules, ret);
	rsa_key_free(k);
	return code;
}

static void test_minted_tokens(void **state)
{
	(void)state;
	char *token;
	const struct claims *claims;
	assert_int_equal(token_mint_rs256(private_pem(key_2048), STR("kid-1"),
	                                  STR(CLAIMS(",\"aud\":[\"https://app.example/\"]")), &token),
	                 OK);
	assert_int_equal(verify(str_of(token), key_2048, &claims), TOKEN_OK);
	assert_str(claims->iss, STR("k"));
	jwt_t *jwt = NULL;
	struct str pem = public_pem(key_2048);
	assert_int_equal(jwt_decode(&jwt, token, (const unsigned char *)pem.ptr, (int)pem.len), 0);
	jwt_free(jwt);

	assert_int_equal(verify(str_of(token), key_other, &claims), TOKEN_BAD_SIGNATURE);
	assert_null(claims);
	/* one byte of the signature, wherever it is, and a signature cut short */
	size_t len = strlen(token);
	for (size_t i = len - 340; i < len; i += 13) {
		token[i] = token[i] == 'A' ? 'B' : 'A';
		assert_int_not_equal(verify(str_of(token), key_2048, &claims), TOKEN_OK);
		token[i] = token[i] == 'A' ? 'B' : 'A';
	}
	assert_int_equal(verify((struct str){token, len - 2}, key_2048, &claims), TOKEN_BAD_SIGNATURE);
	free(token);
}

static void test_lifecycle_audience(void **state)
{
	(void)state;
	static const struct {
		const char *claims;
		enum token_code code;
	} cases[] = {
	    {CLAIMS(",\"aud\":\"https://app.example\""), TOKEN_OK},
	    {CLAIMS(",\"aud\":[\"x\",\"https://app.example\"]"), TOKEN_OK},
	    {CLAIMS(""), TOKEN_WRONG_AUDIENCE},
	    {CLAIMS(",\"aud\":\"com.example.app\""), TOKEN_WRONG_AUDIENCE},
	    {CLAIMS(",\"aud\":\"k\""), TOKEN_WRONG_AUDIENCE},
	    {CLAIMS(",\"aud\":\"https://app.example.evil\""), TOKEN_WRONG_AUDIENCE},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *token;
		const struct claims *claims;
		assert_int_equal(token_mint_rs256(private_pem(key_2048), STR("kid-1"), str_of(cases[i].claims), &token), OK);
		assert_int_equal(verify(str_of(token), key_2048, &claims), cases[i].code);
		free(token);
	}
}

/* PKCS#1 signature over header.payload with another digest or padding, under a header that says RS256. */
static void test_padding_and_digest_are_pinned(void **state)
{
	(void)state;
	static const struct {
		const char *digest;
		int padding;
		enum token_code code;
	} cases[] = {
	    {"SHA256", RSA_PKCS1_PADDING, TOKEN_OK},
	    {"SHA256", RSA_PKCS1_PSS_PADDING, TOKEN_BAD_SIGNATURE},
	    {"SHA1", RSA_PKCS1_PADDING, TOKEN_BAD_SIGNATURE},
	    {"SHA384", RSA_PKCS1_PADDING, TOKEN_BAD_SIGNATURE},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf token = BUF_INIT(8192);
		struct str header = STR("{\"alg\":\"RS256\",\"kid\":\"a-1\"}"),
		           payload = STR(CLAIMS(",\"aud\":\"https://app.example\""));
		b64url_encode(&token, (const uint8_t *)header.ptr, header.len);
		buf_char(&token, '.');
		b64url_encode(&token, (const uint8_t *)payload.ptr, payload.len);
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		EVP_PKEY_CTX *how;
		uint8_t signature[256];
		size_t len = sizeof(signature);
		assert_int_equal(EVP_DigestSignInit_ex(ctx, &how, cases[i].digest, NULL, NULL, key_2048, NULL), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(how, cases[i].padding), 1);
		assert_int_equal(EVP_DigestSign(ctx, signature, &len, (const uint8_t *)token.data, token.len), 1);
		EVP_MD_CTX_free(ctx);
		buf_char(&token, '.');
		b64url_encode(&token, signature, len);
		const struct claims *claims;
		assert_int_equal(verify(buf_text(&token), key_2048, &claims), cases[i].code);
		buf_release(&token);
	}
}

static void test_mint_hs256(void **state)
{
	(void)state;
	char *token = NULL;
	struct token_unverified t;
	const struct claims *claims;
	struct token_rules rules = {.now_s = NOW, .qsh_expected = QSH};
	assert_int_equal(token_mint_hs256(STR("s3cret"), STR(CLAIMS("")), &token), OK);
	assert_int_equal(token_parse(&arena, str_of(token), TOKEN_HS256, &t), TOKEN_OK);
	assert_int_equal(token_verify_hs256(&t, STR("s3cret"), &rules, &claims), TOKEN_OK);
	assert_int_equal(token_verify_hs256(&t, STR("s3crets"), &rules, &claims), TOKEN_BAD_SIGNATURE);
	/* a HS256 token is nothing to the lifecycle */
	assert_int_equal(token_parse(&arena, str_of(token), TOKEN_RS256, &t), TOKEN_WRONG_ALG);
	free(token);
}

/* What cannot be signed gives no token. */
static void test_mint_refusals(void **state)
{
	(void)state;
	static char zeros[70000], claims[60000];
	memset(zeros, '0', sizeof(zeros));
	snprintf(claims, sizeof(claims), "{\"a\":\"%.*s\"}", 50000, zeros);
	const struct {
		struct str secret, claims;
	} hs256[] = {
	    {STR(""), STR("{}")},  {{zeros, sizeof(zeros)}, STR("{}")}, {STR("s"), STR("not json")},
	    {STR("s"), STR("[]")}, {STR("s"), str_of(claims)}, /* longer than any token may be */
	};
	const struct {
		struct str pem, kid, claims;
	} rs256[] = {
	    {STR(""), STR("k"), STR("{}")},
	    {{zeros, sizeof(zeros)}, STR("k"), STR("{}")},
	    {STR("no pem"), STR("k"), STR("{}")},
	    {private_pem(key_2048), STR("k"), STR("not json")},
	};
	char *untouched = NULL;
	for (size_t i = 0; i < sizeof(hs256) / sizeof(*hs256); i++)
		if (token_mint_hs256(hs256[i].secret, hs256[i].claims, &untouched) != ERR_INVALID || untouched)
			fail_msg("HS256 %zu was not refused", i);
	for (size_t i = 0; i < sizeof(rs256) / sizeof(*rs256); i++)
		if (token_mint_rs256(rs256[i].pem, rs256[i].kid, rs256[i].claims, &untouched) != ERR_INVALID || untouched)
			fail_msg("RS256 %zu was not refused", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sizes_and_exponents),
	    cmocka_unit_test(test_only_one_public_key_pem),
	    cmocka_unit_test(test_nothing_behind_the_key),
	    cmocka_unit_test(test_minted_tokens),
	    cmocka_unit_test(test_lifecycle_audience),
	    cmocka_unit_test(test_padding_and_digest_are_pinned),
	    cmocka_unit_test(test_mint_hs256),
	    cmocka_unit_test(test_mint_refusals),
	};
	return cmocka_run_group_tests_name("token_rsa", tests, make_keys, free_keys);
}
