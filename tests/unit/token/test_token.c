/* The verifier claim by claim, over tokens minted byte for byte; where a request's token is found; memory. */
#include "vectors.h"

#include <jwt.h>
#include <stdlib.h>

#include "arena_fixture.h"
#include "minted.h"
#include "token/qsh.h"
#include "token/token.h"

static const char usual_header[] = "{\"typ\":\"JWT\",\"alg\":\"HS256\"}";
#define SECRET STR("a-secret-of-a-tenant")
#define QSH "0158257da48bb6af8650595bb176bbb1eef580894e2572b437e819997a21bf23"
enum { NOW = 1750000000 };

static const struct str base_urls[] = {{"https://app.example/x", 21}, {"https://old.example/", 20}};

static struct token_rules rules_of_page(void)
{
	return (struct token_rules){.now_s = NOW,
	                            .audiences = base_urls,
	                            .audience_count = 2,
	                            .app_key = STR("com.example.app"),
	                            .qsh_expected = QSH};
}

/* libjwt, given the same token and secret, accepts: asked of everything this verifier accepts. */
static void assert_libjwt_accepts(const char *token, struct str secret)
{
	jwt_t *jwt = NULL;
	assert_int_equal(jwt_decode(&jwt, token, (const unsigned char *)secret.ptr, (int)secret.len), 0);
	assert_int_equal(jwt_get_alg(jwt), JWT_ALG_HS256);
	jwt_free(jwt);
}

static enum token_code verify_text(const char *header, struct str claims, const struct token_rules *rules,
                                   const struct claims **ret)
{
	char *token = minted(header, claims, SECRET);
	char *kept = arena_strz(&arena, str_of(token));
	assert_non_null(kept);
	free(token);
	struct token_unverified t;
	enum token_code code = token_parse(&arena, str_of(kept), TOKEN_HS256, &t);
	*ret = NULL;
	if (code == TOKEN_OK)
		code = token_verify_hs256(&t, SECRET, rules, ret);
	assert_true((*ret != NULL) == (code == TOKEN_OK));
	if (code == TOKEN_OK)
		assert_libjwt_accepts(kept, SECRET);
	return code;
}

static enum token_code verify_claims(const char *claims)
{
	const struct claims *ignored;
	struct token_rules rules = rules_of_page();
	return verify_text(usual_header, str_of(claims), &rules, &ignored);
}

#define assert_code(actual, expected)                                                                                  \
	do {                                                                                                               \
		enum token_code code_ = (actual);                                                                              \
		if (code_ != (expected))                                                                                       \
			fail_msg("%s instead of %s", token_code_name(code_), token_code_name(expected));                           \
	} while (0)

