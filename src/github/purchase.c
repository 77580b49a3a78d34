/* purchase.c - see purchase.h. */
#include "github/purchase.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "base/json.h"

enum { TEXT_MAX = 512, LOGIN_MAX = 100, UNITS_MAX = 10000000 };
static const int64_t CENTS_MAX = INT64_C(100000000000), ID_MAX = INT64_C(9007199254740991);

static enum err text(const json_t *o, const char *name, size_t max, struct arena *a, const char **ret)
{
	struct str s;
	*ret = NULL;
	if (json_get_str(o, name, &s) != JSON_GOT || s.len == 0 || s.len > max || !str_printable(s))
		return OK;
	*ret = arena_strz(a, s);
	return *ret ? OK : ERR_NOMEM;
}

static int64_t number(const json_t *o, const char *name, int64_t max)
{
	int64_t n;
	return json_get_int(o, name, &n) == JSON_GOT && n >= 0 && n <= max ? n : 0;
}

static int64_t date(const json_t *o, const char *name)
{
	struct str s;
	int64_t at;
	return json_get_str(o, name, &s) == JSON_GOT && time_parse(s, &at) == OK && at > 0 ? at : 0;
}

/* A positive id as text. */
static enum err id_text(const json_t *o, const char *name, struct arena *a, const char **ret)
{
	int64_t n;
	if (json_get_int(o, name, &n) != JSON_GOT || n <= 0 || n > ID_MAX)
		return ERR_INVALID;
	*ret = arena_printf(a, "%" PRId64, n);
	return *ret ? OK : ERR_NOMEM;
}

/* per_unit, flat_rate or free. A plan that costs nothing is free, whatever it is called. */
static const char *price_model(const json_t *plan, int64_t monthly, int64_t yearly)
{
	struct str s = {NULL, 0};
	(void)json_get_str(plan, "price_model", &s);
	if (str_ieq(s, STR("free")) || (monthly == 0 && yearly == 0))
		return "free";
	return str_ieq(s, STR("per_unit")) || str_ieq(s, STR("per-unit")) ? "per_unit" : "flat_rate";
}

static const char *cycle(const json_t *purchase)
{
	struct str s = {NULL, 0};
	(void)json_get_str(purchase, "billing_cycle", &s);
	return str_ieq(s, STR("monthly")) ? "monthly" : str_ieq(s, STR("yearly")) ? "yearly" : NULL;
}

/* Plan and amount. ERR_INVALID without a plan. */
static enum err read_terms(const json_t *purchase, struct arena *a, struct github_terms *ret)
{
	const json_t *plan = json_get_obj(purchase, "plan");
	struct github_terms t = {.billing_cycle = cycle(purchase)};
	if (!plan || json_get_int(plan, "id", &t.plan_id) != JSON_GOT || t.plan_id <= 0)
		return ERR_INVALID;
	t.monthly_cents = number(plan, "monthly_price_in_cents", CENTS_MAX);
	t.yearly_cents = number(plan, "yearly_price_in_cents", CENTS_MAX);
	t.price_model = price_model(plan, t.monthly_cents, t.yearly_cents);
	t.units = number(purchase, "unit_count", UNITS_MAX);
	(void)json_get_bool(purchase, "on_free_trial", &t.on_trial);
	t.trial_ends_at = date(purchase, "free_trial_ends_on");
	t.on_trial = t.on_trial && t.trial_ends_at > 0; /* a trial without an end would be one for ever */
	t.next_billing_at = date(purchase, "next_billing_date");
	enum err err = text(plan, "name", TEXT_MAX, a, &t.plan_name);
	if (err == OK)
		err = text(plan, "unit_name", TEXT_MAX, a, &t.unit_name);
	if (err == OK)
		*ret = t;
	return err;
}

/* A plan in force for a number of units has at least one of them. */
static void at_least_one(struct github_terms *t)
{
	if (github_is_per_unit(t) && t->units == 0)
		t->units = 1;
}

