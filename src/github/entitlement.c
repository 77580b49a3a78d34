/* entitlement.c - see entitlement.h. */
#include "github/entitlement.h"

#include <assert.h>
#include <string.h>

static const int64_t DAY_MS = 86400000;

static bool is_status(const struct github_account_row *row, const char *status)
{
	return row->status && strcmp(row->status, status) == 0;
}

bool entitlement_live(const struct github_account_row *row)
{
	return is_status(row, "active") || is_status(row, "free");
}

static bool on_trial(const struct github_account_row *row)
{
	return is_status(row, "active") && row->now.on_trial;
}

static void tell(struct github_outcome *o, const char *type, int64_t effective_at, bool with_terms, bool with_previous)
{
	assert(o->fact_count < GITHUB_FACTS_MAX);
	o->facts[o->fact_count++] = (struct github_fact){
	    .type = type, .effective_at = effective_at, .with_terms = with_terms, .with_previous = with_previous};
}

/* ---- what is in force ---- */

/* Up or down: by what a month costs, then by the cycle (a year is the larger commitment), then by the units. */
static int compare_size(const struct github_terms *a, const struct github_terms *b)
{
	const int64_t x = a->monthly_cents * (github_is_per_unit(a) ? a->units : 1),
	              y = b->monthly_cents * (github_is_per_unit(b) ? b->units : 1);
	if (x != y)
		return x < y ? -1 : 1;
	const bool year_a = str_eqz(str_of(a->billing_cycle), "yearly"),
	           year_b = str_eqz(str_of(b->billing_cycle), "yearly");
	if (year_a != year_b)
		return year_a ? 1 : -1;
	return a->units < b->units ? -1 : a->units > b->units;
}

static void tell_paid(struct github_outcome *o, const struct github_terms *was, const struct github_terms *is,
                      int64_t at, int64_t now)
{
	if (!github_terms_equal(was, is))
		tell(o, compare_size(is, was) < 0 ? "purchase.downgraded" : "purchase.upgraded", at, true, true);
	else if (!github_is_free(is) && was->next_billing_at > 0 && is->next_billing_at > was->next_billing_at &&
	         was->next_billing_at <= now)
		tell(o, "purchase.renewed", was->next_billing_at, true, false);
}

static void tell_in_force(struct github_outcome *o, const struct github_account_row *old, const struct github_terms *is,
                          int64_t at, int64_t now)
{
	const struct github_terms *was = &old->now;
	const bool was_live = entitlement_live(old) && !is_status(old, "free");
	if (is->on_trial) {
		if (!on_trial(old))
			tell(o, "trial.started", at, true, was_live);
		else if (was->plan_id != is->plan_id || (github_is_per_unit(is) && was->units != is->units))
			tell_paid(o, was, is, at, now);
	} else if (on_trial(old) && github_is_free(is)) {
		tell(o, "trial.cancelled", at, false, false);
		tell(o, "purchase.downgraded", at, true, true);
	} else if (on_trial(old) || is_status(old, "expired")) {
		tell(o, "trial.converted", at, true, false);
		tell(o, "purchase.created", at, true, false);
	} else if (!was_live) {
		tell(o, "purchase.created", at, true, false);
	} else {
		tell_paid(o, was, is, at, now);
	}
}

/* A change of a purchase that nobody told us of: what was before says the news itself. */
static void tell_change_of_unknown(struct github_outcome *o, const struct github_news *news, int64_t now)
{
	const struct github_account_row before = {.status = "active", .now = news->previous};
	o->before = news->previous;
	if (!news->previous.on_trial) {
		tell(o, "purchase.created", 0, true, false);
		o->facts[o->fact_count - 1].of_before = true;
	}
	tell_in_force(o, &before, &news->terms, news->effective_at, now);
}

