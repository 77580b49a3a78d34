/* track.c - POST /segment/v1/NAME: the tracking API that Segment's libraries speak, for the vendor's own site.
 *
 * The write key comes with Basic authentication ("writeKey:") or in the body, as each library likes it. It is no secret
 * from visitors: what comes with it may count visits and be passed on, and tell nothing of the Marketplace. A browser
 * on the vendor's site calls from another origin: any origin may, since no cookie is read and no answer tells anything.
 * Content-Type is not looked at: browser libraries send text/plain on purpose. Format: Segment's "HTTP API". */
#include <string.h>

#include "base/b64.h"
#include "base/log.h"
#include "base/secret.h"
#include "segment/ingest.h"

enum { KEY_MAX = 256 };

static bool key_matches(const struct segment *s, struct str key)
{
	uint8_t hash[32];
	if (key.len == 0)
		return false;
	sha256(key.ptr, key.len, hash);
	return bytes_equal(hash, s->write_key_hash, sizeof(hash));
}

enum basic { BASIC_WRONG = 0, BASIC_RIGHT, BASIC_ABSENT };

/* "Basic base64(writeKey:)": the password is empty. */
static enum basic basic_key(const struct segment *s, const struct request *req)
{
	static const struct str scheme = {"Basic ", 6};
	const struct str header = request_header(req, "Authorization");
	uint8_t plain[KEY_MAX * 2];
	size_t len = 0;
	if (!header.ptr)
		return BASIC_ABSENT;
	if (!str_istarts(header, scheme))
		return BASIC_WRONG;
	const struct str text = str_trim((struct str){header.ptr + scheme.len, header.len - scheme.len});
	if (text.len > KEY_MAX || !b64_decode(text, plain, &len) || len == 0 || plain[len - 1] != ':')
		return BASIC_WRONG;
	return key_matches(s, (struct str){(const char *)plain, len - 1}) ? BASIC_RIGHT : BASIC_WRONG;
}

static void refuse_key(struct request *req)
{
	req->code = "wrong_write_key";
	const struct header headers[] = {{"WWW-Authenticate", STR("JWT")}, allow_any_origin[0]};
	reply_problem(req, 401, "unauthorized", NULL, headers, 2);
}

static void refuse_body(struct request *req, const struct body_problem *p)
{
	if (p->err != OK) {
		reply_err(req, p->err);
		return;
	}
	req->code = "bad_event";
	reply_problem(req, 400, "bad_event", p->text, allow_any_origin, 1);
}

/* The body's key counts where there is no other; where both are there, both must be right. */
static bool authorized(const struct segment *s, enum basic basic, const struct body *body)
{
	if (body->write_key.len > 0)
		return key_matches(s, body->write_key);
	return basic == BASIC_RIGHT;
}

static void track(struct request *req, struct segment *s, bool is_batch, enum segment_call call)
{
	const enum basic basic = basic_key(s, req);
	if (basic == BASIC_WRONG) {
		refuse_key(req);
		return;
	}
	struct ingest *in = ingest_new(req, s);
	if (!in)
		return;
	struct event_reader r = ingest_reader(in, req);
	r.pass_on = s->forward != NULL;
	struct body body;
	struct body_problem problem;
	if (!body_read_tracked(&r, is_batch, call, req->body, &body, &problem)) {
		ingest_drop(in);
		refuse_body(req, &problem);
	} else if (!authorized(s, basic, &body)) {
		ingest_drop(in);
		refuse_key(req);
	} else {
		ingest_start(in, &body);
	}
}

static bool route_taken(struct request *req, const struct segment *s, bool *ret_batch, enum segment_call *ret_call)
{
	if (s->config->segment_write_key && body_call_of(req->params.part[0], ret_batch, ret_call))
		return true;
	reply_problem(req, 404, "not_found", NULL, NULL, 0);
	return false;
}

void segment_track(struct request *req, void *segment)
{
	struct segment *s = segment;
	bool is_batch = false;
	enum segment_call call = CALL_UNKNOWN;
	if (route_taken(req, s, &is_batch, &call))
		track(req, s, is_batch, call);
}

void segment_options(struct request *req, void *segment)
{
	bool is_batch = false;
	enum segment_call call = CALL_UNKNOWN;
	if (!route_taken(req, segment, &is_batch, &call))
		return;
	const struct header headers[] = {allow_any_origin[0],
	                                 {"Access-Control-Allow-Methods", STR("POST")},
	                                 {"Access-Control-Allow-Headers", STR("Content-Type, Authorization")},
	                                 {"Access-Control-Max-Age", STR("86400")}};
	reply(req, 204, NULL, STR(""), headers, sizeof(headers) / sizeof(headers[0]));
}
