/* site_forge.c - the site calls the app by Forge too: lifecycle events, calls with an invocation token, and a migration
 * from Connect to Forge played in one go. Forge's hosts, too: the keys and the licence resource.
 *
 * Every request to this part is a list of steps; one runs after the other, each waited for without a thread, and the
 * first that the app refuses ends it. A call by Forge is made as from a page: with the person who looks and the site.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sim/sim_parts.h"

enum { STEPS_MAX = 8, BODY_MAX = 8 * 1024, ANSWER_MAX = 64 * 1024, URL_ROOM = 1024, LICENSE_MAX = 2048 };

enum forge_step {
	STEP_END = 0,
	STEP_CONNECT_INSTALL, /* unless it is there */
	STEP_CONNECT_UNINSTALL,
	STEP_INSTALL,
	STEP_INVOKE,
	STEP_UPGRADE,
	STEP_UNINSTALL,
	STEP_COUNT
};
static const char *const step_names[STEP_COUNT] = {"end",    "connect_install", "connect_uninstall", "install",
                                                   "invoke", "upgrade",         "uninstall"};

static const struct {
	const char *name;
	bool needs_installed;
	enum forge_step steps[STEPS_MAX];
} plays[] = {
    {"install", false, {STEP_INSTALL}},
    {"invoke", true, {STEP_INVOKE}},
    {"upgrade", true, {STEP_UPGRADE}},
    {"uninstall", true, {STEP_UNINSTALL}},
    /* Connect alone, both, Forge alone, and at last Connect is uninstalled */
    {"migrate",
     false,
     {STEP_CONNECT_INSTALL, STEP_INSTALL, STEP_INVOKE, STEP_INVOKE, STEP_CONNECT_UNINSTALL, STEP_INVOKE}},
};
enum { PLAYS = sizeof(plays) / sizeof(plays[0]) };

struct play {
	struct sim *sim;
	struct site *site;
	struct request *req;
	const enum forge_step *steps;
	size_t done;
	int status[STEPS_MAX]; /* what the app answered; 0: nothing, see note */
	bool accepted;
	const char *note;  /* a literal */
	struct buf answer; /* of the last call, JSON */
	struct action action;
	char *url, *token; /* of the call under way */
};

static void step_next(struct play *p);

/* ---- what Forge says of the licence ---- */

static void ms_text(struct jsonw *w, const char *name, int64_t ms)
{
	char text[24];
	snprintf(text, sizeof(text), "%lld", (long long)ms);
	jw_kz(w, name, ms ? text : NULL);
}

void forge_license_write(const struct site *s, const char *active, struct jsonw *w)
{
	const struct site_license *l = &s->license;
	const bool trial = l->state == SITE_LICENSE_EVALUATION;
	const int64_t end = site_told_ms(s, l->expires_at);
	char number[32];
	snprintf(number, sizeof(number), "E-%.8s", s->entitlement);
	jw_kbool(w, active, site_license_valid(l));
	jw_kbool(w, "isEvaluation", trial);
	jw_kz(w, "type", "commercial");
	jw_kz(w, "billingPeriod", "MONTHLY");
	jw_kz(w, "ccpEntitlementId", s->entitlement);
	jw_kz(w, "ccpEntitlementSlug", number);
	ms_text(w, "trialEndDate", trial ? end : 0);
	ms_text(w, "subscriptionEndDate", trial ? 0 : end);
}

/* Lock held. Outside PRODUCTION, and for an app that is not paid for, there is none. */
static bool has_license(const struct site *s)
{
	return s->app.licensing && !strcmp(s->forge.environment, "PRODUCTION");
}

static void subject_of(const struct site *s, struct forge_subject *ret)
{
	*ret = (struct forge_subject){.forge = s->forge, .license = BUF_INIT(LICENSE_MAX)};
	memcpy(ret->account_id, site_accounts_user(&s->accounts)->id, sizeof(ret->account_id));
	if (!has_license(s))
		return;
	struct jsonw w = jsonw(&ret->license);
	jw_obj(&w);
	forge_license_write(s, "isActive", &w);
	jw_end_obj(&w);
}

/* ---- one step ---- */

