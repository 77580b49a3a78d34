/* fit.h - the Forge Invocation Token: who calls by Atlassian's Forge, and what it says of the licence.
 *
 * An RS256 token of Atlassian's for one app (`aud` is the app's ARI, exactly), bound to no request and good for some 25
 * seconds. Read with the strictness of every other token (token.h). A struct fit is made by the verifier alone. The
 * licence is decided by `isActive`; its other members, whatever they hold, only refine it. */
#pragma once
#include "token/token.h"

#define FIT_ISSUER "forge/invocation-token"

enum { FIT_TEXT_MAX = 255 /* longer ids and URLs count as absent */ };

struct fit {
	struct str installation_id; /* "ari:cloud:ecosystem::installation/…": fit_id_ok() */
	struct str environment;     /* "PRODUCTION", "STAGING", "DEVELOPMENT"; empty: not said, which is not PRODUCTION */
	struct str environment_id, app_version, module_key;
	struct str product;            /* "Jira", "Confluence", as the installation's first context has it; may be empty */
	struct str cloud_id, site_url; /* may be empty */
	struct str account_id;         /* principal; empty: no person calls */
	bool has_license;              /* absent for free apps and outside PRODUCTION */
	bool license_active, license_evaluation;
	int64_t trial_end, subscription_end; /* wall ms; 0: not said, or no number */
	struct str entitlement_id, entitlement_number, sen, license_type;
	int64_t iat_s, exp_s;
};

/* Read, not believed: for finding the key and for the operator's trace. Texts are in the arena of fit_parse. */
struct fit_unverified {
	struct token_unverified token; /* kid: fit_kid_ok() */
	struct fit_set *set;           /* of fit.c */
};

/* Segments of [A-Za-z0-9._+-] between single slashes, none of dots alone, at most TOKEN_KID_MAX: another kid asks for
 * no key. It never gets into a URL. */
bool fit_kid_ok(struct str kid);
/* 1 to 200 characters of [A-Za-z0-9._:/-]: it becomes part of a tenant's key. */
bool fit_id_ok(struct str id);
enum token_code fit_parse(struct arena *a, struct str token, struct fit_unverified *ret);
/* The installation that the token claims to come from, unverified; ptr NULL if unreadable. */
struct str fit_claimed_installation(const struct fit_unverified *t);
/* Signature, issuer, audience (app_id, exactly and alone), times with TOKEN_LEEWAY_S. *ret_fit on TOKEN_OK only. */
enum token_code fit_verify(const struct fit_unverified *t, const struct rsa_key *key, struct str app_id, int64_t now_s,
                           const struct fit **ret_fit);

/* The one token of `Authorization: Bearer <t>` (scheme in any case; another scheme is no token). TOKEN_OK or
 * TOKEN_MISSING. A query is never looked at. */
enum token_code fit_find(struct str authorization, struct str *ret_token);
