/* derive.c - the rules, one function each.
 *
 * What a licence's row says is compared with what it said when its events were last derived, so that a state that came
 * and went between two polls is no event. A sale's line is an event of its own; it tells once. An event's identity
 * holds the date that the report names, never the time of the poll. */
#include "market/derive.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static const int64_t DAY_MS = 86400000;
/* How long after its day a refund waits for the Upgrade that its licence's tier gives away. */
enum { REFUND_HOLD_DAYS = 1 };

static bool is(const char *text, const char *what)
{
	return text && strcmp(text, what) == 0;
}

static bool same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Wall ms of a day; 0: none, or not a day. */
static int64_t day_ms(const char *day)
{
	int64_t ms = 0;
	return day && time_parse(str_of(day), &ms) == OK ? ms : 0;
}

bool market_is_evaluation(const struct market_license *l)
{
	return is(l->license_type, "EVALUATION");
}

bool market_is_paid(const struct market_license *l)
{
	static const char *const types[] = {"COMMERCIAL",           "ACADEMIC", "SOCIAL_IMPACT",
	                                    "SOCIAL_IMPACT_GLOBAL", "STARTER",  "CLASSROOM"};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (is(l->license_type, types[i]))
			return true;
	return false;
}

bool market_status_is(const struct market_license *l, const char *status)
{
	return is(l->status, status);
}

/* ---- the list ---- */

static struct market_event *add(struct market_events *list, const char *type, int64_t effective_at, const char *key,
                                const char *more)
{
	for (size_t i = 0; i < list->count; i++)
		if (is(list->at[i].type, type) && same(list->at[i].once[0], key) && same(list->at[i].once[1], more))
			return NULL; /* a second reason for the same event */
	assert(list->count < list->cap);
	struct market_event *e = &list->at[list->count++];
	*e = (struct market_event){.type = type, .once = {key, more ? more : ""}, .effective_at = effective_at};
	return e;
}

/* What comes first where two have the same date. */
static int rank(const char *type)
{
	static const char *const order[] = {
	    "trial.started",       "trial.converted",   "purchase.created", "purchase.renewed", "purchase.upgraded",
	    "purchase.downgraded", "purchase.refunded", "payment.failed",   "trial.cancelled",  "purchase.cancelled"};
	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		if (is(type, order[i]))
			return (int)i;
	return (int)(sizeof order / sizeof *order);
}

/* A cancellation takes effect later than it is known: it is placed by what it says of now. */
static int64_t place_of(const struct market_event *e, int64_t now)
{
	return e->effective_at < now ? e->effective_at : now;
}

static int compare(const void *x, const void *y, void *now)
{
	const struct market_event *a = x, *b = y;
	const int64_t pa = place_of(a, *(int64_t *)now), pb = place_of(b, *(int64_t *)now);
	if (pa != pb)
		return pa < pb ? -1 : 1;
	if (rank(a->type) != rank(b->type))
		return rank(a->type) - rank(b->type);
	const int order = strcmp(a->once[0], b->once[0]);
	return order != 0 ? order : strcmp(a->once[1], b->once[1]);
}

/* ---- a licence's row ---- */

/* A licence that ends before its date (paid back, given up) ended when that was seen. */
static int64_t ended_at(const struct market_license *l)
{
	const int64_t end = day_ms(l->maintenance_end), seen = l->changed_at / DAY_MS * DAY_MS;
	return end && seen && seen < end ? seen : end;
}

static const char *trial_start(const struct market_license *l)
{
	return l->evaluation_start ? l->evaluation_start : l->maintenance_start;
}

static void converted(const struct market_case *c, struct market_events *ret, int64_t effective_at)
{
	const struct market_license *l = c->license;
	const char *start = l->evaluation_start                        ? l->evaluation_start
	                    : c->before && c->before->evaluation_start ? c->before->evaluation_start
	                    : market_is_evaluation(l)                  ? l->maintenance_start
	                    : c->before                                ? c->before->maintenance_start
	                                                               : NULL;
	add(ret, "trial.converted", effective_at, l->row_key, start);
}

