/* state.c - the licence state as a pure function of what is known and what this request says.
 *
 * Reads top down like the precedence it implements: override, signed signal, fresh look-up, stale look-up, install
 * body, unknown. Each step either decides or falls through. A signal is worth more than a look-up for yes or no,
 * but says nothing else; so a look-up that agrees adds the kind of licence to it. Source: the table of signals and the
 * precedence in docs/licensing.md; the cases in tests/unit/license/states.rules. */
#include "license/state.h"

#include <assert.h>

static const char *const state_names[STATE_COUNT] = {
    [STATE_UNKNOWN] = "unknown",
    [STATE_NONE] = "none",
    [STATE_EXPIRED] = "expired",
    [STATE_GRACE] = "grace",
    [STATE_CANCELLED_PENDING] = "cancelled_pending",
    [STATE_EVALUATION] = "evaluation",
    [STATE_ACTIVE] = "active",
};

const char *license_state_name(enum license_state s)
{
	assert(s < STATE_COUNT);
	return state_names[s];
}

bool license_state_parse(struct str text, enum license_state *ret)
{
	for (unsigned i = 0; i < STATE_COUNT; i++)
		if (str_eqz(text, state_names[i])) {
			*ret = (enum license_state)i;
			return true;
		}
	return false;
}

bool license_state_licensed(enum license_state s)
{
	return s == STATE_ACTIVE || s == STATE_EVALUATION || s == STATE_GRACE || s == STATE_CANCELLED_PENDING;
}

const char *license_source_name(enum license_source s)
{
	static const char *const names[SOURCE_COUNT] = {
	    [SOURCE_NONE] = "none",       [SOURCE_OVERRIDE] = "override", [SOURCE_LIC] = "lic",
	    [SOURCE_CLAIM] = "claim",     [SOURCE_LOOKUP] = "lookup",     [SOURCE_STALE] = "stale",
	    [SOURCE_INSTALL] = "install", [SOURCE_FORGE] = "forge",       [SOURCE_MARKETPLACE] = "marketplace",
	    [SOURCE_GITHUB] = "github",
	};
	assert(s < SOURCE_COUNT);
	return names[s];
}

const char *edition_name(enum edition e)
{
	return e == EDITION_STANDARD ? "standard" : e == EDITION_ADVANCED ? "advanced" : NULL;
}

enum edition edition_of_capability_set(struct str text)
{
	if (str_eqz(text, "capabilityStandard"))
		return EDITION_STANDARD;
	return str_eqz(text, "capabilityAdvanced") ? EDITION_ADVANCED : EDITION_NONE;
}

/* Reasons of signals, one table for both directions: what a decision says, and what a stored reason stood for. */
static const struct {
	const char *reason;
	enum signal lic, claim, forge;
} signal_reasons[] = {
    {"lic_active", .lic = SIGNAL_LICENSED},           {"lic_expired", .lic = SIGNAL_EXPIRED},
    {"lic_none", .lic = SIGNAL_NOT_LICENSED},         {"lic_ambiguous", .lic = SIGNAL_AMBIGUOUS},
    {"claim_active", .claim = SIGNAL_LICENSED},       {"claim_inactive", .claim = SIGNAL_NOT_LICENSED},
    {"claim_inactive", .claim = SIGNAL_EXPIRED},      {"claim_inactive", .claim = SIGNAL_AMBIGUOUS},
    {"forge_active", .forge = SIGNAL_LICENSED},       {"forge_evaluation", .forge = SIGNAL_EVALUATION},
    {"forge_inactive", .forge = SIGNAL_NOT_LICENSED},
};
enum { SIGNAL_REASONS = sizeof signal_reasons / sizeof *signal_reasons };

static const char *reason_of_signal(const struct request_signal *sig)
{
	enum signal claim = sig->lic == SIGNAL_ABSENT ? sig->claim : SIGNAL_ABSENT;
	enum signal forge = sig->lic == SIGNAL_ABSENT && claim == SIGNAL_ABSENT ? sig->forge : SIGNAL_ABSENT;
	for (size_t i = 0; i < SIGNAL_REASONS; i++)
		if (signal_reasons[i].lic == sig->lic && signal_reasons[i].claim == claim && signal_reasons[i].forge == forge)
			return signal_reasons[i].reason;
	return "no_signal";
}

struct request_signal signal_of_reason(struct str reason)
{
	for (size_t i = 0; i < SIGNAL_REASONS; i++)
		if (str_eqz(reason, signal_reasons[i].reason))
			return (struct request_signal){
			    .lic = signal_reasons[i].lic, .claim = signal_reasons[i].claim, .forge = signal_reasons[i].forge};
	return (struct request_signal){.lic = SIGNAL_ABSENT};
}

enum signal request_signal_value(const struct request_signal *sig)
{
	if (sig->lic != SIGNAL_ABSENT)
		return sig->lic;
	return sig->claim != SIGNAL_ABSENT ? sig->claim : sig->forge;
}

bool signal_licensed(enum signal s)
{
	return s == SIGNAL_LICENSED || s == SIGNAL_EVALUATION;
}

/* Facts that may still be used for more than yes or no. */
static bool facts_count(const struct license_known *k)
{
	return k->looked_up && !k->given_up;
}

static enum license_state state_of_facts(const struct license_known *k)
{
	if (k->evaluation)
		return STATE_EVALUATION; /* a trial that was cancelled still is one until its end */
	return k->cancelled ? STATE_CANCELLED_PENDING : STATE_ACTIVE;
}

bool license_ended(const struct license_known *k, int64_t now_wall_ms)
{
	return facts_count(k) && k->expires_at > 0 && k->expires_at <= now_wall_ms;
}

