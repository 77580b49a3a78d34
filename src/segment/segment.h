/* segment.h - the Segment door: the Marketplace's events, the vendor's own site, the link to the listing, the funnel.
 *
 * A door verifies what knocks and keeps of it what the funnel needs (store/segment.h). Nothing is answered with success
 * that is not on the disk. No id of a visitor is logged, counted as a metric, or kept other than as a hash. */
#pragma once
#include "base/clock.h"
#include "base/timers.h"
#include "config/config.h"
#include "http/client.h"
#include "http/request.h"
#include "store/store.h"

struct listings;
struct forward;
struct forget;
struct metric;

struct segment {
	const struct config *config;
	const struct clock *clock;
	struct timers *timers;
	struct store *store;
	struct http_client *client;
	const struct listings *listings; /* NULL: no file */
	uint8_t write_key_hash[32];      /* SHA-256 of LICGATE_SEGMENT_WRITE_KEY */

	_Atomic int64_t events_waiting; /* parsed, not yet committed */
	struct forward *forward;        /* NULL: off */
	struct forget *forget;
	struct metric *fresh, *duplicates, *limited, *visits, *visits_lost;
};

/* config, clock, timers, store, client and listings are set by the caller. Before the listener starts. */
enum err segment_start(struct segment *s);
/* After the listeners have stopped and before the HTTP client is, which ends a call under way. */
void segment_stop_timers(struct segment *s);
/* After http_client_stop(), before the store closes. */
void segment_stop(struct segment *s);

void segment_webhook(struct request *req, void *segment); /* POST /segment/webhook */
void segment_track(struct request *req, void *segment);   /* POST /segment/v1/NAME */
void segment_options(struct request *req, void *segment); /* OPTIONS /segment/v1/NAME: a browser asks first */
void segment_go(struct request *req, void *segment);      /* GET /go/NAME */
