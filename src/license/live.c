/* live.c - life and death of a tenant's live part, and the set of its seats. See live.h. */
#include "license/live.h"

#include <stdatomic.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

enum { SEATS_FIRST_CAP = 8, SEATS_MAX_CAP = 1 << 21 };

struct live *live_new(void)
{
	struct live *live = calloc(1, sizeof *live);
	if (!live)
		return NULL;
	pthread_mutex_init(&live->lock, NULL);
	live->refs = 1;
	return live;
}

struct live *live_ref(struct live *live)
{
	atomic_fetch_add_explicit(&live->refs, 1, memory_order_relaxed);
	return live;
}

void live_unref(struct live *live)
{
	if (!live || atomic_fetch_sub_explicit(&live->refs, 1, memory_order_acq_rel) != 1)
		return;
	assert(!live->flight); /* a look-up under way holds the tenant */
	pending_free(live->pending);
	free(live->override);
	free(live->choices);
	seats_release(live);
	pthread_mutex_destroy(&live->lock);
	free(live);
}

struct override *override_new(enum license_state state, int64_t until, int64_t created_at, struct str reason,
                              struct str by)
{
	struct override *o = calloc(1, sizeof *o + reason.len + by.len + 2);
	if (!o)
		return NULL;
	char *text = (char *)(o + 1);
	memcpy(text, reason.ptr, reason.len);
	memcpy(text + reason.len + 1, by.ptr, by.len);
	o->state = state;
	o->until = until;
	o->created_at = created_at;
	o->reason = text;
	o->by = text + reason.len + 1;
	return o;
}

struct seat_id seat_id_of(struct str account_id)
{
	uint8_t digest[32];
	struct seat_id id;
	sha256(account_id.ptr, account_id.len, digest);
	memcpy(&id, digest, sizeof id);
	id.half[0] |= 1; /* never the free slot */
	return id;
}

static bool seat_same(struct seat_id a, struct seat_id b)
{
	return a.half[0] == b.half[0] && a.half[1] == b.half[1];
}

/* The slot that holds id, or the free one where it belongs. */
static uint32_t seat_slot(const struct seats *s, struct seat_id id)
{
	uint32_t mask = s->cap - 1, i = (uint32_t)id.half[1] & mask;
	while (s->ids[i].half[0] && !seat_same(s->ids[i], id))
		i = (i + 1) & mask;
	return i;
}

bool seats_has(const struct live *live, struct seat_id id)
{
	const struct seats *s = live->seats;
	return s && s->cap && s->ids[seat_slot(s, id)].half[0];
}

static bool seats_grow(struct seats *s)
{
	if (s->cap && s->count + 1 <= s->cap - s->cap / 4)
		return true;
	if (s->cap >= SEATS_MAX_CAP)
		return false;
	struct seats bigger = {.count = s->count, .cap = s->cap ? s->cap * 2 : SEATS_FIRST_CAP};
	bigger.ids = calloc(bigger.cap, sizeof *bigger.ids);
	if (!bigger.ids)
		return false;
	for (uint32_t i = 0; i < s->cap; i++)
		if (s->ids[i].half[0])
			bigger.ids[seat_slot(&bigger, s->ids[i])] = s->ids[i];
	free(s->ids);
	*s = bigger;
	return true;
}

bool seats_add(struct live *live, struct seat_id id)
{
	if (seats_has(live, id))
		return true;
	if (!live->seats)
		live->seats = calloc(1, sizeof *live->seats);
	if (!live->seats || !seats_grow(live->seats))
		return false;
	live->seats->ids[seat_slot(live->seats, id)] = id;
	live->seats->count++;
	return true;
}

void seats_remove(struct live *live, struct seat_id id)
{
	if (!seats_has(live, id))
		return;
	struct seats *s = live->seats;
	uint32_t mask = s->cap - 1, hole = seat_slot(s, id);
	s->ids[hole] = (struct seat_id){{0, 0}};
	s->count--;
	/* What stood behind the hole is put in anew, so that no search ends early. */
	for (uint32_t i = (hole + 1) & mask; s->ids[i].half[0]; i = (i + 1) & mask) {
		struct seat_id moved = s->ids[i];
		s->ids[i] = (struct seat_id){{0, 0}};
		s->ids[seat_slot(s, moved)] = moved;
	}
}

void seats_release(struct live *live)
{
	if (live->seats)
		free(live->seats->ids);
	free(live->seats);
	live->seats = NULL;
}
