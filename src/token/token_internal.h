/* token_internal.h - what token_parse.c reads and token_verify.c judges. For those two files alone. */
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
