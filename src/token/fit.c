/* fit.c - reads and judges a Forge Invocation Token. See fit.h. Source: Atlassian's "Forge remote invocation contract".
 */
#include "token/fit.h"

#include <string.h>

#include "token/claims_json.h"
#include "token/token_internal.h"

struct fit_set {
	struct fit fit; /* given away after verification */
	struct str iss, aud;
	double exp, iat, nbf;
	bool has_exp, has_iat;
	struct str other_installation_id; /* app.installation.id */
	struct str api_base_url;          /* of the installation's first context, else of the app */
	size_t contexts;
	bool bad; /* a claim of the wrong type */
};

static bool is_kid_char(char c)
{
	char lower = (char)(c | 0x20);
	return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '+';
}

bool fit_kid_ok(struct str kid)
{
	bool named = false; /* the segment has more than dots */
	if (kid.len == 0 || kid.len > TOKEN_KID_MAX)
		return false;
	for (size_t i = 0; i < kid.len; i++) {
		char c = kid.ptr[i];
		if (c == '/') {
			if (!named)
				return false;
			named = false;
		} else if (is_kid_char(c)) {
			named = true;
		} else if (c != '.') {
			return false;
		}
	}
	return named;
}

enum { ID_MAX = 200 };

bool fit_id_ok(struct str id)
{
	if (id.len == 0 || id.len > ID_MAX)
		return false;
	for (size_t i = 0; i < id.len; i++) {
		char c = id.ptr[i];
		if (!(is_kid_char(c) && c != '+') && c != '.' && c != ':' && c != '/')
			return false;
	}
	return true;
}

/* ---- claims ---- */

/* What is not usable text counts as absent: none of it decides. */
static void take(struct str *to, const struct claims_value *v)
{
	if (v->type == CLAIMS_STRING && v->text.len <= FIT_TEXT_MAX && str_printable(v->text))
		*to = v->text;
}

/* Milliseconds as a number or as its digits. */
static void take_ms(int64_t *to, const struct claims_value *v)
{
	int64_t ms = 0;
	if (v->type == CLAIMS_STRING && str_to_int64(v->text, &ms) == OK && ms > 0)
		*to = ms;
	else if (v->type == CLAIMS_NUMBER && v->number >= 1 && v->number < 0x1p53)
		*to = (int64_t)v->number;
}

static void license_member(struct fit *f, struct str name, const struct claims_value *v)
{
	if (str_eqz(name, "isActive"))
		f->license_active = v->type == CLAIMS_BOOL && v->truth;
	else if (str_eqz(name, "isEvaluation"))
		f->license_evaluation = v->type == CLAIMS_BOOL && v->truth;
	else if (str_eqz(name, "trialEndDate"))
		take_ms(&f->trial_end, v);
	else if (str_eqz(name, "subscriptionEndDate"))
		take_ms(&f->subscription_end, v);
	else if (str_eqz(name, "ccpEntitlementId"))
		take(&f->entitlement_id, v);
	else if (str_eqz(name, "ccpEntitlementSlug"))
		take(&f->entitlement_number, v);
	else if (str_eqz(name, "supportEntitlementNumber"))
		take(&f->sen, v);
	else if (str_eqz(name, "type"))
		take(&f->license_type, v);
}

/* app.NAME */
static void app_member(struct fit_set *s, struct str name, const struct claims_value *v)
{
	if (str_eqz(name, "installationId"))
		take(&s->fit.installation_id, v);
	else if (str_eqz(name, "appVersion"))
		take(&s->fit.app_version, v);
	else if (str_eqz(name, "apiBaseUrl") && s->contexts == 0)
		take(&s->api_base_url, v);
	else if (str_eqz(name, "license"))
		s->fit.has_license = v->type != CLAIMS_NULL; /* something that is no object is a licence that is not active */
}

/* app.PARENT.NAME */
static void app_detail(struct fit_set *s, struct str parent, struct str name, const struct claims_value *v)
{
	if (str_eqz(parent, "license"))
		license_member(&s->fit, name, v);
	else if (str_eqz(parent, "environment") && str_eqz(name, "type"))
		take(&s->fit.environment, v);
	else if (str_eqz(parent, "environment") && str_eqz(name, "id"))
		take(&s->fit.environment_id, v);
	else if (str_eqz(parent, "installation") && str_eqz(name, "id"))
		take(&s->other_installation_id, v);
}

/* app.installation.contexts[]: path[3] is the element, path[4] its member. The first one counts. */
static void installation_context(struct fit_set *s, const struct str *path, size_t depth, const struct claims_value *v)
{
	if (!str_eqz(path[1], "installation") || !str_eqz(path[2], "contexts"))
		return;
	if (depth == 4 && v->type == CLAIMS_OBJECT)
		s->contexts++;
	if (depth != 5 || s->contexts != 1)
		return;
	if (str_eqz(path[4], "name"))
		take(&s->fit.product, v);
	else if (str_eqz(path[4], "apiBaseUrl"))
		take(&s->api_base_url, v);
}

static void context_member(struct fit *f, struct str name, const struct claims_value *v)
{
	if (str_eqz(name, "cloudId"))
		take(&f->cloud_id, v);
	else if (str_eqz(name, "siteUrl"))
		take(&f->site_url, v);
	else if (str_eqz(name, "moduleKey"))
		take(&f->module_key, v);
}