static void test_claims_table(void **state)
{
	(void)state;
#define C(times, more) "{\"iss\":\"k\",\"qsh\":\"" QSH "\"," times more "}"
#define GOOD_TIMES "\"iat\":1749999990,\"exp\":1750000170"
	static const struct {
		const char *claims;
		enum token_code code;
	} cases[] = {
	    {C(GOOD_TIMES, ""), TOKEN_OK},
	    /* exp: refused from the second after exp + 30 on */
	    {C("\"iat\":1749999000,\"exp\":1749999970", ""), TOKEN_OK},
	    {C("\"iat\":1749999000,\"exp\":1749999969", ""), TOKEN_EXPIRED},
	    {C("\"iat\":1749999000,\"exp\":1749999969.5", ""), TOKEN_EXPIRED},
	    {C("\"iat\":1749999000,\"exp\":1749999970.5", ""), TOKEN_OK},
	    {C("\"iat\":1749999000,\"exp\":17500001e2", ""), TOKEN_OK},
	    {C("\"iat\":0,\"exp\":9223372036854775807", ""), TOKEN_OK},
	    {C("\"iat\":-1e300,\"exp\":1e300", ""), TOKEN_OK},
	    {C("\"iat\":1749999990,\"exp\":1e400", ""), TOKEN_INVALID},
	    {C("\"iat\":1749999990,\"exp\":-1", ""), TOKEN_EXPIRED},
	    {C("\"iat\":1749999990,\"exp\":0", ""), TOKEN_EXPIRED},
	    {C("\"iat\":1749999990,\"exp\":\"1750000170\"", ""), TOKEN_BAD_CLAIMS},
	    {C("\"iat\":1749999990,\"exp\":null", ""), TOKEN_BAD_CLAIMS},
	    {C("\"iat\":1749999990,\"exp\":[1750000170]", ""), TOKEN_BAD_CLAIMS},
	    {C("\"iat\":1749999990,\"exp\":true", ""), TOKEN_BAD_CLAIMS},
	    {C("\"iat\":1749999990", ""), TOKEN_BAD_CLAIMS},
	    /* iat */
	    {C("\"exp\":1750000170", ""), TOKEN_BAD_CLAIMS},
	    {C("\"iat\":1750000030,\"exp\":1750000170", ""), TOKEN_OK},
	    {C("\"iat\":1750000030.5,\"exp\":1750000170", ""), TOKEN_NOT_YET},
	    {C("\"iat\":1750000031,\"exp\":1750000170", ""), TOKEN_NOT_YET},
	    {C("\"iat\":1749999990000,\"exp\":1750000170000", ""), TOKEN_NOT_YET},
	    {C("\"iat\":\"1749999990\",\"exp\":1750000170", ""), TOKEN_BAD_CLAIMS},
	    {C("\"iat\":{},\"exp\":1750000170", ""), TOKEN_BAD_CLAIMS},
	    /* nbf */
	    {C(GOOD_TIMES, ",\"nbf\":1750000030"), TOKEN_OK},
	    {C(GOOD_TIMES, ",\"nbf\":1750000031"), TOKEN_NOT_YET},
	    {C(GOOD_TIMES, ",\"nbf\":\"0\""), TOKEN_BAD_CLAIMS},
	    {C(GOOD_TIMES, ",\"nbf\":null"), TOKEN_BAD_CLAIMS},
	    /* aud */
	    {C(GOOD_TIMES, ",\"aud\":\"com.example.app\""), TOKEN_OK},
	    {C(GOOD_TIMES, ",\"aud\":[\"com.example.app\"]"), TOKEN_OK},
	    {C(GOOD_TIMES, ",\"aud\":\"https://app.example/x/\""), TOKEN_OK},
	    {C(GOOD_TIMES, ",\"aud\":[\"https://old.example\",\"y\"]"), TOKEN_OK},
	    {C(GOOD_TIMES, ",\"aud\":\"k\""), TOKEN_OK},
	    {C(GOOD_TIMES, ",\"aud\":\"K\""), TOKEN_WRONG_AUDIENCE},
	    {C(GOOD_TIMES, ",\"aud\":\"\""), TOKEN_WRONG_AUDIENCE},
	    {C(GOOD_TIMES, ",\"aud\":[]"), TOKEN_WRONG_AUDIENCE},
	    {C(GOOD_TIMES, ",\"aud\":null"), TOKEN_WRONG_AUDIENCE},
	    {C(GOOD_TIMES, ",\"aud\":7"), TOKEN_WRONG_AUDIENCE},
	    {C(GOOD_TIMES, ",\"aud\":{\"k\":\"k\"}"), TOKEN_WRONG_AUDIENCE},
	    {C(GOOD_TIMES, ",\"aud\":[\"k\",7]"), TOKEN_WRONG_AUDIENCE},
	    {C(GOOD_TIMES, ",\"aud\":[[\"k\"]]"), TOKEN_WRONG_AUDIENCE},
	    {C(GOOD_TIMES, ",\"aud\":\"https://app.example\""), TOKEN_WRONG_AUDIENCE},
	    {C(GOOD_TIMES, ",\"aud\":\"https://app.example/x//\""), TOKEN_WRONG_AUDIENCE},
	    {C(GOOD_TIMES, ",\"aud\":\"https://app.example/x?\""), TOKEN_WRONG_AUDIENCE},
	    {C(GOOD_TIMES, ",\"aud\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,\"k\"]"), TOKEN_WRONG_AUDIENCE},
	    {C(GOOD_TIMES,
	       ",\"aud\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"a\",\"b\",\"c\",\"d\",\"e\",\"f\","
	       "\"k\"]"),
	     TOKEN_OK},
	    {C(GOOD_TIMES,
	       ",\"aud\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"a\",\"b\",\"c\",\"d\",\"e\",\"f\","
	       "\"g\",\"k\"]"),
	     TOKEN_WRONG_AUDIENCE},
	    /* sub, other members */
	    {C(GOOD_TIMES, ",\"sub\":\"5:1\""), TOKEN_OK},
	    {C(GOOD_TIMES, ",\"sub\":null"), TOKEN_BAD_CLAIMS},
	    {C(GOOD_TIMES, ",\"sub\":5"), TOKEN_BAD_CLAIMS},
	    {C(GOOD_TIMES, ",\"iss\":\"k\""), TOKEN_INVALID},
	    {C(GOOD_TIMES, ",\"\\u0069ss\":\"x\""), TOKEN_INVALID},
	    {C(GOOD_TIMES, ",\"x\":{\"iss\":\"other\",\"exp\":\"x\"}"), TOKEN_OK},
	    {C(GOOD_TIMES, ",\"context\":7"), TOKEN_OK},
	    {C(GOOD_TIMES, ",\"ctx\\u0000\":7"), TOKEN_INVALID},
	    /* iss and qsh */
	    {"{\"qsh\":\"" QSH "\"," GOOD_TIMES "}", TOKEN_BAD_CLAIMS},
	    {"{\"iss\":\"\",\"qsh\":\"" QSH "\"," GOOD_TIMES "}", TOKEN_BAD_CLAIMS},
	    {"{\"iss\":[\"k\"],\"qsh\":\"" QSH "\"," GOOD_TIMES "}", TOKEN_BAD_CLAIMS},
	    {"{\"iss\":\"k\"," GOOD_TIMES "}", TOKEN_BAD_CLAIMS},
	    {"{\"iss\":\"k\",\"qsh\":\"\"," GOOD_TIMES "}", TOKEN_BAD_QSH},
	    {"{\"iss\":\"k\",\"qsh\":5," GOOD_TIMES "}", TOKEN_BAD_CLAIMS},
	    {"{\"iss\":\"k\",\"qsh\":\"context-qsh\"," GOOD_TIMES "}", TOKEN_CONTEXT_NOT_HERE},
	    {"{\"iss\":\"k\",\"qsh\":\"context-qsh \"," GOOD_TIMES "}", TOKEN_BAD_QSH},
	    {"{\"iss\":\"k\",\"qsh\":\"0158257DA48BB6AF8650595BB176BBB1EEF580894E2572B437E819997A21BF23\"," GOOD_TIMES "}",
	     TOKEN_BAD_QSH},
	    {"[]", TOKEN_INVALID},
	    {"{}", TOKEN_BAD_CLAIMS},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum token_code code = verify_claims(cases[i].claims);
		if (code != cases[i].code)
			fail_msg("%s: %s instead of %s", cases[i].claims, token_code_name(code), token_code_name(cases[i].code));
	}
}

