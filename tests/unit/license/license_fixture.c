/* license_fixture.c - see license_fixture.h. */
#include "license/license_fixture.h"

#include <jansson.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/secret.h"

static const int64_t START = 1772445600000; /* 2026-03-02T10:00:00Z */

static enum err fake_fetch(void *fetcher, const struct tenant *t, int resource, license_fetched_fn *done, void *arg)
{
	struct fixture *f = fetcher;
	pthread_mutex_lock(&f->lock);
	f->calls++;
	bool refuse = f->refuse_call, at_once = f->at_once;
	if (!refuse && !at_once) {
		if (f->held_count == CALLS_MAX)
			abort();
		struct host_call_held *call = &f->held[f->held_count++];
		*call = (struct host_call_held){.tenant = t, .resource = resource, .done = done, .arg = arg};
		(void)snprintf(call->secret, sizeof call->secret, "%s", t->shared_secret.ptr);
	}
	pthread_mutex_unlock(&f->lock);
	if (refuse)
		return ERR_FULL;
	if (at_once)
		done(arg, NULL, "refused");
	return OK;
}

static struct host_call_held take_call(struct fixture *f)
{
	pthread_mutex_lock(&f->lock);
	if (f->held_count == 0)
		abort();
	struct host_call_held call = f->held[0];
	memmove(f->held, f->held + 1, --f->held_count * sizeof *f->held);
	pthread_mutex_unlock(&f->lock);
	return call;
}

void host_answers(struct fixture *f, struct license_facts facts)
{
	struct host_call_held call = take_call(f);
	call.done(call.arg, &facts, NULL);
}

void host_fails(struct fixture *f, const char *code)
{
	struct host_call_held call = take_call(f);
	call.done(call.arg, NULL, code);
}

struct license_facts licensed(void)
{
	return (struct license_facts){
	    .valid = true,
	    .resource = 1,
	    .type = STR("COMMERCIAL"),
	    .organisation = STR("Acme Ltd"),
	    .sen = STR("SEN-1"),
	    .entitlement_id = STR("11111111-2222"),
	    .entitlement_number = STR("E-1"),
	    .contact_email = STR("jo@acme.example"),
	    .users_max = 100,
	    .max_age_s = -1,
	};
}

static void bring_up(struct fixture *f)
{
	size_t seal_failures = 1;
	assert_int_equal(timers_new(&f->clock.clock, false, &f->timers), OK);
	assert_int_equal(tenants_new(&f->tenants), OK);
	assert_int_equal(tenants_load(f->tenants, f->store, f->keyring, &f->clock.clock, 300 * SECOND, &seal_failures), OK);
	assert_int_equal(seal_failures, 0);
	f->options = (struct lookups_options){
	    .clock = &f->clock.clock,
	    .timers = f->timers,
	    .store = f->store,
	    .tenants = f->tenants,
	    .keyring = f->keyring,
	    .ttl_ms = 300 * SECOND,
	    .stale_ms = DAY,
	    .retry_ms = 30 * SECOND,
	    .wait_ms = 2 * SECOND,
	    .grace_ms = 15 * DAY,
	    .seat_idle_ms = f->seat_idle_ms,
	    .fetch = fake_fetch,
	    .fetcher = f,
	};
	assert_int_equal(lookups_new(&f->options, &f->lookups), OK);
}

static void bring_down(struct fixture *f)
{
	while (f->held_count > 0)
		host_fails(f, "test_over");
	lookups_free(f->lookups);
	tenants_free(f->tenants);
	timers_free(f->timers);
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	assert_true(crypto_init());
	log_set_sink(quiet, NULL);
	pthread_mutex_init(&f->lock, NULL);
	clock_manual_init(&f->clock, START);
	assert_int_equal(keyring_random(&f->keyring), OK);
	struct store_options options = {
	    .url = "sqlite::memory:", .clock = &clock_system, .queue_max = 10000, .busy_timeout_ms = 1000};
	assert_int_equal(store_open(&options, &f->store), OK);
	bring_up(f);
	install(f, "acme", "secret-of-acme", false);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	bring_down(f);
	store_close(f->store);
	keyring_free(f->keyring);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return 0;
}

void restart(struct fixture *f, int64_t down_ms)
{
	bring_down(f);
	f->clock.wall += down_ms;
	f->clock.mono = 5000; /* another boot */
	bring_up(f);
}

struct install_arg {
	struct fixture *f;
	const char *key, *secret;
	bool entitled;
};

