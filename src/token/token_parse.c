/* From the bytes of a token to a struct token_unverified: split, base64url, header, claims. Nothing here is secret or
 * believed, so nothing needs constant time. The usual JOSE headers are recognised by their bytes; whatever else is read
 * strictly. Source: RFC 7515 sections 4.1, 5.2, 7.1, RFC 7519 section 7.2. */
#include <string.h>

#include "base/b64.h"
#include "base/form.h"
#include "token/claims_json.h"
#include "token/token_internal.h"

static const struct {
	const char *name, *text;
} codes[TOKEN_CODE_COUNT] = {
#define X(id, name, text) [id] = {name, text},
    TOKEN_TABLE(X)
#undef X
};

const char *token_code_name(enum token_code c)
{
	return c < TOKEN_CODE_COUNT ? codes[c].name : "INVALID_JWT";
}

const char *token_code_text(enum token_code c)
{
	return c < TOKEN_CODE_COUNT ? codes[c].text : "unknown code";
}

struct header {
	struct str alg, kid; /* empty when not text */
};

static bool is_text(const struct claims_value *v)
{
	return v->type == CLAIMS_STRING;
}

/* Key material or places of it (jku, jwk, x5u, x5c) are members like any other unknown one: never looked at. */
static bool header_member(void *arg, const struct str *path, size_t depth, const struct claims_value *v)
{
	struct header *h = arg;
	if (depth != 1)
		return true;
	if (str_eq(path[0], STR("alg"))) {
		h->alg = v->text;
		return is_text(v);
	}
	if (str_eq(path[0], STR("kid"))) {
		h->kid = v->text;
		return true;
	}
	if (str_eq(path[0], STR("typ")))
		return is_text(v) && str_ieq(v->text, STR("JWT"));
	/* RFC 7515 4.1.11: an extension we must understand, and we understand none; b64 (RFC 7797) changes what is signed
	 */
	return !str_eq(path[0], STR("crit")) && !str_eq(path[0], STR("b64"));
}

