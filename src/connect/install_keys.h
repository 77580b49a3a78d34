/* install_keys.h - public keys of the install-key hosts, by kid, for ever.
 *
 * One fetch per kid however many installs wait; hosts tried in the configured order; kid checked before any request
 * leaves. A cap on fetches for unknown kids, so that made-up kids cannot be turned into traffic. Kept in the store. */
#pragma once
#include "http/client.h"
#include "store/store.h"
#include "token/token.h"

struct install_keys;
struct install_keys_options {
	const struct clock *clock;
	struct store *store; /* NULL: keys are not stored */
	struct http_client *client;
	char *const *urls;  /* NULL-terminated; must outlive the keys */
	int64_t timeout_ms; /* of one host */
};
enum err install_keys_new(const struct install_keys_options *o, struct install_keys **ret); /* loads what is stored */
/* After the client has stopped, before the store closes. */
void install_keys_free(struct install_keys *k);

enum key_status {
	KEY_UNAVAILABLE = 0, /* 503: a key host is in trouble, or too many unknown kids were asked for */
	KEY_UNKNOWN,         /* 401: malformed, or every host says 404 (remembered for INSTALL_KEY_UNKNOWN_MS) */
	KEY_BAD,             /* 401: a host's answer is a PEM but not a usable key */
	KEY_FOUND
};

enum {
	INSTALL_KEY_UNKNOWN_MS = 30 * 1000,
	INSTALL_KEY_FETCH_BURST = 64, /* fetches for kids that are not known, at once */
	INSTALL_KEY_FETCHES_PER_S = 16,
};

/* True: the status is known at once; *ret_key is set on KEY_FOUND and lives as long as the cache. False: done runs
 * once, on the client thread, or before this returns when no host can even be asked: a request must be waiting already.
 * done NULL only looks: false when a fetch would be needed. */
bool install_keys_get(struct install_keys *k, struct str kid, enum key_status *ret_status,
                      const struct rsa_key **ret_key, void (*done)(void *arg, enum key_status, const struct rsa_key *),
                      void *arg);