static const struct market_sale *first_new_sale(const struct market_case *c, const char *from)
{
	const struct market_sale *first = NULL;
	for (size_t i = 0; i < c->sale_count; i++) {
		const struct market_sale *s = &c->sales[i];
		if (is(s->sale_type, "new") && !is(s->license_type, "EVALUATION") && s->sale_date &&
		    strcmp(s->sale_date, from) >= 0 && (!first || strcmp(s->sale_date, first->sale_date) < 0))
			first = s;
	}
	return first;
}

/* A start that was not known before is no other evaluation, unless the one before had ended. */
static bool another_start(const struct market_license *l, const struct market_license *was)
{
	return l->evaluation_start && !same(l->evaluation_start, was->evaluation_start) &&
	       (was->evaluation_start || market_status_is(was, "inactive"));
}

static void trial_events(const struct market_case *c, const struct market_license *was, struct market_events *ret)
{
	const struct market_license *l = c->license;
	const bool was_trial = was && market_is_evaluation(was);
	const bool runs = market_status_is(l, "active") || (!was && market_status_is(l, "cancelled"));
	if (market_is_evaluation(l)) {
		if (runs && (!was_trial || another_start(l, was)))
			add(ret, "trial.started", day_ms(trial_start(l)), l->row_key, trial_start(l));
		if (was_trial && market_status_is(l, "inactive") && !market_status_is(was, "inactive"))
			add(ret, "trial.expired", ended_at(l), l->row_key, l->maintenance_end);
		if ((was_trial || !was) && market_status_is(l, "cancelled") && !(was && market_status_is(was, "cancelled")))
			add(ret, "trial.cancelled", day_ms(l->maintenance_end), l->row_key, l->maintenance_end);
		return;
	}
	if (was_trial && market_is_paid(l)) {
		converted(c, ret, day_ms(l->maintenance_start));
	} else if (!was && market_is_paid(l) && l->evaluation_start) {
		/* its sale may have come before it */
		const struct market_sale *s = first_new_sale(c, l->evaluation_start);
		if (s)
			converted(c, ret, day_ms(s->sale_date));
	}
}

static void license_events(const struct market_case *c, struct market_events *ret)
{
	const struct market_license *l = c->license;
	/* what was a sandbox is seen for the first time */
	const struct market_license *was = c->before && !c->before->sandbox ? c->before : NULL;
	if (!c->license_news)
		return;
	trial_events(c, was, ret);
	if (!market_is_paid(l))
		return;
	if (market_status_is(l, "cancelled") && !(was && market_status_is(was, "cancelled")))
		add(ret, "purchase.cancelled", day_ms(l->maintenance_end), l->row_key, l->maintenance_end);
	if (was && market_status_is(l, "inactive") && !market_status_is(was, "inactive"))
		add(ret, "purchase.expired", ended_at(l), l->row_key, l->maintenance_end);
}

/* ---- sales ---- */

const struct market_sale *market_original(const struct market_sale *refund, const struct market_sale *sales,
                                          size_t count)
{
	const struct market_sale *named = NULL, *alike = NULL;
	for (size_t i = 0; i < count; i++) {
		const struct market_sale *s = &sales[i];
		if (s == refund || is(s->sale_type, "refund") || s->price_cents <= 0)
			continue;
		const bool equal = s->price_cents == -refund->price_cents && !is(refund->license_key, "");
		if (refund->original_id && is(s->transaction_id, refund->original_id) && (!named || equal))
			named = s;
		if (equal && s->sale_date && refund->sale_date && strcmp(s->sale_date, refund->sale_date) <= 0 &&
		    (!alike || strcmp(s->sale_date, alike->sale_date) > 0))
			alike = s;
	}
	return named ? named : alike;
}

static const struct market_sale *beside(const struct market_sale *s, const char *type, const struct market_sale *sales,
                                        size_t count)
{
	for (size_t i = 0; !is(s->license_key, "") && i < count; i++) /* without an id nothing is said to belong together */
		if (is(sales[i].sale_type, type) && sales[i].sale_date && same(sales[i].sale_date, s->sale_date))
			return &sales[i];
	return NULL;
}

