/* sync.c - see sync.h. What is done with one report is in sync_report.c. */
#include "market/sync.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/metrics.h"
#include "market/settle.h"
#include "market/sync_report.h"
#include "store/contacts.h"

enum { TRIES_GIVEN_UP = 2 };

bool sync_configured(const struct config *c)
{
	return c->marketplace_token && c->marketplace_user && c->marketplace_developer_id;
}

static void count_poll(const char *labels)
{
	metric_inc(metric_counter("licgate_market_polls_total", "Polls of the Marketplace by result.", labels));
}

static void count_rows(const struct sync_result *r)
{
	const char *help = "Rows that polls brought, and those of them that were new or changed.";
	metric_add(metric_counter("licgate_market_rows_total", help, "report=\"licenses\",what=\"seen\""), r->licenses);
	metric_add(metric_counter("licgate_market_rows_total", help, "report=\"licenses\",what=\"changed\""),
	           r->licenses_changed);
	metric_add(metric_counter("licgate_market_rows_total", help, "report=\"sales\",what=\"seen\""), r->sales);
	metric_add(metric_counter("licgate_market_rows_total", help, "report=\"sales\",what=\"changed\""),
	           r->sales_changed);
	metric_add(metric_counter("licgate_market_rows_broken_total", "Elements of reports that were no row.", NULL),
	           r->broken);
}

static enum err tick(void *arg)
{
	struct sync *y = arg;
	sync_show(y);
	return lease_keep(&y->lease);
}

/* All reports; a failure of one does not keep the next from being read. The first error. */
static enum err all_reports(struct sync *y, bool full, struct sync_result *ret)
{
	enum err first = OK;
	for (size_t i = 0; i < SYNC_REPORTS; i++) {
		enum err e = sync_report(y, &sync_reports[i], full, ret);
		if (e != OK && first == OK) {
			first = e;
			if (y->source.failure[0])
				(void)snprintf(ret->failure, sizeof(ret->failure), "%s: %s", sync_reports[i].shown, y->source.failure);
		}
		if (e == ERR_STOPPING || e == ERR_CONFLICT)
			break;
		if (e != OK) {
			y->given_up = true;
			y->source.tries = TRIES_GIVEN_UP;
		}
	}
	return first;
}

bool sync_must_end(void *arg)
{
	struct sync *y = arg;
	y->kept = lease_keep(&y->lease);
	return y->kept != OK || pace_stopping(y->o.pace);
}

static enum err derive(struct sync *y, enum err first, struct sync_result *ret)
{
	if (first == ERR_STOPPING || first == ERR_CONFLICT)
		return first;
	y->at = (struct sync_progress){.report = "events", .step = "telling what is new"};
	sync_show(y);
	enum err e = market_settle(y->o.store, y->o.clock, sync_must_end, y, &ret->events);
	e = e == OK ? y->kept : e;
	if (e != OK && first == OK && e != ERR_STOPPING && e != ERR_CONFLICT)
		(void)snprintf(ret->failure, sizeof(ret->failure), "events: %s", err_text(e));
	return first != OK ? first : e;
}

static void tell(enum err e, const struct sync_result *r, int64_t took_ms)
{
	count_rows(r);
	count_poll(e == OK ? "result=\"ok\"" : e == ERR_STOPPING ? "result=\"stopped\"" : "result=\"failed\"");
	if (e == OK)
		log_event(LOG_INFO, "market.polled", LF_Z("kind", r->full ? "full" : "window"), LF_INT("licenses", r->licenses),
		          LF_INT("sales", r->sales), LF_INT("changed", r->licenses_changed + r->sales_changed),
		          LF_INT("events", r->events), LF_INT("ms", took_ms));
	else if (e != ERR_STOPPING)
		log_event(LOG_WARN, "market.failed", LF_Z("error", err_name(e)), LF_Z("failure", r->failure),
		          LF_INT("ms", took_ms));
}

/* The row key is made from the key that addresses are hashed with: random, and sealed in the database. */
static enum err prepare(struct store_tx *tx, void *arg)
{
	struct sync *y = arg;
	struct contact_key key;
	enum err e = store_contact_key(tx, y->o.keyring, &key);
	if (e == OK)
		e = contact_mac(&key, "rows", STR(""), y->row_key.bytes);
	wipe(&key, sizeof(key));
	return e == OK ? store_contacts_recall(tx) : e;
}

enum err sync_poll(const struct sync_options *o, bool full, struct sync_result *ret)
{
	const struct config *c = o->config;
	const int64_t began = clock_mono_ms(o->clock);
	struct sync y = {.o = *o,
	                 .source = {.client = o->client,
	                            .clock = o->clock,
	                            .pace = o->pace,
	                            .api = (int)c->marketplace_api,
	                            .url = c->marketplace_url,
	                            .developer_id = c->marketplace_developer_id,
	                            .user = c->marketplace_user,
	                            .token = c->marketplace_token,
	                            .tick = tick,
	                            .arg = &y}};
	*ret = (struct sync_result){0};
	enum err e = lease_take(o->store, o->clock, &y.lease);
	if (e == ERR_BUSY)
		return e;
	if (e == OK) {
		e = store_write(o->store, prepare, &y);
		e = e == OK ? all_reports(&y, full, ret) : e;
		e = derive(&y, e, ret);
		wipe(&y.row_key, sizeof(y.row_key));
		known_release(&y.insights);
		lease_give(&y.lease);
	}
	if (e != OK && !ret->failure[0])
		(void)snprintf(ret->failure, sizeof(ret->failure), "%s",
		               e == ERR_CONFLICT ? "another poller has taken over"
		               : e == ERR_SEAL
		                   ? "a sealed key opens with none of LICGATE_SECRET_KEYS: add the one it was sealed with"
		                   : err_text(e));
	if (o->progress)
		o->progress(o->arg, &(struct sync_progress){0});
	tell(e, ret, clock_mono_ms(o->clock) - began);
	return e;
}
