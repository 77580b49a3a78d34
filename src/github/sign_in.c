/* sign_in.c - GET /github/setup and /github/callback: from a purchase to an account that is set up.
 *
 * Setup sends the browser to GitHub with a state and a PKCE challenge, and gives it a sealed cookie with the state, the
 * verifier and a time: only the browser that began can come back, within ten minutes, once (the state is marked as used
 * before the code is). Nothing of the request says where anybody is sent to. The callback then is one chain: mark the
 * state, code for token, who is it, what was bought, store, answer. The request gives its worker up for it; the chain
 * runs on the client's and the writer's threads, one step at a time, each step with its own deadline. Rules: RFC 6749,
 * RFC 7636, "Authorizing OAuth apps" and the Marketplace's "Handling new purchases" of GitHub's documentation. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"
#include "github/github_internal.h"
#include "github/listing.h"
#include "github/session.h"

enum {
	STATE_LEN = 32,
	VERIFIER_LEN = 64,
	SETUP_S = 600,
	COOKIE_MAX = 1024,
	CODE_MAX = 512,
	TOKEN_MAX = 1024,
	PURCHASES_MAX = 32, /* of one person: a page each is held while GitHub answers */
	ARENA_MAX = 4 * 1024 * 1024,
};

static const struct seal_place setup_place = {"github_setup", "cookie", {"", 0}};

/* ---- the way out ---- */

static void add_pair(struct buf *out, const char *name, struct str value)
{
	buf_printf(out, "%s=", name);
	buf_percent(out, value);
}

static enum err authorize_url(const struct github *g, const char *state, const char *verifier, struct buf *out)
{
	uint8_t hash[32];
	__cleanup_buf struct buf challenge = BUF_INIT(64), redirect = BUF_INIT(1024);
	sha256(verifier, VERIFIER_LEN, hash);
	b64url_encode(&challenge, hash, sizeof(hash));
	buf_printf(&redirect, "%s/github/callback", g->config->base_url);
	buf_printf(out, "%s/login/oauth/authorize?", g->config->github_url);
	add_pair(out, "client_id", str_of(g->config->github_client_id));
	add_pair(out, "&redirect_uri", buf_text(&redirect));
	add_pair(out, "&state", str_of(state));
	add_pair(out, "&code_challenge", buf_text(&challenge));
	buf_z(out, "&code_challenge_method=S256");
	return challenge.err != OK ? challenge.err : redirect.err != OK ? redirect.err : out->err;
}

/* The cookie's value: state, verifier, last moment; sealed. */
static enum err setup_cookie(struct github *g, const char *state, const char *verifier, struct buf *out)
{
	__cleanup(buf_wipe) struct buf plain = BUF_INIT(256);
	__cleanup_buf struct buf sealed = BUF_INIT(COOKIE_MAX);
	buf_printf(&plain, "%s %s %" PRId64, state, verifier, clock_wall_ms(g->clock) + SETUP_S * INT64_C(1000));
	enum err err = plain.err == OK ? seal(g->keyring, setup_place, buf_text(&plain), &sealed) : plain.err;
	if (err == OK)
		b64url_encode(out, (const uint8_t *)sealed.data, sealed.len);
	return err == OK ? out->err : err;
}

void github_setup(struct request *req, void *github)
{
	struct github *g = github;
	char state[STATE_LEN + 1], verifier[VERIFIER_LEN + 1];
	__cleanup_buf struct buf url = BUF_INIT(4096), value = BUF_INIT(COOKIE_MAX);
	if (!github_signs_in(g->config)) {
		reply_problem(req, 404, "not_found", NULL, NULL, 0);
		return;
	}
	enum err err = random_text(state, STATE_LEN) && random_text(verifier, VERIFIER_LEN) ? OK : ERR_IO;
	if (err == OK)
		err = authorize_url(g, state, verifier, &url);
	if (err == OK)
		err = setup_cookie(g, state, verifier, &value);
	const char *cookie =
	    err == OK ? github_cookie(g, &req->arena, github_setup_cookie, "/github", value.data, SETUP_S) : NULL;
	if (!cookie) {
		reply_err(req, err == OK ? ERR_NOMEM : err);
		return;
	}
	const struct header headers[] = {{"Location", buf_text(&url)}, {"Set-Cookie", str_of(cookie)}};
	reply(req, 302, NULL, STR(""), headers, 2);
}

