/* deliver_endpoint.c - see deliver_endpoint.h. */
#include "events/deliver_endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/secret.h"

enum {
	SECRET_MAX = 256,
	ANSWER_MAX = 64 * 1024,
	SIGNATURE_MAX = 256,
	SLOW_FIRST_MS = 1000,
	SLOW_STEPS_MAX = 6, /* 1 s, 2 s … 64 s */
	LOOK_EVERY_MS = 1000,
	IDLE_EVERY_MS = 5000, /* without an endpoint to deliver to */
	HOLD_STEP_MS = 500,   /* two clocks do not agree to the millisecond */
};

static void receiver_free(struct receiver *r)
{
	free(r->id);
	free(r->url);
	cleanup_free(&r->sealed.ptr);
	cleanup_free(&r->previous_sealed.ptr);
	wipe(r->keys, sizeof(r->keys));
	free(r);
}

struct receiver *receiver_find(struct receiver *list, const char *id)
{
	while (list && strcmp(list->id, id) != 0)
		list = list->next;
	return list;
}

static struct receiver *receiver_add(struct receiver **list, const char *id)
{
	struct receiver *r = calloc(1, sizeof(*r));
	if (!r || !(r->id = str_dup(str_of(id)))) {
		free(r);
		return NULL;
	}
	r->most = ENDPOINT_IN_FLIGHT;
	r->next = *list;
	*list = r;
	return r;
}

static enum err set_text(char **at, const char *z)
{
	if (*at && strcmp(*at, z) == 0)
		return OK;
	char *copy = str_dup(str_of(z));
	if (!copy)
		return ERR_NOMEM;
	free(*at);
	*at = copy;
	return OK;
}

/* ERR_SEAL also where it opens and is no secret. */
static enum err open_key(const struct keyring *keys, const char *column, const char *id, struct str sealed,
                         struct signing_key *ret)
{
	struct buf plain = BUF_INIT(SECRET_MAX);
	enum err err = unseal(keys, (struct seal_place){"endpoints", column, str_of(id)}, sealed, &plain);
	if (err == OK && !signing_secret_read(buf_text(&plain), ret))
		err = ERR_SEAL;
	buf_wipe(&plain);
	return err;
}

/* Opens what is sealed only when it is another value than last time. */
static enum err set_key(struct receiver *r, size_t i, const char *column, struct str sealed, struct str *known,
                        const struct keyring *keys)
{
	if (str_eq(sealed, *known))
		return r->keys[i].len || !sealed.len ? OK : ERR_SEAL;
	wipe(&r->keys[i], sizeof(r->keys[i]));
	char *copy = malloc(sealed.len + 1);
	if (!copy)
		return ERR_NOMEM;
	if (sealed.len)
		memcpy(copy, sealed.ptr, sealed.len);
	cleanup_free(&known->ptr);
	*known = (struct str){copy, sealed.len};
	enum err err = sealed.len ? open_key(keys, column, r->id, sealed, &r->keys[i]) : OK;
	if (err == ERR_SEAL)
		log_event(
		    LOG_ERROR, "endpoint.sealed", LF_Z("endpoint", r->id), LF_Z("column", column),
		    LF_Z("do", "add the key it was sealed with to LICGATE_SECRET_KEYS: until then nothing is delivered to it"));
	return err;
}

/* What another server was told, or this one before it was restarted. A wall clock that is wrong costs an hour at most.
 */
static void follow_hold(struct receiver *r, int64_t held_until, struct moment now)
{
	int64_t left = held_until - now.wall_ms;
	left = left < SLOW_MAX_MS ? left : SLOW_MAX_MS;
	if (held_until == r->held_until)
		return; /* heeded when it was first seen */
	r->held_until = held_until;
	if (left > 0 && now.mono_ms + left > r->slow_until_mono_ms)
		r->slow_until_mono_ms = now.mono_ms + left;
}

int64_t receiver_hold(const struct receiver *r, struct moment now)
{
	const int64_t until = now.wall_ms + r->slow_until_mono_ms - now.mono_ms;
	return until > now.wall_ms && until > r->held_until + HOLD_STEP_MS ? until : 0;
}

