/* install_keys.h - public keys of the install-key hosts, by kid, for ever.
 *
 * One fetch per kid however many installs wait; hosts tried in the configured order; kid checked before any request
 * leaves. A cap on fetches for unknown kids, so that made-up kids cannot be turned into traffic. Kept in the store. */
#pragma once
#include "base/timers.h"
#include "connect/token.h"
#include "http/client.h"
#include "store/store.h"

struct install_keys;
struct install_keys_options {
	const struct clock *clock;
	struct store *store;
	struct http_client *client;
	char *const *urls; /* NULL-terminated */
	int64_t timeout_ms;
};
enum err install_keys_new(const struct install_keys_options *o, struct install_keys **ret); /* loads what is stored */
void install_keys_free(struct install_keys *k);

enum key_status { KEY_UNAVAILABLE = 0, /* 503 */ KEY_UNKNOWN, /* every host says 404: 401 */ KEY_BAD, /* not a usable key: 401 */ KEY_FOUND };
/* KEY_FOUND at once when cached (the key lives as long as the cache). Else false: done runs later, exactly once, on the
 * client thread. */
bool install_keys_get(struct install_keys *k, struct str kid, enum key_status *ret_status, const struct rsa_key **ret_key,
                      void (*done)(void *arg, enum key_status, const struct rsa_key *), void *arg);
