/* lookup_known.c - what is known of a tenant, and how its own state follows the news.
 *
 * A request is decided by what it says itself; the tenant's state, which is journalled and shown to the operator, by
 * the last news: a signed signal, or the result of a look-up, whichever came later, and by dates that pass. So a
 * kept look-up that is merely served again changes nothing. All of it runs under the tenant's live->lock and calls
 * nothing. */
#include <stdlib.h>

#include "base/secret.h"
#include "license/lookup_internal.h"

void known_of(const struct lookups *l, const struct tenant *tenant, int64_t now_mono, struct license_known *ret)
{
	const struct live *live = tenant->live;
	const bool told = tenant_is_told(tenant);
	int64_t age_ms = told ? 0 : now_mono - live->fetched_mono;
	*ret = (struct license_known){
	    .told = told ? SOURCE_GITHUB : SOURCE_NONE,
	    .looked_up = live->looked_up,
	    .fetched_at = live->fetched_at,
	    .age_s = live->looked_up ? age_ms / 1000 : 0,
	    .valid = live->valid,
	    .evaluation = live->evaluation,
	    .cancelled = live->cancelled,
	    .edition = live->edition,
	    .users_max = live->users_max,
	    .expires_at = live->expires_at,
	    .installed_licensed = tenant->installed_licensed,
	    .installed_edition = tenant->installed_edition,
	    .licensed_before = live->licensed_before,
	    .expired_seen_at = live->expired_seen_at,
	    .first_installed_at = tenant->first_installed_at,
	    .seats_used = live->seats ? live->seats->count : 0,
	};
	if (live->looked_up) {
		ret->fresh = told || age_ms < live->ttl_ms;
		ret->stale_usable = !ret->fresh && age_ms < l->o.stale_ms;
		ret->given_up = !ret->fresh && !ret->stale_usable && live->failures > 0;
	}
	if (live->override) {
		ret->override_state = live->override->state;
		ret->override_until = live->override->until;
	}
}

struct license_decision decide_tenant(const struct lookups *l, const struct tenant *tenant, int64_t now_wall,
                                      int64_t now_mono)
{
	struct license_known k;
	struct request_signal last = {.lic = tenant->live->last_lic,
	                              .claim = tenant->live->last_claim,
	                              .forge = tenant->live->last_forge,
	                              .forge_ends_at = tenant->live->last_forge_ends_at};
	known_of(l, tenant, now_mono, &k);
	/* A tenant nobody used for days has not lost its licence by that: only a host that fails makes it unknown. */
	k.stale_usable = !k.fresh && k.looked_up && !k.given_up;
	return license_decide(&k, &last, now_wall, l->o.grace_ms);
}

static bool follow_licensed(struct live *live)
{
	bool news = !live->licensed_before || live->expired_seen_at != 0;
	live->licensed_before = true;
	live->expired_seen_at = 0;
	return news;
}

static bool follow_unlicensed(struct live *live, const struct license_known *k, int64_t now_wall)
{
	if (!live->licensed_before || live->expired_seen_at != 0)
		return false;
	live->expired_seen_at = license_ended_at(k, now_wall);
	return true;
}

bool follow_signal(struct live *live, struct license_known *k, const struct request_signal *sig, int64_t now_wall)
{
	enum signal value = request_signal_value(sig);
	bool news = false;
	live->last_lic = sig->lic;
	live->last_claim = live->last_forge = SIGNAL_ABSENT;
	live->last_forge_ends_at = 0;
	if (sig->lic == SIGNAL_ABSENT)
		live->last_claim = sig->claim;
	if (sig->lic == SIGNAL_ABSENT && sig->claim == SIGNAL_ABSENT) {
		live->last_forge = sig->forge;
		live->last_forge_ends_at = sig->forge_ends_at;
	}
	if (signal_licensed(value)) {
		news = follow_licensed(live);
	} else if (value == SIGNAL_EXPIRED || value == SIGNAL_NOT_LICENSED) {
		if (value == SIGNAL_EXPIRED && !live->licensed_before)
			news = live->licensed_before = true;
		const struct license_known with = license_known_with_end(k, sig);
		news = follow_unlicensed(live, &with, now_wall) || news;
	}
	k->licensed_before = live->licensed_before;
	k->expired_seen_at = live->expired_seen_at;
	return news;
}

