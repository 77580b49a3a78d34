/* auth.c - who may use the admin API: whoever has the configured bearer token, or signed in with it.
 *
 * Of the token only its SHA-256 is kept, compared in constant time. Without a configured token there is no admin API.
 * The page's cookie is HttpOnly and SameSite=Strict; what changes something must also say the session's CSRF token,
 * which only a script of this origin can know. Wrong tokens are limited (attempts.h), at sign-in and in the header
 * alike: 429 before the token is looked at. Sign-in takes application/json alone, which another origin's page cannot
 * send unasked. An Authorization header, good or bad, is the only thing looked at where there is one. */
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/parts.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/net.h"
#include "base/secret.h"

enum { SET_COOKIE_MAX = 200, SESSION_JSON_MAX = 512 };
#define COOKIE_NAME "licgate_admin"

static bool token_matches(const struct admin *a, struct str token)
{
	uint8_t hash[32];
	sha256(token.ptr, token.len, hash);
	return bytes_equal(hash, a->token_hash, sizeof(hash));
}

/* The TCP peer, or whom a trusted proxy says it speaks for: the last address of the one X-Forwarded-For. */
static void peer_of(const struct request *req, const struct admin *a, uint8_t ret[static 16])
{
	struct str rest = str_trim(request_header(req, "X-Forwarded-For")), last = {0};
	memcpy(ret, req->peer, sizeof(req->peer));
	if (request_header_count(req, "X-Forwarded-For") != 1 || !config_trusts(a->connect->config, req->peer))
		return;
	while (str_split(&rest, ',', &last))
		;
	uint8_t told[16];
	if (ip_parse(str_trim(last), told))
		memcpy(ret, told, sizeof(told));
}

enum guess { GUESS_WRONG = 0, GUESS_RIGHT, GUESS_ANSWERED };

/* GUESS_ANSWERED: with 429, too many wrong ones came before it. */
static enum guess token_guess(struct request *req, const struct admin *a, struct str token)
{
	uint8_t peer[16];
	peer_of(req, a, peer);
	const int64_t wait_s = attempts_wait_s(a->attempts, peer);
	if (wait_s > 0) {
		char seconds[24];
		snprintf(seconds, sizeof(seconds), "%lld", (long long)wait_s);
		const struct header h = {"Retry-After", str_of(seconds)};
		req->code = "ADMIN_ATTEMPTS";
		reply_problem(req, 429, "too_many_attempts", "too many wrong tokens came from here: wait a little", &h, 1);
		return GUESS_ANSWERED;
	}
	if (!token_matches(a, token)) {
		attempts_wrong(a->attempts, peer);
		return GUESS_WRONG;
	}
	attempts_right(a->attempts, peer);
	return GUESS_RIGHT;
}

/* GUESS_WRONG too where no bearer token came at all, which costs nothing. */
static enum guess bearer_guess(struct request *req, const struct admin *a)
{
	const struct str authorization = request_header(req, "Authorization");
	if (!str_istarts(authorization, STR("Bearer ")))
		return GUESS_WRONG;
	return token_guess(req, a, str_trim((struct str){authorization.ptr + 7, authorization.len - 7}));
}

/* The one cookie of our name; none where there are two: one of them is somebody else's. */
static struct str cookie_of(const struct request *req)
{
	struct str rest = request_header(req, "Cookie"), pair, found = {0};
	if (request_header_count(req, "Cookie") != 1)
		return found;
	while (str_split(&rest, ';', &pair)) {
		pair = str_trim(pair);
		if (!str_starts(pair, STR(COOKIE_NAME "=")))
			continue;
		if (found.ptr)
			return (struct str){0};
		found = (struct str){pair.ptr + sizeof(COOKIE_NAME), pair.len - sizeof(COOKIE_NAME)};
	}
	return found;
}

bool session_of_request(const struct request *req, const struct admin *a, struct session *ret)
{
	if (request_header_count(req, "Authorization") > 0)
		return false;
	const struct str cookie = cookie_of(req);
	return cookie.len > 0 && session_find(a->sessions, cookie, ret);
}

static bool csrf_matches(const struct request *req, const struct session *session)
{
	const struct str said = request_header(req, "X-CSRF-Token");
	return said.len == SESSION_TEXT_LEN && bytes_equal(said.ptr, session->csrf, SESSION_TEXT_LEN);
}

static bool is_on(struct request *req, const struct admin *a)
{
	if (a->enabled)
		return true;
	req->code = "ADMIN_OFF";
	reply_err(req, ERR_NOT_FOUND);
	return false;
}

static void ask_for_token(struct request *req)
{
	static const struct header bearer = {"WWW-Authenticate", {"Bearer", 6}}; /* RFC 6750, 3 */
	reply_problem(req, 401, "unauthorized", NULL, &bearer, 1);
}