/* ---- the way back ---- */

struct sign_in {
	struct store_job job; /* first: the store hands it back */
	struct github *g;
	struct request *req;
	struct arena texts, job_texts; /* of the answers; of the job */
	char state[STATE_LEN + 1], verifier[VERIFIER_LEN + 1], code[CODE_MAX + 1];
	struct buf token;
	const char *user_id, *login;
	struct github_listed bought[PURCHASES_MAX];
	size_t bought_count;
	unsigned pages;
	const char *next;
	int64_t asked_at;
	struct github_applied applied[PURCHASES_MAX];
	struct github_view view;
	char session[GITHUB_SESSION_LEN + 1];
	bool failed;
	enum github_trouble trouble;
	enum err err; /* of our own: not OK */
};

/* The request belongs to its worker again; *s until the request's end. */
static void wake(struct sign_in *s)
{
	struct github *g = s->g;
	request_wake(s->req);
	github_busy_end(g);
}

static void trouble(struct sign_in *s, enum github_trouble what)
{
	s->failed = true;
	s->trouble = what;
	wake(s);
}

static void broken(struct sign_in *s, enum err err)
{
	s->failed = true;
	s->err = err;
	wake(s);
}

static void ask_or_end(struct sign_in *s, const struct github_question *q)
{
	s->asked_at = clock_wall_ms(s->g->clock);
	if (github_ask(s->g, q) != OK)
		trouble(s, GITHUB_TROUBLE_UPSTREAM);
}

/* ---- stored at the end ---- */

static enum err put_owner(struct sign_in *s, struct store_tx *tx, const struct github_listed *l, int64_t now)
{
	const struct github_person_row row = {
	    .account_id = l->account_id, .login = s->login, .user_id = s->user_id, .role = "owner", .added_at = now};
	return store_github_person_put(tx, &row);
}

static enum err put_user(struct sign_in *s, struct store_tx *tx, int64_t now)
{
	__cleanup_buf struct buf sealed = BUF_INIT(2 * TOKEN_MAX);
	const struct seal_place place = {"github_users", "token", str_of(s->user_id)};
	enum err err = seal(s->g->keyring, place, buf_text(&s->token), &sealed);
	const struct github_user_row row = {
	    .user_id = s->user_id, .login = s->login, .token_sealed = buf_text(&sealed), .signed_in_at = now};
	if (err == OK)
		err = store_github_user_put(tx, &row);
	char hash[GITHUB_HASH_SIZE];
	github_session_hash(str_of(s->session), hash);
	if (err == OK)
		err = store_github_session_put(tx, str_of(hash), str_of(s->user_id), now,
		                               now + GITHUB_SESSION_S * INT64_C(1000), GITHUB_SESSIONS_KEEP);
	return err;
}

static enum err finish_run(struct store_job *job, struct store_tx *tx)
{
	struct sign_in *s = (struct sign_in *)job;
	const int64_t now = clock_wall_ms(s->g->clock);
	arena_release(&s->job_texts);
	arena_init(&s->job_texts, ARENA_MAX);
	enum err err = OK;
	for (size_t i = 0; err == OK && i < s->bought_count; i++)
		err = github_compare(s->g, tx, &s->job_texts, &s->bought[i], "setup", s->asked_at, &s->applied[i]);
	if (err == OK)
		err = store_github_person_bind(tx, str_of(s->user_id), str_of(s->login), now);
	for (size_t i = 0; err == OK && i < s->bought_count; i++)
		err = put_owner(s, tx, &s->bought[i], now);
	if (err == OK)
		err = put_user(s, tx, now);
	return err == OK ? github_view_read(s->g, tx, &s->job_texts, s->user_id, &s->view) : err;
}

