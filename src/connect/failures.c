/* One allocation an entry holds its texts; a ring slot is replaced under the lock and its old block freed outside it.
 * The counters are registered once and found by name: refusals are rare beside requests. */
#include "connect/failures.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"

enum { TENANT_MAX = 128, REQUEST_ID_MAX = 64, QSH_MAX = 128 };

struct failures {
	pthread_mutex_t lock;
	size_t next, count; /* next slot to write; entries held */
	uint64_t total;
	struct failure ring[FAILURES_KEPT];
	void *texts[FAILURES_KEPT]; /* what ring's texts are in, or NULL */
	struct metric *by_code[TOKEN_CODE_COUNT], *other;
};

struct failures *failures_new(void)
{
	static const char *const labels[TOKEN_CODE_COUNT] = {
#define X(id, name, text) [id] = "code=\"" name "\"",
	    TOKEN_TABLE(X)
#undef X
	};
	static const char name[] = "licgate_auth_failures_total", help[] = "Refused tokens by reason";
	struct failures *f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	if (pthread_mutex_init(&f->lock, NULL) != 0) {
		free(f);
		return NULL;
	}
	for (size_t i = 0; i < TOKEN_CODE_COUNT; i++)
		if (i != TOKEN_OK)
			f->by_code[i] = metric_counter(name, help, labels[i]);
	f->other = metric_counter(name, help, "code=\"OTHER\"");
	return f;
}

void failures_free(struct failures *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < FAILURES_KEPT; i++)
		free(f->texts[i]);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static void count(struct failures *f, const char *code)
{
	for (size_t i = 0; i < TOKEN_CODE_COUNT; i++) {
		if (i != TOKEN_OK && strcmp(code, token_code_name((enum token_code)i)) == 0) {
			metric_inc(f->by_code[i]);
			return;
		}
	}
	metric_inc(f->other);
}

/* The texts of an entry with their caps. */
static const struct {
	size_t offset, max;
} texts[] = {
    {offsetof(struct failure, tenant), TENANT_MAX},
    {offsetof(struct failure, request_id), REQUEST_ID_MAX},
    {offsetof(struct failure, computed_canonical), FAILURE_CANONICAL_MAX},
    {offsetof(struct failure, computed_qsh), QSH_MAX},
    {offsetof(struct failure, received_qsh), QSH_MAX},
};
enum { TEXTS = sizeof(texts) / sizeof(texts[0]) };

static char **text_at(struct failure *e, size_t i)
{
	return (char **)((char *)e + texts[i].offset);
}

/* Cut at the cap, but not inside a UTF-8 character. */
static size_t bounded_len(const char *z, size_t max)
{
	size_t len = strnlen(z, max + 1);
	if (len <= max)
		return len;
	len = max;
	while (len > 0 && ((unsigned char)z[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static size_t texts_size(struct failure *e)
{
	size_t size = 0;
	for (size_t i = 0; i < TEXTS; i++)
		if (*text_at(e, i))
			size += bounded_len(*text_at(e, i), texts[i].max) + 1;
	return size;
}

/* Moves the entry's texts into room, or to nothing without it. */
static void texts_copy(struct failure *e, char *room)
{
	for (size_t i = 0; i < TEXTS; i++) {
		char **text = text_at(e, i);
		if (!*text)
			continue;
		size_t len = room ? bounded_len(*text, texts[i].max) : 0;
		if (room) {
			memcpy(room, *text, len);
			room[len] = '\0';
		}
		*text = room;
		room = room ? room + len + 1 : NULL;
	}
}

void failures_add(struct failures *f, const struct failure *e)
{
	count(f, e->code);
	log_event(LOG_INFO, "auth.refused", LF_Z("code", e->code), LF_Z("route", e->route),
	          LF_STR("tenant", ((struct str){e->tenant, e->tenant ? bounded_len(e->tenant, TENANT_MAX) : 0})),
	          LF_Z("request_id", e->request_id));
	struct failure kept = *e;
	size_t size = texts_size(&kept);
	char *room = size ? malloc(size) : NULL;
	texts_copy(&kept, room);

	pthread_mutex_lock(&f->lock);
	size_t slot = f->next;
	void *old = f->texts[slot];
	f->ring[slot] = kept;
	f->texts[slot] = room;
	f->next = (slot + 1) % FAILURES_KEPT;
	if (f->count < FAILURES_KEPT)
		f->count++;
	f->total++;
	pthread_mutex_unlock(&f->lock);
	free(old);
}

uint64_t failures_total(struct failures *f)
{
	pthread_mutex_lock(&f->lock);
	const uint64_t total = f->total;
	pthread_mutex_unlock(&f->lock);
	return total;
}

static enum err copy_entries(struct failures *f, struct arena *a, struct failure **ret, size_t *ret_count)
{
	struct failure *list = arena_alloc(a, (f->count ? f->count : 1) * sizeof(*list));
	if (!list)
		return ERR_NOMEM;
	for (size_t i = 0; i < f->count; i++) {
		list[i] = f->ring[(f->next + FAILURES_KEPT - 1 - i) % FAILURES_KEPT];
		size_t size = texts_size(&list[i]);
		char *room = size ? arena_alloc(a, size) : NULL;
		if (size && !room)
			return ERR_NOMEM;
		texts_copy(&list[i], room);
	}
	*ret = list;
	*ret_count = f->count;
	return OK;
}

enum err failures_list(struct failures *f, struct arena *a, struct failure **ret, size_t *ret_count)
{
	pthread_mutex_lock(&f->lock);
	enum err err = copy_entries(f, a, ret, ret_count);
	pthread_mutex_unlock(&f->lock);
	return err;
}