static enum err read_account(const json_t *account, struct arena *a, const char **id, const char **type,
                             const char **login, struct str *email)
{
	struct str s;
	enum err err = account ? id_text(account, "id", a, id) : ERR_INVALID;
	if (err == OK)
		err = text(account, "type", 40, a, type);
	if (err == OK)
		err = text(account, "login", LOGIN_MAX, a, login);
	if (err != OK)
		return err;
	if (!*type)
		*type = "User";
	*email = STR("");
	if (json_get_str(account, "organization_billing_email", &s) == JSON_GOT && s.len <= 254 && str_printable(s)) {
		const char *copy = arena_strz(a, s);
		if (!copy)
			return ERR_NOMEM;
		*email = str_of(copy);
	}
	return OK;
}

/* ---- the webhook ---- */

static enum github_action action_of(struct str s)
{
	static const struct {
		const char *name;
		enum github_action action;
	} actions[] = {
	    {"purchased", GITHUB_PURCHASED},    {"changed", GITHUB_CHANGED},
	    {"pending_change", GITHUB_PENDING}, {"pending_change_cancelled", GITHUB_PENDING_DROPPED},
	    {"cancelled", GITHUB_CANCELLED},
	};
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (str_eqz(s, actions[i].name))
			return actions[i].action;
	return GITHUB_NOTHING;
}

/* What is scheduled: a cancellation has no plan, or none of its units any more. */
static void read_ending(const struct github_terms *previous, struct github_terms *next)
{
	const bool same_plan = previous->effective_at > 0 && previous->plan_id == next->plan_id;
	next->ends = next->units == 0 && !github_is_free(next) && (github_is_per_unit(next) || same_plan);
	next->on_trial = false;
}

static enum err invalid(const char *why, const char **ret_why)
{
	*ret_why = why;
	return ERR_INVALID;
}

static enum err read_purchase(const json_t *purchase, struct arena *a, struct github_news *n, const char **ret_why)
{
	enum err err = read_account(json_get_obj(purchase, "account"), a, &n->account_id, &n->type, &n->login, &n->email);
	if (err != OK)
		return err == ERR_INVALID ? invalid("account", ret_why) : err;
	err = read_terms(purchase, a, &n->terms);
	if (err == ERR_INVALID && n->action == GITHUB_PENDING) {
		n->terms = (struct github_terms){.price_model = "flat_rate", .ends = true};
		err = OK;
	}
	if (err != OK)
		return err == ERR_INVALID ? invalid("plan", ret_why) : err;
	n->terms.effective_at = n->effective_at;
	return OK;
}

enum err github_body_read(struct str body, struct arena *a, struct github_news *ret, const char **ret_why)
{
	__cleanup_json json_t *json = NULL;
	struct github_news n = {.source = "webhook"};
	struct str action;
	enum err err = json_read_object(body, &json);
	if (err != OK)
		return err == ERR_INVALID ? invalid("not_an_object", ret_why) : err;
	if (json_get_str(json, "action", &action) != JSON_GOT)
		return invalid("action", ret_why);
	n.action = action_of(action);
	if (n.action == GITHUB_NOTHING) {
		*ret = n;
		return OK;
	}
	const json_t *purchase = json_get_obj(json, "marketplace_purchase"),
	             *previous = json_get_obj(json, "previous_marketplace_purchase");
	if ((n.effective_at = date(json, "effective_date")) == 0)
		return invalid("effective_date", ret_why);
	if (!purchase)
		return invalid("marketplace_purchase", ret_why);
	if ((err = read_purchase(purchase, a, &n, ret_why)) != OK)
		return err;
	if (previous && (err = read_terms(previous, a, &n.previous)) == OK) {
		n.previous.effective_at = n.effective_at;
		at_least_one(&n.previous);
	} else if (err == ERR_NOMEM) {
		return err;
	}
	n.no_units = json_is_integer(json_object_get(purchase, "unit_count")) && n.terms.units == 0;
	if (n.action == GITHUB_PENDING)
		read_ending(&n.previous, &n.terms);
	else
		at_least_one(&n.terms);
	*ret = n;
	return OK;
}