/* The host's max-age shortens the TTL, but a second is kept: not every request may ask the host. */
static int64_t ttl_of(const struct lookups *l, int64_t max_age_s)
{
	if (max_age_s < 0 || max_age_s >= l->o.ttl_ms / 1000)
		return l->o.ttl_ms;
	return max_age_s > 0 ? max_age_s * 1000 : 1000;
}

void follow_facts(const struct lookups *l, const struct tenant *tenant, const struct license_facts *facts,
                  int64_t now_wall, int64_t now_mono)
{
	struct live *live = tenant->live;
	live->looked_up = true;
	live->valid = facts->valid;
	live->evaluation = facts->evaluation;
	live->cancelled = facts->cancelled;
	live->edition = facts->edition;
	live->users_max = facts->users_max;
	live->expires_at = facts->expires_at;
	live->resource = (unsigned)facts->resource & 0xff;
	live->fetched_at = now_wall;
	live->fetched_mono = now_mono;
	live->ttl_ms = ttl_of(l, facts->max_age_s);
	live->failures = 0;
	live->failure = NULL;
	live->last_lic = live->last_claim = live->last_forge = SIGNAL_ABSENT;
	if (live->secret_proved_at == 0 && tenant->shared_secret.len > 0)
		live->secret_proved_at = now_wall;
	if (facts->valid) {
		(void)follow_licensed(live);
		return;
	}
	const struct license_known k = {.looked_up = true, .expires_at = facts->expires_at};
	if (license_ended(&k, now_wall))
		live->licensed_before = true;
	(void)follow_unlicensed(live, &k, now_wall);
}

/* Doubles with each failure, up to ten times; 20 % either way, so that tenants of one dead host spread out. */
static int64_t retry_delay_ms(const struct lookups *l, unsigned failures)
{
	unsigned doublings = failures - 1 < 4 ? failures - 1 : 4;
	int64_t delay = l->o.retry_ms << doublings;
	if (delay > 10 * l->o.retry_ms)
		delay = 10 * l->o.retry_ms;
	uint16_t r = UINT16_MAX / 2;
	(void)random_bytes(&r, sizeof r);
	return delay - delay / 5 + delay * 2 / 5 * r / UINT16_MAX;
}

bool follow_failure(const struct lookups *l, struct live *live, const char *failure, int64_t now_wall, int64_t now_mono)
{
	bool news = live->failures == 0 || live->failure != failure;
	if (live->failures < UINT8_MAX)
		live->failures++;
	live->failure = failure;
	live->failed_at = now_wall;
	live->next_try_mono = now_mono + retry_delay_ms(l, live->failures);
	return news;
}

bool follow_state(struct live *live, const struct license_decision *d, int64_t now_wall)
{
	if (d->state == live->state)
		return false;
	struct pending *p = live->pending;
	if (p && p->count == CHANGES_MAX) /* the store does not keep up: still news when it does */
		return false;
	struct change *change = calloc(1, sizeof *change);
	if (change && !p && (p = calloc(1, sizeof *p)))
		p->end = &p->first;
	if (!p || !change) { /* out of memory: still news the next time */
		free(change);
		return false;
	}
	*change =
	    (struct change){.from = live->state, .to = d->state, .source = d->source, .reason = d->reason, .at = now_wall};
	*p->end = change;
	p->end = &change->next;
	p->count++;
	p->dirty = true;
	live->pending = p;
	live->state = d->state;
	live->source = d->source;
	live->since = now_wall;
	return true;
}

bool follow_time(const struct lookups *l, const struct tenant *tenant, int64_t now_wall, int64_t now_mono)
{
	struct live *live = tenant->live;
	struct license_decision d = decide_tenant(l, tenant, now_wall, now_mono);
	/* An install body is no news of the licence, and nothing known is none either unless the host has failed. */
	if (d.source == SOURCE_INSTALL || (d.source == SOURCE_NONE && !(live->looked_up && live->failures)))
		return false;
	return follow_state(live, &d, now_wall);
}