int64_t license_ended_at(const struct license_known *k, int64_t now_wall_ms)
{
	if (license_ended(k, now_wall_ms))
		return k->expires_at;
	return k->expired_seen_at > 0 ? k->expired_seen_at : now_wall_ms;
}

/* "Not licensed" alone does not say whether it ever was: the tenant's history does. */
static enum license_state state_unlicensed(const struct license_known *k, bool said_expired, int64_t now,
                                           int64_t grace_ms)
{
	if (!k->licensed_before && !said_expired && !license_ended(k, now))
		return STATE_NONE;
	return now < license_ended_at(k, now) + grace_ms ? STATE_GRACE : STATE_EXPIRED;
}

struct license_known license_known_with_end(const struct license_known *k, const struct request_signal *sig)
{
	struct license_known with = *k;
	if (sig->forge_ends_at > 0) {
		with.looked_up = true;
		with.given_up = false;
		with.expires_at = sig->forge_ends_at;
	}
	return with;
}

/* The token says itself whether it is a trial; that it was cancelled only a look-up knows. */
static void decide_by_forge(struct license_decision *d, const struct license_known *k, const struct request_signal *sig,
                            int64_t now, int64_t grace_ms)
{
	const struct license_known with = license_known_with_end(k, sig);
	d->source = SOURCE_FORGE;
	d->reason = reason_of_signal(sig);
	if (sig->forge_ends_at > 0)
		d->expires_at = sig->forge_ends_at;
	if (sig->forge == SIGNAL_EVALUATION)
		d->state = STATE_EVALUATION;
	else if (sig->forge == SIGNAL_LICENSED)
		d->state =
		    facts_count(k) && k->valid && k->cancelled && !k->evaluation ? STATE_CANCELLED_PENDING : STATE_ACTIVE;
	else
		d->state = state_unlicensed(&with, false, now, grace_ms);
}

static void decide_by_signal(struct license_decision *d, const struct license_known *k,
                             const struct request_signal *sig, int64_t now, int64_t grace_ms)
{
	enum signal value = request_signal_value(sig);
	if (sig->lic == SIGNAL_ABSENT && sig->claim == SIGNAL_ABSENT) {
		decide_by_forge(d, k, sig, now, grace_ms);
		return;
	}
	d->source = sig->lic != SIGNAL_ABSENT ? SOURCE_LIC : SOURCE_CLAIM;
	d->reason = reason_of_signal(sig);
	if (value == SIGNAL_LICENSED)
		d->state = facts_count(k) && k->valid ? state_of_facts(k) : STATE_ACTIVE;
	else if (value == SIGNAL_AMBIGUOUS)
		d->state = STATE_NONE;
	else
		d->state = state_unlicensed(k, value == SIGNAL_EXPIRED, now, grace_ms);
}

static void decide_by_lookup(struct license_decision *d, const struct license_known *k, int64_t now, int64_t grace_ms)
{
	d->source = k->fresh ? SOURCE_LOOKUP : SOURCE_STALE;
	d->stale = !k->fresh;
	d->age_s = k->age_s;
	if (!k->valid) {
		d->reason = "lookup_invalid";
		d->state = state_unlicensed(k, false, now, grace_ms);
		return;
	}
	/* Valid although its date has passed: the host decides. */
	d->state = state_of_facts(k);
	d->reason = d->state == STATE_EVALUATION          ? "lookup_evaluation"
	            : d->state == STATE_CANCELLED_PENDING ? "lookup_cancelled"
	                                                  : "lookup_valid";
}

/* The seller's own word. What was cancelled is over on its day; a trial that ended unpaid has expired. */
static void decide_by_told(struct license_decision *d, const struct license_known *k, int64_t now)
{
	d->source = k->told;
	if (!k->valid || (k->cancelled && license_ended(k, now))) {
		const bool expired = !k->cancelled && license_ended(k, now);
		d->state = expired ? STATE_EXPIRED : STATE_NONE;
		d->reason = expired ? "purchase_expired" : "purchase_ended";
		return;
	}
	d->state = state_of_facts(k);
	d->reason = d->state == STATE_EVALUATION          ? "purchase_trial"
	            : d->state == STATE_CANCELLED_PENDING ? "purchase_ending"
	                                                  : "purchase_active";
}

static enum edition edition_of(const struct license_known *k, const struct request_signal *sig)
{
	if (sig->edition != EDITION_NONE)
		return sig->edition;
	return facts_count(k) && k->edition != EDITION_NONE ? k->edition : k->installed_edition;
}

struct license_decision license_decide(const struct license_known *k, const struct request_signal *sig,
                                       int64_t now_wall_ms, int64_t grace_ms)
{
	struct license_decision d = {.state = STATE_UNKNOWN, .source = SOURCE_NONE, .reason = "no_signal"};
	d.edition = edition_of(k, sig);
	d.expires_at = facts_count(k) ? k->expires_at : 0;
	if (k->override_until > now_wall_ms) {
		d.state = k->override_state;
		d.source = SOURCE_OVERRIDE;
		d.reason = "override";
		d.expires_at = k->override_until;
	} else if (k->told != SOURCE_NONE) {
		if (k->looked_up)
			decide_by_told(&d, k, now_wall_ms);
	} else if (request_signal_value(sig) != SIGNAL_ABSENT) {
		decide_by_signal(&d, k, sig, now_wall_ms, grace_ms);
	} else if (k->looked_up && (k->fresh || k->stale_usable)) {
		decide_by_lookup(&d, k, now_wall_ms, grace_ms);
	} else if (k->installed_licensed && !k->looked_up) {
		d.state = STATE_ACTIVE;
		d.source = SOURCE_INSTALL;
		d.reason = "install_entitlement";
	}
	d.evaluation = d.state == STATE_EVALUATION;
	return d;
}
