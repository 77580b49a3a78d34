/* Authenticator of signed callbacks: RS256 with the key of an install-key host. Where the key must be fetched first the
 * request waits: the job's answer (client thread) and the request's own going to sleep (worker) may come in either
 * order, so both leave a mark in one atomic and whoever comes second acts. The state outlives whichever of them ends
 * first. Source: reference/connect.md "Who signs what". */
#include <stdatomic.h>
#include <stdlib.h>

#include "connect/auth_internal.h"

enum { WAITING = 1, /* the request sleeps */ ANSWERED = 2, /* the job is done */ LEFT = 4 /* the request went on */ };

struct key_wait {
	atomic_uint marks;
	struct request *req;
	enum key_status status;
	const struct rsa_key *key;
	struct token_unverified *token; /* in the request's arena */
};

static enum token_code key_code(enum key_status status)
{
	switch (status) {
	case KEY_UNKNOWN:
		return TOKEN_UNKNOWN_KID;
	case KEY_BAD:
		return TOKEN_WEAK_KEY;
	case KEY_FOUND:
		return TOKEN_OK;
	case KEY_UNAVAILABLE:
		break;
	}
	return TOKEN_KEYS_UNAVAILABLE;
}

static struct attempt attempt_of(struct request *req, struct connect *c, const struct token_unverified *t)
{
	return (struct attempt){.connect = c,
	                        .arena = &req->arena,
	                        .method = req->method_name,
	                        .target = req->target,
	                        .route = req->route->pattern,
	                        .request_id = req->id,
	                        .token = t};
}

static void judge(struct request *req, struct connect *c, const struct token_unverified *t, enum key_status status,
                  const struct rsa_key *key)
{
	struct attempt at = attempt_of(req, c, t);
	enum token_code code = key_code(status);
	struct token_rules rules = auth_rules(c);
	rules.audience_required = true;
	char qsh[QSH_LEN];
	if (code == TOKEN_OK) {
		rules.qsh_expected = qsh;
		at.qsh_compared = true;
		bool computed = qsh_compute(&req->arena, req->method_name, req->target, auth_base_path(c), qsh);
		code = computed ? token_verify_rs256(t, key, &rules, &req->claims) : TOKEN_NO_MEMORY;
	}
	if (code == TOKEN_OK) {
		request_authorized(req);
		return;
	}
	auth_record(&at, code);
	auth_refuse(req, code);
}

/* Worker: the request goes on, after the job's answer or because the server stops. */
static void key_came(struct request *req, void *connect)
{
	struct key_wait *w = req->state;
	req->state = NULL;
	const struct token_unverified *t = w->token;
	enum key_status status = KEY_UNAVAILABLE;
	const struct rsa_key *key = NULL;
	if (atomic_fetch_or(&w->marks, LEFT) & ANSWERED) {
		status = w->status;
		key = w->key;
		free(w);
	}
	judge(req, connect, t, status, key);
}

/* Client thread. Nothing of the request may be touched once it was woken or has left. */
static void key_answer(void *arg, enum key_status status, const struct rsa_key *key)
{
	struct key_wait *w = arg;
	struct request *req = w->req;
	w->status = status;
	w->key = key;
	unsigned before = atomic_fetch_or(&w->marks, ANSWERED);
	if (before & LEFT)
		free(w);
	else if (before & WAITING)
		request_wake(req);
}

static void fetch_key(struct request *req, struct connect *c, struct token_unverified *t)
{
	struct key_wait *w = calloc(1, sizeof(*w));
	if (!w) {
		auth_refuse(req, TOKEN_NO_MEMORY);
		return;
	}
	w->req = req;
	w->token = t;
	if (install_keys_get(c->keys, t->kid, &w->status, &w->key, key_answer, w)) {
		enum key_status status = w->status;
		const struct rsa_key *key = w->key;
		free(w);
		judge(req, c, t, status, key);
		return;
	}
	req->state = w;
	request_wait(req, key_came);
	if (atomic_fetch_or(&w->marks, WAITING) & ANSWERED)
		request_wake(req);
}

void auth_lifecycle(struct request *req, void *connect)
{
	struct connect *c = connect;
	struct str token;
	if (!auth_find_token(req, c, &token))
		return;
	struct token_unverified *t = arena_alloc(&req->arena, sizeof(*t));
	enum token_code code = TOKEN_NO_MEMORY;
	struct attempt at = attempt_of(req, c, NULL);
	if (t) {
		at.token = t;
		code = token_parse(&req->arena, token, TOKEN_RS256, t);
		if (!qsh_target_utf8(req->target))
			code = TOKEN_NOT_UTF8;
	}
	if (code == TOKEN_OK) {
		fetch_key(req, c, t);
		return;
	}
	auth_record(&at, code);
	auth_refuse(req, code);
}
