/* jwks.c - the set that is kept, when it is fetched, and who waits for that. See jwks.h.
 *
 * One lock for all of it; nothing is called while it is held, and RSA keys are made outside of it. A fetch that fails
 * changes nothing but the time of the next. */
#include "forge/jwks.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/metrics.h"
#include "forge/jwks_set.h"
#include "token/fit.h"

struct waiter {
	struct waiter *next;
	jwks_fn *done;
	void *arg;
	char kid[TOKEN_KID_MAX + 1];
};

struct jwks {
	struct jwks_options o;
	pthread_mutex_t lock;
	struct jwks_set *set; /* NULL: never fetched */
	bool fetching;
	bool failed;          /* the last fetch did */
	int64_t fetched_mono; /* when the set came */
	int64_t failed_mono;  /* valid with failed */
	int64_t asked_mono;   /* the last fetch for a kid the set did not have; valid with asked */
	bool asked;
	struct waiter *waiters;
	size_t waiter_count;
	struct metric *ok, *bad;
};

/* ---- one look ---- */

/* Lock held. */
static enum jwks_status look(const struct jwks *j, struct str kid, struct jwks_key **ret_key)
{
	struct jwks_key *key = NULL;
	enum jwks_status status = j->set ? jwks_set_find(j->set, kid, &key) : JWKS_UNAVAILABLE;
	if (status == JWKS_FOUND) {
		jwks_key_ref(key);
		*ret_key = key;
	}
	return status;
}

/* Lock held. A kid the set does not have is worth a fetch, now and then. */
static bool may_ask(const struct jwks *j, int64_t now)
{
	if (!j->set)
		return !j->failed || now - j->failed_mono >= JWKS_RETRY_MS;
	return !j->asked || now - j->asked_mono >= JWKS_UNKNOWN_MS;
}

/* Lock held. A kid that was found in a set that grows old. */
static bool is_old(const struct jwks *j, int64_t now)
{
	return !j->fetching && now - j->fetched_mono >= JWKS_REFRESH_MS &&
	       (!j->failed || now - j->failed_mono >= JWKS_UNKNOWN_MS);
}

/* ---- fetching ---- */

static void tell(struct waiter *list, const struct jwks *j);

/* set NULL: it failed. Takes it. */
static void fetch_ended(struct jwks *j, struct jwks_set *set)
{
	const int64_t now = clock_mono_ms(j->o.clock);
	struct jwks_set *old = NULL;
	pthread_mutex_lock(&j->lock);
	if (set) {
		old = j->set;
		j->set = set;
		j->fetched_mono = now;
	}
	j->failed = !set;
	if (!set)
		j->failed_mono = now;
	j->fetching = false;
	struct waiter *waiters = TAKE(j->waiters);
	j->waiter_count = 0;
	/* Those who wait get their answer from the set as it is now. The lock is given back between them. */
	pthread_mutex_unlock(&j->lock);
	jwks_set_free(old);
	metric_inc(set ? j->ok : j->bad);
	tell(waiters, j);
}

static void tell(struct waiter *list, const struct jwks *jwks)
{
	struct jwks *j = (struct jwks *)(uintptr_t)jwks;
	while (list) {
		struct waiter *w = list;
		struct jwks_key *key = NULL;
		list = w->next;
		pthread_mutex_lock(&j->lock);
		enum jwks_status status = look(j, str_of(w->kid), &key);
		/* The host did not say that it has no such key. */
		if (status == JWKS_UNKNOWN && j->failed)
			status = JWKS_UNAVAILABLE;
		pthread_mutex_unlock(&j->lock);
		w->done(w->arg, status, key);
		free(w);
	}
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct jwks *j = arg;
	struct jwks_set *set = NULL;
	enum err err = answer->err;
	if (err == OK && answer->status == 200)
		err = jwks_read(answer->body, &set);
	else if (err == OK)
		err = ERR_UPSTREAM;
	if (set)
		log_event(LOG_INFO, "forge.keys_fetched", LF_INT("keys", (int64_t)jwks_set_count(set)));
	else
		log_event(LOG_WARN, "forge.keys_unavailable", LF_Z("error", err_name(err)), LF_INT("status", answer->status));
	fetch_ended(j, set);
}

