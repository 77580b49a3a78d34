/* site_actions.c - runs an action: one lifecycle callback after the other, each answered before the next.
 *
 * Actions of one site run one at a time, in the order they came, as a host works them off; those of different sites run
 * side by side. A step is prepared under the lock, signed and sent without it, and its answer arrives on the
 * client's thread, which starts the next step. No thread waits. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sim/sim_parts.h"

enum { WAITING_MAX = 64, STEP_ARENA_MAX = 64 * 1024, BODY_MAX = 16 * 1024, CALL_ANSWER_MAX = 256 * 1024 };

struct step {
	enum callback callback;
	struct str url; /* empty: the app does not want this callback */
	struct token_subject subject;
	struct buf body;
};

static void entitlement_write(const struct site *s, struct jsonw *w)
{
	char number[32];
	/* hosts name an entitlement for paid apps alone */
	if (s->license.state == SITE_LICENSE_NONE)
		return;
	snprintf(number, sizeof(number), "E-%.8s", s->entitlement);
	jw_kz(w, "entitlementId", s->entitlement);
	jw_kz(w, "entitlementNumber", number);
	if (site_license_capability_set(&s->license))
		jw_kz(w, "capabilitySet", site_license_capability_set(&s->license));
}

static void body_write(struct sim *sim, const struct site *s, struct step *step)
{
	struct jsonw w = jsonw(&step->body);
	char base_url[SITE_NAME_MAX + 256];
	snprintf(base_url, sizeof(base_url), "http://%s/sites/%s", sim_address(sim), s->name);
	jw_obj(&w);
	jw_kstr(&w, "key", s->app.key);
	jw_kz(&w, "clientKey", step->subject.client_key);
	jw_kz(&w, "oauthClientId", step->subject.client_key);
	if (step->callback == CALLBACK_INSTALLED)
		jw_kz(&w, "sharedSecret", step->subject.secret);
	jw_kz(&w, "baseUrl", base_url);
	jw_kz(&w, "displayUrl", base_url);
	jw_kz(&w, "productType", "jira");
	jw_kz(&w, "description", "Simulated Jira site");
	entitlement_write(s, &w);
	if (s->forge.installed) { /* Connect on Forge: the same customer says so itself */
		char id[UUID_TEXT_LEN + 64];
		snprintf(id, sizeof(id), FORGE_INSTALLATION_PREFIX "%s", s->forge.installation);
		jw_kz(&w, "installationId", id);
	}
	jw_kz(&w, "eventType", callback_name(step->callback));
	jw_end_obj(&w);
}

static void finish(struct action *a);
static void run(struct action *a);

static void give_up(struct action *a, const char *note)
{
	a->note = note;
	finish(a);
}

/* Logs one callback and applies its answer. False: the action ends here. Lock held. */
static bool answered(struct action *a, enum callback c, const struct http_answer *answer)
{
	int status = answer->status;
	const char *note = answer->err != OK ? err_text(answer->err) : NULL;
	bool accepted = callback_accepted(c, status);
	struct sim_log_entry e = {
	    .at = clock_wall_ms(a->sim->clock), .direction = "out", .method = "POST", .status = status, .note = note};
	e.took_ms = answer->duration_ms;
	if (status != 0)
		e.verdict = accepted ? "accepted" : "refused";
	sim_log_add(&a->site->log, &e, str_of(a->url), str_of(a->token));
	site_answered(a->site, c, accepted);
	if (c == site_action_decisive(a->kind)) {
		a->status = status;
		a->accepted = accepted;
		a->note = note;
	}
	a->step++;
	return accepted || c != CALLBACK_INSTALLED; /* an app that is not installed gets no further calls */
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct action *a = arg;
	pthread_mutex_lock(&a->sim->lock);
	enum callback c = site_action_step(a->kind, a->status_before, a->step);
	bool go_on = answered(a, c, answer);
	sim_unlock(a->sim);
	free(TAKE(a->url));
	free(TAKE(a->token));
	if (go_on)
		run(a);
	else
		finish(a);
}

/* Lock held. False: give up. */
static bool prepare(struct action *a, struct arena *arena, struct step *step)
{
	step->callback = site_action_step(a->kind, a->status_before, a->step);
	if (step->callback == CALLBACK_NONE)
		return true;
	if (!site_prepare(a->site, a->kind, step->callback))
		return false;
	step->subject = token_subject(a->site, step->callback == CALLBACK_INSTALLED);
	if (!remote_app_lifecycle_url(&a->site->app, callback_name(step->callback), arena, &step->url))
		return false;
	body_write(a->sim, a->site, step);
	return step->body.err == OK;
}

