/* sign.h - signatures of outgoing events, as Standard Webhooks wants them (standardwebhooks.com). Pure.
 *
 * A secret is "whsec_" and the base64 of 24 to 64 bytes. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum { SIGNING_KEY_MIN = 24, SIGNING_KEY_MAX = 64, SIGNING_SECRET_SIZE = sizeof("whsec_") + 44 };

struct signing_key {
	uint8_t at[SIGNING_KEY_MAX]; /* wipe it after use */
	size_t len;                  /* 0: none */
};
/* False: not a secret. */
bool signing_secret_read(struct str text, struct signing_key *ret);
/* A new one of 32 random bytes, NUL-terminated. False without random bytes. */
bool signing_secret_new(char ret[static SIGNING_SECRET_SIZE]);
/* The value of webhook-signature: "v1,…" of each key, blanks between. ERR_INVALID: a key is empty. ERR_NOMEM,
 * ERR_TOO_LARGE. */
enum err webhook_sign(const struct signing_key *keys, size_t count, struct str id, int64_t timestamp_s, struct str body,
                      struct buf *out);
