/* auth.c - who may use the admin API: whoever has the configured bearer token.
 *
 * Only its SHA-256 is kept, and compared in constant time. Without a configured token there is no admin API. */
#include "admin/admin.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/secret.h"

static bool token_matches(const struct admin *a, struct str authorization)
{
	uint8_t hash[32];
	if (!str_istarts(authorization, STR("Bearer ")))
		return false;
	struct str token = str_trim((struct str){authorization.ptr + 7, authorization.len - 7});
	sha256(token.ptr, token.len, hash);
	return bytes_equal(hash, a->token_hash, sizeof(hash));
}

void auth_admin(struct request *req, void *room)
{
	const struct admin *a = room;
	if (!a->enabled) {
		req->code = "ADMIN_OFF";
		reply_err(req, ERR_NOT_FOUND);
		return;
	}
	if (!token_matches(a, request_header(req, "Authorization"))) {
		req->code = "ADMIN_TOKEN";
		log_event(LOG_INFO, "auth.refused", LF_Z("code", req->code), LF_Z("route", req->route->pattern),
		          LF_Z("request_id", req->id));
		reply_unauthorized(req);
		return;
	}
	request_authorized(req);
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