static void finish_done(struct store_job *job, enum err err)
{
	struct sign_in *s = (struct sign_in *)job;
	for (size_t i = 0; err == OK && i < s->bought_count; i++)
		err = github_committed(s->g, &s->applied[i]);
	if (err != OK) {
		broken(s, err);
		return;
	}
	github_seats(s->g, s->user_id, &s->view);
	log_event(LOG_INFO, "github.signed_in", LF_INT("accounts", s->view.count));
	wake(s);
}

static void finish(struct sign_in *s)
{
	s->job = (struct store_job){.run = finish_run, .done = finish_done};
	enum err err = random_text(s->session, GITHUB_SESSION_LEN) ? store_submit(s->g->store, &s->job) : ERR_IO;
	if (err != OK)
		broken(s, err);
}

/* ---- what was bought ---- */

static void ask_purchases(struct sign_in *s);

static bool read_purchases(struct sign_in *s, const struct http_answer *answer)
{
	__cleanup_buf struct buf wrapped = BUF_INIT(GITHUB_ANSWER_MAX + 16);
	__cleanup_json json_t *json = NULL;
	buf_z(&wrapped, "{\"list\":");
	buf_str(&wrapped, answer->body);
	buf_char(&wrapped, '}');
	if (wrapped.err != OK || json_read_object(buf_text(&wrapped), &json) != OK || json_object_size(json) != 1)
		return false;
	const json_t *list = json_object_get(json, "list");
	if (!json_is_array(list))
		return false;
	for (size_t i = 0; i < json_array_size(list) && s->bought_count < PURCHASES_MAX; i++)
		if (github_listed_read(json_array_get(list, i), &s->texts, &s->bought[s->bought_count++]) != OK)
			return false;
	bool refused;
	s->next = NULL;
	(void)github_next_page(answer->header(answer, "Link"), str_of(s->g->config->github_api_url), &s->texts, &s->next,
	                       &refused);
	return !refused;
}

static void purchases_came(void *arg, const struct http_answer *answer)
{
	struct sign_in *s = arg;
	if (answer->err == OK && answer->status == 404) /* GitHub's answer for nobody's customer */
		finish(s);
	else if (github_failure(answer) || !read_purchases(s, answer))
		trouble(s, GITHUB_TROUBLE_UPSTREAM);
	else if (s->next && ++s->pages < 10 && s->bought_count < PURCHASES_MAX)
		ask_purchases(s);
	else
		finish(s);
}

static void ask_purchases(struct sign_in *s)
{
	const struct github_question q = {.method = "GET",
	                                  .url = s->next ? s->next : "/user/marketplace_purchases?per_page=30",
	                                  .as = GITHUB_AS_USER,
	                                  .token = buf_text(&s->token),
	                                  .done = purchases_came,
	                                  .arg = s};
	ask_or_end(s, &q);
}

/* ---- who is it ---- */

static void user_came(void *arg, const struct http_answer *answer)
{
	struct sign_in *s = arg;
	__cleanup_json json_t *json = NULL;
	struct str login;
	int64_t id;
	if (github_failure(answer) || json_read_object(answer->body, &json) != OK ||
	    json_get_int(json, "id", &id) != JSON_GOT || id <= 0 || json_get_str(json, "login", &login) != JSON_GOT ||
	    login.len == 0 || login.len > 100 || !str_printable(login)) {
		trouble(s, GITHUB_TROUBLE_UPSTREAM);
		return;
	}
	char *lower = arena_strz(&s->texts, login);
	s->user_id = arena_printf(&s->texts, "%" PRId64, id);
	if (!lower || !s->user_id) {
		broken(s, ERR_NOMEM);
		return;
	}
	for (char *c = lower; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c | 0x20);
	s->login = lower;
	ask_purchases(s);
}

/* ---- code for token ---- */

/* JSON is asked for; a server that knows but the form encoding, GitHub's default, is understood, too. False: neither.
 */