static void apply_in_force(struct github_outcome *o, const struct github_account_row *old,
                           const struct github_news *news, int64_t now)
{
	struct github_account_row *row = &o->row;
	if (!old->account_id && news->action == GITHUB_CHANGED && news->previous.effective_at > 0 &&
	    !(news->terms.on_trial && news->previous.on_trial))
		tell_change_of_unknown(o, news, now);
	else
		tell_in_force(o, old, &news->terms, news->effective_at, now);
	o->changed = !entitlement_live(old) || is_status(old, "free") || !github_terms_equal(&old->now, &news->terms);
	row->status = "active";
	row->effective_at = news->effective_at;
	row->now = news->terms;
	row->now.effective_at = news->effective_at;
	row->ended_at = row->erase_at = 0;
	if (row->next.effective_at > 0 && row->next.effective_at <= news->effective_at) {
		row->next = (struct github_terms){0};
		o->changed = true;
	}
}

/* ---- the end ---- */

static void end(struct github_outcome *o, const char *status, int64_t now, int64_t erase_days)
{
	struct github_account_row *row = &o->row;
	if (erase_days > GITHUB_ERASE_DAYS_MAX)
		erase_days = GITHUB_ERASE_DAYS_MAX;
	row->status = status;
	row->next = (struct github_terms){0};
	if (row->ended_at == 0) {
		row->ended_at = now;
		row->erase_at = now + (erase_days > 0 ? erase_days * DAY_MS : 1);
	}
	o->changed = true;
}

static void apply_cancelled(struct github_outcome *o, const struct github_account_row *old,
                            const struct github_news *news, const struct github_plan_row *free_plan, int64_t now,
                            int64_t erase_days)
{
	struct github_account_row *row = &o->row;
	const struct github_terms *was = old->now.effective_at > 0 ? &old->now : &news->terms;
	row->effective_at = news->effective_at;
	if (is_status(old, "cancelled") || is_status(old, "free"))
		return;
	if (on_trial(old))
		tell(o, "trial.cancelled", news->effective_at, true, false);
	else if (!is_status(old, "expired"))
		tell(o, "purchase.cancelled", news->effective_at, true, false);
	if (row->now.effective_at == 0)
		row->now = news->terms;
	row->now.on_trial = false;
	if (!free_plan || github_is_free(was)) {
		end(o, "cancelled", now, erase_days);
		return;
	}
	row->status = "free";
	row->next = (struct github_terms){0};
	row->now = (struct github_terms){.effective_at = news->effective_at,
	                                 .plan_id = free_plan->plan_id,
	                                 .plan_name = free_plan->name,
	                                 .price_model = "free"};
	row->ended_at = row->erase_at = 0;
	o->changed = true;
}

void entitlement_trial_over(const struct github_account_row *old, int64_t now, int64_t erase_days,
                            struct github_outcome *ret)
{
	assert(on_trial(old));
	*ret = (struct github_outcome){.row = *old, .before = old->now, .ended = true};
	ret->row.updated_at = now;
	tell(ret, "trial.expired", old->now.trial_ends_at, true, false);
	end(ret, "expired", now, erase_days);
}

/* ---- what is scheduled ---- */

static void apply_pending(struct github_outcome *o, const struct github_news *news)
{
	struct github_account_row *row = &o->row;
	struct github_terms next = news->terms;
	next.effective_at = news->effective_at;
	if (news->no_units && !github_is_free(&next) && next.plan_id == row->now.plan_id &&
	    (!next.billing_cycle || str_eq(str_of(next.billing_cycle), str_of(row->now.billing_cycle))))
		next.ends = true; /* none of what there is */
	if (!next.billing_cycle)
		next.billing_cycle = row->now.billing_cycle;
	if (row->next.effective_at == next.effective_at && github_terms_equal(&row->next, &next))
		return;
	row->next = next;
	o->changed = true;
	tell(o, "purchase.change_pending", next.effective_at, true, true);
	o->facts[o->fact_count - 1].pending = true;
}

static void apply_dropped(struct github_outcome *o)
{
	struct github_account_row *row = &o->row;
	if (row->next.effective_at == 0)
		return;
	tell(o, "purchase.change_dropped", row->next.effective_at, true, false);
	row->next = (struct github_terms){0};
	o->changed = true;
}