static enum err install_run(struct store_tx *tx, void *arg)
{
	struct install_arg *i = arg;
	struct buf sealed = BUF_INIT(1000);
	struct seal_place place = {"tenants", "shared_secret", str_of(i->key)};
	enum err err = *i->secret ? seal(i->f->keyring, place, str_of(i->secret), &sealed) : OK;
	struct tenant_row row = {
	    .client_key = i->key,
	    .product_type = "jira",
	    .base_url = "https://acme.atlassian.net",
	    .status = "installed",
	    .oauth_client_id = "oauth",
	    .entitlement_id = i->entitled ? "entitlement" : NULL,
	    .shared_secret_sealed = buf_text(&sealed),
	    .first_installed_at = START,
	    .installed_at = i->f->clock.wall,
	    .updated_at = i->f->clock.wall,
	};
	if (err == OK)
		err = store_tenant_put(tx, &row);
	if (err == OK)
		err = tenants_put(i->f->tenants, &row, str_of(i->secret));
	buf_release(&sealed);
	return err;
}

void install(struct fixture *f, const char *key, const char *secret, bool entitled)
{
	struct install_arg arg = {f, key, secret, entitled};
	assert_int_equal(store_write(f->store, install_run, &arg), OK);
}

const struct tenant *tenant(struct fixture *f, const char *key)
{
	const struct tenant *t = tenants_find(f->tenants, str_of(key));
	assert_non_null(t);
	tenant_unref(t);
	return t;
}

void step(struct fixture *f, int64_t ms)
{
	clock_manual_step(&f->clock, ms);
	timers_run(f->timers);
}

static enum err nothing(struct store_tx *tx, void *arg)
{
	(void)tx;
	(void)arg;
	return OK;
}

/* A job may queue the next one when it is done, hence more than once. */
void stored(struct fixture *f)
{
	for (int i = 0; i < 4; i++) {
		enum err err;
		while ((err = store_write(f->store, nothing, NULL)) == ERR_FULL)
			sched_yield(); /* a test filled the queue: the writer is emptying it */
		assert_int_equal(err, OK);
	}
}

static struct request_signal signal_of(const char *text)
{
	static const struct {
		const char *text;
		struct request_signal sig;
	} signals[] = {
	    {"", {.lic = SIGNAL_ABSENT}},
	    {"lic=active", {.lic = SIGNAL_LICENSED}},
	    {"lic=expired", {.lic = SIGNAL_EXPIRED}},
	    {"lic=none", {.lic = SIGNAL_NOT_LICENSED}},
	    {"lic=twice", {.lic = SIGNAL_AMBIGUOUS}},
	    {"claim=active", {.claim = SIGNAL_LICENSED}},
	    {"claim=inactive", {.claim = SIGNAL_NOT_LICENSED}},
	};
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		if (strcmp(signals[i].text, text) == 0)
			return signals[i].sig;
	abort();
}

const char *decide(struct fixture *f, const char *key, const char *signal)
{
	static _Thread_local char text[128];
	struct request_signal sig = signal_of(signal);
	bool wait = false;
	struct license_decision d = lookups_decide(f->lookups, tenant(f, key), &sig, &wait);
	(void)snprintf(text, sizeof text, "%s %s %s%s%s", license_state_name(d.state), license_source_name(d.source),
	               d.reason, d.stale ? " stale" : "", wait ? " wait" : "");
	return text;
}

struct journal_read {
	const char *type;
	char *out;
	size_t size;
};

static const char *member(const json_t *data, const char *name)
{
	const char *text = json_string_value(json_object_get(data, name));
	return text ? text : "-";
}

static enum err journal_read(struct store_tx *tx, void *arg)
{
	struct journal_read *r = arg;
	struct arena a;
	struct event_row *rows = NULL;
	size_t count = 0;
	arena_init(&a, 1 << 20);
	enum err err = store_event_list(tx, 0, str_of(r->type), STR(""), 100, &a, &rows, &count);
	for (size_t i = 0; err == OK && i < count; i++) {
		json_t *root = json_loads(rows[i].json, 0, NULL);
		const json_t *data = json_object_get(root, "data");
		size_t len = strlen(r->out);
		if (json_object_get(data, "to"))
			(void)snprintf(r->out + len, r->size - len, "%s%s>%s %s %s", len ? "; " : "", member(data, "from"),
			               member(data, "to"), member(data, "reason"), member(data, "source"));
		else
			(void)snprintf(r->out + len, r->size - len, "%s%s %s", len ? "; " : "", rows[i].type,
			               member(data, "reason"));
		json_decref(root);
	}
	arena_release(&a);
	return err;
}

const char *journal(struct fixture *f, const char *type)
{
	static char text[4096];
	text[0] = '\0';
	struct journal_read r = {type, text, sizeof text};
	stored(f);
	assert_int_equal(store_read(f->store, journal_read, &r), OK);
	return text;
}

int64_t metric_count(const char *name, const char *labels)
{
	return metric_value(metric_counter(name, "", labels));
}
