/* session.c - see session.h. A search looks at every slot, so that its time tells nothing. */
#include "admin/session.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

struct slot {
	uint64_t serial; /* 0: free */
	uint8_t cookie_hash[32];
	char csrf[SESSION_TEXT_LEN + 1];
	int64_t ends_mono, expires_at;
};

struct sessions {
	const struct clock *clock;
	pthread_mutex_t lock;
	uint64_t last_serial;
	struct slot slots[SESSIONS_MAX];
};

struct sessions *sessions_new(const struct clock *clock)
{
	struct sessions *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->clock = clock;
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void sessions_free(struct sessions *s)
{
	if (!s)
		return;
	pthread_mutex_destroy(&s->lock);
	wipe(s, sizeof(*s));
	free(s);
}

/* Under the lock: a session whose time is over is gone. */
static bool is_live(struct sessions *s, struct slot *slot)
{
	if (slot->serial != 0 && clock_mono_ms(s->clock) >= slot->ends_mono)
		wipe(slot, sizeof(*slot));
	return slot->serial != 0;
}

/* A free slot, or that of the oldest session. */
static struct slot *room(struct sessions *s)
{
	struct slot *oldest = &s->slots[0];
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		struct slot *slot = &s->slots[i];
		if (!is_live(s, slot))
			return slot;
		if (slot->serial < oldest->serial)
			oldest = slot;
	}
	return oldest;
}

static struct session view(const struct slot *slot)
{
	struct session v = {.serial = slot->serial, .expires_at = slot->expires_at};
	memcpy(v.csrf, slot->csrf, sizeof(v.csrf));
	return v;
}

bool session_open(struct sessions *s, struct session *ret, char ret_cookie[static SESSION_TEXT_LEN + 1])
{
	struct slot fresh = {.ends_mono = clock_mono_ms(s->clock) + SESSION_LIFE_MS,
	                     .expires_at = clock_wall_ms(s->clock) + SESSION_LIFE_MS};
	char cookie[SESSION_TEXT_LEN + 1];
	if (!random_text(cookie, SESSION_TEXT_LEN) || !random_text(fresh.csrf, SESSION_TEXT_LEN))
		return false;
	sha256(cookie, SESSION_TEXT_LEN, fresh.cookie_hash);
	pthread_mutex_lock(&s->lock);
	fresh.serial = ++s->last_serial;
	*room(s) = fresh;
	pthread_mutex_unlock(&s->lock);
	memcpy(ret_cookie, cookie, sizeof(cookie));
	*ret = view(&fresh);
	return true;
}

bool session_find(struct sessions *s, struct str cookie, struct session *ret)
{
	uint8_t hash[32];
	struct session found = {0};
	sha256(cookie.ptr, cookie.len, hash);
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (bytes_equal(hash, s->slots[i].cookie_hash, sizeof(hash)) && is_live(s, &s->slots[i]))
			found = view(&s->slots[i]);
	pthread_mutex_unlock(&s->lock);
	if (found.serial == 0)
		return false;
	*ret = found;
	return true;
}

static struct slot *by_serial(struct sessions *s, uint64_t serial)
{
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (serial != 0 && s->slots[i].serial == serial && is_live(s, &s->slots[i]))
			return &s->slots[i];
	return NULL;
}

bool session_alive(struct sessions *s, uint64_t serial)
{
	pthread_mutex_lock(&s->lock);
	const bool alive = by_serial(s, serial) != NULL;
	pthread_mutex_unlock(&s->lock);
	return alive;
}

void session_close(struct sessions *s, uint64_t serial)
{
	pthread_mutex_lock(&s->lock);
	struct slot *slot = by_serial(s, serial);
	if (slot)
		wipe(slot, sizeof(*slot));
	pthread_mutex_unlock(&s->lock);
}