static bool send(struct action *a, const struct step *step)
{
	bool asymmetric = step->callback == CALLBACK_INSTALLED || step->callback == CALLBACK_UNINSTALLED;
	a->url = str_dup(step->url);
	a->token = asymmetric ? token_for_install(a->sim, &step->subject, &a->site->app, "POST", step->url)
	                      : token_for_app(a->sim, &step->subject, &a->site->app, "POST", step->url, false);
	__cleanup_buf struct buf authorization = BUF_INIT(BODY_MAX);
	buf_printf(&authorization, "JWT %s", a->token ? a->token : "");
	if (!a->url || !a->token || authorization.err != OK)
		return false;
	const struct http_header headers[] = {{"Authorization", authorization.data}, {"Content-Type", "application/json"}};
	const struct http_call call = {.method = "POST",
	                               .url = a->url,
	                               .headers = headers,
	                               .header_count = 2,
	                               .body = buf_text(&step->body),
	                               .answer_max = CALL_ANSWER_MAX,
	                               .done = on_answer,
	                               .arg = a};
	return http_client_call(a->sim->client, &call) == OK;
}

/* Runs steps until one is under way or none is left. */
static void run(struct action *a)
{
	for (;;) {
		__cleanup(arena_release) struct arena arena;
		struct step step = {.body = BUF_INIT(BODY_MAX)};
		arena_init(&arena, STEP_ARENA_MAX);
		pthread_mutex_lock(&a->sim->lock);
		bool ready = !a->sim->stopping && prepare(a, &arena, &step);
		if (ready && step.callback != CALLBACK_NONE && step.url.len == 0) {
			/* not wanted by the descriptor: it happens without a call */
			site_answered(a->site, step.callback, true);
			a->accepted = a->accepted || step.callback == site_action_decisive(a->kind);
			a->step++;
			sim_unlock(a->sim);
			buf_wipe(&step.body);
			continue;
		}
		sim_unlock(a->sim);
		bool sent = ready && step.callback != CALLBACK_NONE && send(a, &step);
		buf_wipe(&step.body);
		if (sent)
			return; /* on_answer goes on, perhaps already */
		if (ready && step.callback == CALLBACK_NONE)
			finish(a);
		else
			give_up(a, "the call could not be sent");
		return;
	}
}

/* Whether it may run now. Lock held. */
static bool begin(struct action *a)
{
	struct site *site = a->site;
	a->status_before = site->status;
	if (!site_action_allowed(site, a->kind)) {
		a->err = ERR_CONFLICT;
		a->why = "the app is not installed in this site";
		return false;
	}
	if (a->kind == ACTION_RENAME) {
		if (sim_find(a->sim, str_of(a->to))) {
			a->err = ERR_CONFLICT;
			a->why = "another site has that name";
			return false;
		}
		memcpy(site->name, a->to, sizeof(site->name));
	}
	return true;
}

static void start(struct action *a)
{
	pthread_mutex_lock(&a->sim->lock);
	bool may = begin(a);
	sim_unlock(a->sim);
	if (may)
		run(a);
	else
		finish(a);
}

static void finish(struct action *a)
{
	struct sim *sim = a->sim;
	struct site *site = a->site;
	free(TAKE(a->url));
	free(TAKE(a->token));
	pthread_mutex_lock(&sim->lock);
	site_answered(site, CALLBACK_INSTALLED, false); /* nothing stays pending */
	struct action *next = site->running = site->waiting;
	if (next)
		site->waiting = next->next;
	sim_unlock(sim);
	a->done(a); /* a may be gone from here */
	if (next)
		start(next);
}

void sim_act(struct action *a)
{
	pthread_mutex_lock(&a->sim->lock);
	struct site *site = a->site;
	bool queued = site->running != NULL;
	if (queued) {
		struct action **last = &site->waiting;
		size_t waiting = 0;
		for (; *last; last = &(*last)->next)
			waiting++;
		a->err = waiting < WAITING_MAX ? OK : ERR_FULL;
		if (a->err == OK)
			*last = a;
	} else {
		site->running = a;
	}
	sim_unlock(a->sim);
	if (a->err != OK)
		a->done(a);
	else if (!queued)
		start(a);
}