static void test_header_table(void **state)
{
	(void)state;
	static const struct {
		const char *header;
		enum token_code code;
	} cases[] = {
	    {usual_header, TOKEN_OK},
	    {"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", TOKEN_OK},
	    {"{\"alg\":\"HS256\"}", TOKEN_OK},
	    {"{\"alg\":\"HS256\",\"typ\":\"jwt\"}", TOKEN_OK},
	    {"{\"alg\":\"HS256\",\"kid\":\"../x\",\"jku\":\"http://x\",\"jwk\":{\"k\":\"\"},\"x5c\":[]}", TOKEN_OK},
	    {"{\"alg\":\"HS256\",\"kid\":7}", TOKEN_OK}, /* HS256 has no use for it */
	    {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", TOKEN_BAD_HEADER},
	    {"{\"alg\":\"HS256\",\"typ\":7}", TOKEN_BAD_HEADER},
	    {"{\"alg\":\"HS256\",\"crit\":[\"x\"],\"x\":1}", TOKEN_BAD_HEADER},
	    {"{\"alg\":\"HS256\",\"b64\":false}", TOKEN_BAD_HEADER},
	    {"{\"alg\":\"HS256\",\"b64\":true}", TOKEN_BAD_HEADER},
	    {"{\"alg\":\"HS256\",\"alg\":\"HS256\"}", TOKEN_BAD_HEADER},
	    {"{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}", TOKEN_BAD_HEADER},
	    {"{\"alg\":[\"HS256\"]}", TOKEN_BAD_HEADER},
	    {"{\"alg\":null}", TOKEN_BAD_HEADER},
	    {"{\"x\":{\"alg\":\"HS256\"}}", TOKEN_WRONG_ALG},
	    {"{}", TOKEN_WRONG_ALG},
	    {"{\"alg\":\"hs256\"}", TOKEN_WRONG_ALG},
	    {"{\"alg\":\"HS256 \"}", TOKEN_WRONG_ALG},
	    {"{\"alg\":\"HS384\"}", TOKEN_WRONG_ALG},
	    {"{\"alg\":\"RS256\",\"kid\":\"k\"}", TOKEN_WRONG_ALG},
	    {"{\"alg\":\"none\"}", TOKEN_WRONG_ALG},
	    {"\"HS256\"", TOKEN_BAD_HEADER},
	    {"{\"alg\":\"HS256\"", TOKEN_BAD_HEADER},
	};
	struct token_rules rules = rules_of_page();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct claims *claims;
		enum token_code code = verify_text(cases[i].header, STR(C(GOOD_TIMES, "")), &rules, &claims);
		if (code != cases[i].code)
			fail_msg("%s: %s", cases[i].header, token_code_name(code));
	}
}