/* ---- REST ---- */

enum err github_listed_read(const json_t *item, struct arena *a, struct github_listed *ret)
{
	struct github_listed l = {.email = STR("")};
	const json_t *purchase = json_get_obj(item, "marketplace_purchase"),
	             *pending = json_get_obj(item, "marketplace_pending_change"), *account = json_get_obj(item, "account");
	/* The listing puts the account's members beside its purchase, a user's own list puts the purchase's beside it. */
	enum err err = read_account(account ? account : item, a, &l.account_id, &l.type, &l.login, &l.email);
	if (err == OK)
		err = read_terms(purchase ? purchase : item, a, &l.terms);
	if (err != OK)
		return err;
	err = github_plan_read(json_get_obj(purchase ? purchase : item, "plan"), a, &l.plan);
	if (err != OK)
		return err;
	l.terms.effective_at = date(purchase ? purchase : item, "updated_at");
	at_least_one(&l.terms);
	if (pending && date(pending, "effective_date") > 0) {
		err = read_terms(pending, a, &l.pending);
		if (err == ERR_INVALID)
			l.pending = (struct github_terms){.price_model = "flat_rate", .ends = true};
		else if (err != OK)
			return err;
		l.pending.effective_at = date(pending, "effective_date");
		if (!l.pending.ends) {
			const json_t *units = json_object_get(pending, "unit_count");
			struct github_terms previous = l.terms;
			previous.effective_at = 1;
			if (json_is_integer(units)) /* null: a plan at a flat rate */
				read_ending(&previous, &l.pending);
		}
		if (!l.pending.billing_cycle)
			l.pending.billing_cycle = l.terms.billing_cycle;
	}
	*ret = l;
	return OK;
}

enum err github_plan_read(const json_t *item, struct arena *a, struct github_plan_row *ret)
{
	struct github_plan_row p = {.published = true};
	struct str state;
	if (json_get_int(item, "id", &p.plan_id) != JSON_GOT || p.plan_id <= 0)
		return ERR_INVALID;
	p.number = number(item, "number", ID_MAX);
	p.monthly_cents = number(item, "monthly_price_in_cents", CENTS_MAX);
	p.yearly_cents = number(item, "yearly_price_in_cents", CENTS_MAX);
	p.price_model = price_model(item, p.monthly_cents, p.yearly_cents);
	if (json_get_str(item, "state", &state) == JSON_GOT)
		p.published = str_eqz(state, "published");
	enum err err = text(item, "name", TEXT_MAX, a, &p.name);
	if (err == OK)
		*ret = p;
	return err;
}

/* ---- comparing ---- */

bool github_is_free(const struct github_terms *t)
{
	return t->price_model && str_eqz(str_of(t->price_model), "free");
}

bool github_is_per_unit(const struct github_terms *t)
{
	return t->price_model && str_eqz(str_of(t->price_model), "per_unit");
}

int64_t github_amount_cents(const struct github_terms *t)
{
	const int64_t price =
	    t->billing_cycle && str_eqz(str_of(t->billing_cycle), "yearly") ? t->yearly_cents : t->monthly_cents;
	return github_is_per_unit(t) ? price * t->units : price;
}

bool github_terms_equal(const struct github_terms *a, const struct github_terms *b)
{
	return a->plan_id == b->plan_id && str_eq(str_of(a->billing_cycle), str_of(b->billing_cycle)) &&
	       (a->units == b->units || !github_is_per_unit(b)) && a->on_trial == b->on_trial &&
	       (!a->on_trial || a->trial_ends_at == b->trial_ends_at) && a->ends == b->ends;
}