/* Scheduled for an account of whose purchase nothing was heard: what goes on until then says the news itself. Dated so
 * early that every webhook which comes late still counts. */
static bool begin_with_previous(struct github_outcome *o, const struct github_account_row *old,
                                const struct github_news *news, int64_t now)
{
	const bool dropped = news->action == GITHUB_PENDING_DROPPED;
	struct github_news first = *news;
	if (!dropped && news->previous.effective_at == 0)
		return false;
	first.action = GITHUB_PURCHASED;
	first.terms = dropped ? news->terms : news->previous;
	first.effective_at = 1;
	apply_in_force(o, old, &first, now);
	return true;
}

static void apply_schedule(struct github_outcome *o, const struct github_account_row *old,
                           const struct github_news *news, int64_t now)
{
	if (!old->account_id && !begin_with_previous(o, old, news, now)) {
		o->stale = true;
		return;
	}
	if (!entitlement_live(&o->row))
		o->stale = true;
	else if (news->action == GITHUB_PENDING)
		apply_pending(o, news);
	else
		apply_dropped(o);
}

/* ---- all of it ---- */

static void who(struct github_account_row *row, const struct github_news *news, int64_t now)
{
	row->account_id = news->account_id;
	row->type = news->type;
	if (news->login)
		row->login = news->login;
	if (row->created_at == 0)
		row->created_at = now;
	row->updated_at = now;
}

void entitlement_apply(const struct github_account_row *old, const struct github_news *news,
                       const struct github_plan_row *free_plan, int64_t now, int64_t erase_days,
                       struct github_outcome *ret)
{
	struct github_outcome o = {.row = *old, .before = old->now};
	const bool in_force = news->action == GITHUB_PURCHASED || news->action == GITHUB_CHANGED;
	/* A dropped schedule carries no date of its own that could be compared. */
	o.stale = news->action != GITHUB_PENDING_DROPPED && news->effective_at < old->effective_at;
	if (!o.stale) {
		who(&o.row, news, now);
		if (in_force)
			apply_in_force(&o, old, news, now);
		else if (news->action == GITHUB_CANCELLED)
			apply_cancelled(&o, old, news, free_plan, now, erase_days);
		else
			apply_schedule(&o, old, news, now);
	}
	if (o.stale)
		o.row = *old;
	o.began = entitlement_live(&o.row) && !entitlement_live(old);
	o.ended = o.row.account_id && !entitlement_live(&o.row) && (entitlement_live(old) || !old->account_id);
	*ret = o;
}

bool entitlement_scheduled(const struct github_account_row *row, int64_t now, struct github_news *ret)
{
	if (row->next.effective_at == 0 || row->next.effective_at > now || !entitlement_live(row))
		return false;
	*ret = (struct github_news){.action = row->next.ends ? GITHUB_CANCELLED : GITHUB_CHANGED,
	                            .source = "schedule",
	                            .once = STR(""),
	                            .account_id = row->account_id,
	                            .type = row->type,
	                            .effective_at = row->next.effective_at,
	                            .terms = row->next.ends ? row->now : row->next};
	return true;
}

struct license_facts entitlement_facts(const struct github_account_row *row, struct str email)
{
	const struct github_terms *t = &row->now;
	struct license_facts f = {
	    .valid = entitlement_live(row),
	    .evaluation = on_trial(row),
	    .type = github_is_free(t) ? STR("FREE")
	            : on_trial(row)   ? STR("TRIAL")
	                              : STR("COMMERCIAL"),
	    .entitlement_id = str_of(row->account_id),
	    .contact_email = email,
	    .users_max = github_is_per_unit(t) ? t->units : -1,
	    .expires_at = on_trial(row) ? t->trial_ends_at : 0,
	    .max_age_s = -1,
	};
	if (is_status(row, "expired"))
		f.expires_at = t->trial_ends_at;
	if (is_status(row, "cancelled"))
		f.cancelled = true;
	if (f.valid && row->next.ends) {
		f.cancelled = true;
		f.expires_at = row->next.effective_at;
	}
	return f;
}
