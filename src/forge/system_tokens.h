/* system_tokens.h - the tokens Forge lends with each call, for asking its licence resource: in memory alone, wiped when
 * they go, never logged.
 *
 * One entry a tenant, the latest call's; the entry that was used least recently makes place. It also keeps the limits
 * of that resource: one call per five minutes, which is Forge's limit for an installation and well within that for a
 * tenant (ten a minute). What was found meanwhile is told again. Thread-safe. */
#pragma once
#include "base/buf.h"
#include "base/clock.h"
#include "license/lookup.h"

enum {
	SYSTEM_TOKENS_MAX = 8192,
	SYSTEM_TOKEN_MAX_BYTES = 8192,
	SYSTEM_TOKEN_LIFE_MS = 3600 * 1000,
	LICENSE_CALL_EVERY_MS = 300 * 1000
};

struct system_tokens;
enum err system_tokens_new(const struct clock *clock, struct system_tokens **ret);
void system_tokens_free(struct system_tokens *t);
/* Kept until the returned time (monotonic); 0: not kept. */
int64_t system_tokens_put(struct system_tokens *t, struct str client_key, struct str token);

/* What the resource said, without its texts: they are stored once. */
struct found_license {
	bool valid, evaluation;
	enum edition edition;
	int64_t expires_at;
};
enum may_call {
	CALL_NO_TOKEN = 0,
	CALL_LIMITED, /* too soon, and nothing is known */
	CALL_KNOWN,   /* too soon; *ret_found is what the last call found */
	CALL_NOW      /* ret_token has the token; counted as made */
};
/* ret_token: buf_wipe it. ret_wait_ms: with CALL_LIMITED and CALL_KNOWN, until the next call. */
enum may_call system_tokens_call(struct system_tokens *t, struct str client_key, struct buf *ret_token,
                                 struct found_license *ret_found, int64_t *ret_wait_ms);
void system_tokens_found(struct system_tokens *t, struct str client_key, const struct found_license *found);
/* No further call for so long: 429. */
void system_tokens_block(struct system_tokens *t, struct str client_key, int64_t for_ms);
