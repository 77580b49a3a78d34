/* state.h - from signals to one licence state: pure functions, no I/O, no clock of their own.
 *
 * Precedence: unexpired override > signed signal of this request (lic, then claim; or Forge's) > fresh look-up >
 * stale look-up > install body > unknown. A signal that only says "not licensed" gives grace or expired where the
 * tenant was licensed before, else none. A signal that only says "licensed" is refined by a look-up that agrees
 * (evaluation, cancelled_pending). Facts a door was told (a purchase on GitHub Marketplace) stand in the place of all
 * but the override: they do not age, and what ends there ends without grace. Cases: tests/unit/license/states.rules. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum license_state { /* the zero value licenses nothing */
	                 STATE_UNKNOWN = 0,
	                 STATE_NONE,
	                 STATE_EXPIRED,
	                 STATE_GRACE,
	                 STATE_CANCELLED_PENDING,
	                 STATE_EVALUATION,
	                 STATE_ACTIVE,
	                 STATE_COUNT
};
const char *license_state_name(enum license_state s);
bool license_state_parse(struct str text, enum license_state *ret);
bool license_state_licensed(enum license_state s); /* evaluation, active, grace, cancelled_pending */

enum license_source {
	SOURCE_NONE = 0,
	SOURCE_OVERRIDE,
	SOURCE_LIC,
	SOURCE_CLAIM,
	SOURCE_LOOKUP,
	SOURCE_STALE,
	SOURCE_INSTALL,
	SOURCE_FORGE,
	SOURCE_MARKETPLACE,
	SOURCE_GITHUB,
	SOURCE_COUNT
};
const char *license_source_name(enum license_source s);

enum edition { EDITION_NONE = 0, EDITION_STANDARD, EDITION_ADVANCED };
const char *edition_name(enum edition e);                /* NULL, "standard", "advanced" */
enum edition edition_of_capability_set(struct str text); /* capabilityStandard, capabilityAdvanced */

/* What a request says about the licence, read by a door from signed data only. */
enum signal {
	SIGNAL_ABSENT = 0,
	SIGNAL_LICENSED,
	SIGNAL_EVALUATION, /* licensed, as a trial: of Forge alone */
	SIGNAL_EXPIRED,
	SIGNAL_NOT_LICENSED,
	SIGNAL_AMBIGUOUS
};
bool signal_licensed(enum signal s);
struct request_signal {
	enum signal lic, claim, forge; /* Connect's two, or Forge's one */
	int64_t forge_ends_at;         /* when the token says the trial or subscription ends; 0: it does not */
	enum edition edition;          /* of capSet; EDITION_NONE when absent */
};

/* What is known of a tenant, as plain data: copied out under the tenant's lock. Times wall ms unless said. */
struct license_known {
	enum license_state override_state;
	int64_t override_until;    /* 0: no override */
	enum license_source told;  /* the door that tells this tenant's facts; SOURCE_NONE: its host is asked */
	bool looked_up;            /* a good look-up is kept */
	bool fresh;                /* within its TTL (monotonic) */
	bool stale_usable;         /* older, within the stale limit */
	bool given_up;             /* beyond the stale limit and the host failed since: its facts count for nothing */
	int64_t fetched_at, age_s; /* age by the monotonic clock */
	bool valid, evaluation, cancelled;
	enum edition edition;
	int64_t users_max; /* -1 unlimited, 0 unknown */
	int64_t expires_at;
	bool installed_licensed; /* the install body has an entitlement; counts until the first good look-up */
	enum edition installed_edition;
	bool licensed_before;
	int64_t expired_seen_at; /* 0 while licensed */
	int64_t first_installed_at;
	int64_t seats_used;
};

struct license_decision {
	enum license_state state;
	enum license_source source;
	const char *reason; /* a literal: lic_active, lic_expired, lic_none, lic_ambiguous, claim_active, claim_inactive,
	                       forge_active, forge_evaluation, forge_inactive, forge_environment, lookup_valid,
	                       lookup_evaluation, lookup_cancelled, lookup_invalid, purchase_active, purchase_trial,
	                       purchase_ending, purchase_ended, purchase_expired, override, install_entitlement, no_signal
	                     */
	bool evaluation, stale;
	enum edition edition;
	int64_t age_s;
	int64_t expires_at; /* 0: unknown */
	/* A rule of the features file stands for the licence: each feature gets that verdict (policy.h). */
	bool ruled;
	unsigned rule; /* enum verdict */
};
/* The signal that counts: lic, or the claim where lic is absent, or Forge's. */
enum signal request_signal_value(const struct request_signal *sig);
/* A kept look-up knows the licence's end, and it is past: so there was a licence. */
bool license_ended(const struct license_known *k, int64_t now_wall_ms);
/* Grace counts from here: the licence's end if that is known and past, else when it was first seen, else now. */
int64_t license_ended_at(const struct license_known *k, int64_t now_wall_ms);
/* With the end a Forge token tells, as if a look-up had told it. */
struct license_known license_known_with_end(const struct license_known *k, const struct request_signal *sig);
/* The signal a stored reason stands for; all absent for any other reason. */
struct request_signal signal_of_reason(struct str reason);
struct license_decision license_decide(const struct license_known *k, const struct request_signal *sig,
                                       int64_t now_wall_ms, int64_t grace_ms);
