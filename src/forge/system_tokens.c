/* system_tokens.c - see system_tokens.h. A hash table behind one lock, with a list in the order of use. */
#include "forge/system_tokens.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/cleanup.h"
#include "base/secret.h"

enum { BUCKETS = 4096 };

struct entry {
	struct entry *next;
	TAILQ_ENTRY(entry) used_link;
	char *token; /* NUL-terminated, owned; wiped */
	int64_t token_until_mono, next_call_mono;
	bool has_found;
	struct found_license found;
	char client_key[];
};
TAILQ_HEAD(entry_list, entry);

struct system_tokens {
	const struct clock *clock;
	pthread_mutex_t lock;
	struct entry *buckets[BUCKETS];
	struct entry_list used; /* least recently first */
	size_t count;
};

enum err system_tokens_new(const struct clock *clock, struct system_tokens **ret)
{
	struct system_tokens *t = calloc(1, sizeof(*t));
	if (!t)
		return ERR_NOMEM;
	t->clock = clock;
	pthread_mutex_init(&t->lock, NULL);
	TAILQ_INIT(&t->used);
	*ret = t;
	return OK;
}

static void token_drop(struct entry *e)
{
	if (e->token)
		wipe(e->token, strlen(e->token));
	free(TAKE(e->token));
}

static struct entry **slot(struct system_tokens *t, struct str key)
{
	struct entry **at = &t->buckets[str_hash(key) % BUCKETS];
	while (*at && !str_eqz(key, (*at)->client_key))
		at = &(*at)->next;
	return at;
}

static void remove_oldest(struct system_tokens *t)
{
	struct entry *oldest = TAILQ_FIRST(&t->used), **at = slot(t, str_of(oldest->client_key));
	*at = oldest->next;
	TAILQ_REMOVE(&t->used, oldest, used_link);
	t->count--;
	token_drop(oldest);
	free(oldest);
}

void system_tokens_free(struct system_tokens *t)
{
	if (!t)
		return;
	while (t->count > 0)
		remove_oldest(t);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* Lock held. */
static struct entry *entry_of(struct system_tokens *t, struct str key)
{
	struct entry *e = *slot(t, key);
	if (e) {
		TAILQ_REMOVE(&t->used, e, used_link);
		TAILQ_INSERT_TAIL(&t->used, e, used_link);
		return e;
	}
	e = calloc(1, sizeof(*e) + key.len + 1);
	if (!e)
		return NULL;
	if (t->count == SYSTEM_TOKENS_MAX)
		remove_oldest(t);
	memcpy(e->client_key, key.ptr, key.len);
	*slot(t, key) = e;
	TAILQ_INSERT_TAIL(&t->used, e, used_link);
	t->count++;
	return e;
}

int64_t system_tokens_put(struct system_tokens *t, struct str client_key, struct str token)
{
	if (token.len == 0 || token.len > SYSTEM_TOKEN_MAX_BYTES || !str_printable(token))
		return 0;
	char *copy = str_dup(token);
	if (!copy)
		return 0;
	const int64_t until = clock_mono_ms(t->clock) + SYSTEM_TOKEN_LIFE_MS;
	pthread_mutex_lock(&t->lock);
	struct entry *e = entry_of(t, client_key);
	if (e) {
		token_drop(e);
		e->token = TAKE(copy);
		e->token_until_mono = until;
	}
	pthread_mutex_unlock(&t->lock);
	if (!copy)
		return until;
	wipe(copy, token.len);
	free(copy);
	return 0;
}

/* Lock held. */
static enum may_call may_call(struct entry *e, int64_t now, struct buf *ret_token, struct found_license *ret_found)
{
	if (now < e->next_call_mono) {
		*ret_found = e->found;
		return e->has_found ? CALL_KNOWN : CALL_LIMITED;
	}
	if (now >= e->token_until_mono)
		token_drop(e);
	if (!e->token)
		return CALL_NO_TOKEN;
	buf_z(ret_token, e->token);
	e->next_call_mono = now + LICENSE_CALL_EVERY_MS;
	e->has_found = false;
	return CALL_NOW;
}

enum may_call system_tokens_call(struct system_tokens *t, struct str client_key, struct buf *ret_token,
                                 struct found_license *ret_found, int64_t *ret_wait_ms)
{
	const int64_t now = clock_mono_ms(t->clock);
	pthread_mutex_lock(&t->lock);
	struct entry *e = *slot(t, client_key);
	enum may_call may = e ? may_call(e, now, ret_token, ret_found) : CALL_NO_TOKEN;
	*ret_wait_ms = e && e->next_call_mono > now ? e->next_call_mono - now : 0;
	pthread_mutex_unlock(&t->lock);
	return may;
}

void system_tokens_found(struct system_tokens *t, struct str client_key, const struct found_license *found)
{
	pthread_mutex_lock(&t->lock);
	struct entry *e = *slot(t, client_key);
	if (e) {
		e->found = *found;
		e->has_found = true;
	}
	pthread_mutex_unlock(&t->lock);
}

void system_tokens_block(struct system_tokens *t, struct str client_key, int64_t for_ms)
{
	const int64_t until = clock_mono_ms(t->clock) + for_ms;
	pthread_mutex_lock(&t->lock);
	struct entry *e = *slot(t, client_key);
	if (e && until > e->next_call_mono)
		e->next_call_mono = until;
	pthread_mutex_unlock(&t->lock);
}