bool token_kid_ok(struct str kid)
{
	if (kid.len == 0 || kid.len > TOKEN_KID_MAX)
		return false;
	for (size_t i = 0; i < kid.len; i++) {
		char c = kid.ptr[i], lower = (char)(c | 0x20);
		if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return true;
}

enum token_code token_decode_text(struct arena *a, struct str part, enum token_code malformed, char **ret,
                                  size_t *ret_len)
{
	char *text = arena_alloc(a, part.len / 4 * 3 + 3);
	if (!text)
		return TOKEN_NO_MEMORY;
	size_t len;
	if (!b64url_decode(part, (uint8_t *)text, &len))
		return malformed;
	text[len] = '\0';
	*ret = text;
	*ret_len = len;
	return TOKEN_OK;
}

/* {"typ":"JWT","alg":"HS256"} and {"alg":"HS256","typ":"JWT"}: what the hosts send. */
static bool usual_hs256_header(struct str part)
{
	return str_eq(part, STR("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9")) ||
	       str_eq(part, STR("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"));
}

static enum token_code read_header(struct arena *a, struct str part, enum token_alg alg, token_kid_fn *kid_ok,
                                   struct token_unverified *t)
{
	if (alg == TOKEN_HS256 && usual_hs256_header(part))
		return TOKEN_OK;
	char *text;
	size_t len;
	enum token_code code = token_decode_text(a, part, TOKEN_INVALID, &text, &len);
	if (code != TOKEN_OK)
		return code;
	struct header h = {0};
	if (!claims_json_read(text, len, header_member, &h))
		return TOKEN_BAD_HEADER;
	if (!str_eq(h.alg, alg == TOKEN_HS256 ? STR("HS256") : STR("RS256")))
		return TOKEN_WRONG_ALG;
	if (alg == TOKEN_RS256) {
		if (!kid_ok(h.kid))
			return TOKEN_BAD_KID;
		t->kid = h.kid;
	}
	return TOKEN_OK;
}

static bool refuse(struct claim_set *set, enum token_code code)
{
	set->refused = code;
	return false;
}

static bool take_text(struct claim_set *set, const struct claims_value *v, struct str *ret)
{
	*ret = v->text;
	return is_text(v) || refuse(set, TOKEN_BAD_CLAIMS);
}

static bool take_time(struct claim_set *set, const struct claims_value *v, double *ret)
{
	*ret = v->number;
	return v->type == CLAIMS_NUMBER || refuse(set, TOKEN_BAD_CLAIMS);
}

static bool audience(struct claim_set *set, size_t depth, const struct claims_value *v)
{
	set->has_aud = true;
	if (depth == 1 && v->type == CLAIMS_ARRAY)
		return true;
	if (!is_text(v) || set->aud_count == TOKEN_AUD_MAX)
		return refuse(set, TOKEN_WRONG_AUDIENCE);
	set->aud[set->aud_count++] = v->text;
	return true;
}

static void context_member(struct claim_set *set, const struct str *path, const struct claims_value *v)
{
	if (str_eq(path[1], STR("user")) && str_eq(path[2], STR("accountId")) && is_text(v)) {
		set->context_account_id = v->text;
	} else if (str_eq(path[1], STR("license")) && str_eq(path[2], STR("active")) && v->type == CLAIMS_BOOL) {
		set->claims.has_license = true;
		set->claims.license_active = v->truth;
	}
}

static bool claim(void *arg, const struct str *path, size_t depth, const struct claims_value *v)
{
	struct claim_set *set = arg;
	struct str name = path[0];
	if (name.len == 3 && depth == 1) {
		if (str_eq(name, STR("iss")))
			return take_text(set, v, &set->claims.iss);
		if (str_eq(name, STR("sub")))
			return take_text(set, v, &set->claims.sub);
		if (str_eq(name, STR("qsh")))
			return take_text(set, v, &set->claims.qsh);
		if (str_eq(name, STR("nbf")))
			return take_time(set, v, &set->nbf);
		if (str_eq(name, STR("iat")))
			return set->has_iat = take_time(set, v, &set->iat);
		if (str_eq(name, STR("exp")))
			return set->has_exp = take_time(set, v, &set->exp);
	}
	if (str_eq(name, STR("aud")))
		return audience(set, depth, v);
	if (depth == 3 && str_eq(name, STR("context")))
		context_member(set, path, v);
	return true;
}

static int64_t whole_seconds(double s)
{
	/* 2^63 is a double, INT64_MAX is not */
	if (s >= 0x1p63 || s <= -0x1p63)
		return s > 0 ? INT64_MAX : INT64_MIN;
	int64_t n = (int64_t)s;
	return (double)n > s ? n - 1 : n;
}

static enum token_code read_claims(struct arena *a, struct str part, struct claim_set *set)
{
	char *text;
	size_t len;
	enum token_code code = token_decode_text(a, part, TOKEN_INVALID, &text, &len);
	if (code != TOKEN_OK)
		return code;
	if (!claims_json_read(text, len, claim, set))
		return set->refused;
	struct claims *c = &set->claims;
	if (c->iss.len == 0 || !c->qsh.ptr || !set->has_iat || !set->has_exp)
		return TOKEN_BAD_CLAIMS;
	c->iat_s = whole_seconds(set->iat);
	c->exp_s = whole_seconds(set->exp);
	c->account_id = c->sub.len ? c->sub : set->context_account_id;
	return TOKEN_OK;
}

/* Not the room of the signature: a kilobyte that nobody reads beyond its length. */
static void token_unread(struct token_unverified *t, enum token_alg alg)
{
	t->alg = alg;
	t->signature_len = 0;
	t->signing_input = t->kid = t->iss = t->qsh = (struct str){NULL, 0};
	t->asks_context = false;
	t->set = NULL;
}

enum token_code token_read_parts(struct arena *a, struct str token, enum token_alg alg, token_kid_fn *kid_ok,
                                 struct token_unverified *t, struct str *ret_payload)
{
	struct str header, payload, signature, rest = token;
	token_unread(t, alg);
	if (token.len > TOKEN_MAX_BYTES)
		return TOKEN_TOO_LONG;
	if (!str_split(&rest, '.', &header) || !str_split(&rest, '.', &payload) || !str_split(&rest, '.', &signature) ||
	    rest.ptr || header.len == 0 || payload.len == 0 || signature.len == 0)
		return TOKEN_INVALID;
	if (signature.len / 4 * 3 + 2 > sizeof(t->signature))
		return TOKEN_INVALID;
	enum token_code code = read_header(a, header, alg, kid_ok, t);
	if (code != TOKEN_OK)
		return code;
	if (!b64url_decode(signature, t->signature, &t->signature_len))
		return TOKEN_INVALID;
	t->signing_input = (struct str){token.ptr, header.len + 1 + payload.len};
	*ret_payload = payload;
	return TOKEN_OK;
}

enum token_code token_parse(struct arena *a, struct str token, enum token_alg alg, struct token_unverified *ret)
{
	struct str payload;
	struct claim_set *set = arena_zalloc(a, sizeof(*set));
	if (!set) {
		token_unread(ret, alg);
		return token.len > TOKEN_MAX_BYTES ? TOKEN_TOO_LONG : TOKEN_NO_MEMORY;
	}
	enum token_code code = token_read_parts(a, token, alg, token_kid_ok, ret, &payload);
	if (code == TOKEN_OK)
		code = read_claims(a, payload, set);
	ret->set = set;
	ret->iss = set->claims.iss;
	ret->qsh = set->claims.qsh;
	ret->asks_context = str_eq(ret->qsh, STR("context-qsh"));
	return code;
}

enum token_code token_find(struct arena *a, struct str authorization, struct str query, struct str *ret_token)
{
	struct str found = {NULL, 0}, name, value;
	size_t count = 0;
	if (str_istarts(authorization, STR("JWT ")) || str_ieq(authorization, STR("JWT"))) {
		found = str_trim((struct str){authorization.ptr + 3, authorization.len - 3});
		count++;
	}
	while (form_next(&query, &name, &value)) {
		if (!form_is(name, "jwt"))
			continue;
		found = value;
		if (++count > 1)
			return TOKEN_TWO;
		if (!form_decode(a, value, &found))
			return TOKEN_NO_MEMORY;
	}
	if (count == 0)
		return TOKEN_MISSING;
	*ret_token = found;
	return TOKEN_OK;
}