enum err receiver_follow(struct receiver **list, const struct endpoint_row *row, const struct keyring *keys,
                         struct moment now)
{
	struct receiver *r = receiver_find(*list, row->id);
	if (!r && !(r = receiver_add(list, row->id)))
		return ERR_NOMEM;
	r->seen = true;
	const bool lifted = r->held_until != 0 && row->held_until == 0;
	if ((r->disabled || r->url == NULL || lifted || strcmp(r->url, row->url) != 0) && !row->disabled_at) {
		r->most = ENDPOINT_IN_FLIGHT; /* enabled again, or another one: what it asked for before is over */
		r->slow_until_mono_ms = 0;
		r->slow_steps = 0;
	}
	r->disabled = row->disabled_at != 0;
	r->previous_until = row->previous_until;
	follow_hold(r, row->held_until, now);
	enum err err = set_text(&r->url, row->url);
	if (err != OK)
		return err;
	err = set_key(r, 0, "secret", row->secret_sealed, &r->sealed, keys);
	r->unreadable = err != OK;
	enum err previous = set_key(r, 1, "previous_secret", row->previous_sealed, &r->previous_sealed, keys);
	if (previous == ERR_NOMEM)
		err = previous;
	return err == ERR_SEAL ? OK : err;
}

void receivers_sweep(struct receiver **list)
{
	for (struct receiver **at = list; *at;) {
		struct receiver *r = *at;
		if (!r->seen && r->in_flight == 0) {
			*at = r->next;
			receiver_free(r);
			continue;
		}
		if (!r->seen)
			r->disabled = true;
		r->seen = false;
		at = &r->next;
	}
}

void receivers_free(struct receiver *list)
{
	while (list) {
		struct receiver *next = list->next;
		while (list->attempts)
			attempt_free(list->attempts);
		receiver_free(list);
		list = next;
	}
}

static size_t receiver_under_way(const struct receiver *r)
{
	size_t count = 0;
	for (const struct attempt *a = r->attempts; a; a = a->next)
		count += !a->noted;
	return count;
}

size_t receivers_under_way(const struct receiver *list)
{
	size_t count = 0;
	for (; list; list = list->next)
		count += receiver_under_way(list);
	return count;
}

size_t receiver_share(const struct receiver *r, size_t room, int64_t now_mono_ms)
{
	const size_t under_way = receiver_under_way(r);
	if (r->disabled || r->unreadable || now_mono_ms < r->slow_until_mono_ms || under_way >= r->most)
		return 0;
	size_t share = room > under_way ? (room - under_way) / 2 : 0;
	if (share == 0 && under_way == 0)
		share = room > 0;
	return share < r->most - under_way ? share : r->most - under_way;
}

int64_t receivers_look_ms(const struct receiver *list, int64_t now_mono_ms)
{
	int64_t delay = IDLE_EVERY_MS;
	for (; list; list = list->next) {
		if (!list->disabled && delay > LOOK_EVERY_MS)
			delay = LOOK_EVERY_MS;
		if (!list->disabled && list->slow_until_mono_ms > now_mono_ms && list->slow_until_mono_ms - now_mono_ms < delay)
			delay = list->slow_until_mono_ms - now_mono_ms;
	}
	return delay;
}

bool receiver_lane_busy(const struct receiver *r, const char *lane)
{
	const uint64_t hash = str_hash(str_of(lane));
	for (const struct attempt *a = r->attempts; a; a = a->next)
		if (!a->noted && a->lane_hash == hash && strcmp(a->lane, lane) == 0)
			return true;
	return false;
}