static void test_what_the_claims_say(void **state)
{
	(void)state;
	struct token_rules rules = rules_of_page();
	const struct claims *c;
	assert_code(verify_text(usual_header,
	                        STR(C("\"iat\":1749999990.75,\"exp\":1e300",
	                              ",\"sub\":\"5:\\u0031\",\"context\":{\"user\":{\"accountId\":\"other\"},"
	                              "\"license\":{\"active\":true}}")),
	                        &rules, &c),
	            TOKEN_OK);
	assert_str(c->iss, STR("k"));
	assert_str(c->sub, STR("5:1"));
	assert_str(c->account_id, STR("5:1"));
	assert_int_equal(c->iat_s, 1749999990);
	assert_int_equal(c->exp_s, INT64_MAX);
	assert_true(c->has_license && c->license_active && !c->is_context);

	assert_code(verify_text(usual_header,
	                        STR(C("\"iat\":-1.5,\"exp\":1750000170",
	                              ",\"context\":{\"user\":{\"accountId\":\"5:2\",\"x\":{\"accountId\":\"no\"}},"
	                              "\"license\":{\"active\":false}}")),
	                        &rules, &c),
	            TOKEN_OK);
	assert_str(c->account_id, STR("5:2"));
	assert_int_equal(c->iat_s, -2);
	assert_true(c->has_license && !c->license_active);

	/* not a boolean: says nothing; no account: server to server */
	assert_code(verify_text(usual_header,
	                        STR(C(GOOD_TIMES, ",\"sub\":\"\",\"context\":{\"user\":{\"accountId\":null},"
	                                          "\"license\":{\"active\":\"true\"}}")),
	                        &rules, &c),
	            TOKEN_OK);
	assert_true(!c->has_license && !c->license_active && c->account_id.len == 0);
}

static void test_context_token(void **state)
{
	(void)state;
	struct token_rules rules = rules_of_page();
	const struct claims *c;
	struct str context = STR("{\"iss\":\"k\",\"qsh\":\"context-qsh\"," GOOD_TIMES "}");
	rules.context_allowed = true;
	assert_code(verify_text(usual_header, context, &rules, &c), TOKEN_OK);
	assert_true(c->is_context);
	assert_code(verify_text(usual_header, STR(C(GOOD_TIMES, "")), &rules, &c), TOKEN_OK);
	assert_false(c->is_context);
	/* nothing was computed: only a context token will do */
	rules.qsh_expected = NULL;
	assert_code(verify_text(usual_header, context, &rules, &c), TOKEN_OK);
	assert_code(verify_text(usual_header, STR(C(GOOD_TIMES, "")), &rules, &c), TOKEN_BAD_QSH);
}

