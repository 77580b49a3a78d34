/* deliver_endpoint.h - what the delivering server keeps in memory of each endpoint: keys, pace, what is under way.
 *
 * Of deliver.c alone; belongs to whoever has the turn (there). */
#pragma once
#include "events/deliver.h"
#include "events/schedule.h"
#include "events/sign.h"
#include "store/deliveries.h"
#include "store/endpoints.h"

struct attempt {
	struct attempt *next; /* of the endpoint's list */
	struct attempt *link; /* to be sent, or ended */
	struct deliveries *owner;
	struct receiver *receiver;
	int64_t id, lease_until;
	int attempts; /* before this one */
	bool noted;   /* its end is written by the turn under way: it takes no place any more */
	uint64_t lane_hash;
	char *lane, *event_id, *body;
	/* once it has ended */
	struct attempt_end end;
	int64_t ended_at, duration_ms; /* wall ms */
};

struct receiver {
	struct receiver *next;
	char *id, *url;
	struct str sealed, previous_sealed; /* what the keys were made of */
	struct signing_key keys[2];         /* the present one, the previous one */
	int64_t previous_until;
	bool disabled, unreadable; /* unreadable: no key of ours opens its secret */
	bool seen;                 /* by the turn under way */
	struct attempt *attempts;  /* under way */
	size_t in_flight;
	size_t most; /* in flight: fewer after it asked to slow down */
	unsigned slow_steps;
	int64_t slow_until_mono_ms;
	int64_t held_until; /* wall ms: what the row said of that; 0: nothing, or a turn that may have written it failed */
};

struct moment {
	int64_t wall_ms, mono_ms;
};
/* Follows the row, also in how long it is left alone; an unknown one is added. ERR_NOMEM. */
enum err receiver_follow(struct receiver **list, const struct endpoint_row *row, const struct keyring *keys,
                         struct moment now);
/* Until when it is to be left alone, wall ms, where its row does not say so yet; else 0. */
int64_t receiver_hold(const struct receiver *r, struct moment now);
/* Frees those that were not seen and have nothing under way; forgets what was seen. */
void receivers_sweep(struct receiver **list);
void receivers_free(struct receiver *list);
struct receiver *receiver_find(struct receiver *list, const char *id); /* NULL: none */
/* Attempts at all of them that are not over. */
size_t receivers_under_way(const struct receiver *list);
/* How many more attempts it may have now, of `room` that are free for all. It never has more under way than are left
 * free: however many endpoints are slow, there is room for one that is not. */
size_t receiver_share(const struct receiver *r, size_t room, int64_t now_mono_ms);
/* How soon to look for more where nothing is told: what another process queued, the end of what slowed one down. */
int64_t receivers_look_ms(const struct receiver *list, int64_t now_mono_ms);
bool receiver_lane_busy(const struct receiver *r, const char *lane);

/* After a batch of ends: it takes more again, or less. */
void receiver_pace(struct receiver *r, size_t delivered, bool slow_down, int64_t slow_for_ms, int64_t now_mono_ms);

enum err attempt_new(struct receiver *r, const struct delivery_claim *c, struct deliveries *owner,
                     struct attempt **ret);
/* Takes it off its receiver. */
void attempt_free(struct attempt *a);
/* The headers' and body's call; text is what call points into. */
struct delivery_text {
	struct buf signature, timestamp;
};
enum err attempt_call(const struct attempt *a, int64_t now_wall_ms, struct delivery_text *text,
                      struct http_header headers[static 4], struct http_call *ret);
/* What the store is told of its end. Texts are the attempt's. */
struct delivery_outcome attempt_outcome(const struct attempt *a, const char *owner, const struct verdict_on_attempt *v);