bool market_repriced(const struct market_sale *s, const struct market_sale *sales, size_t count)
{
	return beside(s, is(s->sale_type, "refund") ? "upgrade" : "refund", sales, count) != NULL;
}

/* The line before this one. */
static const struct market_sale *line_before(const struct market_case *c, const struct market_sale *s)
{
	const struct market_sale *last = NULL;
	for (size_t i = 0; !is(s->license_key, "") && i < c->sale_count; i++) {
		const struct market_sale *o = &c->sales[i];
		if (o != s && !is(o->sale_type, "refund") && o->sale_date && s->sale_date &&
		    strcmp(o->sale_date, s->sale_date) < 0 && (!last || strcmp(o->sale_date, last->sale_date) > 0))
			last = o;
	}
	return last;
}

/* A licence that goes on with a tier that no line has brought: an Upgrade is on its way, and the refund its half. */
static bool upgrade_awaited(const struct market_case *c, const struct market_sale *refund)
{
	const struct market_license *l = c->license;
	const int64_t day = day_ms(refund->sale_date);
	if (!l || !market_status_is(l, "active") || !l->tier || !day || c->now >= day + (1 + REFUND_HOLD_DAYS) * DAY_MS)
		return false;
	for (size_t i = 0; i < c->sale_count; i++)
		if (!is(c->sales[i].sale_type, "refund") && is(c->sales[i].tier, l->tier))
			return false;
	return true;
}

static struct market_event *add_line(struct market_events *ret, const char *type, const struct market_sale *s)
{
	struct market_event *e = add(ret, type, day_ms(s->sale_date), s->transaction_id, s->line_id);
	if (e)
		e->sale = s;
	return e;
}

static void bought(const struct market_case *c, const struct market_sale *s, struct market_events *ret)
{
	const struct market_license *l = c->license;
	const struct market_license *was = c->license_news && c->before ? c->before : NULL;
	bool after_trial = false;
	if (l) {
		const char *start = l->evaluation_start ? l->evaluation_start : was ? was->evaluation_start : NULL;
		after_trial = start ? s->sale_date && strcmp(s->sale_date, start) >= 0
		                    : market_is_evaluation(l) || (was && market_is_evaluation(was));
	}
	if (after_trial)
		converted(c, ret, day_ms(s->sale_date));
	struct market_event *e = add_line(ret, "purchase.created", s);
	if (e)
		e->previous = line_before(c, s);
}

static void refunded(const struct market_case *c, size_t i, struct market_events *ret, bool *ret_held)
{
	const struct market_sale *s = &c->sales[i];
	if (market_repriced(s, c->sales, c->sale_count))
		return;
	if (upgrade_awaited(c, s)) {
		ret_held[i] = true;
		return;
	}
	struct market_event *e = add_line(ret, "purchase.refunded", s);
	if (e)
		e->previous = market_original(s, c->sales, c->sale_count);
}

static void upgraded(const struct market_case *c, const struct market_sale *s, struct market_events *ret)
{
	struct market_event *e = add_line(ret, "purchase.upgraded", s);
	if (!e)
		return;
	e->previous = line_before(c, s);
	for (size_t i = 0; !is(s->license_key, "") && i < c->sale_count; i++) {
		const struct market_sale *o = &c->sales[i];
		if (!is(o->sale_type, "refund") || !same(o->sale_date, s->sale_date))
			continue;
		e->repricing = true;
		if (o->news_seq > 0 && !o->news_previous && beside(o, "upgrade", c->sales, c->sale_count) == s)
			e->refund_cents += o->price_cents;
	}
}

static bool failed(const char *payment_status)
{
	return is(payment_status, "uncollectible") || (payment_status && strstr(payment_status, "dunning"));
}