static void test_every_byte_of_a_token_counts(void **state)
{
	(void)state;
	char *token = minted(usual_header, STR(C(GOOD_TIMES, "")), SECRET);
	size_t len = strlen(token);
	struct token_rules rules = rules_of_page();
	for (size_t i = 0; i < len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			const struct claims *claims = NULL;
			struct token_unverified t;
			token[i] = (char)(token[i] ^ (1 << bit));
			arena_release(&arena);
			if (token_parse(&arena, (struct str){token, len}, TOKEN_HS256, &t) == TOKEN_OK)
				assert_int_not_equal(token_verify_hs256(&t, SECRET, &rules, &claims), TOKEN_OK);
			assert_null(claims);
			token[i] = (char)(token[i] ^ (1 << bit));
		}
	}
	for (size_t cut = 0; cut < len; cut++) {
		struct token_unverified t;
		const struct claims *claims;
		arena_release(&arena);
		if (token_parse(&arena, (struct str){token, cut}, TOKEN_HS256, &t) == TOKEN_OK)
			assert_code(token_verify_hs256(&t, SECRET, &rules, &claims), TOKEN_BAD_SIGNATURE);
	}
	free(token);
}

static void test_shapes(void **state)
{
	(void)state;
	static const struct {
		const char *token;
		enum token_code code;
	} cases[] = {
	    {"", TOKEN_INVALID},
	    {".", TOKEN_INVALID},
	    {"..", TOKEN_INVALID},
	    {".e30.", TOKEN_INVALID},
	    {"a.b", TOKEN_INVALID},
	    {"e30.e30.", TOKEN_INVALID},
	    {".e30.AA", TOKEN_INVALID},
	    {"e30..AA", TOKEN_INVALID},
	    {"e30.e30.AA.", TOKEN_INVALID},
	    {"eyJhbGciOiJIUzI1NiJ9=.e30.AA", TOKEN_INVALID},
	    {"eyJhbGciOiJIUzI1NiJ9.e30=.AA", TOKEN_INVALID},
	    {"eyJhbGciOiJIUzI1NiJ9.e30.AB", TOKEN_INVALID}, /* unused bits */
	    {"eyJhbGciOiJIUzI1NiJ9.e30.A+", TOKEN_INVALID},
	    {"eyJhbGciOiJIUzI1NiJ9 .e30.AA", TOKEN_INVALID},
	    {"eyJhbGciOiJIUzI1NiJ9.e30.AA", TOKEN_BAD_CLAIMS},
	};
	struct token_unverified t;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_code(token_parse(&arena, str_of(cases[i].token), TOKEN_HS256, &t), cases[i].code);
	char *longest = malloc(TOKEN_MAX_BYTES + 1);
	memset(longest, 'A', TOKEN_MAX_BYTES + 1);
	assert_code(token_parse(&arena, (struct str){longest, TOKEN_MAX_BYTES + 1}, TOKEN_HS256, &t), TOKEN_TOO_LONG);
	assert_code(token_parse(&arena, (struct str){longest, TOKEN_MAX_BYTES}, TOKEN_HS256, &t), TOKEN_INVALID);
	/* a signature longer than any key's */
	memcpy(longest, "eyJhbGciOiJIUzI1NiJ9.e30.", 25);
	assert_code(token_parse(&arena, (struct str){longest, 25 + 1364 + 4}, TOKEN_HS256, &t), TOKEN_INVALID);
	assert_code(token_parse(&arena, (struct str){longest, 25 + 1364}, TOKEN_HS256, &t), TOKEN_BAD_CLAIMS);
	free(longest);
}

static void test_empty_secret_verifies_nothing(void **state)
{
	(void)state;
	/* HMAC with an empty key, as an attacker could make it */
	char *token = minted(usual_header, STR(C(GOOD_TIMES, "")), (struct str){"\0", 1});
	struct token_unverified t;
	struct token_rules rules = rules_of_page();
	const struct claims *claims = NULL;
	assert_code(token_parse(&arena, str_of(token), TOKEN_HS256, &t), TOKEN_OK);
	assert_code(token_verify_hs256(&t, (struct str){"", 0}, &rules, &claims), TOKEN_NO_SECRET);
	assert_null(claims);
	free(token);
}

static void test_trace_of_a_refused_token(void **state)
{
	(void)state;
	char *token = minted(usual_header, STR("{\"iss\":\"who\",\"qsh\":\"what\",\"exp\":\"x\"}"), SECRET);
	struct token_unverified t;
	assert_code(token_parse(&arena, str_of(token), TOKEN_HS256, &t), TOKEN_BAD_CLAIMS);
	assert_str(t.iss, STR("who"));
	assert_str(t.qsh, STR("what"));
	free(token);
	assert_code(token_parse(&arena, STR("x"), TOKEN_HS256, &t), TOKEN_INVALID);
	assert_null(t.iss.ptr);
}

