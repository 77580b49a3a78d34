/* lookup_store.c - stores and journals what lookup_known.c calls news, behind the requests' backs.
 *
 * One job per tenant at a time: whatever happens while it runs waits in live->pending and goes with the next, so a
 * burst of page loads is one write. Transitions are kept in a list until their journal entries are committed together
 * with the licence row, so none is lost or told twice (their id is made of time, from and to). What fails stays
 * pending; the sweep tries again. Texts go straight from the look-up to the row and are not kept in memory; the row is
 * read, changed and written on the writer thread. The contact is sealed before it gets here. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "events/journal.h"
#include "license/lookup_internal.h"
#include "store/contacts.h"

struct persist {
	struct store_job job; /* first: the store hands it back */
	struct lookups *l;
	const struct tenant *tenant; /* a reference */
	const struct change *first;
	unsigned carried;
	struct facts_text *text;
	struct after *afters;
};

/* ---- counting what runs ---- */

void busy_begin(struct lookups *l)
{
	pthread_mutex_lock(&l->lock);
	l->busy++;
	pthread_mutex_unlock(&l->lock);
}

void busy_end(struct lookups *l)
{
	pthread_mutex_lock(&l->lock);
	l->busy--;
	pthread_cond_broadcast(&l->idle);
	pthread_mutex_unlock(&l->lock);
}

enum err job_submit(struct lookups *l, struct store_job *job)
{
	busy_begin(l);
	enum err err = store_submit(l->o.store, job);
	if (err != OK)
		busy_end(l);
	return err;
}

void afters_run(struct after *list)
{
	while (list) {
		struct after *a = list;
		list = a->next;
		if (a->refreshed)
			a->refreshed(a->arg, a->failure);
		else
			a->overridden(a->arg, OK);
		free(a);
	}
}

/* ---- texts ---- */

static const char *pack(char **to, struct str s)
{
	if (s.len == 0)
		return NULL;
	const char *packed = memcpy(*to, s.ptr, s.len);
	*to += s.len;
	*(*to)++ = '\0';
	return packed;
}

struct facts_text *facts_text_new(const struct lookups *l, const struct tenant *tenant,
                                  const struct license_facts *facts)
{
	__cleanup_buf struct buf sealed = BUF_INIT(4096);
	if (facts->contact_email.len) {
		struct seal_place place = {"licenses", "contact", tenant->client_key};
		if (seal(l->o.keyring, place, facts->contact_email, &sealed) != OK)
			return NULL;
	}
	size_t size = facts->type.len + facts->organisation.len + facts->sen.len + facts->entitlement_id.len +
	              facts->entitlement_number.len + sealed.len + 6;
	struct facts_text *t = malloc(sizeof *t + size);
	if (!t)
		return NULL;
	char *text = (char *)(t + 1);
	t->type = pack(&text, facts->type);
	t->organisation = pack(&text, facts->organisation);
	t->sen = pack(&text, facts->sen);
	t->entitlement_id = pack(&text, facts->entitlement_id);
	t->entitlement_number = pack(&text, facts->entitlement_number);
	t->contact_sealed = (struct str){pack(&text, buf_text(&sealed)), sealed.len};
	return t;
}

/* ---- pending news; live->lock held ---- */

static void changes_drop(struct pending *p, unsigned count)
{
	for (; count > 0 && p->first; count--) {
		struct change *gone = p->first;
		p->first = gone->next;
		p->count--;
		free(gone);
	}
	if (!p->first)
		p->end = &p->first;
}

void pending_free(struct pending *p)
{
	if (!p)
		return;
	changes_drop(p, UINT32_MAX);
	free(p->text);
	free(p);
}

static struct pending *pending_of(struct live *live)
{
	if (!live->pending && (live->pending = calloc(1, sizeof *live->pending)))
		live->pending->end = &live->pending->first;
	return live->pending;
}

static void pending_forget_if_empty(struct live *live)
{
	struct pending *p = live->pending;
	if (!p || p->first || p->text || p->afters || p->dirty || p->running)
		return;
	free(p);
	live->pending = NULL;
}

/* ---- the job, on the writer thread ---- */

/* The i-th change's successor. The last one's is not looked at: others may be adding behind it. */
static const struct change *change_after(const struct persist *p, unsigned i, const struct change *c)
{
	return i + 1 < p->carried ? c->next : NULL;
}

static enum err journal_change(struct store_tx *tx, struct str client_key, const struct change *c)
{
	char once[64];
	(void)snprintf(once, sizeof once, "%" PRId64 ":%s:%s", c->at, license_state_name(c->from),
	               license_state_name(c->to));
	const struct event_field fields[] = {
	    EF_Z("from", license_state_name(c->from)),
	    EF_Z("to", license_state_name(c->to)),
	    EF_Z("reason", c->reason),
	};
	const struct event event = {
	    .type = "license.changed",
	    .tenant = client_key,
	    .source = license_source_name(c->source),
	    .at = c->at,
	    .once = str_of(once),
	    .fields = fields,
	    .field_count = sizeof fields / sizeof *fields,
	};
	return journal_add(tx, &event);
}