/* j->fetching was set by the caller. No lock held. */
static void fetch(struct jwks *j)
{
	static const struct http_header headers[] = {{"Accept", "application/json"}};
	const struct http_call call = {.method = "GET",
	                               .url = j->o.url,
	                               .headers = headers,
	                               .header_count = 1,
	                               .answer_max = JWKS_TEXT_MAX,
	                               .timeout_ms = j->o.timeout_ms,
	                               .done = on_answer,
	                               .arg = j};
	enum err err = http_client_call(j->o.client, &call);
	if (err == OK)
		return;
	log_event(LOG_WARN, "forge.keys_unavailable", LF_Z("error", err_name(err)));
	fetch_ended(j, NULL);
}

/* ---- the outside ---- */

enum step { STEP_ANSWER, STEP_WAIT, STEP_FETCH };

/* Lock held. Decides what a kid that may not be known costs; w (may be NULL: only looking) is queued unless answered.
 */
static enum step decide(struct jwks *j, struct str kid, struct waiter *w, enum jwks_status *ret_status,
                        struct jwks_key **ret_key)
{
	const int64_t now = clock_mono_ms(j->o.clock);
	*ret_status = look(j, kid, ret_key);
	if (*ret_status == JWKS_FOUND || *ret_status == JWKS_WEAK)
		return STEP_ANSWER;
	if (!j->fetching && !may_ask(j, now)) {
		if (*ret_status == JWKS_UNKNOWN && j->failed)
			*ret_status = JWKS_UNAVAILABLE;
		return STEP_ANSWER;
	}
	if (!w)
		return STEP_WAIT;
	if (j->waiter_count == JWKS_WAITERS_MAX) {
		*ret_status = JWKS_UNAVAILABLE;
		return STEP_ANSWER;
	}
	w->next = j->waiters;
	j->waiters = w;
	j->waiter_count++;
	if (j->fetching)
		return STEP_WAIT;
	if (j->set) {
		j->asked = true;
		j->asked_mono = now;
	}
	j->fetching = true;
	return STEP_FETCH;
}

static bool refresh_due(struct jwks *j)
{
	bool due = is_old(j, clock_mono_ms(j->o.clock));
	j->fetching = j->fetching || due;
	return due;
}

bool jwks_get(struct jwks *j, struct str kid, enum jwks_status *ret_status, struct jwks_key **ret_key, jwks_fn *done,
              void *arg)
{
	*ret_key = NULL;
	*ret_status = JWKS_UNKNOWN;
	if (!fit_kid_ok(kid))
		return true;
	struct waiter *w = done ? calloc(1, sizeof(*w)) : NULL;
	if (done && !w) {
		*ret_status = JWKS_UNAVAILABLE;
		return true;
	}
	if (w) {
		w->done = done;
		w->arg = arg;
		memcpy(w->kid, kid.ptr, kid.len);
	}
	pthread_mutex_lock(&j->lock);
	enum step step = decide(j, kid, w, ret_status, ret_key);
	bool refresh = step == STEP_ANSWER && *ret_status == JWKS_FOUND && refresh_due(j);
	pthread_mutex_unlock(&j->lock);
	if (step == STEP_ANSWER)
		free(w);
	if (step == STEP_FETCH || refresh)
		fetch(j);
	return step == STEP_ANSWER;
}

enum err jwks_new(const struct jwks_options *o, struct jwks **ret)
{
	struct jwks *j = calloc(1, sizeof(*j));
	if (!j)
		return ERR_NOMEM;
	j->o = *o;
	pthread_mutex_init(&j->lock, NULL);
	static const char *const help = "Fetches of the keys of Forge tokens by result.";
	j->ok = metric_counter("licgate_forge_key_fetches_total", help, "result=\"ok\"");
	j->bad = metric_counter("licgate_forge_key_fetches_total", help, "result=\"failed\"");
	*ret = j;
	return OK;
}

void jwks_free(struct jwks *j)
{
	if (!j)
		return;
	assert(!j->fetching && !j->waiters); /* the client told everybody when it stopped */
	jwks_set_free(j->set);
	pthread_mutex_destroy(&j->lock);
	free(j);
}