void auth_admin(struct request *req, void *room)
{
	const struct admin *a = room;
	struct session session;
	if (!is_on(req, a))
		return;
	switch (bearer_guess(req, a)) {
	case GUESS_RIGHT:
		request_authorized(req);
		return;
	case GUESS_ANSWERED:
		return;
	case GUESS_WRONG:
		break;
	}
	if (!session_of_request(req, a, &session)) {
		req->code = "ADMIN_TOKEN";
		log_event(LOG_INFO, "auth.refused", LF_Z("code", req->code), LF_Z("route", req->route->pattern),
		          LF_Z("request_id", req->id));
		ask_for_token(req);
		return;
	}
	if (req->method != METHOD_GET && req->method != METHOD_HEAD && !csrf_matches(req, &session)) {
		reply_problem(req, 403, "csrf", "X-CSRF-Token: not that of this session", NULL, 0);
		return;
	}
	request_authorized(req);
}

/* ---- sign in and out ---- */

static void reply_session(struct request *req, const struct session *session, const struct header *h, size_t count)
{
	__cleanup(buf_wipe) struct buf json = BUF_INIT(SESSION_JSON_MAX);
	struct jsonw w = jsonw(&json);
	jw_obj(&w);
	jw_kz(&w, "csrf", session->csrf);
	jw_ktime(&w, "expires_at", session->expires_at);
	jw_end_obj(&w);
	if (json.err == OK)
		reply(req, 200, "application/json", buf_text(&json), h, count);
	else
		reply_err(req, json.err);
}

/* Secure wherever the browser came over TLS; a proxy's word for it can only make the cookie stricter. */
static void set_cookie(const struct request *req, const char *value, int64_t life_s, char out[static SET_COOKIE_MAX])
{
	const bool tls = str_ieq(str_trim(request_header(req, "X-Forwarded-Proto")), STR("https"));
	snprintf(out, SET_COOKIE_MAX, COOKIE_NAME "=%s; Path=/admin/; Max-Age=%lld; HttpOnly; SameSite=Strict%s", value,
	         (long long)life_s, tls ? "; Secure" : "");
}

/* False: answered. */
static bool token_said(struct request *req, const struct admin *a)
{
	__cleanup_json json_t *body = NULL;
	struct str token;
	if (!str_istarts(request_header(req, "Content-Type"), STR("application/json"))) {
		reply_problem(req, 415, "json_needed", "Content-Type: application/json", NULL, 0);
		return false;
	}
	enum err err = json_read_object(req->body, &body);
	if (err == ERR_NOMEM) {
		reply_err(req, err);
		return false;
	}
	if (err != OK || json_get_str(body, "token", &token) != JSON_GOT) {
		reply_problem(req, 400, "bad_request", "the body is no object with a token", NULL, 0);
		return false;
	}
	const enum guess guess = token_guess(req, a, token);
	if (guess != GUESS_WRONG)
		return guess == GUESS_RIGHT;
	req->code = "ADMIN_TOKEN";
	log_event(LOG_WARN, "admin.sign_in_refused", LF_Z("request_id", req->id));
	ask_for_token(req);
	return false;
}

void admin_session_post(struct request *req, void *room)
{
	const struct admin *a = room;
	struct session session;
	char cookie[SESSION_TEXT_LEN + 1], text[SET_COOKIE_MAX];
	if (!is_on(req, a) || !token_said(req, a))
		return;
	if (!session_open(a->sessions, &session, cookie)) {
		reply_err(req, ERR_INTERNAL);
		return;
	}
	set_cookie(req, cookie, SESSION_LIFE_MS / 1000, text);
	const struct header h = {"Set-Cookie", str_of(text)};
	log_event(LOG_INFO, "admin.signed_in", LF_Z("request_id", req->id));
	reply_session(req, &session, &h, 1);
	wipe(cookie, sizeof(cookie));
	wipe(text, sizeof(text));
}

void admin_session_get(struct request *req, void *room)
{
	struct session session;
	if (session_of_request(req, room, &session))
		reply_session(req, &session, NULL, 0);
	else /* the bearer token is not a session */
		reply_err(req, ERR_NOT_FOUND);
}

void admin_session_delete(struct request *req, void *room)
{
	const struct admin *a = room;
	struct session session;
	char text[SET_COOKIE_MAX];
	if (session_of_request(req, a, &session)) {
		session_close(a->sessions, session.serial);
		log_event(LOG_INFO, "admin.signed_out", LF_Z("request_id", req->id));
	}
	set_cookie(req, "", 0, text);
	const struct header h = {"Set-Cookie", str_of(text)};
	reply_borrowed(req, 204, NULL, STR(""), &h, 1);
}

void admin_metrics(struct request *req, void *room)
{
	(void)room;
	struct buf text = BUF_INIT(8 * 1024 * 1024);
	metrics_render(&text);
	if (text.err == OK)
		reply(req, 200, "text/plain; version=0.0.4; charset=utf-8", buf_text(&text), NULL, 0);
	else
		reply_err(req, text.err);
	buf_release(&text);
}