static void fill_numbers(struct license_row *row, struct live *live)
{
	pthread_mutex_lock(&live->lock);
	row->fetched_at = live->fetched_at;
	row->valid = live->valid;
	row->evaluation = live->evaluation;
	row->cancelled = live->cancelled;
	row->resource = (int)live->resource;
	row->edition = edition_name(live->edition);
	row->users_max = live->users_max;
	row->expires_at = live->expires_at;
	row->failed_at = live->failed_at;
	if (live->failures == 0)
		row->failure = NULL;
	else if (live->failure)
		row->failure = live->failure;
	row->licensed_before = live->licensed_before;
	row->expired_seen_at = live->expired_seen_at;
	row->secret_proved_at = live->secret_proved_at;
	pthread_mutex_unlock(&live->lock);
}

static void fill_text(struct license_row *row, const struct facts_text *text)
{
	row->type = text->type;
	row->organisation = text->organisation;
	row->sen = text->sen;
	row->entitlement_id = text->entitlement_id;
	row->entitlement_number = text->entitlement_number;
	row->contact_sealed = text->contact_sealed;
}

/* A person that asked to be forgotten is not brought back by a look-up. What cannot be told is not kept either. */
static enum err leave_out_forgotten(struct store_tx *tx, const struct persist *p, struct str *contact_sealed)
{
	__cleanup(buf_wipe) struct buf email = BUF_INIT(4096);
	bool forgotten = true;
	if (!contact_sealed->len)
		return OK;
	const struct seal_place place = {"licenses", "contact", p->tenant->client_key};
	enum err err = unseal(p->l->o.keyring, place, *contact_sealed, &email);
	if (err == OK)
		err = store_address_forgotten(tx, p->l->o.keyring, buf_text(&email), &forgotten);
	if (forgotten)
		*contact_sealed = (struct str){0};
	return err == ERR_SEAL || err == ERR_INVALID ? OK : err;
}

/* Ids that the host tells are names of the tenant from now on, also when it tells others later. */
static enum err put_aliases(struct store_tx *tx, struct str key, const struct license_row *known,
                            const struct license_row *told, int64_t at)
{
	const struct {
		const char *kind, *before, *now;
	} ids[] = {{"sen", known->sen, told->sen},
	           {"entitlement_id", known->entitlement_id, told->entitlement_id},
	           {"entitlement_number", known->entitlement_number, told->entitlement_number}};
	enum err err = OK;
	for (size_t i = 0; err == OK && i < sizeof(ids) / sizeof(ids[0]); i++)
		if (ids[i].now && (!ids[i].before || strcmp(ids[i].before, ids[i].now) != 0))
			err = store_alias_put(tx, key, ids[i].kind, str_of(ids[i].now), at);
	return err;
}

static enum err persist_run(struct store_job *job, struct store_tx *tx)
{
	struct persist *p = (struct persist *)job;
	struct str key = p->tenant->client_key;
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, 65536);
	struct license_row row;
	if (p->tenant->live->removed)
		return OK;
	enum err err = store_license_get(tx, key, &arena, &row);
	if (err == ERR_NOT_FOUND)
		row = (struct license_row){.state = license_state_name(STATE_UNKNOWN),
		                           .reason = "no_signal",
		                           .source = license_source_name(SOURCE_NONE)};
	else if (err != OK)
		return err;
	fill_numbers(&row, p->tenant->live);
	err = OK;
	if (p->text) {
		const struct license_row known = row;
		fill_text(&row, p->text);
		err = leave_out_forgotten(tx, p, &row.contact_sealed);
		if (err == OK)
			err = put_aliases(tx, key, &known, &row, row.fetched_at);
	}
	const struct change *c = p->first;
	for (unsigned i = 0; err == OK && i < p->carried; c = change_after(p, i, c), i++) {
		row.state = license_state_name(c->to);
		row.reason = c->reason;
		row.source = license_source_name(c->source);
		row.since = c->at;
		err = journal_change(tx, key, c);
	}
	return err == OK ? store_license_put(tx, key, &row) : err;
}

static void log_change(struct str client_key, const struct change *c)
{
	log_event(LOG_INFO, "license.changed", LF_STR("tenant", client_key), LF_Z("from", license_state_name(c->from)),
	          LF_Z("to", license_state_name(c->to)), LF_Z("reason", c->reason),
	          LF_Z("source", license_source_name(c->source)));
}

/* Puts what was not stored back, or drops what was. Whether there is more to store at once. */
static bool persist_settle(struct persist *p, bool settled)
{
	struct live *live = p->tenant->live;
	pthread_mutex_lock(&live->lock);
	struct pending *pending = live->pending;
	pending->running = false;
	bool more = settled && pending->dirty;
	if (settled) {
		changes_drop(pending, p->carried);
	} else {
		pending->dirty = true;
		if (!pending->text)
			pending->text = TAKE(p->text);
	}
	pending_forget_if_empty(live);
	pthread_mutex_unlock(&live->lock);
	return more;
}

