/* policy.c - what a licence decision gets of one feature: a pure function, and the names of its outcomes.
 *
 * The order is the rule: grandfathering (whatever the state), then the state's verdict, then edition, then seats. A
 * later rule only takes away. Source: the features file's chapter of docs/licensing.md; cases in
 * tests/unit/license/policy.rules. */
#include "license/policy.h"

#include <assert.h>

const char *verdict_name(enum verdict v)
{
	static const char *const names[] = {
	    [VERDICT_DENY] = "deny", [VERDICT_READ_ONLY] = "read_only", [VERDICT_ALLOW] = "allow"};
	assert((size_t)v < sizeof names / sizeof *names);
	return names[v];
}

bool verdict_parse(struct str text, enum verdict *ret)
{
	for (int v = VERDICT_DENY; v <= VERDICT_ALLOW; v++)
		if (str_eqz(text, verdict_name((enum verdict)v))) {
			*ret = (enum verdict)v;
			return true;
		}
	return false;
}

int64_t overage_seats(enum overage o, int64_t limit)
{
	static const int64_t quarters[] = {[OVERAGE_NONE] = 4, [OVERAGE_1_25X] = 5, [OVERAGE_1_5X] = 6, [OVERAGE_2X] = 8};
	if (limit <= 0 || o == OVERAGE_ALWAYS)
		return 0;
	assert((size_t)o < sizeof quarters / sizeof *quarters);
	if (limit > INT64_MAX / 4) /* no licence of this world: and the sum below stays in range */
		return limit;
	return limit / 4 * quarters[o] + limit % 4 * quarters[o] / 4;
}

const char *policy_code_name(enum policy_code c)
{
	static const char *const names[] = {
	    [CODE_UNKNOWN] = "UNKNOWN",
	    [CODE_VALID] = "VALID",
	    [CODE_EVALUATION] = "EVALUATION",
	    [CODE_GRACE] = "GRACE",
	    [CODE_EXPIRED] = "EXPIRED",
	    [CODE_NO_LICENSE] = "NO_LICENSE",
	    [CODE_SEATS_EXCEEDED] = "SEATS_EXCEEDED",
	    [CODE_EDITION_REQUIRED] = "EDITION_REQUIRED",
	    [CODE_GRANDFATHERED] = "GRANDFATHERED",
	    [CODE_OVERRIDE] = "OVERRIDE",
	    [CODE_ADMIN_CHOICE] = "ADMIN_CHOICE",
	};
	assert((size_t)c < sizeof names / sizeof *names);
	return names[c];
}

static enum policy_code code_of_state(enum license_state s)
{
	static const enum policy_code codes[STATE_COUNT] = {
	    [STATE_UNKNOWN] = CODE_UNKNOWN, [STATE_NONE] = CODE_NO_LICENSE,         [STATE_EXPIRED] = CODE_EXPIRED,
	    [STATE_GRACE] = CODE_GRACE,     [STATE_CANCELLED_PENDING] = CODE_VALID, [STATE_EVALUATION] = CODE_EVALUATION,
	    [STATE_ACTIVE] = CODE_VALID,
	};
	assert(s < STATE_COUNT);
	return codes[s];
}

static enum verdict verdict_of_state(const struct feature *f, enum license_state s)
{
	if (f->named[s])
		return f->by_state[s];
	return f->has_default ? f->by_default : VERDICT_DENY;
}

struct ruling policy_rule(const struct feature *f, const struct license_decision *d, int64_t first_installed_at,
                          bool seat_ok)
{
	if (d->ruled) /* no licence, so no edition and no seat of one either */
		return (struct ruling){(enum verdict)d->rule, code_of_state(d->state)};
	if (f->installed_before > 0 && first_installed_at > 0 && first_installed_at < f->installed_before)
		return (struct ruling){VERDICT_ALLOW, CODE_GRANDFATHERED};
	struct ruling r = {verdict_of_state(f, d->state), code_of_state(d->state)};
	if (r.verdict == VERDICT_DENY)
		return r;
	if (d->edition < f->edition) /* advanced has what standard has; no edition known has neither */
		return (struct ruling){VERDICT_DENY, CODE_EDITION_REQUIRED};
	if (f->seats && !seat_ok)
		return (struct ruling){VERDICT_DENY, CODE_SEATS_EXCEEDED};
	if (d->source == SOURCE_OVERRIDE && r.verdict == VERDICT_ALLOW)
		r.code = CODE_OVERRIDE;
	return r;
}

struct ruling ruling_at_most(struct ruling r, enum verdict most)
{
	return most < r.verdict ? (struct ruling){most, CODE_ADMIN_CHOICE} : r;
}