void receiver_pace(struct receiver *r, size_t delivered, bool slow_down, int64_t slow_for_ms, int64_t now_mono_ms)
{
	if (slow_down) {
		int64_t wait_ms = slow_for_ms;
		if (now_mono_ms >= r->slow_until_mono_ms) { /* else it says again what is heeded already */
			const int64_t own = (int64_t)SLOW_FIRST_MS << r->slow_steps;
			wait_ms = wait_ms > own ? wait_ms : own;
			r->most = r->most > 1 ? r->most / 2 : 1;
			r->slow_steps += r->slow_steps < SLOW_STEPS_MAX;
		}
		if (now_mono_ms + wait_ms > r->slow_until_mono_ms)
			r->slow_until_mono_ms = now_mono_ms + wait_ms;
	} else if (delivered > 0) {
		r->slow_steps = 0;
		r->most = r->most + delivered < ENDPOINT_IN_FLIGHT ? r->most + delivered : ENDPOINT_IN_FLIGHT;
	}
}

/* ---- attempts ---- */

enum err attempt_new(struct receiver *r, const struct delivery_claim *c, struct deliveries *owner, struct attempt **ret)
{
	struct attempt *a = calloc(1, sizeof(*a));
	if (!a)
		return ERR_NOMEM;
	a->owner = owner;
	a->receiver = r;
	a->id = c->id;
	a->lease_until = c->lease_until;
	a->attempts = c->attempts;
	a->lane_hash = str_hash(str_of(c->lane));
	a->lane = str_dup(str_of(c->lane));
	a->event_id = str_dup(str_of(c->event_id));
	a->body = str_dup(str_of(c->json));
	a->next = r->attempts;
	r->attempts = a;
	r->in_flight++;
	if (!a->lane || !a->event_id || !a->body) {
		attempt_free(a);
		return ERR_NOMEM;
	}
	*ret = a;
	return OK;
}

void attempt_free(struct attempt *a)
{
	struct attempt **at = &a->receiver->attempts;
	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	a->receiver->in_flight--;
	free(a->lane);
	free(a->event_id);
	free(a->body);
	free(a);
}

enum err attempt_call(const struct attempt *a, int64_t now_wall_ms, struct delivery_text *text,
                      struct http_header headers[static 4], struct http_call *ret)
{
	const struct receiver *r = a->receiver;
	const size_t keys = r->keys[1].len && now_wall_ms < r->previous_until ? 2 : 1;
	const struct str body = str_of(a->body);
	text->signature = BUF_INIT(SIGNATURE_MAX);
	text->timestamp = BUF_INIT(32);
	buf_int(&text->timestamp, now_wall_ms / 1000);
	enum err err = webhook_sign(r->keys, keys, str_of(a->event_id), now_wall_ms / 1000, body, &text->signature);
	if (err == OK)
		err = text->timestamp.err;
	if (err != OK)
		return err == ERR_INVALID ? ERR_SEAL : err;
	headers[0] = (struct http_header){"Content-Type", "application/json"};
	headers[1] = (struct http_header){"webhook-id", a->event_id};
	headers[2] = (struct http_header){"webhook-timestamp", text->timestamp.data};
	headers[3] = (struct http_header){"webhook-signature", text->signature.data};
	*ret = (struct http_call){.method = "POST",
	                          .url = r->url,
	                          .headers = headers,
	                          .header_count = 4,
	                          .body = body,
	                          .body_unwanted = true,
	                          .answer_max = ANSWER_MAX,
	                          .timeout_ms = DELIVERY_TIMEOUT_MS};
	return OK;
}

struct delivery_outcome attempt_outcome(const struct attempt *a, const char *owner, const struct verdict_on_attempt *v)
{
	static const enum delivery_result results[] = {[ATTEMPT_DELIVERED] = DELIVERY_DELIVERED,
	                                               [ATTEMPT_FAILED] = DELIVERY_FAILED,
	                                               [ATTEMPT_LAST_FAILED] = DELIVERY_DEAD,
	                                               [ATTEMPT_UNDECIDED] = DELIVERY_GIVEN_BACK};
	return (struct delivery_outcome){.id = a->id,
	                                 .lease_until = a->lease_until,
	                                 .endpoint = a->receiver->id,
	                                 .lane = a->lane,
	                                 .owner = owner,
	                                 .result = results[v->result],
	                                 .at = a->ended_at,
	                                 .status = a->end.err == OK ? a->end.status : 0,
	                                 .error = v->error,
	                                 .duration_ms = a->duration_ms,
	                                 .next_attempt_at = a->ended_at + v->delay_ms};
}
