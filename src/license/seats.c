/* seats.c - who holds a seat of a tenant, and who was seen.
 *
 * The set of seats is in memory, so that a request never asks the store; rows follow in the background. A seat that
 * cannot be stored is given back in memory: the account's next request takes it again. Accounts are kept as truncated
 * digests here, by name only in the store. The journal tells that a seat was taken, not by whom: an account id is
 * personal data, and the journal cannot forget. Any thread, never blocks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "events/journal.h"
#include "license/lookup_internal.h"

enum { SEEN_EVERY_MIN = 60, SEEN_MINUTE_BITS = 20 };

enum user_change { USER_SEEN, USER_SEAT_TAKEN, USER_SEAT_FREED };

struct user_job {
	struct store_job job; /* first: the store hands it back */
	struct lookups *l;
	const struct tenant *tenant; /* a reference */
	enum user_change change;
	const char *why; /* the seat is freed */
	int64_t at, used, limit;
	struct seat_id id;
	void (*done)(void *arg, enum err err); /* NULL: nobody asked */
	void *arg;
	_Atomic uint64_t *sighting; /* forgotten again if it cannot be stored */
	char account_id[];
};

bool is_nobody(struct str account_id)
{
	return account_id.len == 0 || str_eqz(account_id, "unknown");
}

/* A seat's event; why NULL: it is taken. */
struct seat_news {
	const struct tenant *tenant;
	struct seat_id id;
	const char *why;
	int64_t at, used, limit;
};

static enum err journal_seat(struct store_tx *tx, const struct seat_news *n)
{
	char once[2 * sizeof n->id + 24];
	hex_encode(once, (const uint8_t *)&n->id, sizeof n->id);
	(void)snprintf(once + 2 * sizeof n->id, 24, ":%lld", (long long)n->at);
	struct event_field fields[3] = {EF_Z("reason", n->why), EF_INT("used", n->used), EF_INT("limit", n->limit)};
	const struct event event = {
	    .type = n->why ? "seat.freed" : "seat.taken",
	    .tenant = n->tenant->client_key,
	    .source = "seats",
	    .at = n->at,
	    .once = str_of(once),
	    .fields = fields,
	    .field_count = n->limit > 0 ? 3 : 2,
	};
	return journal_add(tx, &event);
}

static enum err user_run(struct store_job *job, struct store_tx *tx)
{
	const struct user_job *j = (const struct user_job *)job;
	struct str key = j->tenant->client_key;
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, 4096);
	struct user_row row;
	if (j->tenant->live->removed)
		return OK;
	enum err err = store_user_get(tx, key, str_of(j->account_id), &arena, &row);
	if (err == ERR_NOT_FOUND && j->change == USER_SEAT_FREED)
		return OK; /* erased meanwhile */
	if (err == ERR_NOT_FOUND)
		row = (struct user_row){
		    .client_key = key.ptr, .account_id = j->account_id, .first_seen = j->at, .updated_at = j->at};
	else if (err != OK)
		return err;
	if (j->change == USER_SEAT_FREED) {
		row.seat_at = 0;
	} else { /* who comes in has access */
		row.last_seen = j->at;
		row.removed_at = 0;
		row.deactivated = false;
	}
	if (j->change == USER_SEAT_TAKEN && row.seat_at == 0)
		row.seat_at = j->at;
	err = store_user_put(tx, &row);
	if (err != OK || j->change == USER_SEEN)
		return err;
	const struct seat_news news = {.tenant = j->tenant,
	                               .id = j->id,
	                               .why = j->change == USER_SEAT_FREED ? j->why : NULL,
	                               .at = j->at,
	                               .used = j->used,
	                               .limit = j->limit};
	return journal_seat(tx, &news);
}

