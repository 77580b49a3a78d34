/* jwks.h - the keys of Forge tokens: one set from one configured URL, by kid.
 *
 * Asked for with the first token, again in the background when it is an hour old, and for a kid it does not have, the
 * last at most once a minute. One fetch is under way at a time, and everybody waits for that. While the host fails the
 * old keys stay good. Only RSA keys of 2048 bits and more that are for signatures are taken; of two keys with one kid
 * neither is. The URL is a setting: nothing in a token chooses another one. Thread-safe. */
#pragma once
#include "base/timers.h"
#include "http/client.h"
#include "token/token.h"

struct jwks;
struct jwks_options {
	const struct clock *clock;
	struct http_client *client;
	const char *url;    /* must outlive the keys */
	int64_t timeout_ms; /* of a fetch */
};
enum {
	JWKS_REFRESH_MS = 3600 * 1000,
	JWKS_UNKNOWN_MS = 60 * 1000, /* between fetches for kids the set does not have, and of background ones that fail */
	JWKS_RETRY_MS = 5 * 1000,    /* while there are no keys at all */
	JWKS_TEXT_MAX = 256 * 1024,
	JWKS_KEYS_MAX = 64,
	JWKS_WAITERS_MAX = 1024
};
enum err jwks_new(const struct jwks_options *o, struct jwks **ret);
/* After the client has stopped. */
void jwks_free(struct jwks *j);

enum jwks_status {
	JWKS_UNAVAILABLE = 0, /* 503: the host is in trouble, or too many wait */
	JWKS_UNKNOWN,         /* 401: malformed, or the host's set does not have it */
	JWKS_WEAK,            /* 401: in the set, but not a usable key */
	JWKS_FOUND
};

/* A key that somebody verifies with: goes with the last reference. */
struct jwks_key;
const struct rsa_key *jwks_key_rsa(const struct jwks_key *k);
void jwks_key_unref(struct jwks_key *k); /* accepts NULL */

/* Takes a reference to the key, if there is one. */
typedef void jwks_fn(void *arg, enum jwks_status status, struct jwks_key *key);
/* True: known at once; *ret_key is a reference on JWKS_FOUND, else NULL. False: done runs once, on the client thread or
 * before this returns: a request must be waiting already. done NULL only looks: false when it would have to wait. */
bool jwks_get(struct jwks *j, struct str kid, enum jwks_status *ret_status, struct jwks_key **ret_key, jwks_fn *done,
              void *arg);

/* ---- the text of a set; pure ---- */
struct jwks_set;
/* ERR_INVALID: not a set, or nothing in it is a usable key. */
enum err jwks_read(struct str text, struct jwks_set **ret);
void jwks_set_free(struct jwks_set *s);          /* accepts NULL */
size_t jwks_set_count(const struct jwks_set *s); /* usable keys */
/* JWKS_UNKNOWN, JWKS_WEAK or JWKS_FOUND; the key is the set's own. */
enum jwks_status jwks_set_find(const struct jwks_set *s, struct str kid, struct jwks_key **ret_key);