static void persist_done(struct store_job *job, enum err err)
{
	struct persist *p = (struct persist *)job;
	struct lookups *l = p->l;
	const struct change *c = p->first;
	for (unsigned i = 0; err == OK && i < p->carried; c = change_after(p, i, c), i++)
		log_change(p->tenant->client_key, c);
	if (err != OK && err != ERR_NOT_FOUND)
		log_event(LOG_ERROR, "license.not_stored", LF_STR("tenant", p->tenant->client_key),
		          LF_Z("error", err_name(err)));
	/* ERR_NOT_FOUND: the tenant was purged meanwhile, and its news with it. */
	bool more = persist_settle(p, err == OK || err == ERR_NOT_FOUND);
	afters_run(p->afters);
	if (more)
		persist_retry(l, p->tenant);
	free(p->text);
	tenant_unref(p->tenant);
	free(p);
	busy_end(l);
}

/* Moves the pending news into the job; false if there is none, or a job has it. */
static bool persist_load(struct persist *p, struct live *live)
{
	pthread_mutex_lock(&live->lock);
	struct pending *pending = live->pending;
	bool load = pending && pending->dirty && !pending->running;
	if (load) {
		pending->running = true;
		pending->dirty = false;
		p->first = pending->first;
		p->carried = pending->count;
		p->text = TAKE(pending->text);
		p->afters = TAKE(pending->afters);
	}
	pthread_mutex_unlock(&live->lock);
	return load;
}

void persist_retry(struct lookups *l, const struct tenant *tenant)
{
	struct persist *p = calloc(1, sizeof *p);
	if (!p)
		return;
	if (!persist_load(p, tenant->live)) {
		free(p);
		return;
	}
	p->job = (struct store_job){.run = persist_run, .done = persist_done};
	p->l = l;
	p->tenant = tenant;
	tenant_ref(tenant);
	busy_begin(l);
	enum err err = store_submit(l->o.store, &p->job);
	if (err != OK)
		persist_done(&p->job, err);
}

void persist(struct lookups *l, const struct tenant *tenant, struct facts_text *text, struct after *afters)
{
	struct live *live = tenant->live;
	pthread_mutex_lock(&live->lock);
	struct pending *pending = pending_of(live);
	if (pending) {
		pending->dirty = true;
		if (text) {
			free(pending->text);
			pending->text = TAKE(text);
		}
		struct after **end = &pending->afters;
		while (*end)
			end = &(*end)->next;
		*end = TAKE(afters);
	}
	pthread_mutex_unlock(&live->lock);
	persist_retry(l, tenant);
	free(text); /* only without memory: the next look-up brings it again */
	afters_run(afters);
}

/* ---- the operator's view ---- */

struct view_read {
	struct str client_key;
	struct arena *arena;
	struct license_row row;
	bool found;
};

static enum err view_read(struct store_tx *tx, void *arg)
{
	struct view_read *v = arg;
	enum err err = store_license_get(tx, v->client_key, v->arena, &v->row);
	v->found = err == OK;
	return err == ERR_NOT_FOUND ? OK : err;
}

/* Memory's part; false if out of memory. */
static bool view_live(struct lookups *l, const struct tenant *tenant, struct arena *a, struct license_view *v)
{
	struct live *live = tenant->live;
	int64_t wall = clock_wall_ms(l->o.clock), mono = clock_mono_ms(l->o.clock);
	bool ok = true;
	pthread_mutex_lock(&live->lock);
	v->decision = decide_tenant(l, tenant, wall, mono);
	known_of(l, tenant, mono, &v->known);
	v->since = live->since;
	v->failed_at = live->failed_at;
	v->next_at_mono_ms = live->failures ? live->next_try_mono : live->fetched_mono + live->ttl_ms;
	v->secret_proved_at = live->secret_proved_at;
	v->in_flight = live->flight != NULL;
	v->failure = live->failures ? live->failure : NULL;
	if (live->override && live->override->until > wall) {
		v->override_reason = arena_strz(a, str_of(live->override->reason));
		v->override_by = arena_strz(a, str_of(live->override->by));
		ok = v->override_reason && v->override_by;
	} else {
		v->known.override_until = 0; /* over, though the sweep has yet to come by */
	}
	bool failure_stored = live->failures && !live->failure;
	pthread_mutex_unlock(&live->lock);
	if (failure_stored)
		v->failure = "";
	return ok;
}

enum err lookups_view(struct lookups *l, const struct tenant *tenant, struct arena *a, struct license_view *ret)
{
	struct license_view v = {.failure = NULL};
	if (!view_live(l, tenant, a, &v))
		return ERR_NOMEM;
	struct view_read r = {.client_key = tenant->client_key, .arena = a};
	enum err err = store_read(l->o.store, view_read, &r);
	if (err != OK)
		return err;
	if (r.found) {
		v.type = r.row.type;
		v.organisation = r.row.organisation;
		v.sen = r.row.sen;
		v.entitlement_id = r.row.entitlement_id;
		v.entitlement_number = r.row.entitlement_number;
	}
	if (v.failure && !*v.failure) /* known from before a restart: the store has its name */
		v.failure = r.found ? r.row.failure : NULL;
	*ret = v;
	return OK;
}
