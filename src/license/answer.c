/* answer.c - the licence answer: one JSON object for every door. Source: the contract's licence answer. */
#include "license/answer.h"

#include "license/choices.h"

static struct ruling rule(const struct feature *f, const struct tenant *tenant, const struct license_decision *d,
                          bool seat_ok)
{
	return ruling_at_most(policy_rule(f, d, tenant->first_installed_at, seat_ok), tenant_choice(tenant, f));
}

struct ruling feature_ruling(struct lookups *l, const struct feature *f, const struct tenant *tenant,
                             const struct license_decision *d, struct str account_id)
{
	return rule(f, tenant, d, !f->seats || seat_held_or_free(l, tenant, account_id, f->overage));
}

struct ruling feature_use(struct lookups *l, const struct feature *f, const struct tenant *tenant,
                          const struct license_decision *d, struct str account_id)
{
	/* The seat comes last, so that a request that is denied for another reason takes none. */
	struct ruling r = feature_ruling(l, f, tenant, d, account_id);
	if (r.verdict == VERDICT_DENY || !f->seats)
		return r;
	return rule(f, tenant, d, seat_take(l, tenant, account_id, f->overage));
}

void decision_write(struct jsonw *w, const struct license_decision *d)
{
	jw_kz(w, "state", license_state_name(d->state));
	jw_kz(w, "reason", d->reason);
	jw_kz(w, "source", license_source_name(d->source));
	jw_kint(w, "age", d->age_s);
	jw_kbool(w, "stale", d->stale);
	jw_kbool(w, "evaluation", d->evaluation);
	jw_kz(w, "edition", edition_name(d->edition));
}

void license_seats(struct jsonw *w, const struct tenant *tenant)
{
	int64_t limit = seats_limit(tenant);
	jw_key(w, "limit");
	if (limit > 0)
		jw_int(w, limit);
	else
		jw_null(w);
	jw_kint(w, "used", seats_used(tenant));
}

void license_answer(struct jsonw *w, struct lookups *l, const struct features *features, const struct tenant *tenant,
                    const struct license_decision *d, struct str account_id)
{
	jw_obj(w);
	jw_kstr(w, "tenant", tenant->client_key);
	decision_write(w, d);
	jw_key(w, "seats");
	jw_obj(w);
	license_seats(w, tenant);
	jw_end_obj(w);
	jw_ktime(w, "expires_at", d->expires_at);
	jw_key(w, "features");
	jw_obj(w);
	for (size_t i = 0; i < features_count(features); i++) {
		const struct feature *f = features_at(features, i);
		struct ruling r = feature_ruling(l, f, tenant, d, account_id);
		jw_key(w, f->name);
		jw_obj(w);
		jw_kz(w, "verdict", verdict_name(r.verdict));
		jw_kz(w, "code", policy_code_name(r.code));
		jw_end_obj(w);
	}
	jw_end_obj(w);
	jw_end_obj(w);
}