static void time_claim(struct fit_set *s, const struct claims_value *v, double *to, bool *has)
{
	s->bad = s->bad || v->type != CLAIMS_NUMBER;
	*to = v->number;
	*has = true;
}

static void registered_claim(struct fit_set *s, struct str name, const struct claims_value *v)
{
	bool has_nbf;
	if (str_eqz(name, "iss") || str_eqz(name, "aud")) {
		/* an audience list is not what Atlassian sends: another app in it would be believed too */
		s->bad = s->bad || v->type != CLAIMS_STRING;
		*(name.ptr[0] == 'i' ? &s->iss : &s->aud) = v->text;
	} else if (str_eqz(name, "exp")) {
		time_claim(s, v, &s->exp, &s->has_exp);
	} else if (str_eqz(name, "iat")) {
		time_claim(s, v, &s->iat, &s->has_iat);
	} else if (str_eqz(name, "nbf")) {
		time_claim(s, v, &s->nbf, &has_nbf);
	} else if (str_eqz(name, "principal")) {
		take(&s->fit.account_id, v);
	}
}

static bool claim(void *arg, const struct str *path, size_t depth, const struct claims_value *v)
{
	struct fit_set *s = arg;
	const bool app = str_eqz(path[0], "app");
	if (depth == 1)
		registered_claim(s, path[0], v);
	else if (app && depth == 2)
		app_member(s, path[1], v);
	else if (app && depth == 3)
		app_detail(s, path[1], path[2], v);
	else if (app)
		installation_context(s, path, depth, v);
	else if (depth == 2 && str_eqz(path[0], "context"))
		context_member(&s->fit, path[1], v);
	return true;
}

/* "https://api.atlassian.com/ex/jira/<cloudId>": product and site where nothing else says them. */
static void from_api_base_url(struct fit_set *s)
{
	struct str rest = s->api_base_url, piece, before = {0}, last = {0};
	size_t at = 0;
	if (!str_starts(rest, STR("https://")))
		return;
	while (str_split(&rest, '/', &piece)) {
		before = last;
		last = piece;
		at++;
	}
	if (at != 6 || last.len == 0) /* https: "" host ex product id */
		return;
	if (s->fit.product.len == 0)
		s->fit.product = before;
	if (s->fit.cloud_id.len == 0)
		s->fit.cloud_id = last;
}

static enum token_code check_set(struct fit_set *s)
{
	struct fit *f = &s->fit;
	if (f->installation_id.len == 0)
		f->installation_id = s->other_installation_id;
	if (s->bad || !s->has_exp || !s->has_iat || s->iss.len == 0 || s->aud.len == 0 || !fit_id_ok(f->installation_id))
		return TOKEN_BAD_CLAIMS;
	/* beyond any calendar: refused, so that the whole seconds below are what was said */
	if (s->exp >= 0x1p52 || s->exp <= -0x1p52 || s->iat >= 0x1p52 || s->iat <= -0x1p52)
		return TOKEN_BAD_CLAIMS;
	f->exp_s = (int64_t)s->exp;
	f->iat_s = (int64_t)s->iat;
	from_api_base_url(s);
	return TOKEN_OK;
}

enum token_code fit_parse(struct arena *a, struct str token, struct fit_unverified *ret)
{
	struct str payload;
	char *text;
	size_t len;
	ret->set = NULL;
	enum token_code code = token_read_parts(a, token, TOKEN_RS256, fit_kid_ok, &ret->token, &payload);
	if (code != TOKEN_OK)
		return code;
	if (!(ret->set = arena_zalloc(a, sizeof(*ret->set))))
		return TOKEN_NO_MEMORY;
	code = token_decode_text(a, payload, TOKEN_INVALID, &text, &len);
	if (code != TOKEN_OK)
		return code;
	return claims_json_read(text, len, claim, ret->set) ? check_set(ret->set) : TOKEN_INVALID;
}

struct str fit_claimed_installation(const struct fit_unverified *t)
{
	return t->set ? t->set->fit.installation_id : (struct str){NULL, 0};
}

enum token_code fit_verify(const struct fit_unverified *t, const struct rsa_key *key, struct str app_id, int64_t now_s,
                           const struct fit **ret_fit)
{
	const struct fit_set *s = t->set;
	const double now = (double)now_s;
	enum token_code code = token_check_rs256(&t->token, key);
	if (code != TOKEN_OK)
		return code;
	if (now > s->exp + TOKEN_LEEWAY_S)
		return TOKEN_EXPIRED;
	if (s->iat > now + TOKEN_LEEWAY_S || s->nbf > now + TOKEN_LEEWAY_S)
		return TOKEN_NOT_YET;
	if (!str_eq(s->iss, STR(FIT_ISSUER)))
		return TOKEN_WRONG_ISSUER;
	if (app_id.len == 0 || !str_eq(s->aud, app_id))
		return TOKEN_WRONG_AUDIENCE;
	*ret_fit = &s->fit;
	return TOKEN_OK;
}

enum token_code fit_find(struct str authorization, struct str *ret_token)
{
	const struct str scheme = STR("Bearer");
	if (!str_istarts(authorization, STR("Bearer ")) && !str_ieq(authorization, scheme))
		return TOKEN_MISSING;
	*ret_token = str_trim((struct str){authorization.ptr + scheme.len, authorization.len - scheme.len});
	return TOKEN_OK;
}