static bool failed_before(const struct market_sale *s)
{
	bool was = false;
	json_t *row = NULL;
	struct str status;
	if (s->news_previous && json_read_object(str_of(s->news_previous), &row) == OK &&
	    json_get_str(row, "paymentStatus", &status) == JSON_GOT)
		was = str_ifind(status, STR("uncollectible")) || str_ifind(status, STR("dunning"));
	json_decref(row);
	return was;
}

static void sale_events(const struct market_case *c, size_t i, struct market_events *ret, bool *ret_held)
{
	const struct market_sale *s = &c->sales[i];
	struct market_event *e = NULL;
	if (!s->news_previous && !is(s->license_type, "EVALUATION")) {
		if (is(s->sale_type, "new"))
			bought(c, s, ret);
		else if (is(s->sale_type, "renewal"))
			e = add_line(ret, "purchase.renewed", s);
		else if (is(s->sale_type, "upgrade"))
			upgraded(c, s, ret);
		else if (is(s->sale_type, "downgrade"))
			e = add_line(ret, "purchase.downgraded", s);
		else if (is(s->sale_type, "refund"))
			refunded(c, i, ret, ret_held);
		if (e)
			e->previous = line_before(c, s);
	}
	if (failed(s->payment_status) && !failed_before(s))
		add_line(ret, "payment.failed", s);
}

void market_derive(const struct market_case *c, struct market_events *ret, bool *ret_held)
{
	int64_t now = c->now;
	ret->count = 0;
	assert(ret->cap >= MARKET_EVENTS_MAX(c->sale_count));
	memset(ret_held, 0, c->sale_count * sizeof *ret_held);
	if (c->license && c->license->sandbox)
		return;
	if (c->license)
		license_events(c, ret);
	for (size_t i = 0; i < c->sale_count; i++)
		if (c->sales[i].news_seq > 0)
			sale_events(c, i, ret, ret_held);
	if (ret->count > 1)
		qsort_r(ret->at, ret->count, sizeof *ret->at, compare, &now);
}

/* ---- a licence as it was ---- */

enum letters { AS_IS, LOWER, UPPER };

/* Copies the text (or the number) of a member; NULL where there is none. */
static enum err member(const json_t *row, const char *name, enum letters letters, struct arena *a, const char **ret)
{
	struct str text;
	int64_t number;
	char *copy = NULL;
	if (json_get_str(row, name, &text) == JSON_GOT && text.len > 0)
		copy = arena_strz(a, text);
	else if (json_get_int(row, name, &number) == JSON_GOT)
		copy = arena_printf(a, "%lld", (long long)number);
	else
		return OK;
	if (!copy)
		return ERR_NOMEM;
	for (char *p = copy; *p && letters != AS_IS; p++)
		*p = (char)(letters == LOWER ? tolower((unsigned char)*p) : toupper((unsigned char)*p));
	*ret = copy;
	return OK;
}

enum err market_license_was(struct str content, struct arena *a, struct market_license *ret)
{
	struct market_license l = {0};
	json_t *row = NULL;
	enum err err = json_read_object(content, &row);
	if (err != OK)
		return err;
	const struct {
		const char *name;
		enum letters letters;
		const char **to;
	} members[] = {
	    {"status", LOWER, &l.status},
	    {"licenseType", UPPER, &l.license_type},
	    {"tier", AS_IS, &l.tier},
	    {"appEdition", AS_IS, &l.edition},
	    {"maintenanceStartDate", AS_IS, &l.maintenance_start},
	    {"maintenanceEndDate", AS_IS, &l.maintenance_end},
	    {"latestEvaluationStartDate", AS_IS, &l.evaluation_start},
	};
	for (size_t i = 0; err == OK && i < sizeof members / sizeof *members; i++)
		err = member(row, members[i].name, members[i].letters, a, members[i].to);
	struct str sandbox;
	l.sandbox = json_get_str(row, "installedOnSandbox", &sandbox) == JSON_GOT && str_ieq(sandbox, STR("Yes"));
	json_decref(row);
	if (err == OK)
		*ret = l;
	return err;
}
