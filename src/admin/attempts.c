/* attempts.c - see attempts.h. A debt is kept as the moment at which it is forgiven ("generic cell rate"): one number a
 * peer. A table of WAYS places a bucket, chosen by a hash that no stranger can foresee. */
#include "admin/attempts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum { WAYS = 4, BUCKETS = ATTEMPTS_PEERS / WAYS };

struct peer {
	uint8_t address[16];
	int64_t free_at;  /* mono ms: nothing is owed from then on */
	int64_t known_to; /* mono ms; 0: never showed the right token */
};

struct attempts {
	const struct clock *clock;
	pthread_mutex_t lock;
	int64_t all_free_at;
	struct peer peers[BUCKETS][WAYS];
};

struct attempts *attempts_new(const struct clock *clock)
{
	struct attempts *a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->clock = clock;
	pthread_mutex_init(&a->lock, NULL);
	return a;
}

void attempts_free(struct attempts *a)
{
	if (!a)
		return;
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static void network_of(const uint8_t peer[static 16], uint8_t ret[static 16])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	memcpy(ret, peer, 16);
	if (memcmp(peer, mapped, sizeof(mapped)) != 0)
		memset(ret + 8, 0, 8);
}

/* Lock held. Its place; with `make` the one of whoever owes least where it has none, else NULL. */
static struct peer *place(struct attempts *a, const uint8_t peer[static 16], bool make)
{
	uint8_t address[16];
	network_of(peer, address);
	struct peer *bucket = a->peers[str_hash((struct str){(const char *)address, sizeof(address)}) % BUCKETS];
	struct peer *least = bucket;
	for (size_t i = 0; i < WAYS; i++) {
		if (memcmp(bucket[i].address, address, sizeof(address)) == 0)
			return &bucket[i];
		if (bucket[i].free_at < least->free_at)
			least = &bucket[i];
	}
	if (!make)
		return NULL;
	*least = (struct peer){.free_at = INT64_MIN};
	memcpy(least->address, address, sizeof(address));
	return least;
}

static int64_t each_ms(const struct peer *p, int64_t now)
{
	return p->known_to > now ? ATTEMPTS_EACH_MS / ATTEMPTS_KNOWN_FACTOR : ATTEMPTS_EACH_MS;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Until when it waits: as long as another wrong one would be more than the burst allows. */
static int64_t wait_ms(const struct attempts *a, const struct peer *p, int64_t now)
{
	const int64_t all_room = (int64_t)(ATTEMPTS_ALL_BURST - 1) * ATTEMPTS_ALL_EACH_MS;
	if (!p || p->free_at <= now)
		return 0;
	const int64_t room = (int64_t)ATTEMPTS_BURST * ATTEMPTS_EACH_MS - each_ms(p, now);
	return later(a->all_free_at - now > all_room ? p->free_at - now : 0, p->free_at - now - room);
}

int64_t attempts_wait_s(struct attempts *a, const uint8_t peer[static 16])
{
	const int64_t now = clock_mono_ms(a->clock);
	pthread_mutex_lock(&a->lock);
	const int64_t ms = wait_ms(a, place(a, peer, false), now);
	pthread_mutex_unlock(&a->lock);
	return ms > 0 ? (ms + 999) / 1000 : 0;
}

void attempts_wrong(struct attempts *a, const uint8_t peer[static 16])
{
	const int64_t now = clock_mono_ms(a->clock);
	pthread_mutex_lock(&a->lock);
	struct peer *p = place(a, peer, true);
	p->free_at = later(p->free_at, now) + each_ms(p, now);
	a->all_free_at = later(a->all_free_at, now) + ATTEMPTS_ALL_EACH_MS;
	pthread_mutex_unlock(&a->lock);
}

void attempts_right(struct attempts *a, const uint8_t peer[static 16])
{
	const int64_t now = clock_mono_ms(a->clock);
	pthread_mutex_lock(&a->lock);
	place(a, peer, true)->known_to = now + ATTEMPTS_KNOWN_S * INT64_C(1000);
	pthread_mutex_unlock(&a->lock);
}
