/* Authenticator of signed callbacks: RS256 with the key of an install-key host. A key that is kept is used at once;
 * else the request waits for the fetch, which has its own deadline. Everything is in the request's arena, which lives
 * until the request was woken. Rules: docs/security.md. */
#include "connect/auth_internal.h"

struct key_wait {
	struct request *req;
	enum key_status status;
	const struct rsa_key *key;
	struct token_unverified token;
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

static void judge(struct request *req, struct connect *c, const struct key_wait *w)
{
	struct attempt at = attempt_of(req, c, &w->token);
	enum token_code code = key_code(w->status);
	struct token_rules rules = auth_rules(c);
	rules.audience_required = true;
	char qsh[QSH_LEN];
	if (code == TOKEN_OK) {
		rules.qsh_expected = qsh;
		at.qsh_compared = true;
		bool computed = qsh_compute(&req->arena, req->method_name, req->target, auth_base_path(c), qsh);
		code = computed ? token_verify_rs256(&w->token, w->key, &rules, &req->claims) : TOKEN_NO_MEMORY;
	}
	if (code == TOKEN_OK) {
		request_authorized(req);
		return;
	}
	auth_record(&at, code);
	auth_refuse(req, code);
}

/* Worker. */
static void key_came(struct request *req, void *connect)
{
	const struct key_wait *w = req->state;
	req->state = NULL;
	judge(req, connect, w);
}

/* Client thread: nothing of the request may be touched once it was woken. */
static void key_answer(void *arg, enum key_status status, const struct rsa_key *key)
{
	struct key_wait *w = arg;
	w->status = status;
	w->key = key;
	request_wake(w->req);
}

static void with_key(struct request *req, struct connect *c, struct key_wait *w)
{
	struct str kid = w->token.kid;
	if (install_keys_get(c->keys, kid, &w->status, &w->key, NULL, NULL)) {
		judge(req, c, w);
		return;
	}
	req->state = w;
	request_wait(req, key_came);
	if (install_keys_get(c->keys, kid, &w->status, &w->key, key_answer, w))
		request_wake(req);
}

void auth_lifecycle(struct request *req, void *connect)
{
	struct connect *c = connect;
	struct str token;
	if (!auth_find_token(req, c, &token))
		return;
	struct key_wait *w = arena_alloc(&req->arena, sizeof(*w));
	struct attempt at = attempt_of(req, c, NULL);
	enum token_code code = TOKEN_NO_MEMORY;
	if (w) {
		w->req = req;
		w->status = KEY_UNAVAILABLE;
		w->key = NULL;
		at.token = &w->token;
		code = token_parse(&req->arena, token, TOKEN_RS256, &w->token);
	}
	if (code == TOKEN_OK && !qsh_target_utf8(req->target))
		code = TOKEN_NOT_UTF8;
	if (code == TOKEN_OK) {
		with_key(req, c, w);
		return;
	}
	auth_record(&at, code);
	auth_refuse(req, code);
}
