/* settle.c - news to journal, some licences a job.
 *
 * A job takes the next few news rows, finds the licence of each with all its sales, derives (derive.h), writes the
 * events and takes the marks off, all in one transaction. Rows that are held back keep their mark and are looked at
 * again by the next call. An event's id does not hold the tenant: the tenant's own ids may arrive after it. */
#include "market/settle.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/metrics.h"
#include "events/journal.h"
#include "market/derive.h"

enum {
	NEWS_OF_A_JOB = 32,
	SALES_MAX = 2000, /* of one licence, news first; further news wait for their own turn */
	ARENA_MAX_BYTES = 64 * 1024 * 1024,
	TEXT_MAX = 16 * 1024
};

struct settle {
	int64_t now;
	int64_t after_license, after_sale; /* news up to here were looked at */
	size_t looked_at;                  /* by this job */
	size_t events, held;
	bool told_held;
};

/* ---- one event ---- */

struct fact {
	const char *name, *value; /* NULL: left out */
};
#define FACTS(f) (f), sizeof(f) / sizeof *(f)

/* Facts that were, as JSON; nothing where there is none. */
static void write_facts(struct buf *out, const struct fact *facts, size_t count, const struct market_sale *sale)
{
	struct jsonw w = jsonw(out);
	bool any = sale != NULL;
	jw_obj(&w);
	for (size_t i = 0; i < count; i++) {
		if (facts[i].value)
			jw_kz(&w, facts[i].name, facts[i].value);
		any = any || facts[i].value;
	}
	if (sale)
		jw_kint(&w, "amount_cents", sale->price_cents);
	jw_end_obj(&w);
	if (!any)
		buf_reset(out);
}

static void write_previous(struct buf *out, const struct market_event *e, const struct market_case *c)
{
	const struct market_sale *s = e->previous;
	const struct market_license *l = c->before;
	if (e->sale && s) {
		const struct fact facts[] = {{"transaction", s->transaction_id},
		                             {"line", s->line_id},
		                             {"sale_type", s->sale_type},
		                             {"sale_date", s->sale_date},
		                             {"tier", s->tier},
		                             {"edition", s->edition},
		                             {"billing_period", s->billing_period},
		                             {"maintenance_end", s->maintenance_end}};
		write_facts(out, FACTS(facts), s);
	} else if (e->sale) {
		const struct fact facts[] = {{"tier", e->sale->old_tier}};
		write_facts(out, FACTS(facts), NULL);
	} else if (l) {
		const struct fact facts[] = {{"status", l->status},
		                             {"license_type", l->license_type},
		                             {"tier", l->tier},
		                             {"edition", l->edition},
		                             {"maintenance_end", l->maintenance_end}};
		write_facts(out, FACTS(facts), NULL);
	}
}

static void write_once(struct buf *out, const char *key, const char *more)
{
	buf_reset(out);
	buf_printf(out, "%zu|%s|%s", strlen(key), key, more);
}

/* A licence's event that was told when the licence had another of its ids is not told again under this one. */
static enum err told_before(struct store_tx *tx, const struct market_event *e, const struct event *event, bool *ret)
{
	__cleanup(arena_release) struct arena a;
	__cleanup_buf struct buf once = BUF_INIT(TEXT_MAX);
	const char **ids = NULL;
	size_t count = 0;
	arena_init(&a, ARENA_MAX_BYTES);
	enum err err = store_market_other_ids(tx, str_of(e->once[0]), &a, &ids, &count);
	for (size_t i = 0; err == OK && i < count && !*ret; i++) {
		struct event other = *event;
		char id[EVENT_ID_SIZE];
		write_once(&once, ids[i], e->once[1]);
		other.once = buf_text(&once);
		err = once.err == OK ? event_id(&other, id) : once.err;
		if (err == OK)
			err = store_event_exists(tx, id, ret);
	}
	return err;
}

