/* The judgement: signature first, so that nothing else is worth forging, then times, audience, qsh. The only makers of
 * a struct claims are the two verify functions. Source: RFC 7519 sections 4.1.3 to 4.1.6. */
#include <assert.h>
#include <string.h>

#include "base/secret.h"
#include "token/qsh.h"
#include "token/token_internal.h"

static struct str without_slash(struct str url)
{
	if (url.len && url.ptr[url.len - 1] == '/')
		url.len--;
	return url;
}

static bool is_audience(struct str aud, const struct token_rules *r)
{
	for (size_t i = 0; i < r->audience_count; i++)
		if (str_eq(without_slash(aud), without_slash(r->audiences[i])))
			return true;
	return false;
}

static bool audience_ok(const struct claim_set *set, const struct token_rules *r)
{
	if (!set->has_aud)
		return !r->audience_required;
	for (size_t i = 0; i < set->aud_count; i++) {
		struct str aud = set->aud[i];
		if (is_audience(aud, r))
			return true;
		if (!r->audience_required && aud.len && (str_eq(aud, r->app_key) || str_eq(aud, set->claims.iss)))
			return true;
	}
	return false;
}

static enum token_code check_qsh(struct claim_set *set, const struct token_rules *r)
{
	struct str qsh = set->claims.qsh;
	if (str_eq(qsh, STR("context-qsh"))) {
		set->claims.is_context = true;
		return r->context_allowed ? TOKEN_OK : TOKEN_CONTEXT_NOT_HERE;
	}
	bool same = r->qsh_expected && qsh.len == QSH_LEN && bytes_equal(qsh.ptr, r->qsh_expected, QSH_LEN);
	return same ? TOKEN_OK : TOKEN_BAD_QSH;
}

enum token_code token_check_claims(const struct token_unverified *t, const struct token_rules *r,
                                   const struct claims **ret_claims)
{
	struct claim_set *set = t->set;
	double now = (double)r->now_s;
	if (now > set->exp + TOKEN_LEEWAY_S)
		return TOKEN_EXPIRED;
	if (set->iat > now + TOKEN_LEEWAY_S || set->nbf > now + TOKEN_LEEWAY_S)
		return TOKEN_NOT_YET;
	if (!audience_ok(set, r))
		return TOKEN_WRONG_AUDIENCE;
	enum token_code code = check_qsh(set, r);
	if (code == TOKEN_OK)
		*ret_claims = &set->claims;
	return code;
}

enum token_code token_verify_hs256(const struct token_unverified *t, struct str secret, const struct token_rules *r,
                                   const struct claims **ret_claims)
{
	assert(t->alg == TOKEN_HS256);
	uint8_t mac[32];
	if (secret.len == 0)
		return TOKEN_NO_SECRET;
	if (!hmac_sha256(secret, t->signing_input, mac))
		return TOKEN_NO_MEMORY;
	if (t->signature_len != sizeof(mac) || !bytes_equal(t->signature, mac, sizeof(mac)))
		return TOKEN_BAD_SIGNATURE;
	return token_check_claims(t, r, ret_claims);
}