static bool read_token(struct sign_in *s, struct str body)
{
	__cleanup_json json_t *json = NULL;
	struct str token = STR("");
	size_t tokens = 0, errors = 0;
	if (json_read_object(body, &json) == OK) {
		(void)json_get_str(json, "access_token", &token);
	} else {
		token = query_get(&s->texts, body, "access_token", &tokens);
		(void)query_get(&s->texts, body, "error", &errors);
		if (tokens + errors == 0)
			return false;
	}
	if (token.len > 0 && token.len <= TOKEN_MAX && tokens < 2 && str_printable(token))
		buf_str(&s->token, token);
	return true;
}

static void token_came(void *arg, const struct http_answer *answer)
{
	struct sign_in *s = arg;
	if (github_failure(answer) || !read_token(s, answer->body)) {
		trouble(s, answer->err == OK && answer->status / 100 == 4 ? GITHUB_TROUBLE_CODE : GITHUB_TROUBLE_UPSTREAM);
		return;
	}
	if (s->token.len == 0) {
		trouble(s, GITHUB_TROUBLE_CODE);
		return;
	}
	const struct github_question q = {.method = "GET",
	                                  .url = "/user",
	                                  .as = GITHUB_AS_USER,
	                                  .token = buf_text(&s->token),
	                                  .done = user_came,
	                                  .arg = s};
	ask_or_end(s, &q);
}

static void ask_token(struct sign_in *s)
{
	const struct config *c = s->g->config;
	__cleanup(buf_wipe) struct buf body = BUF_INIT(16 * 1024);
	__cleanup_buf struct buf redirect = BUF_INIT(1024), url = BUF_INIT(1024);
	buf_printf(&redirect, "%s/github/callback", c->base_url);
	buf_printf(&url, "%s/login/oauth/access_token", c->github_url);
	add_pair(&body, "client_id", str_of(c->github_client_id));
	add_pair(&body, "&client_secret", str_of(c->github_client_secret));
	add_pair(&body, "&code", str_of(s->code));
	add_pair(&body, "&redirect_uri", buf_text(&redirect));
	add_pair(&body, "&code_verifier", str_of(s->verifier));
	if (body.err != OK || redirect.err != OK || url.err != OK) {
		broken(s, ERR_NOMEM);
		return;
	}
	const struct github_question q = {.method = "POST",
	                                  .url = url.data,
	                                  .body = buf_text(&body),
	                                  .content_type = "application/x-www-form-urlencoded",
	                                  .done = token_came,
	                                  .arg = s};
	ask_or_end(s, &q);
}

/* ---- the state, once ---- */

static enum err mark_run(struct store_job *job, struct store_tx *tx)
{
	struct sign_in *s = (struct sign_in *)job;
	char used[STATE_LEN + 8];
	(void)snprintf(used, sizeof(used), "state %s", s->state);
	return store_github_use(tx, str_of(used), clock_wall_ms(s->g->clock));
}

static void mark_done(struct store_job *job, enum err err)
{
	struct sign_in *s = (struct sign_in *)job;
	if (err == ERR_CONFLICT)
		trouble(s, GITHUB_TROUBLE_STATE);
	else if (err != OK)
		broken(s, err);
	else
		ask_token(s);
}

/* ---- the request ---- */

static void callback_answer(struct request *req, void *github)
{
	struct github *g = github;
	struct sign_in *s = req->state;
	/* The setup cookie has served; where the session's goes out, it ends by itself, used as it is. */
	const char *gone = github_cookie(g, &req->arena, github_setup_cookie, "/github", "", 0);
	if (s->failed && s->err != OK) {
		reply_err(req, s->err);
	} else if (s->failed) {
		github_page_trouble(req, g, s->trouble, gone);
	} else if (s->view.count == 0) {
		github_page_trouble(req, g, GITHUB_TROUBLE_NO_PURCHASE, gone);
	} else {
		const char *cookie = github_cookie(g, &req->arena, github_session_cookie, "/", s->session, GITHUB_SESSION_S);
		if (cookie)
			github_page_account(req, g, &s->view, cookie);
		else
			reply_err(req, ERR_NOMEM);
	}
}

