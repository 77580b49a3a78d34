/* go.c - GET /go/NAME: a visitor of the vendor's site on the way to the listing, with an id that comes back from there.
 *
 * The click is a visit. It is written like every event, and the redirect waits for it, but at most WAIT_MS: a slow disk
 * must not keep a buyer from the listing. So a visit is durable almost always, and lost only where the disk was slow
 * and the process then died. A cookie is set only where the operator says that consent is handled; without it the id is
 * of this click, unless the site gives its own (`aid`). Where it leads stands in the listings file alone. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/secret.h"
#include "segment/ingest.h"
#include "segment/link.h"
#include "segment/listings.h"

enum { WAIT_MS = 300, LOCATION_MAX = 8192, COOKIE_MAX = 512 };
static const char COOKIE[] = "licgate_aid";

/* One click on its way into the store. Three may hold it: the request, the store's job, the timer. */
struct click {
	struct store_job job; /* first: the store hands it back */
	_Atomic unsigned refs;
	_Atomic bool woken;
	struct timer timer;
	struct segment *s;
	struct request *req;
	struct segment_row row;
	struct segment_added added;
	int64_t now;
	char campaign[CAMPAIGN_MAX + 1];
	struct buf location, cookie; /* cookie empty: none */
};

static void click_unref(struct click *c)
{
	if (atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	buf_release(&c->location);
	buf_release(&c->cookie);
	free(c);
}

/* ---- the answer ---- */

static void redirect(struct request *req, const struct click *c)
{
	/* The Marketplace may see which site the visitor came from, as if the link had led there at once. */
	const struct header headers[] = {{"Referrer-Policy", STR("strict-origin-when-cross-origin")},
	                                 {"Location", buf_text(&c->location)},
	                                 {"Cache-Control", STR("no-store")},
	                                 {"Set-Cookie", buf_text(&c->cookie)}};
	reply(req, 302, NULL, STR(""), headers, sizeof(headers) / sizeof(headers[0]));
}

static void on_end(struct request *req, void *click)
{
	(void)req;
	click_unref(click);
}

static void after_wait(struct request *req, void *segment)
{
	(void)segment;
	redirect(req, req->on_end_arg);
}

/* The first of commit and timer wakes the request, which may be gone afterwards. */
static void wake_once(struct click *c)
{
	if (!atomic_exchange(&c->woken, true))
		request_wake(c->req);
}

static void time_is_over(void *click)
{
	wake_once(click);
	click_unref(click);
}

/* ---- the store ---- */

static enum err click_run(struct store_job *job, struct store_tx *tx)
{
	struct click *c = (struct click *)(void *)job;
	return store_segment_add(tx, &c->row, 1, c->now, 0, &c->added);
}

static void click_done(struct store_job *job, enum err err)
{
	struct click *c = (struct click *)(void *)job;
	ingest_release(c->s, 1);
	if (err == OK)
		metric_inc(c->s->visits);
	else
		metric_inc(c->s->visits_lost);
	if (timer_cancel(c->s->timers, &c->timer))
		click_unref(c);
	wake_once(c);
	click_unref(c);
}

static void record(struct request *req, struct click *c)
{
	struct segment *s = c->s;
	if (!ingest_reserve(s, 1)) {
		metric_inc(s->visits_lost);
		redirect(req, c);
		return;
	}
	atomic_store(&c->refs, 3); /* request, job, timer */
	request_wait(req, after_wait);
	if (timer_set(s->timers, &c->timer, WAIT_MS, time_is_over, c) != OK)
		time_is_over(c);
	c->job = (struct store_job){.run = click_run, .done = click_done};
	const enum err err = store_submit(s->store, &c->job);
	if (err != OK)
		click_done(&c->job, err);
}

/* ---- the click ---- */

/* The site's own id, the cookie's, or a new one. False: no random bytes. */
static bool choose_id(const struct request *req, struct arena *a, bool consent, struct str *ret, bool *ret_in_cookie)
{
	const struct str cookie = consent ? cookie_value(request_header(req, "Cookie"), COOKIE) : STR("");
	struct str id = link_visitor_id(a, req->query);
	*ret_in_cookie = visitor_id_ok(cookie) && (id.len == 0 || str_eq(id, cookie));
	if (id.len == 0 && visitor_id_ok(cookie))
		id = cookie;
	if (id.len == 0) {
		char *fresh = arena_alloc(a, VISITOR_ID_NEW + 1);
		if (!fresh || !random_text(fresh, VISITOR_ID_NEW))
			return false;
		id = (struct str){fresh, VISITOR_ID_NEW};
	}
	*ret = id;
	return true;
}

static void write_cookie(struct click *c, struct str id)
{
	const struct config *config = c->s->config;
	buf_printf(&c->cookie, "%s=%.*s; Path=%s/go/; Max-Age=%lld; Secure; HttpOnly; SameSite=Lax", COOKIE, STR_ARG(id),
	           config->base_path, (long long)config->pseudonym_days * 86400);
}

static struct click *click_new(struct request *req, struct segment *s, const struct listing *listing)
{
	struct click *c = calloc(1, sizeof(*c));
	struct str id = STR("");
	bool in_cookie = false;
	if (!c)
		return NULL;
	atomic_store(&c->refs, 1);
	c->s = s;
	c->req = req;
	c->now = clock_wall_ms(s->clock);
	buf_init(&c->location, LOCATION_MAX);
	buf_init(&c->cookie, COOKIE_MAX);
	const bool chosen = choose_id(req, &req->arena, s->config->consent, &id, &in_cookie);
	if (chosen)
		link_write(&c->location, &req->arena, listing->url, req->query, id);
	if (chosen && s->config->consent && !in_cookie)
		write_cookie(c, id);
	if (!chosen || c->location.err != OK || c->cookie.err != OK) {
		click_unref(c);
		return NULL;
	}
	const struct str campaign = campaign_of_query(&req->arena, req->query);
	memcpy(c->campaign, campaign.ptr, campaign.len);
	c->row = (struct segment_row){.message = event_id_hash(ID_MESSAGE, str_of(req->id)),
	                              .ids = {event_id_hash(ID_SITE, id)},
	                              .id_count = 1,
	                              .step = SEGMENT_VISIT,
	                              .at = c->now,
	                              .plugin = STR(""),
	                              .campaign = {c->campaign, campaign.len},
	                              .pass_on = STR("")};
	return c;
}

/* A browser that only prepares, or a program that checks links, is no visitor. */
static bool is_visit(const struct request *req)
{
	return req->method == METHOD_GET && !str_ifind(request_header(req, "Sec-Purpose"), STR("prefetch"));
}

void segment_go(struct request *req, void *segment)
{
	struct segment *s = segment;
	const struct listing *listing = listings_find(s->listings, req->params.part[0]);
	if (!listing) {
		reply_problem(req, 404, "not_found", NULL, NULL, 0);
		return;
	}
	struct click *c = click_new(req, s, listing);
	if (!c) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	req->on_end = on_end;
	req->on_end_arg = c;
	if (is_visit(req))
		record(req, c);
	else
		redirect(req, c);
}