static enum err add_event(struct store_tx *tx, const struct market_case *c, const struct market_event *e,
                          struct str tenant)
{
	__cleanup_buf struct buf once = BUF_INIT(TEXT_MAX), previous = BUF_INIT(TEXT_MAX);
	const struct market_sale *s = e->sale;
	const struct market_license *l = c->license;
	write_once(&once, e->once[0], e->once[1]);
	write_previous(&previous, e, c);
	if (once.err != OK || previous.err != OK)
		return once.err != OK ? once.err : previous.err;
	struct event_field fields[24];
	size_t n = 0;
	fields[n++] = EF_Z("entitlement", l ? l->row_key : s->license_key);
	fields[n++] = EF_Z("app", s ? s->app_key : l->app_key);
	fields[n++] = EF_Z("hosting", s ? s->hosting : l->hosting);
	fields[n++] = EF_Z("license_type", s ? s->license_type : l->license_type);
	fields[n++] = EF_Z("tier", s ? s->tier : l->tier);
	fields[n++] = EF_Z("edition", s ? s->edition : l->edition);
	fields[n++] = EF_Z("billing_period", s ? s->billing_period : l->billing_period);
	fields[n++] = EF_Z("maintenance_start", s ? s->maintenance_start : l->maintenance_start);
	fields[n++] = EF_Z("maintenance_end", s ? s->maintenance_end : l->maintenance_end);
	if (s) {
		fields[n++] = EF_Z("transaction", s->transaction_id);
		fields[n++] = EF_Z("line", s->line_id);
		fields[n++] = EF_Z("payment_status", s->payment_status);
		fields[n++] = EF_INT("amount_cents", s->price_cents);
		fields[n++] = EF_INT("vendor_amount_cents", s->vendor_cents);
		fields[n++] = EF_Z("currency", s->currency);
	}
	if (s && e->previous && strcmp(e->type, "purchase.refunded") == 0)
		fields[n++] = EF_BOOL("partial", -s->price_cents < e->previous->price_cents);
	if (e->repricing)
		fields[n++] = EF_BOOL("repricing", true);
	if (e->refund_cents)
		fields[n++] = EF_INT("refund_cents", e->refund_cents);
	fields[n++] = EF_JSON("previous", buf_text(&previous));
	const struct event event = {.type = e->type,
	                            .tenant = tenant,
	                            .source = "marketplace",
	                            .at = s ? s->changed_at : l->changed_at,
	                            .effective_at = e->effective_at,
	                            .once = buf_text(&once),
	                            .tenant_apart = true,
	                            .fields = fields,
	                            .field_count = n};
	bool told = false;
	enum err err = s ? OK : told_before(tx, e, &event, &told);
	return err == OK && !told ? journal_add(tx, &event) : err;
}

/* ---- one licence ---- */

static enum err mark_told(struct store_tx *tx, const struct market_case *c, const bool *held, struct settle *s)
{
	enum err err = c->license_news ? store_market_license_told(tx, c->license) : OK;
	for (size_t i = 0; err == OK && i < c->sale_count; i++) {
		if (c->sales[i].news_seq == 0)
			continue;
		if (held[i])
			s->held++;
		else
			err = store_market_sale_told(tx, &c->sales[i]);
	}
	return err;
}

/* The licence under its best id now, as it was, and all its sales. */
static enum err find_case(struct store_tx *tx, const char *key, struct arena *a, struct market_license *license,
                          struct market_license *before, struct market_case *ret)
{
	struct market_sale *sales = NULL;
	enum err err = store_market_license(tx, str_of(key), a, license);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	ret->license = err == OK ? license : NULL;
	ret->license_news = ret->license && license->news_seq > 0;
	if (ret->license_news && license->news_previous) {
		err = market_license_was(str_of(license->news_previous), a, before);
		if (err != OK && err != ERR_INVALID)
			return err;
		ret->before = err == OK ? before : NULL;
	}
	err = store_market_sales(tx, str_of(ret->license ? license->row_key : key), SALES_MAX, a, &sales, &ret->sale_count);
	ret->sales = sales;
	return err;
}