static void sign_in_free(struct request *req, void *arg)
{
	struct sign_in *s = arg;
	(void)req;
	buf_wipe(&s->token);
	wipe(s->code, sizeof(s->code));
	wipe(s->verifier, sizeof(s->verifier));
	wipe(s->session, sizeof(s->session));
	arena_release(&s->texts);
	arena_release(&s->job_texts);
	free(s);
}

/* What the browser's cookie says, if it is ours and in time. */
static bool read_setup_cookie(struct github *g, const struct request *req, char state[static STATE_LEN + 1],
                              char verifier[static VERIFIER_LEN + 1])
{
	uint8_t sealed[COOKIE_MAX];
	size_t len = 0;
	__cleanup(buf_wipe) struct buf plain = BUF_INIT(256);
	struct str value = github_cookie_of(req, github_setup_cookie), rest, first, second;
	int64_t until;
	if (value.len == 0 || value.len > COOKIE_MAX || !b64url_decode(value, sealed, &len) ||
	    unseal(g->keyring, setup_place, (struct str){(const char *)sealed, len}, &plain) != OK)
		return false;
	rest = buf_text(&plain);
	if (!str_split(&rest, ' ', &first) || !str_split(&rest, ' ', &second) || first.len != STATE_LEN ||
	    second.len != VERIFIER_LEN || str_to_int64(rest, &until) != OK || until <= clock_wall_ms(g->clock))
		return false;
	memcpy(state, first.ptr, STATE_LEN);
	memcpy(verifier, second.ptr, VERIFIER_LEN);
	state[STATE_LEN] = verifier[VERIFIER_LEN] = '\0';
	return true;
}

void github_callback(struct request *req, void *github)
{
	struct github *g = github;
	char state[STATE_LEN + 1], verifier[VERIFIER_LEN + 1];
	size_t states = 0, codes = 0, errors = 0;
	if (!github_signs_in(g->config)) {
		reply_problem(req, 404, "not_found", NULL, NULL, 0);
		return;
	}
	const struct str given = query_get(&req->arena, req->query, "state", &states),
	                 code = query_get(&req->arena, req->query, "code", &codes);
	(void)query_get(&req->arena, req->query, "error", &errors);
	const bool ours = read_setup_cookie(g, req, state, verifier) && states == 1 && given.len == STATE_LEN &&
	                  bytes_equal(given.ptr, state, STATE_LEN);
	if (!ours || errors > 0 || codes != 1 || code.len == 0 || code.len > CODE_MAX || !str_printable(code)) {
		const char *gone = github_cookie(g, &req->arena, github_setup_cookie, "/github", "", 0);
		github_page_trouble(req, g,
		                    !ours        ? GITHUB_TROUBLE_STATE
		                    : errors > 0 ? GITHUB_TROUBLE_DENIED
		                                 : GITHUB_TROUBLE_CODE,
		                    ours ? gone : NULL);
		return;
	}
	struct sign_in *s = calloc(1, sizeof(*s));
	if (!s) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	if (!github_busy_begin(g)) {
		free(s);
		reply_err(req, ERR_STOPPING);
		return;
	}
	s->g = g;
	s->req = req;
	memcpy(s->state, state, sizeof(state));
	memcpy(s->verifier, verifier, sizeof(verifier));
	memcpy(s->code, code.ptr, code.len);
	buf_init(&s->token, TOKEN_MAX + 1);
	arena_init(&s->texts, ARENA_MAX);
	arena_init(&s->job_texts, ARENA_MAX);
	req->state = s;
	req->on_end = sign_in_free;
	req->on_end_arg = s;
	request_wait(req, callback_answer);
	s->job = (struct store_job){.run = mark_run, .done = mark_done};
	enum err err = store_submit(g->store, &s->job);
	if (err != OK)
		broken(s, err);
}
