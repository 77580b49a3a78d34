/* tenants_load.c - fills the table from the store at start: tenants, licences, overrides, seats, choices.
 *
 * Runs before any other thread knows the table. A secret that does not open (a key was taken away) leaves the tenant
 * without one: it is listed, but cannot authenticate. Look-ups go on with what is left of their time by the wall
 * clock, never with more than a whole TTL, whatever the clock did meanwhile. */
#include "base/cleanup.h"
#include "license/choices.h"
#include "license/live.h"
#include "license/tenants.h"

struct load {
	struct tenants *tenants;
	const struct keyring *keyring;
	int64_t now_wall, now_mono, ttl_ms;
	size_t seal_failures;
	struct buf secret;
	const struct tenant *last; /* rows of one tenant follow each other */
};

static enum err load_tenant(void *arg, const struct tenant_row *row)
{
	struct load *l = arg;
	struct str sealed = row->shared_secret_sealed;
	buf_reset(&l->secret);
	if (sealed.len) {
		struct seal_place place = {"tenants", "shared_secret", str_of(row->client_key)};
		enum err err = unseal(l->keyring, place, sealed, &l->secret);
		if (err != OK && err != ERR_SEAL)
			return err;
		if (err == ERR_SEAL) {
			l->seal_failures++;
			buf_reset(&l->secret);
		}
	}
	return tenants_put(l->tenants, row, buf_text(&l->secret));
}

/* The live part of a row's tenant, or NULL. Nobody else knows the table yet, so no lock is needed. */
static struct live *live_of(struct load *l, const char *client_key)
{
	if (!l->last || !str_eqz(l->last->client_key, client_key)) {
		tenant_unref(l->last);
		l->last = tenants_find(l->tenants, str_of(client_key));
	}
	return l->last ? l->last->live : NULL;
}

static enum license_source source_parse(const char *text)
{
	for (unsigned i = 0; text && i < SOURCE_COUNT; i++)
		if (str_eqz(str_of(text), license_source_name((enum license_source)i)))
			return (enum license_source)i;
	return SOURCE_NONE;
}

static enum edition edition_parse(const char *text)
{
	for (unsigned e = EDITION_STANDARD; text && e <= EDITION_ADVANCED; e++)
		if (str_eqz(str_of(text), edition_name((enum edition)e)))
			return (enum edition)e;
	return EDITION_NONE;
}

static void load_facts(const struct load *l, struct live *live, const struct license_row *row)
{
	int64_t age = l->now_wall - row->fetched_at;
	live->looked_up = true;
	live->valid = row->valid;
	live->evaluation = row->evaluation;
	live->cancelled = row->cancelled;
	live->edition = edition_parse(row->edition);
	live->users_max = row->users_max;
	live->expires_at = row->expires_at;
	live->fetched_at = row->fetched_at;
	live->fetched_mono = l->now_mono - (age > 0 ? age : 0);
	live->ttl_ms = l->ttl_ms;
}

static enum err load_license(void *arg, const char *client_key, const struct license_row *row)
{
	struct load *l = arg;
	struct live *live = live_of(l, client_key);
	if (!live)
		return OK;
	enum license_state state = STATE_UNKNOWN;
	(void)license_state_parse(str_of(row->state), &state);
	live->state = state;
	live->source = source_parse(row->source);
	live->since = row->since;
	live->resource = (unsigned)row->resource & 0xff;
	live->licensed_before = row->licensed_before;
	live->expired_seen_at = row->expired_seen_at;
	live->secret_proved_at = row->secret_proved_at;
	if (row->fetched_at > 0)
		load_facts(l, live, row);
	if (row->fetched_at <= row->since) { /* no look-up has come since: a signal still is the last news */
		struct request_signal sig = signal_of_reason(str_of(row->reason));
		live->last_lic = sig.lic;
		live->last_claim = sig.claim;
		live->last_forge = sig.forge;
	}
	live->failed_at = row->failed_at;
	live->failures = row->failure != NULL;
	return OK;
}

static enum err load_override(void *arg, const char *client_key, const struct override_row *row)
{
	struct load *l = arg;
	struct live *live = live_of(l, client_key);
	enum license_state state;
	if (!live || !license_state_parse(str_of(row->state), &state))
		return OK;
	live->override = override_new(state, row->until, row->created_at, str_of(row->reason), str_of(row->by));
	return live->override ? OK : ERR_NOMEM;
}

static enum err load_seat(void *arg, const struct user_row *row)
{
	struct live *live = live_of(arg, row->client_key);
	return !live || seats_add(live, seat_id_of(str_of(row->account_id))) ? OK : ERR_NOMEM;
}

/* Rows of one tenant follow each other and are few: each joins what is there. */
static enum err load_choice(void *arg, const struct choice_row *row)
{
	struct live *live = live_of(arg, row->client_key);
	if (!live)
		return OK;
	const struct choices *old = live->choices;
	const size_t count = old ? old->count : 0;
	struct choice_row *rows = calloc(count + 1, sizeof *rows);
	if (!rows)
		return ERR_NOMEM;
	for (size_t i = 0; i < count; i++)
		rows[i] = (struct choice_row){.feature = old->at[i].feature, .value = verdict_name(old->at[i].most)};
	rows[count] = *row;
	struct choices *joined = choices_new(rows, count + 1);
	free(rows);
	if (!joined)
		return ERR_NOMEM;
	free(live->choices);
	live->choices = joined;
	return OK;
}

static enum err load_all(struct store_tx *tx, void *arg)
{
	enum err err = store_tenant_each(tx, load_tenant, arg);
	if (err == OK)
		err = store_license_each(tx, load_license, arg);
	if (err == OK)
		err = store_override_each(tx, load_override, arg);
	if (err == OK)
		err = store_seat_each(tx, load_seat, arg);
	if (err == OK)
		err = store_choice_each(tx, load_choice, arg);
	return err;
}

enum err tenants_load(struct tenants *t, struct store *s, const struct keyring *k, const struct clock *clock,
                      int64_t ttl_ms, size_t *ret_seal_failures)
{
	struct load l = {
	    .tenants = t,
	    .keyring = k,
	    .now_wall = clock_wall_ms(clock),
	    .now_mono = clock_mono_ms(clock),
	    .ttl_ms = ttl_ms,
	    .secret = BUF_INIT(4096),
	};
	enum err err = store_read(s, load_all, &l);
	buf_wipe(&l.secret);
	tenant_unref(l.last);
	if (err == OK)
		*ret_seal_failures = l.seal_failures;
	return err;
}