static void body_write(const struct forge_subject *t, enum forge_step step, struct buf *out)
{
	struct jsonw w = jsonw(out);
	char id[UUID_TEXT_LEN + 64], version[24];
	jw_obj(&w);
	if (step != STEP_INVOKE) {
		snprintf(id, sizeof(id), FORGE_INSTALLATION_PREFIX "%s", t->forge.installation);
		snprintf(version, sizeof(version), "%d.0.0", t->forge.major);
		jw_kz(&w, "eventType",
		      step == STEP_INSTALL   ? "avi:forge:installed:app"
		      : step == STEP_UPGRADE ? "avi:forge:upgraded:app"
		                             : "avi:forge:uninstalled:app");
		jw_kz(&w, "id", id);
		jw_kz(&w, "installerAccountId", t->account_id);
		jw_key(&w, "app");
		jw_obj(&w);
		jw_kz(&w, "id", strrchr(SIM_FORGE_APP_ID, '/') + 1);
		jw_kz(&w, "version", version);
		jw_end_obj(&w);
	}
	jw_end_obj(&w);
}

static void play_end(struct play *p)
{
	request_wake(p->req); /* p may be gone from here */
}

static bool took(int status)
{
	return status >= 200 && status < 300;
}

/* Client thread. */
static void on_answer(void *arg, const struct http_answer *answer)
{
	struct play *p = arg;
	const char *note = answer->err != OK ? err_text(answer->err) : NULL;
	const struct sim_log_entry e = {.at = clock_wall_ms(p->sim->clock),
	                                .direction = "out",
	                                .method = "POST",
	                                .status = answer->status,
	                                .note = note,
	                                .verdict = answer->status == 0    ? NULL
	                                           : took(answer->status) ? "accepted"
	                                                                  : "refused",
	                                .took_ms = answer->duration_ms};
	buf_reset(&p->answer);
	if (p->steps[p->done] == STEP_INVOKE && took(answer->status))
		buf_str(&p->answer, answer->body);
	pthread_mutex_lock(&p->sim->lock);
	sim_log_add(&p->site->log, &e, str_of(p->url), str_of(p->token));
	if (p->steps[p->done] == STEP_UNINSTALL) /* an announcement: it is gone whatever the app says */
		p->site->forge.installed = false;
	sim_unlock(p->sim);
	free(TAKE(p->url));
	free(TAKE(p->token));
	p->status[p->done] = answer->status;
	p->note = note;
	p->accepted = took(answer->status);
	p->done++;
	if (p->accepted)
		step_next(p);
	else
		play_end(p);
}

/* What the step changes at the site before the app is told. Lock held. */
static bool prepare(struct play *p, enum forge_step step)
{
	struct site_forge *f = &p->site->forge;
	if (step == STEP_INSTALL && !f->installed) {
		if (!uuid_text(f->installation))
			return false;
		f->installed = true;
		f->major = f->major ? f->major : 2;
	}
	f->major += step == STEP_UPGRADE;
	return !p->sim->stopping;
}

static bool send(struct play *p, enum forge_step step)
{
	__cleanup_buf struct buf body = BUF_INIT(BODY_MAX);
	struct forge_subject subject;
	char base_url[SITE_NAME_MAX + 256], url[URL_ROOM];
	pthread_mutex_lock(&p->sim->lock);
	const bool ready = prepare(p, step);
	subject_of(p->site, &subject);
	snprintf(base_url, sizeof(base_url), "http://%s/sites/%s", sim_address(p->sim), p->site->name);
	snprintf(url, sizeof(url), "%.*s%s", STR_ARG(p->site->app.base_url),
	         step == STEP_INVOKE ? "/forge/v1/license" : "/forge/events");
	sim_unlock(p->sim);
	body_write(&subject, step, &body);
	p->url = str_dup(str_of(url));
	p->token = token_for_forge(p->sim, &subject, base_url, step == STEP_INVOKE);
	buf_release(&subject.license);
	__cleanup_buf struct buf bearer = BUF_INIT(BODY_MAX);
	buf_printf(&bearer, "Bearer %s", p->token ? p->token : "");
	if (!ready || !p->url || !p->token || bearer.err != OK || body.err != OK)
		return false;
	const struct http_header headers[] = {{"Authorization", bearer.data},
	                                      {"Content-Type", "application/json"},
	                                      {"x-b3-traceid", "0123456789abcdef"},
	                                      {"x-b3-spanid", "0123456789abcdef"},
	                                      {"x-forge-oauth-system", subject.forge.system_token}};
	const struct http_call call = {.method = "POST",
	                               .url = p->url,
	                               .headers = headers,
	                               .header_count = sizeof(headers) / sizeof(headers[0]),
	                               .body = buf_text(&body),
	                               .answer_max = ANSWER_MAX,
	                               .done = on_answer,
	                               .arg = p};
	return http_client_call(p->sim->client, &call) == OK;
}

