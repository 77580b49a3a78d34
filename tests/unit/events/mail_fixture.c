/* mail_fixture.c - see mail_fixture.h. */
#include "mail_fixture.h"

#include <stdio.h>

#include "events/journal.h"
#include "store/sql.h"
#include "test.h"

static struct world *world; /* for the finder, which has no argument of ours */

enum err mail_find(struct store_tx *tx, const struct keyring *k, struct str entitlement, struct arena *a,
                   struct mail_contact *ret)
{
	(void)tx, (void)k, (void)a;
	if (!world->contact.email.len || !str_starts(entitlement, STR("E-")))
		return ERR_NOT_FOUND;
	*ret = world->contact;
	return OK;
}

static struct mail_answer hand_over(void *arg, const char *from, const char *to, struct str text)
{
	struct world *w = arg;
	assert_string_equal(from, "apps@acme.example");
	snprintf(w->to, sizeof(w->to), "%s", to);
	snprintf(w->text, sizeof(w->text), "%.*s", STR_ARG(text));
	w->sent++;
	if (w->while_sent)
		w->while_sent(w);
	return w->answer;
}

static void refuse(void *arg, const struct problem *p)
{
	(void)arg;
	fail_msg("%s: %s", p->place, p->text);
}

void start(struct world *w)
{
	const struct mailer_options o = {.config = &w->config,
	                                 .clock = &w->fixture.clock.clock,
	                                 .store = w->fixture.store,
	                                 .keyring = w->keyring,
	                                 .find = mail_find,
	                                 .templates = &w->templates,
	                                 .app_name = "Board",
	                                 .threaded = w->threaded,
	                                 .send = hand_over,
	                                 .send_arg = w};
	mailer_stop(w->mailer);
	w->mailer = NULL;
	assert_int_equal(mailer_start(&o, &w->mailer), OK);
}

int mail_set_up(void **state)
{
	static struct world w;
	w = (struct world){.contact = {STR("Jo"), STR("jo@customer.example")}, .answer = {MAIL_SENT, "sent", 250}};
	world = &w;
	fixture_init(&w.fixture);
	clock_manual_init(&w.fixture.clock, START);
	assert_int_equal(keyring_random(&w.keyring), OK);
	assert_int_equal(fixture_open(&w.fixture, 1000, false), OK);
	w.config = (struct config){.base_url = (char *)(uintptr_t) "https://app.example",
	                           .mail_from = (char *)(uintptr_t) "Acme <apps@acme.example>",
	                           .mail_dir = (char *)(uintptr_t)PROJECT_DIR "/mail",
	                           .mail_welcome = true,
	                           .mail_ending_days = 7,
	                           .mail_expired = true,
	                           .mail_per_hour = 100,
	                           .upstream_timeout_s = 10};
	assert_int_equal(mail_templates_load(&w.config, refuse, NULL, &w.templates), OK);
	start(&w);
	(void)mailer_step(w.mailer); /* begins at the journal's end */
	*state = &w;
	return 0;
}

int mail_tear_down(void **state)
{
	struct world *w = *state;
	mailer_stop(w->mailer);
	mail_templates_release(&w->templates);
	fixture_release(&w->fixture);
	keyring_free(w->keyring);
	return 0;
}

struct happening {
	const char *type, *entitlement, *marketplace;
	int64_t at;
	char once[16];
};

static enum err add_event(struct store_tx *tx, void *arg)
{
	const struct happening *h = arg;
	const struct event_field fields[] = {EF_Z("entitlement", h->entitlement)};
	const struct event e = {.type = h->type,
	                        .marketplace = h->marketplace,
	                        .at = h->at,
	                        .once = str_of(h->once),
	                        .fields = fields,
	                        .field_count = 1};
	return journal_add(tx, &e);
}

void happens_at(struct world *w, const char *type, const char *entitlement, int64_t at, const char *marketplace)
{
	struct happening h = {type, entitlement, marketplace, at, ""};
	snprintf(h.once, sizeof(h.once), "%d", w->events++);
	assert_int_equal(store_write(w->fixture.store, add_event, &h), OK);
}

void happens(struct world *w, const char *type, const char *entitlement)
{
	happens_at(w, type, entitlement, clock_wall_ms(&w->fixture.clock.clock), NULL);
}

size_t run(struct world *w)
{
	const size_t before = w->sent;
	for (int i = 0; i < 300 && mailer_step(w->mailer); i++)
		;
	return w->sent - before;
}

size_t later(struct world *w, int64_t ms)
{
	clock_manual_step(&w->fixture.clock, ms);
	return run(w);
}

struct listing {
	struct arena arena;
	struct mail_row *rows;
	size_t count;
};

static enum err list_run(struct store_tx *tx, void *arg)
{
	struct listing *l = arg;
	return store_mail_list(tx, 0, 100, &l->arena, &l->rows, &l->count);
}

const char *state_of(struct world *w, enum mail_kind kind)
{
	static char text[100];
	struct listing l = {.count = 0};
	arena_init(&l.arena, 1 << 20);
	snprintf(text, sizeof(text), "none");
	assert_int_equal(store_read(w->fixture.store, list_run, &l), OK);
	for (size_t i = l.count; i-- > 0;)
		if (strcmp(l.rows[i].template, mail_kind_name(kind)) == 0)
			snprintf(text, sizeof(text), "%s %s", l.rows[i].status, l.rows[i].result ? l.rows[i].result : "-");
	arena_release(&l.arena);
	return text;
}

/* ---- reports ---- */

struct license {
	const char *end, *type, *status;
};

static enum err put_license(struct store_tx *tx, void *arg)
{
	const struct license *l = arg;
	return sql_run(tx, NULL,
	               "INSERT INTO market_licenses (row_key, maintenance_end, license_type, status, sandbox, in_grace, "
	               "content, content_hash, first_seen, changed_at, seen_run, news_seq) "
	               "VALUES ('E-1', $1, $2, $3, 0, 0, '{}', $4, 1, 1, 1, 0) ON CONFLICT (row_key) DO UPDATE SET "
	               "maintenance_end = excluded.maintenance_end, license_type = excluded.license_type, "
	               "status = excluded.status",
	               V_Z(l->end), V_Z(l->type), V_Z(l->status), V_BLOB(STR("x")));
}

void report_says(struct world *w, const char *end, const char *type, const char *status)
{
	struct license l = {end, type, status};
	assert_int_equal(store_write(w->fixture.store, put_license, &l), OK);
}
