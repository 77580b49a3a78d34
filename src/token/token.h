/* token.h - strict verification of signed tokens: our own trade, small and proven.
 *
 * Split, strict base64url, header and claims as objects without duplicate names, alg exactly the pinned one, no crit,
 * key material in the header never used; then OpenSSL for the signature; then times, audience and qsh. What is
 * parsed but not verified is a struct token_unverified; only the two verify functions make a struct claims. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum {
	TOKEN_MAX_BYTES = 8192,
	TOKEN_KID_MAX = 128,
	TOKEN_LEEWAY_S = 30,
	TOKEN_SIGNATURE_ROOM = 1026 /* RSA of 8192 bits, and what the decoder asks for */
};

/* Precise code for the operator (log, metrics, admin); the caller only ever learns 401. */
#define TOKEN_TABLE(X)                                                                                                 \
	X(TOKEN_INVALID, "INVALID_JWT", "the token is not a JWT")                                                          \
	X(TOKEN_OK, "OK", "verified")                                                                                      \
	X(TOKEN_MISSING, "MISSING_JWT", "the request has no token")                                                        \
	X(TOKEN_TWO, "TWO_TOKENS", "the request has more than one token")                                                  \
	X(TOKEN_TOO_LONG, "TOKEN_TOO_LONG", "the token is over 8 KiB")                                                     \
	X(TOKEN_BAD_HEADER, "INVALID_HEADER", "the JOSE header is not acceptable")                                         \
	X(TOKEN_WRONG_ALG, "WRONG_ALGORITHM", "the algorithm is not the one this route takes")                             \
	X(TOKEN_BAD_KID, "INVALID_KID", "the key id is missing or malformed")                                              \
	X(TOKEN_UNKNOWN_KID, "UNKNOWN_KID", "no key host knows the key id")                                                \
	X(TOKEN_KEYS_UNAVAILABLE, "KEY_HOST_UNAVAILABLE", "no key host answered")                                          \
	X(TOKEN_BAD_CLAIMS, "INVALID_CLAIMS", "a claim is missing or of the wrong type")                                   \
	X(TOKEN_UNKNOWN_TENANT, "UNKNOWN_TENANT", "no tenant has this clientKey")                                          \
	X(TOKEN_TENANT_GONE, "TENANT_UNINSTALLED", "the tenant is uninstalled")                                            \
	X(TOKEN_NO_SECRET, "NO_SECRET", "the tenant's secret is not there or could not be opened")                         \
	X(TOKEN_BAD_SIGNATURE, "INVALID_SIGNATURE", "the signature does not verify")                                       \
	X(TOKEN_WEAK_KEY, "WEAK_KEY", "the key is not RSA of at least 2048 bits")                                          \
	X(TOKEN_EXPIRED, "TOKEN_EXPIRED", "exp has passed")                                                                \
	X(TOKEN_NOT_YET, "TOKEN_NOT_YET_VALID", "iat or nbf is in the future")                                             \
	X(TOKEN_WRONG_AUDIENCE, "WRONG_AUDIENCE", "the token is for another audience")                                     \
	X(TOKEN_WRONG_ISSUER, "WRONG_ISSUER", "the token is of another issuer")                                            \
	X(TOKEN_NOT_UTF8, "TARGET_NOT_UTF8", "path or query of the request is not UTF-8")                                  \
	X(TOKEN_BAD_QSH, "INVALID_QSH", "the token was made for another request")                                          \
	X(TOKEN_CONTEXT_NOT_HERE, "CONTEXT_TOKEN_NOT_ALLOWED", "a context token on a route that takes none")               \
	X(TOKEN_NOT_ADMIN, "NOT_ADMIN", "the account is not an administrator")                                             \
	X(TOKEN_NO_MEMORY, "OUT_OF_MEMORY", "out of memory")

enum token_code {
#define X(id, name, text) id,
	TOKEN_TABLE(X)
#undef X
	    TOKEN_CODE_COUNT
};
const char *token_code_name(enum token_code c);
const char *token_code_text(enum token_code c);

enum token_alg { TOKEN_HS256 = 1, TOKEN_RS256 };

/* [A-Za-z0-9-]{1,128}: any other kid never leaves this process. */
bool token_kid_ok(struct str kid);

/* Read, not believed: good for finding the key (kid, iss), for knowing which qsh is needed, for the operator's trace,
 * and for nothing else. Text is in the arena of token_parse. */
struct token_unverified {
	enum token_alg alg;
	struct str signing_input; /* header.payload as sent */
	uint8_t signature[TOKEN_SIGNATURE_ROOM];
	size_t signature_len;
	struct str kid; /* RS256: token_kid_ok() */
	struct str iss, qsh;
	bool asks_context;     /* qsh is context-qsh */
	struct claim_set *set; /* of token_parse.c and token_verify.c */
};

struct claims {
	struct str iss, sub, qsh;
	struct str account_id; /* sub, or context.user.accountId; empty for server-to-server */
	int64_t iat_s, exp_s;
	bool is_context;                  /* qsh was context-qsh */
	bool has_license, license_active; /* context.license.active */
};

struct token_rules {
	int64_t now_s;
	bool audience_required;      /* lifecycle */
	const struct str *audiences; /* base URLs; a trailing slash is ignored, otherwise exact */
	size_t audience_count;
	struct str app_key;       /* HS256: an aud that names the app is fine too */
	const char *qsh_expected; /* QSH_LEN characters; NULL: only a context token will do */
	bool context_allowed;     /* "context-qsh" is enough */
};

/* Strict parse; alg must be exactly this one. TOKEN_OK or why not. No cryptography, no network. After a refusal ret
 * holds iss and qsh as far as they were read (ptr NULL else). */
enum token_code token_parse(struct arena *a, struct str token, enum token_alg alg, struct token_unverified *ret);
/* *ret_claims is set on TOKEN_OK only. HS256: aud may be absent; if there, it must hold an audience, the app key or the
 * iss. An empty secret verifies nothing. */
enum token_code token_verify_hs256(const struct token_unverified *t, struct str secret, const struct token_rules *r,
                                   const struct claims **ret_claims);
struct rsa_key;
/* One "PUBLIC KEY" PEM (SPKI) and nothing else: RSA of 2048 to 8192 bits, odd exponent of 3 to 64 bits. NULL: not such
 * a key, *ret_code is TOKEN_WEAK_KEY; or TOKEN_NO_MEMORY. Shared by threads. */
struct rsa_key *rsa_key_from_pem(struct str pem, enum token_code *ret_code);
/* The same from a JSON Web Key's modulus and exponent, base64url as they stand there. */
struct rsa_key *rsa_key_from_jwk(struct str n, struct str e, enum token_code *ret_code);
void rsa_key_free(struct rsa_key *k);
enum token_code token_verify_rs256(const struct token_unverified *t, const struct rsa_key *key,
                                   const struct token_rules *r, const struct claims **ret_claims);

/* Finds the one token of a request: `Authorization: JWT <t>` (scheme in any case; another scheme is no token) and the
 * raw query's jwt parameters (name compared after decoding). TOKEN_OK, TOKEN_MISSING, TOKEN_TWO or TOKEN_NO_MEMORY. */
enum token_code token_find(struct arena *a, struct str authorization, struct str query, struct str *ret_token);

/* Mints a token of our own: calls to hosts, the simulated site. claims: JSON object text; kid empty: none. malloc'd. */
enum err token_mint_hs256(struct str secret, struct str claims_json, char **ret);
enum err token_mint_rs256(struct str private_pem, struct str kid, struct str claims_json, char **ret);
