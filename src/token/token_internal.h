/* token_internal.h - what token_parse.c reads and token_verify.c judges, and what fit.c shares with them. Of this room
 * alone. */
#pragma once
#include "token/token.h"

enum { TOKEN_AUD_MAX = 16 };

struct claim_set {
	struct claims claims; /* given away after verification */
	double exp, iat, nbf; /* seconds; nbf is 0 when absent */
	bool has_iat, has_exp, has_aud;
	struct str aud[TOKEN_AUD_MAX];
	size_t aud_count;
	struct str context_account_id;
	enum token_code refused; /* while reading; TOKEN_INVALID: nothing particular */
};

/* Times, audience and qsh, after the signature. */
enum token_code token_check_claims(const struct token_unverified *t, const struct token_rules *r,
                                   const struct claims **ret_claims);

/* ---- shared with fit.c ---- */
typedef bool token_kid_fn(struct str kid);
/* Splits a token and reads its header and signature: everything of *ret but the claims. */
enum token_code token_read_parts(struct arena *a, struct str token, enum token_alg alg, token_kid_fn *kid_ok,
                                 struct token_unverified *ret, struct str *ret_payload);
/* Decoded text with a NUL behind it. */
enum token_code token_decode_text(struct arena *a, struct str part, enum token_code malformed, char **ret,
                                  size_t *ret_len);
/* The signature alone. */
enum token_code token_check_rs256(const struct token_unverified *t, const struct rsa_key *key);