static void test_find(void **state)
{
	(void)state;
	static const struct {
		const char *authorization, *query;
		enum token_code code;
		const char *token;
	} cases[] = {
	    {NULL, NULL, TOKEN_MISSING, NULL},
	    {NULL, "", TOKEN_MISSING, NULL},
	    {NULL, "a=b&JWT=x&jwtt=1&xjwt=2", TOKEN_MISSING, NULL},
	    {"JWT a.b.c", NULL, TOKEN_OK, "a.b.c"},
	    {"jwt a.b.c", "x=1", TOKEN_OK, "a.b.c"},
	    {"JwT   a.b.c ", NULL, TOKEN_OK, "a.b.c"},
	    {"JWT", NULL, TOKEN_OK, ""},
	    {"JWTa.b.c", NULL, TOKEN_MISSING, NULL},
	    {"Bearer a.b.c", NULL, TOKEN_MISSING, NULL},
	    {"Bearer a.b.c", "jwt=x.y.z", TOKEN_OK, "x.y.z"},
	    {"Bearer JWT a.b.c", NULL, TOKEN_MISSING, NULL},
	    {NULL, "jwt=x.y.z", TOKEN_OK, "x.y.z"},
	    {NULL, "a=1&%6Awt=x%2Ey.z&b", TOKEN_OK, "x.y.z"},
	    {NULL, "jwt", TOKEN_OK, ""},
	    {NULL, "jwt=&a", TOKEN_OK, ""},
	    {NULL, "jwt=a&jwt=a", TOKEN_TWO, NULL},
	    {NULL, "jwt=a&%6a%77%74=", TOKEN_TWO, NULL},
	    {"JWT a.b.c", "jwt=a.b.c", TOKEN_TWO, NULL},
	    {"JWT", "jwt", TOKEN_TWO, NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str token = {NULL, 0};
		struct str query = {cases[i].query, cases[i].query ? strlen(cases[i].query) : 0};
		assert_code(token_find(&arena, str_of(cases[i].authorization), query, &token), cases[i].code);
		if (cases[i].token)
			assert_str(token, str_of(cases[i].token));
		else
			assert_null(token.ptr);
	}
}

static void test_out_of_memory(void **state)
{
	(void)state;
	char *token = minted("{\"alg\":\"HS256\" }", STR(C(GOOD_TIMES, "")), SECRET);
	struct token_rules rules = rules_of_page();
	size_t refused = 0, accepted = 0;
	for (size_t room = 0; room <= 2048; room += 16) {
		struct arena small;
		struct token_unverified t;
		const struct claims *claims = NULL;
		arena_init(&small, 0);
		assert_non_null(arena_alloc(&small, ARENA_FIRST_BYTES - room));
		enum token_code code = token_parse(&small, str_of(token), TOKEN_HS256, &t);
		if (code == TOKEN_OK) {
			assert_code(token_verify_hs256(&t, SECRET, &rules, &claims), TOKEN_OK);
			accepted++;
		} else {
			assert_code(code, TOKEN_NO_MEMORY);
			refused++;
		}
		arena_release(&small);
	}
	assert_true(refused > 10 && accepted > 10);
	struct arena none;
	struct str found;
	arena_init(&none, 0);
	assert_non_null(arena_alloc(&none, ARENA_FIRST_BYTES));
	assert_code(token_find(&none, STR(""), STR("jwt=%41"), &found), TOKEN_NO_MEMORY);
	free(token);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(token_code_name(TOKEN_BAD_QSH), "INVALID_QSH");
	assert_string_equal(token_code_text(TOKEN_MISSING), "the request has no token");
	assert_string_equal(token_code_name(TOKEN_CODE_COUNT), "INVALID_JWT");
	assert_string_equal(token_code_text(TOKEN_CODE_COUNT), "unknown code");
	assert_int_equal(TOKEN_INVALID, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_claims_table),
	    T(test_header_table),
	    T(test_what_the_claims_say),
	    T(test_context_token),
	    T(test_every_byte_of_a_token_counts),
	    T(test_shapes),
	    T(test_empty_secret_verifies_nothing),
	    T(test_trace_of_a_refused_token),
	    T(test_find),
	    T(test_out_of_memory),
	    T(test_names),
	};
	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
