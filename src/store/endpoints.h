/* endpoints.h - verbs of the endpoints that outgoing events go to. Times are wall ms, 0 = none; strings NULL = none. */
#pragma once
#include "store/store.h"

struct endpoint_row {
	const char *id, *url;
	const char *const *types; /* NULL: every type */
	size_t type_count;
	bool setting;               /* the one of the settings */
	const char *setting_hash;   /* of the secret that the settings had */
	struct str secret_sealed;   /* seal place: endpoints, secret, id */
	struct str previous_sealed; /* seal place: endpoints, previous_secret, id */
	int64_t previous_until;     /* until when the previous secret signs along */
	int64_t created_at, disabled_at;
	const char *disabled_reason;
	int64_t disabled_after;
	int64_t held_until; /* it asked to be left alone; put does not look at it: over where the URL is another one */
};
/* Insert, or replace the whole row but for created_at; its deliveries stay. */
enum err store_endpoint_put(struct store_tx *tx, const struct endpoint_row *row);
enum err store_endpoint_get(struct store_tx *tx, struct str id, struct arena *a, struct endpoint_row *ret);
/* The oldest first. */
enum err store_endpoint_list(struct store_tx *tx, struct arena *a, struct endpoint_row **ret, size_t *ret_count);
/* With all its deliveries. ERR_NOT_FOUND. */
enum err store_endpoint_delete(struct store_tx *tx, struct str id);
/* disabled_after becomes the newest event's seq. OK too where it was disabled already, which then stays as it was. */
enum err store_endpoint_disable(struct store_tx *tx, struct str id, const char *reason, int64_t at);
enum err store_endpoint_enable(struct store_tx *tx, struct str id); /* ERR_NOT_FOUND */
/* Never shortens what is there. */
enum err store_endpoint_hold(struct store_tx *tx, struct str id, int64_t until);
/* Drops previous secrets whose time is over. */
enum err store_endpoints_forget_secrets(struct store_tx *tx, int64_t now);
