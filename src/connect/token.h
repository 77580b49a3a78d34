/* token.h - strict verification of Connect tokens: our own trade, small and proven.
 *
 * Split, strict base64url, header and claims as objects without duplicate names, alg exactly the pinned one, no crit,
 * key material in the header never used; then OpenSSL for the signature; then times, audience and qsh. What is
 * parsed but not verified is a struct token_unverified; only the two verify functions make a struct claims. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum { TOKEN_MAX_BYTES = 8192, TOKEN_LEEWAY_S = 30 };

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
	X(TOKEN_BAD_CLAIMS, "INVALID_CLAIMS", "a claim is missing or of the wrong type")                                   \
	X(TOKEN_UNKNOWN_TENANT, "UNKNOWN_TENANT", "no tenant has this clientKey")                                          \
	X(TOKEN_TENANT_GONE, "TENANT_UNINSTALLED", "the tenant is uninstalled")                                            \
	X(TOKEN_BAD_SIGNATURE, "INVALID_SIGNATURE", "the signature does not verify")                                       \
	X(TOKEN_WEAK_KEY, "WEAK_KEY", "the key is not RSA of at least 2048 bits")                                          \
	X(TOKEN_EXPIRED, "TOKEN_EXPIRED", "exp has passed")                                                                \
	X(TOKEN_NOT_YET, "TOKEN_NOT_YET_VALID", "iat or nbf is in the future")                                             \
	X(TOKEN_WRONG_AUDIENCE, "WRONG_AUDIENCE", "the token is for another audience")                                     \
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

/* Read, not believed: good for finding the key (kid, iss) and for nothing else. */
struct token_unverified {
	struct str signing_input; /* header.payload as sent */
	uint8_t signature[1024];
	size_t signature_len;
	struct str kid;           /* RS256: checked against [A-Za-z0-9-]{1,128} */
	struct str iss;
	struct claims *claims_; /* of token.c */
};

struct claims {
	struct str iss, sub, qsh;
	struct str account_id; /* sub, or context.user.accountId; empty for server-to-server */
	int64_t iat_s, exp_s;
	bool is_context;       /* qsh was context-qsh */
	bool has_license, license_active; /* context.license.active */
};

struct token_rules {
	int64_t now_s;
	bool audience_required;         /* lifecycle */
	const struct str *audiences;    /* accepted values; a trailing slash is ignored, otherwise exact */
	size_t audience_count;
	const char *qsh_expected;       /* QSH_LEN characters */
	bool context_allowed;           /* "context-qsh" is enough */
};

/* Strict parse; alg must be exactly this one. TOKEN_OK or why not. No cryptography, no network. */
enum token_code token_parse(struct arena *a, struct str token, enum token_alg alg, struct token_unverified *ret);
/* *ret_claims is set on TOKEN_OK only. HS256: when aud is there it must hold one of the audiences or the iss. */
enum token_code token_verify_hs256(const struct token_unverified *t, struct str secret, const struct token_rules *r,
                                   const struct claims **ret_claims);
struct rsa_key;
/* SPKI PEM, RSA of 2048 to 8192 bits. NULL: not such a key (ret_code TOKEN_WEAK_KEY or TOKEN_BAD_SIGNATURE). */
struct rsa_key *rsa_key_from_pem(struct str pem, enum token_code *ret_code);
void rsa_key_free(struct rsa_key *k);
enum token_code token_verify_rs256(const struct token_unverified *t, const struct rsa_key *key, const struct token_rules *r,
                                   const struct claims **ret_claims);

/* Finds the one token of a request: `Authorization: JWT <t>` and the raw query's jwt parameters (name compared after
 * decoding). TOKEN_OK, TOKEN_MISSING or TOKEN_TWO. */
enum token_code token_find(struct arena *a, struct str authorization, struct str query, struct str *ret_token);

/* Mints a token of our own (libjwt): calls to hosts, the simulated site. claims: JSON object text. malloc'd. */
enum err token_mint_hs256(struct str secret, struct str claims_json, char **ret);
enum err token_mint_rs256(struct str private_pem, struct str kid, struct str claims_json, char **ret);