static enum err tenant_of(struct store_tx *tx, const struct market_case *c, struct arena *a, struct str *ret)
{
	struct market_match match;
	*ret = STR("");
	if (!c->license)
		return OK;
	enum err err = store_market_tenant(tx, str_of(c->license->row_key), a, &match);
	if (err == OK)
		*ret = str_of(match.client_key);
	return err == ERR_NOT_FOUND ? OK : err;
}

static enum err settle_license(struct store_tx *tx, const char *key, struct settle *s)
{
	__cleanup(arena_release) struct arena a;
	struct market_license license, before;
	struct market_case c = {.now = s->now};
	struct str tenant = {0};
	arena_init(&a, ARENA_MAX_BYTES);
	enum err err = find_case(tx, key, &a, &license, &before, &c);
	if (err != OK)
		return err;
	const size_t cap = MARKET_EVENTS_MAX(c.sale_count);
	struct market_events events = {.at = arena_alloc(&a, cap * sizeof *events.at), .cap = cap};
	bool *held = arena_zalloc(&a, c.sale_count + 1);
	if (!events.at || !held)
		return ERR_NOMEM;
	market_derive(&c, &events, held);
	if (events.count > 0)
		err = tenant_of(tx, &c, &a, &tenant);
	for (size_t i = 0; err == OK && i < events.count; i++) {
		err = add_event(tx, &c, &events.at[i], tenant);
		if (err == ERR_TOO_LARGE || err == ERR_INVALID) { /* a row that no event can hold must not hold up the rest */
			log_event(LOG_WARN, "market.event_dropped", LF_Z("type", events.at[i].type), LF_Z("error", err_name(err)));
			err = OK;
		}
	}
	if (err == OK)
		err = mark_told(tx, &c, held, s);
	if (err == OK)
		s->events += events.count;
	return err;
}

/* ---- a job ---- */

static enum err settle_some(struct store_tx *tx, struct settle *s, bool sales)
{
	__cleanup(arena_release) struct arena a;
	struct market_news *news = NULL;
	size_t count = 0;
	arena_init(&a, ARENA_MAX_BYTES);
	int64_t *after = sales ? &s->after_sale : &s->after_license;
	enum err err = sales ? store_market_news_sales(tx, *after, NEWS_OF_A_JOB, &a, &news, &count)
	                     : store_market_news_licenses(tx, *after, NEWS_OF_A_JOB, &a, &news, &count);
	for (size_t i = 0; err == OK && i < count; i++) {
		const bool again = i > 0 && strcmp(news[i].key, news[i - 1].key) == 0;
		if (!again)
			err = settle_license(tx, news[i].key, s);
		*after = news[i].seq;
	}
	s->looked_at += count;
	return err;
}

static enum err settle_run(struct store_tx *tx, void *arg)
{
	struct settle *s = arg;
	enum err err = settle_some(tx, s, false);
	return err == OK && s->looked_at == 0 ? settle_some(tx, s, true) : err;
}

enum err market_settle(struct store *store, const struct clock *clock, bool (*stop)(void *), void *arg,
                       size_t *ret_events)
{
	struct settle s = {.now = clock_wall_ms(clock)};
	enum err err = OK;
	do {
		struct settle next = s; /* a job that fails leaves nothing behind, here neither */
		next.looked_at = 0;
		err = store_write(store, settle_run, &next);
		if (err == OK)
			s = next;
	} while (err == OK && s.looked_at > 0 && !(stop && stop(arg)));
	if (err == OK && s.held > 0)
		log_event(LOG_INFO, "market.refunds_held", LF_INT("count", s.held));
	if (s.events > 0)
		metric_add(metric_counter("licgate_market_events_total", "Events derived from the Marketplace's reports.", ""),
		           (int64_t)s.events);
	*ret_events = s.events;
	return err;
}
