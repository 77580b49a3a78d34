/* kept.c - a hash table of entries, each an answer, a question under way, or both never; see kept.h. */
#include "base/kept.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/secret.h"

enum { BUCKETS = 1024 };

struct waiter {
	struct waiter *next;
	kept_fn *fn;
	void *arg;
};

struct entry {
	struct entry *next;           /* of its bucket */
	TAILQ_ENTRY(entry) used_link; /* in `used` while it holds an answer that may go */
	struct waiter *waiters;       /* newest first; only while in flight */
	struct kept_value *value;     /* NULL while in flight */
	int64_t until_mono_ms;
	bool in_flight;
	size_t key_len;
	char key[];
};
TAILQ_HEAD(entry_list, entry);

struct kept {
	struct kept_options options;
	pthread_mutex_t lock;
	struct entry *buckets[BUCKETS];
	struct entry_list used; /* least recently used first */
	size_t used_count, in_flight_count;
};

struct kept_value *kept_value_new(int code, const void *thing, struct str text)
{
	struct kept_value *v = malloc(sizeof *v + text.len + 1);

	if (!v)
		return NULL;
	atomic_init(&v->refs, 1);
	v->code = code;
	v->thing = thing;
	v->len = text.len;
	if (text.len)
		memcpy(v->text, text.ptr, text.len);
	v->text[text.len] = '\0';
	return v;
}

void kept_value_unref(struct kept_value *v)
{
	if (!v || atomic_fetch_sub(&v->refs, 1) != 1)
		return;
	wipe(v->text, v->len);
	free(v);
}

enum err kept_new(const struct kept_options *o, struct kept **ret)
{
	struct kept *k = calloc(1, sizeof *k);

	assert(o->max > 0 && o->in_flight_max > 0);
	if (!k)
		return ERR_NOMEM;
	k->options = *o;
	pthread_mutex_init(&k->lock, NULL);
	TAILQ_INIT(&k->used);
	*ret = k;
	return OK;
}

void kept_free(struct kept *k)
{
	if (!k)
		return;
	assert(k->in_flight_count == 0);
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct entry *e = k->buckets[i], *next; e; e = next) {
			next = e->next;
			kept_value_unref(e->value);
			free(e);
		}
	pthread_mutex_destroy(&k->lock);
	free(k);
}

/* Where the entry of that key hangs, or would. */
static struct entry **slot(struct kept *k, struct str key)
{
	struct entry **at = &k->buckets[str_hash(key) % BUCKETS];

	while (*at && !str_eq((struct str){(*at)->key, (*at)->key_len}, key))
		at = &(*at)->next;
	return at;
}

static struct entry *add_entry(struct entry **at, struct str key)
{
	struct entry *e = calloc(1, sizeof *e + key.len + 1);

	if (!e)
		return NULL;
	memcpy(e->key, key.ptr, key.len);
	e->key_len = key.len;
	*at = e;
	return e;
}

static void drop_value(struct kept *k, struct entry *e)
{
	if (!e->value)
		return;
	if (e->until_mono_ms != KEPT_FOR_EVER) {
		TAILQ_REMOVE(&k->used, e, used_link);
		k->used_count--;
	}
	kept_value_unref(e->value);
	e->value = NULL;
}

static void remove_entry(struct kept *k, struct entry **at)
{
	struct entry *e = *at;

	assert(e);
	drop_value(k, e);
	*at = e->next;
	free(e);
}

static void set_value(struct kept *k, struct entry *e, struct kept_value *value, int64_t ttl_ms)
{
	drop_value(k, e);
	e->value = value;
	atomic_fetch_add(&value->refs, 1);
	if (ttl_ms == KEPT_FOR_EVER) {
		e->until_mono_ms = KEPT_FOR_EVER;
		return;
	}
	e->until_mono_ms = clock_mono_ms(k->options.clock) + ttl_ms;
	TAILQ_INSERT_TAIL(&k->used, e, used_link);
	if (++k->used_count > k->options.max) {
		struct entry *oldest = TAILQ_FIRST(&k->used);
		remove_entry(k, slot(k, (struct str){oldest->key, oldest->key_len}));
	}
}

static bool add_waiter(struct entry *e, kept_fn *fn, void *arg)
{
	struct waiter *w = malloc(sizeof *w);

	if (!w)
		return false;
	*w = (struct waiter){.next = e->waiters, .fn = fn, .arg = arg};
	e->waiters = w;
	return true;
}

static enum kept_found begin_question(struct kept *k, struct entry **at, struct str key, kept_fn *fn, void *arg)
{
	if (k->in_flight_count >= k->options.in_flight_max)
		return KEPT_REFUSED;
	if (k->options.may_ask && !k->options.may_ask(k->options.arg))
		return KEPT_REFUSED;
	struct entry *e = *at ? *at : add_entry(at, key);
	if (!e)
		return KEPT_REFUSED;
	drop_value(k, e); /* past its time */
	if (!add_waiter(e, fn, arg)) {
		remove_entry(k, at);
		return KEPT_REFUSED;
	}
	e->in_flight = true;
	k->in_flight_count++;
	return KEPT_ASK;
}

static enum kept_found get_locked(struct kept *k, struct str key, kept_fn *fn, void *arg, struct kept_value **ret_value)
{
	struct entry **at = slot(k, key), *e = *at;

	if (e && e->value && clock_mono_ms(k->options.clock) < e->until_mono_ms) {
		if (e->until_mono_ms != KEPT_FOR_EVER) {
			TAILQ_REMOVE(&k->used, e, used_link);
			TAILQ_INSERT_TAIL(&k->used, e, used_link);
		}
		atomic_fetch_add(&e->value->refs, 1);
		*ret_value = e->value;
		return KEPT_NOW;
	}
	if (!fn)
		return KEPT_REFUSED;
	if (e && e->in_flight)
		return add_waiter(e, fn, arg) ? KEPT_WAIT : KEPT_REFUSED;
	return begin_question(k, at, key, fn, arg);
}

enum kept_found kept_get(struct kept *k, struct str key, kept_fn *fn, void *arg, struct kept_value **ret_value)
{
	pthread_mutex_lock(&k->lock);
	enum kept_found found = get_locked(k, key, fn, arg, ret_value);
	pthread_mutex_unlock(&k->lock);
	return found;
}

static struct waiter *oldest_first(struct waiter *list)
{
	struct waiter *turned = NULL;

	while (list) {
		struct waiter *next = list->next;
		list->next = turned;
		turned = list;
		list = next;
	}
	return turned;
}

void kept_answer(struct kept *k, struct str key, struct kept_value *value, int64_t ttl_ms)
{
	struct waiter *waiters = NULL;

	pthread_mutex_lock(&k->lock);
	struct entry **at = slot(k, key), *e = *at;
	if (e && e->in_flight) {
		waiters = oldest_first(e->waiters);
		e->waiters = NULL;
		e->in_flight = false;
		k->in_flight_count--;
	}
	bool keep = value && ttl_ms > 0;
	if (keep && !e)
		e = add_entry(at, key);
	if (keep && e)
		set_value(k, e, value, ttl_ms);
	else if (e)
		remove_entry(k, at);
	pthread_mutex_unlock(&k->lock);

	while (waiters) {
		struct waiter *next = waiters->next;
		waiters->fn(waiters->arg, value);
		free(waiters);
		waiters = next;
	}
	kept_value_unref(value);
}
