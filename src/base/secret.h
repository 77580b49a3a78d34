/* secret.h - sealing secrets at rest, digests, random bytes.
 *
 * A sealed value is: version byte, key id length and key id, 96-bit random nonce, AES-256-GCM ciphertext and tag.
 * Table, column and row key are authenticated with it, so that a value moved to another row or column does not
 * open. The newest key seals, every listed key opens. Source of the rule: docs/security.md. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct keyring;
/* text: `id:base64(32 bytes)`, comma-separated, newest first; id [A-Za-z0-9_-]{1,32}. ERR_INVALID tells what is wrong
 * with which entry, without quoting it. ERR_NOMEM leaves ret_problem alone. */
enum err keyring_parse(struct str text, struct problem *ret_problem, struct keyring **ret);
/* One random key named "demo". */
enum err keyring_random(struct keyring **ret);
void keyring_free(struct keyring *k);
struct str keyring_newest_id(const struct keyring *k);

/* Where a sealed value lives. */
struct seal_place {
	const char *table, *column;
	struct str row;
};
/* Appends to out. Plain text of up to 1 MiB; ERR_TOO_LARGE, ERR_NOMEM, ERR_IO (no random bytes). */
enum err seal(const struct keyring *k, struct seal_place place, struct str plain, struct buf *out);
/* ERR_SEAL: unknown key id, altered, or moved. The plain text is appended to out; buf_wipe it after use. */
enum err unseal(const struct keyring *k, struct seal_place place, struct str sealed, struct buf *out);
/* Key id a value is sealed with, pointing into it; empty if malformed. */
struct str sealed_key_id(struct str sealed);

/* Fetches algorithms once and calls json_init(). Before threads start and before anything below or above;
 * false if OpenSSL lacks an algorithm or memory is out (then it may be called again). */
bool crypto_init(void);
void sha256(const void *data, size_t len, uint8_t out[static 32]);
/* Of a block that holds the key and then the data: as fast as the plain one. Take at most half of it: whoever has all
 * of it can go on with longer data. */
void sha256_keyed(const uint8_t key[static 32], const void *data, size_t len, uint8_t out[static 32]);
/* One HMAC-SHA256 on a context kept by each thread. False on failure or an empty key: never "all zero". */
bool hmac_sha256(struct str key, struct str data, uint8_t out[static 32]);
/* HMAC-SHA1, for the one sender that still signs with it (Segment). False likewise. */
bool hmac_sha1(struct str key, struct str data, uint8_t out[static 20]);
bool bytes_equal(const void *a, const void *b, size_t len); /* constant time; len 0 is not equal */
bool random_bytes(void *out, size_t len);
/* len random characters of [a-z0-9], NUL-terminated (out has len + 1). */
bool random_text(char *out, size_t len);
void wipe(void *p, size_t len);
/* No core dumps, not traceable by other users (not in sanitizer builds, whose leak check needs ptrace). */
void process_harden(void);