/* Memory takes back what the store refused. */
static void user_undo(struct user_job *j)
{
	struct live *live = j->tenant->live;
	if (j->sighting)
		atomic_store_explicit(j->sighting, 0, memory_order_relaxed);
	pthread_mutex_lock(&live->lock);
	if (j->change == USER_SEAT_TAKEN)
		seats_remove(live, j->id);
	else if (j->change == USER_SEAT_FREED)
		(void)seats_add(live, j->id);
	pthread_mutex_unlock(&live->lock);
}

static void user_job_free(struct user_job *j)
{
	tenant_unref(j->tenant);
	free(j);
}

static void user_done(struct store_job *job, enum err err)
{
	struct user_job *j = (struct user_job *)job;
	struct lookups *l = j->l;
	if (err != OK) {
		if (err != ERR_NOT_FOUND) /* purged meanwhile */
			log_event(LOG_ERROR, "user.not_stored", LF_STR("tenant", j->tenant->client_key),
			          LF_Z("error", err_name(err)));
		user_undo(j);
	}
	if (j->done)
		j->done(j->arg, err);
	user_job_free(j);
	busy_end(l);
}

static struct user_job *user_job_new(struct lookups *l, const struct tenant *tenant, struct str account_id,
                                     enum user_change change)
{
	struct user_job *j = calloc(1, sizeof *j + account_id.len + 1);
	if (!j)
		return NULL;
	j->job = (struct store_job){.run = user_run, .done = user_done};
	j->l = l;
	j->tenant = tenant;
	tenant_ref(tenant);
	j->change = change;
	j->at = clock_wall_ms(l->o.clock);
	memcpy(j->account_id, account_id.ptr, account_id.len);
	return j;
}

/* Takes the job. */
static enum err user_submit(struct user_job *j)
{
	enum err err = job_submit(j->l, &j->job);
	if (err != OK) {
		user_undo(j);
		user_job_free(j);
	}
	return err;
}

/* live->lock held. */
static int64_t limit_of(const struct live *live)
{
	return live->looked_up && live->users_max > 0 ? live->users_max : 0;
}

static bool seat_free_or_unlimited(const struct live *live, enum overage overage)
{
	int64_t limit = overage_seats(overage, limit_of(live));
	return limit == 0 || !live->seats || live->seats->count < limit;
}

bool seat_held_or_free(struct lookups *l, const struct tenant *tenant, struct str account_id, enum overage overage)
{
	(void)l;
	if (is_nobody(account_id))
		return true;
	struct seat_id id = seat_id_of(account_id);
	pthread_mutex_lock(&tenant->live->lock);
	bool ok = seats_has(tenant->live, id) || seat_free_or_unlimited(tenant->live, overage);
	pthread_mutex_unlock(&tenant->live->lock);
	return ok;
}

bool seat_take(struct lookups *l, const struct tenant *tenant, struct str account_id, enum overage overage)
{
	if (is_nobody(account_id))
		return true;
	struct live *live = tenant->live;
	struct seat_id id = seat_id_of(account_id);
	pthread_mutex_lock(&live->lock);
	bool held = seats_has(live, id), room = seat_free_or_unlimited(live, overage);
	pthread_mutex_unlock(&live->lock);
	if (held || !room)
		return held;
	struct user_job *j = user_job_new(l, tenant, account_id, USER_SEAT_TAKEN);
	if (!j)
		return false;
	/* Looked at again: meanwhile somebody may have had the last one, or this account its own. */
	pthread_mutex_lock(&live->lock);
	held = seats_has(live, id);
	bool taken = !held && seat_free_or_unlimited(live, overage) && seats_add(live, id);
	j->id = id;
	j->used = live->seats ? live->seats->count : 0;
	j->limit = limit_of(live);
	pthread_mutex_unlock(&live->lock);
	if (!taken) {
		user_job_free(j);
		return held;
	}
	(void)user_submit(j); /* a full queue is not the user's fault: let in, the seat is taken next time */
	return true;
}

