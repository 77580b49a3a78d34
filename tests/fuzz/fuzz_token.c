/* Tokens. The first byte says what the rest is:
 *   t  a token as sent (and an Authorization header, and a query to find one in)
 *   c  "<header JSON>\n<claims JSON>", signed here: what is accepted, libjwt accepts too
 *   j  JSON for the claims reader: what it accepts, jansson reads with the same values
 *   p  a PEM text for an install key */
#include <jwt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/token/claims_twin.h"
#include "../unit/token/minted.h"
#include "token/qsh.h"
#include "token/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECRET STR("fuzzed-tenant-secret")
static const char public_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                                 "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzVPvmJwfAsPLVtwKJ5Rd\n"
                                 "PH6H94hq71OO6MVLDl67VB0K8hK1yqTx7xLoy23y7GhYglGyMC88mjujFRcZzU9W\n"
                                 "goGZGTb0vDIOwcHWllhG44sOZ5mmByOaQ5oFtYZiSf01Nz2nLeqEY0fgjGTnN13p\n"
                                 "tfgs3WrHQjHoM0UmxGVDqs8RdFV30drhPLdCQAsa2j7ZSIo6eeKoAzHRR8TUae+a\n"
                                 "05LAlUCatrCMOJ/Hm9F/d2zxM+hwJHuYS8KW3uRw2Ssb+7g0VHl+wDp2h0LY+4WX\n"
                                 "Pxmhsu+u2CiaR3is0jgEICT7y4M15Q1GL5fkWfqij9HpUEvdam9k+JkL7oQQmJZ/\n"
                                 "4QIDAQAB\n-----END PUBLIC KEY-----\n";

static const struct str base_url = {"https://addon.example.test", 26};

static struct token_rules rules_now(void)
{
	return (struct token_rules){.now_s = 1750000000,
	                            .audiences = &base_url,
	                            .audience_count = 1,
	                            .app_key = STR("com.example.addon"),
	                            .qsh_expected = "4a2e1de8ca74e6cafe8862d332fa3ac7a8e51e692bc6d798ea4dfedc14948bf4",
	                            .context_allowed = true};
}

/* A code never comes without its claims, nor claims without the code; libjwt is asked about what passed. */
static void check(enum token_code code, const struct claims *claims, struct str token, jwt_alg_t alg, struct str key)
{
	if ((code == TOKEN_OK) != (claims != NULL))
		abort();
	if (code != TOKEN_OK)
		return;
	if (claims->iss.len == 0 || !claims->qsh.ptr || memchr(claims->iss.ptr, '\0', claims->iss.len))
		abort();
	char *text = str_dup(token);
	jwt_t *jwt = NULL;
	if (jwt_decode(&jwt, text, (const unsigned char *)key.ptr, (int)key.len) != 0 || jwt_get_alg(jwt) != alg)
		abort();
	jwt_free(jwt);
	free(text);
}

static void token_as_sent(struct arena *a, struct str token)
{
	static struct rsa_key *key;
	enum token_code code;
	if (!key)
		key = rsa_key_from_pem(str_of(public_pem), &code);
	struct token_rules rules = rules_now();
	struct token_unverified t;
	const struct claims *claims = NULL;
	code = token_parse(a, token, TOKEN_HS256, &t);
	if (code == TOKEN_OK)
		code = token_verify_hs256(&t, SECRET, &rules, &claims);
	check(code, claims, token, JWT_ALG_HS256, SECRET);

	claims = NULL;
	rules.audience_required = true;
	code = token_parse(a, token, TOKEN_RS256, &t);
	if (code == TOKEN_OK)
		code = token_verify_rs256(&t, key, &rules, &claims);
	check(code, claims, token, JWT_ALG_RS256, str_of(public_pem));

	struct str found;
	(void)token_find(a, token, (struct str){NULL, 0}, &found);
	(void)token_find(a, (struct str){NULL, 0}, token, &found);
}

static void signed_claims(struct arena *a, struct str text)
{
	size_t line = str_find(text, '\n');
	if (line == text.len)
		return;
	char *header = arena_strz(a, (struct str){text.ptr, line});
	char *token = minted(header, (struct str){text.ptr + line + 1, text.len - line - 1}, SECRET);
	if (!token)
		return;
	token_as_sent(a, str_of(token));
	free(token);
}

static void install_key(struct str pem)
{
	enum token_code code = TOKEN_OK;
	struct rsa_key *key = rsa_key_from_pem(pem, &code);
	if (!key && code != TOKEN_WEAK_KEY)
		abort();
	rsa_key_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!crypto_init())
		abort();
	if (size == 0 || size > 16384)
		return 0;
	struct str text = {(const char *)data + 1, size - 1};
	struct arena arena;
	arena_init(&arena, 1 << 20);
	switch (data[0]) {
	case 'c':
		signed_claims(&arena, text);
		break;
	case 'j':
		if (!claims_agrees(text))
			abort();
		break;
	case 'p':
		install_key(text);
		break;
	default:
		token_as_sent(&arena, text);
	}
	arena_release(&arena);
	return 0;
}