static void connect_done(struct action *a)
{
	struct play *p = a->arg;
	p->status[p->done++] = a->status;
	p->accepted = a->accepted;
	p->note = a->note ? a->note : a->why;
	if (p->accepted)
		step_next(p);
	else
		play_end(p);
}

static void step_connect(struct play *p, enum site_action kind)
{
	p->action = (struct action){.sim = p->sim, .site = p->site, .kind = kind, .done = connect_done, .arg = p};
	sim_act(&p->action);
}

static void step_next(struct play *p)
{
	const enum forge_step step = p->done < STEPS_MAX ? p->steps[p->done] : STEP_END;
	if (step == STEP_END) {
		play_end(p);
	} else if (step == STEP_CONNECT_INSTALL || step == STEP_CONNECT_UNINSTALL) {
		step_connect(p, step == STEP_CONNECT_INSTALL ? ACTION_INSTALL : ACTION_UNINSTALL);
	} else if (!send(p, step)) {
		free(TAKE(p->url));
		free(TAKE(p->token));
		p->accepted = false;
		p->note = "the call could not be sent";
		p->done++;
		play_end(p);
	}
}

/* ---- the control API ---- */

static void play_release(struct request *req, void *arg)
{
	struct play *p = arg;
	(void)req;
	buf_release(&p->answer);
}

