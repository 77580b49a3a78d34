/* override.c - an operator's word against all signals, until a date.
 *
 * Stored and journalled first, then in force: whoever is told "done" is told the durable truth. It ends at its date
 * by the wall clock, which is what the operator meant; decisions ignore it from that moment, and the sweep deletes
 * and journals it. Jobs of one tenant run in order on the writer thread, and so do their ends. Any thread. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "events/journal.h"
#include "license/lookup_internal.h"

struct override_job {
	struct store_job job; /* first: the store hands it back */
	struct lookups *l;
	const struct tenant *tenant; /* a reference */
	struct override *set;        /* NULL: it ends */
	const char *why;             /* of the end */
	int64_t at, ended_until;
	struct after *after; /* NULL: nobody asked */
};

static enum err journal_override(struct store_tx *tx, const struct override_job *j)
{
	char once[64], until[TIME_TEXT_SIZE] = "";
	(void)snprintf(once, sizeof once, "%" PRId64 ":%" PRId64, j->at, j->set ? j->set->until : j->ended_until);
	if (j->set)
		time_text(j->set->until, until);
	const struct event_field fields[] = {
	    EF_Z("state", j->set ? license_state_name(j->set->state) : NULL),
	    EF_Z("until", until),
	    EF_Z("reason", j->set ? j->set->reason : j->why),
	    EF_Z("by", j->set ? j->set->by : NULL),
	};
	const struct event event = {
	    .type = j->set ? "override.set" : "override.ended",
	    .tenant = j->tenant->client_key,
	    .source = j->after ? "admin" : "override",
	    .at = j->at,
	    .once = str_of(once),
	    .fields = fields,
	    .field_count = sizeof fields / sizeof *fields,
	};
	return journal_add(tx, &event);
}

static enum err override_run(struct store_job *job, struct store_tx *tx)
{
	const struct override_job *j = (const struct override_job *)job;
	enum err err;
	if (j->set) {
		const struct override_row row = {
		    .state = license_state_name(j->set->state),
		    .reason = j->set->reason,
		    .by = j->set->by,
		    .until = j->set->until,
		    .created_at = j->set->created_at,
		};
		err = store_override_put(tx, j->tenant->client_key, &row);
	} else {
		err = store_override_delete(tx, j->tenant->client_key);
	}
	return err == OK ? journal_override(tx, j) : err;
}

/* After the commit: memory follows, and with it perhaps the tenant's state. Whether that is news. */
static bool override_apply(struct override_job *j, enum err err)
{
	struct lookups *l = j->l;
	struct live *live = j->tenant->live;
	bool news = false;
	pthread_mutex_lock(&live->lock);
	live->override_jobs--;
	if (err == OK || (err == ERR_NOT_FOUND && !j->set)) {
		free(live->override);
		live->override = TAKE(j->set);
		news = follow_time(l, j->tenant, clock_wall_ms(l->o.clock), clock_mono_ms(l->o.clock));
	}
	pthread_mutex_unlock(&live->lock);
	return news;
}

static void override_log(const struct override_job *j, enum err err)
{
	if (err == ERR_NOT_FOUND) /* there was none to take back, or the tenant is gone */
		return;
	if (err != OK)
		log_event(LOG_ERROR, "override.not_stored", LF_STR("tenant", j->tenant->client_key),
		          LF_Z("error", err_name(err)));
	else if (j->set)
		log_event(LOG_INFO, "override.set", LF_STR("tenant", j->tenant->client_key),
		          LF_Z("state", license_state_name(j->set->state)));
	else
		log_event(LOG_INFO, "override.ended", LF_STR("tenant", j->tenant->client_key), LF_Z("why", j->why));
}

static void override_job_free(struct override_job *j)
{
	tenant_unref(j->tenant);
	free(j->set);
	free(j->after);
	free(j);
}

static void override_done(struct store_job *job, enum err err)
{
	struct override_job *j = (struct override_job *)job;
	struct lookups *l = j->l;
	const int64_t ends_at = err == OK && j->set ? j->set->until : 0;
	override_log(j, err);
	if (override_apply(j, err)) {
		persist(l, j->tenant, NULL, TAKE(j->after)); /* who asked hears when the transition is journalled too */
	} else if (j->after) {
		j->after->overridden(j->after->arg, err);
	}
	override_job_free(j);
	if (ends_at)
		(void)sweep_by(l, ends_at - clock_wall_ms(l->o.clock)); /* without memory a minute late at most */
	busy_end(l);
}

/* Takes set. done NULL: the sweep asks. */
static enum err override_submit(struct lookups *l, const struct tenant *tenant, struct override *set, const char *why,
                                void (*done)(void *arg, enum err), void *arg)
{
	struct live *live = tenant->live;
	struct override_job *j = calloc(1, sizeof *j);
	struct after *after = done ? calloc(1, sizeof *after) : NULL;
	if (!j || (done && !after)) {
		free(j);
		free(after);
		free(set);
		return ERR_NOMEM;
	}
	if (after)
		*after = (struct after){.overridden = done, .arg = arg};
	*j = (struct override_job){.job = {.run = override_run, .done = override_done},
	                           .l = l,
	                           .tenant = tenant,
	                           .set = set,
	                           .why = why,
	                           .at = clock_wall_ms(l->o.clock),
	                           .after = after};
	tenant_ref(tenant);
	pthread_mutex_lock(&live->lock);
	enum err err = live->override_jobs < UINT8_MAX ? OK : ERR_FULL;
	/* The sweep leaves an override alone that somebody is changing, or has changed since it looked. */
	bool over = live->override && live->override->until <= j->at && live->override_jobs == 0;
	if (err == OK && !done && !over)
		err = ERR_CONFLICT;
	if (err == OK) {
		live->override_jobs++;
		j->ended_until = live->override ? live->override->until : 0;
	}
	pthread_mutex_unlock(&live->lock);
	if (err == OK && (err = job_submit(l, &j->job)) != OK) {
		pthread_mutex_lock(&live->lock);
		live->override_jobs--;
		pthread_mutex_unlock(&live->lock);
	}
	if (err != OK)
		override_job_free(j);
	return err;
}

enum err override_set(struct lookups *l, const struct tenant *tenant, enum license_state state, int64_t until,
                      struct str reason, struct str by, void (*done)(void *arg, enum err), void *arg)
{
	assert(done);
	struct override *set = override_new(state, until, clock_wall_ms(l->o.clock), reason, by);
	return set ? override_submit(l, tenant, set, NULL, done, arg) : ERR_NOMEM;
}

enum err override_end(struct lookups *l, const struct tenant *tenant, void (*done)(void *arg, enum err), void *arg)
{
	assert(done);
	return override_submit(l, tenant, NULL, "removed", done, arg);
}

void override_elapsed(struct lookups *l, const struct tenant *tenant)
{
	(void)override_submit(l, tenant, NULL, "elapsed", NULL, NULL); /* refused: the next sweep comes by again */
}
