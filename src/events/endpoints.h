/* endpoints.h - where outgoing events go: made, changed and tested by the operator, the first by the settings.
 *
 * Secrets are sealed at rest and shown once, when they are made. What runs inside a transaction says so; the caller's
 * wall time is `now`. */
#pragma once
#include "config/config.h"
#include "events/journal.h"
#include "events/sign.h"
#include "store/endpoints.h"

struct keyring;

enum { ENDPOINTS_MAX = 50, ENDPOINT_URL_MAX = 2048, ENDPOINT_ID_SIZE = sizeof("ep_") + 20 };
#define ENDPOINT_OF_SETTINGS "ep_settings"
#define SECRET_OVERLAP_MS (24 * INT64_C(3600000))

/* NULL, or what is wrong with it: https and no private address, unless insecure hosts are allowed. What a name
 * resolves to is judged when something is delivered. */
const char *endpoint_url_wrong(struct str url, bool allow_insecure);

struct new_endpoint {
	const char *url;
	const char *const *types; /* NULL: every type */
	size_t type_count;
};
/* In a transaction. ERR_FULL: there are ENDPOINTS_MAX. */
enum err endpoint_add(struct store_tx *tx, const struct keyring *keys, const struct new_endpoint *asked, int64_t now,
                      struct arena *a, char ret_id[static ENDPOINT_ID_SIZE],
                      char ret_secret[static SIGNING_SECRET_SIZE]);
/* In a transaction: a new secret; the present one signs along for SECRET_OVERLAP_MS. ERR_NOT_FOUND, ERR_SEAL. */
enum err endpoint_rotate(struct store_tx *tx, const struct keyring *keys, struct str id, int64_t now, struct arena *a,
                         char ret_secret[static SIGNING_SECRET_SIZE]);
/* In a transaction: an event for this endpoint alone. ERR_NOT_FOUND. */
enum err endpoint_test(struct store_tx *tx, struct str id, int64_t now, struct arena *a,
                       char ret_event[static EVENT_ID_SIZE]);
/* At start: the endpoint of the settings is as they say. Its id stays; a changed secret rotates; without the setting
 * it is disabled. Waits on the store. */
enum err endpoints_follow_settings(struct store *s, const struct keyring *keys, const struct config *c, int64_t now);
/* For commands: the endpoint of the settings is made where there is none yet, so that it gets the command's events too;
 * one that is there stays as it is. Waits on the store. */
enum err endpoints_first_of_settings(struct store *s, const struct keyring *keys, const struct config *c, int64_t now);
