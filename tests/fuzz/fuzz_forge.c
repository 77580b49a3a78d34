/* fuzz_forge.c - what Forge sends. The first byte says what the rest is:
 *   t  claims of an invocation token as JSON, under a header of ours: what is read holds what the server relies on
 *   r  a token as sent
 *   e  the body of a lifecycle event
 *   k  a set of keys
 *   l  an answer of the licence resource */
#include <assert.h>
#include <string.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "base/secret.h"
#include "forge/events_body.h"
#include "forge/jwks.h"
#include "forge/license_body.h"
#include "token/fit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_token(struct str token)
{
	struct arena a;
	struct fit_unverified t;
	arena_init(&a, 1 << 20);
	enum token_code code = fit_parse(&a, token, &t);
	const struct str id = fit_claimed_installation(&t);
	if (code == TOKEN_OK)
		assert(fit_id_ok(id) && fit_kid_ok(t.token.kid));
	struct str found;
	(void)fit_find(token, &found);
	arena_release(&a);
}

static void check_claims(struct str claims)
{
	static const char header[] = "{\"alg\":\"RS256\",\"kid\":\"k\"}";
	__cleanup_buf struct buf token = BUF_INIT(1 << 16);
	b64url_encode(&token, (const uint8_t *)header, strlen(header));
	buf_char(&token, '.');
	b64url_encode(&token, (const uint8_t *)claims.ptr, claims.len);
	buf_z(&token, ".AAAA");
	if (token.err == OK)
		check_token(buf_text(&token));
}

static void check_event(struct str text)
{
	struct events_body b;
	const char *field;
	if (!events_body_read(text, &b, &field))
		return;
	if (b.event != FORGE_EVENT_OTHER)
		assert(fit_id_ok(b.installation_id) && b.version.len <= FIT_TEXT_MAX && str_printable(b.version));
	events_body_release(&b);
}

static void check_keys(struct str text)
{
	struct jwks_set *set = NULL;
	if (jwks_read(text, &set) == OK)
		assert(jwks_set_count(set) > 0 && jwks_set_count(set) <= JWKS_KEYS_MAX);
	jwks_set_free(set);
}

static void check_license(struct str text)
{
	struct license_facts facts;
	__cleanup_json json_t *json = NULL;
	if (!license_body_read(text, STR("ari:cloud:ecosystem::app/one"), &facts, &json))
		assert(facts.expires_at >= 0 && facts.users_max == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || !crypto_init())
		return 0;
	const struct str rest = {(const char *)data + 1, size - 1};
	switch (data[0]) {
	case 't':
		check_claims(rest);
		break;
	case 'r':
		check_token(rest);
		break;
	case 'e':
		check_event(rest);
		break;
	case 'k':
		check_keys(rest);
		break;
	case 'l':
		check_license(rest);
		break;
	default:
		break;
	}
	return 0;
}
