/* event.h - one event of Segment's format, checked, and reduced to what is kept of it.
 *
 * Two senders: the vendor's own site, through the tracking API, with a write key that every visitor can read; and the
 * Marketplace, through Segment's signed webhook. Only the signed one may tell of the Marketplace. Ids are hashed here:
 * nothing below sees one. Pure, but for the arena. Format: Segment's "Spec" pages; docs/segment.md. */
#pragma once
#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "store/segment.h"

enum {
	SEGMENT_EVENT_MAX = 32 * 1024,  /* bytes of one event */
	SEGMENT_BATCH_MAX = 500 * 1024, /* bytes of a batch */
	SEGMENT_BATCH_EVENTS_MAX = 2500,
	MESSAGE_ID_MAX = 99, /* characters */
	CAMPAIGN_MAX = 100   /* bytes */
};

enum segment_call {
	CALL_UNKNOWN = 0, /* nothing we take */
	CALL_TRACK,
	CALL_IDENTIFY,
	CALL_PAGE,
	CALL_SCREEN,
	CALL_GROUP,
	CALL_ALIAS
};
/* "track", "page" … as a `type` says it. */
enum segment_call segment_call_of(struct str type);

struct event_reader {
	int64_t now;
	const char *once; /* with index: the messageId of an event that has none */
	size_t index;
	bool is_signed; /* of the Marketplace, through the webhook */
	bool pass_on;   /* also write it for the queue */
	struct arena *arena;
};
/* call CALL_UNKNOWN: what the event's own `type` says. NULL, or what is wrong with it, a literal. Where it is to be
 * passed on, the event itself is changed. Out of memory: *ret_err. */
const char *event_read(const struct event_reader *r, enum segment_call call, json_t *event, struct segment_row *ret,
                       enum err *ret_err);

/* The hash an id is stored under; kind tells apart ids that only look alike. */
int64_t event_id_hash(char kind, struct str id);
enum {
	ID_MESSAGE = 'i',
	ID_SITE = 's',        /* anonymousId of the vendor's site, and partnerAnonymousId */
	ID_SITE_USER = 'u',   /* userId of the vendor's site */
	ID_ATLASSIAN = 'h',   /* userId of the Marketplace: a hash of the account */
	ID_MARKETPLACE = 'm', /* anonymousId of the Marketplace */
	ID_NOBODY = 'x'       /* an event that names nobody */
};
/* A campaign as it is kept: trimmed, printable, cut at CAMPAIGN_MAX; empty where the text is not fit to be one. In the
 * arena's memory or the text's. */
struct str campaign_clean(struct str text);
/* Of utm_campaign, else utm_source of a raw query. Empty: none. */
struct str campaign_of_query(struct arena *a, struct str query);