enum err seat_free(struct lookups *l, const struct tenant *tenant, struct str account_id, const char *why,
                   void (*done)(void *arg, enum err), void *arg)
{
	struct live *live = tenant->live;
	struct user_job *j = user_job_new(l, tenant, account_id, USER_SEAT_FREED);
	if (!j)
		return ERR_NOMEM;
	j->id = seat_id_of(account_id);
	j->why = why;
	j->done = done;
	j->arg = arg;
	pthread_mutex_lock(&live->lock);
	bool held = seats_has(live, j->id);
	if (held)
		seats_remove(live, j->id);
	j->used = live->seats ? live->seats->count : 0;
	j->limit = limit_of(live);
	pthread_mutex_unlock(&live->lock);
	if (held)
		return user_submit(j);
	user_job_free(j);
	return ERR_NOT_FOUND;
}

enum err seat_leave(struct lookups *l, struct store_tx *tx, const struct tenant *tenant, struct user_row *row,
                    const char *why, int64_t at)
{
	(void)l;
	struct live *live = tenant->live;
	struct seat_news news = {.tenant = tenant, .id = seat_id_of(str_of(row->account_id)), .why = why, .at = at};
	pthread_mutex_lock(&live->lock);
	seats_remove(live, news.id);
	news.used = live->seats ? live->seats->count : 0;
	news.limit = limit_of(live);
	pthread_mutex_unlock(&live->lock);
	if (row->seat_at == 0)
		return OK;
	row->seat_at = 0;
	return journal_seat(tx, &news);
}

int64_t seats_used(const struct tenant *tenant)
{
	pthread_mutex_lock(&tenant->live->lock);
	int64_t used = tenant->live->seats ? tenant->live->seats->count : 0;
	pthread_mutex_unlock(&tenant->live->lock);
	return used;
}

int64_t seats_limit(const struct tenant *tenant)
{
	pthread_mutex_lock(&tenant->live->lock);
	int64_t limit = limit_of(tenant->live);
	pthread_mutex_unlock(&tenant->live->lock);
	return limit;
}

/* The place of a sighting: its own if the account was seen lately, else one to write over. A set has a few places, so
 * that accounts whose hashes collide do not take turns in being written. */
static _Atomic uint64_t *sighting_of(struct lookups *l, uint64_t hash, uint64_t minute, bool *ret_lately)
{
	const uint64_t minute_mask = (1u << SEEN_MINUTE_BITS) - 1;
	_Atomic uint64_t *set = &l->sightings[hash % (SIGHTINGS / SIGHTING_SET) * SIGHTING_SET];
	_Atomic uint64_t *oldest = set;
	uint64_t oldest_age = 0;
	for (unsigned i = 0; i < SIGHTING_SET; i++) {
		const uint64_t kept = atomic_load_explicit(&set[i], memory_order_relaxed);
		const uint64_t age = kept ? (minute - kept) & minute_mask : UINT64_MAX;
		*ret_lately = kept && (kept & ~minute_mask) == (hash & ~minute_mask);
		if (*ret_lately) {
			*ret_lately = age < SEEN_EVERY_MIN;
			return &set[i];
		}
		if (age > oldest_age) {
			oldest = &set[i];
			oldest_age = age;
		}
	}
	return oldest;
}

void user_seen(struct lookups *l, const struct tenant *tenant, struct str account_id)
{
	if (is_nobody(account_id))
		return;
	const uint64_t minute_mask = (1u << SEEN_MINUTE_BITS) - 1;
	const uint64_t hash = str_hash(account_id) ^ (tenant->hash * 0x9e3779b97f4a7c15u);
	const uint64_t minute = (uint64_t)(clock_mono_ms(l->o.clock) / 60000) & minute_mask;
	bool lately = false;
	_Atomic uint64_t *sighting = sighting_of(l, hash, minute, &lately);
	if (lately)
		return;
	struct user_job *j = user_job_new(l, tenant, account_id, USER_SEEN);
	if (!j)
		return;
	j->sighting = sighting;
	atomic_store_explicit(sighting, (hash & ~minute_mask) | minute, memory_order_relaxed);
	(void)user_submit(j);
}
