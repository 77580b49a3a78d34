/* lifecycle_body.h - what a lifecycle callback says: read and checked, nothing stored. Pure; fuzzed.
 *
 * Every text points into the body itself: it lives until lifecycle_body_release(). The shared secret is taken out
 * first and scrubbed from the rest, so that nothing else read here can carry it.
 * Rule: "Callbacks" of the contract; lifecycle callbacks of the Connect protocol. */
#pragma once
#include <jansson.h>

#include "base/err.h"
#include "base/str.h"

enum lifecycle_event { LIFECYCLE_INSTALLED, LIFECYCLE_UNINSTALLED, LIFECYCLE_ENABLED, LIFECYCLE_DISABLED };
const char *lifecycle_event_name(enum lifecycle_event e);

enum { SHARED_SECRET_MAX = 128 /* characters, not bytes */ };

struct lifecycle_rules {
	const char *app_key;
	struct str iss;             /* of the verified token */
	char *const *allowed_hosts; /* NULL-terminated */
	bool allow_insecure;
};

struct lifecycle_body {
	struct str client_key, product_type;
	struct str base_url;      /* without trailing slash */
	struct str shared_secret; /* installed only; else empty */
	struct str display_url, description, oauth_client_id, sen, entitlement_id, entitlement_number, capability_set;
	struct str installation_id;
	char *kept; /* installed only: the whole body as JSON, without the secret */
	json_t *json;
	char *secret_text;
};

/* Why a body is refused; literals. err is ERR_NOMEM when it was not the body's fault. */
struct lifecycle_refusal {
	enum err err;     /* ERR_INVALID: 400, ERR_DENIED: 403, ERR_NOMEM: 503 */
	const char *code; /* for the caller's program: "missing_field" */
	const char *field;
};

/* False fills *ret_refusal and leaves *ret alone. */
bool lifecycle_body_read(struct str text, enum lifecycle_event event, const struct lifecycle_rules *rules,
                         struct lifecycle_body *ret, struct lifecycle_refusal *ret_refusal);
void lifecycle_body_release(struct lifecycle_body *b); /* wipes the secret */