static void play_reply(struct request *req, void *room)
{
	(void)room;
	const struct play *p = req->on_end_arg;
	__cleanup_buf struct buf json = BUF_INIT(SIM_ANSWER_MAX);
	struct jsonw w = jsonw(&json);
	__cleanup_json json_t *parsed = NULL;
	jw_obj(&w);
	jw_kint(&w, "status", p->done > 0 ? p->status[p->done - 1] : 0);
	jw_key(&w, "steps");
	jw_arr(&w);
	for (size_t i = 0; i < p->done; i++) {
		jw_obj(&w);
		jw_kz(&w, "step", step_names[p->steps[i]]);
		jw_kint(&w, "status", p->status[i]);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	if (p->note)
		jw_kz(&w, "note", p->note);
	if (p->answer.len && json_read_object(buf_text(&p->answer), &parsed) == OK) {
		jw_key(&w, "answer");
		jw_raw(&w, buf_text(&p->answer));
	}
	jw_end_obj(&w);
	sim_reply(req, p->accepted ? 200 : 502, &json);
}

static const char *const environments[] = {"PRODUCTION", "STAGING", "DEVELOPMENT"};

/* NULL: fine; *ret_environment is NULL where none is given. */
static const char *ask_read(const json_t *body, size_t *ret_play, const char **ret_environment)
{
	struct str action, environment;
	if (json_get_str(body, "action", &action) != JSON_GOT)
		action = STR("");
	for (*ret_play = 0; *ret_play < PLAYS && !str_eqz(action, plays[*ret_play].name);)
		++*ret_play;
	if (*ret_play == PLAYS)
		return "action: install, invoke, upgrade, uninstall or migrate";
	*ret_environment = NULL;
	enum json_get got = json_get_str(body, "environment", &environment);
	for (size_t i = 0; got == JSON_GOT && i < sizeof(environments) / sizeof(environments[0]); i++)
		if (str_eqz(environment, environments[i]))
			*ret_environment = environments[i];
	return got != JSON_ABSENT && !*ret_environment ? "environment: PRODUCTION, STAGING or DEVELOPMENT" : NULL;
}

/* {"action":"install","environment":"DEVELOPMENT"}; the environment stays until another is given. */
void sim_forge_post(struct request *req, void *room)
{
	struct sim *s = room;
	__cleanup_json json_t *body = NULL;
	const char *environment;
	size_t play;
	if (!sim_same_origin(req) || !sim_body(req, &body))
		return;
	const char *wrong = ask_read(body, &play, &environment);
	if (wrong) {
		sim_bad(req, wrong);
		return;
	}
	struct play *p = arena_zalloc(&req->arena, sizeof(*p));
	if (!p) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	*p = (struct play){
	    .sim = s, .req = req, .steps = plays[play].steps, .accepted = true, .answer = BUF_INIT(ANSWER_MAX)};
	if (!(p->site = sim_enter(req, s)))
		return;
	struct site_forge *f = &p->site->forge;
	const bool may = f->installed || !plays[play].needs_installed;
	if (environment || !f->environment[0])
		snprintf(f->environment, sizeof(f->environment), "%s", environment ? environment : environments[0]);
	sim_unlock(s);
	if (!may) {
		reply_problem(req, 409, "not_now", "the app is not installed by Forge in this site", NULL, 0);
		return;
	}
	req->on_end = play_release;
	req->on_end_arg = p;
	request_wait(req, play_reply);
	step_next(p);
}

/* ---- Forge's own hosts ---- */

void sim_forge_keys(struct request *req, void *room)
{
	const struct sim *s = room;
	char kid[SIM_KID_LEN + 64];
	__cleanup_buf struct buf json = BUF_INIT(BODY_MAX);
	struct jsonw w = jsonw(&json);
	snprintf(kid, sizeof(kid), "forge/invocation-token/%s", s->forge_key.kid);
	jw_obj(&w);
	jw_key(&w, "keys");
	jw_arr(&w);
	jw_obj(&w);
	jw_kz(&w, "kty", "RSA");
	jw_kz(&w, "use", "sig");
	jw_kz(&w, "alg", "RS256");
	jw_kz(&w, "kid", kid);
	jw_kz(&w, "n", s->forge_key.jwk_n);
	jw_kz(&w, "e", s->forge_key.jwk_e);
	jw_end_obj(&w);
	jw_end_arr(&w);
	jw_end_obj(&w);
	sim_reply(req, 200, &json);
}

/* Lock held. NULL: no site lent that token. */
static struct site *site_of_token(struct sim *s, struct str token)
{
	for (size_t i = 0; i < s->site_count; i++)
		if (s->sites[i]->forge.installed && str_eqz(token, s->sites[i]->forge.system_token))
			return s->sites[i];
	return NULL;
}

void sim_forge_license(struct request *req, void *room)
{
	struct sim *s = room;
	struct str bearer = request_header(req, "Authorization");
	__cleanup_buf struct buf json = BUF_INIT(BODY_MAX);
	struct jsonw w = jsonw(&json);
	if (!str_istarts(bearer, STR("Bearer "))) {
		reply_unauthorized(req);
		return;
	}
	bearer = str_trim((struct str){bearer.ptr + strlen("Bearer"), bearer.len - strlen("Bearer")});
	pthread_mutex_lock(&s->lock);
	struct site *site = site_of_token(s, bearer);
	if (site)
		site_clock_run(site, clock_wall_ms(s->clock), clock_mono_ms(s->clock));
	jw_obj(&w);
	if (site && has_license(site)) {
		jw_key(&w, "results");
		jw_arr(&w);
		jw_obj(&w);
		jw_kz(&w, "appId", SIM_FORGE_APP_ID);
		jw_key(&w, "data");
		jw_obj(&w);
		forge_license_write(site, "active", &w);
		if (site_license_capability_set(&site->license))
			jw_kz(&w, "capabilitySet", site_license_capability_set(&site->license));
		jw_end_obj(&w);
		jw_end_obj(&w);
		jw_end_arr(&w);
	}
	jw_end_obj(&w);
	sim_unlock(s);
	if (site)
		sim_reply(req, 200, &json);
	else
		reply_unauthorized(req);
}
