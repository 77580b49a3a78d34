/* webhook.c - POST /segment/webhook: one event that Segment's Webhooks destination signed.
 *
 * X-Signature is HMAC-SHA1 of the raw body in lower-case hex, and nothing else is believed: the signature is compared
 * before a byte of the body is looked at. A batch is refused, since its signature covers the first event alone.
 * Rule: "Webhooks (Actions) Destination" of Segment's documentation; the batch's gap: docs/segment.md. */
#include "base/b64.h"
#include "base/log.h"
#include "base/secret.h"
#include "segment/ingest.h"

enum { SHA1_BYTES = 20, SHA1_HEX = 2 * SHA1_BYTES };

static bool is_signed(const struct request *req, const char *secret)
{
	const struct str given = request_header(req, "X-Signature");
	uint8_t mac[SHA1_BYTES];
	char wanted[SHA1_HEX];
	if (request_header_count(req, "X-Signature") != 1 || given.len != SHA1_HEX)
		return false;
	if (!hmac_sha1(str_of(secret), req->body, mac))
		return false;
	hex_encode(wanted, mac, sizeof(mac));
	return bytes_equal(given.ptr, wanted, sizeof(wanted));
}

static void refuse(struct request *req, const struct body_problem *p)
{
	if (p->err != OK) {
		reply_err(req, p->err);
		return;
	}
	req->code = p->is_batch ? "batch" : "no_event";
	reply_problem(req, p->is_batch ? 400 : 422, req->code, p->text, NULL, 0);
}

void segment_webhook(struct request *req, void *segment)
{
	struct segment *s = segment;
	if (!s->config->segment_secret) {
		reply_problem(req, 404, "not_found", NULL, NULL, 0);
		return;
	}
	if (!is_signed(req, s->config->segment_secret)) {
		req->code = "bad_signature";
		reply_unauthorized(req);
		return;
	}
	struct ingest *in = ingest_new(req, s);
	if (!in)
		return;
	/* An event without a messageId is told apart by its bytes: Segment sends it again as it was. */
	char digest[65] = "";
	uint8_t hash[32];
	sha256(req->body.ptr, req->body.len, hash);
	hex_encode(digest, hash, sizeof(hash));
	struct event_reader r = ingest_reader(in, req);
	r.once = digest;
	r.is_signed = true;
	struct body body;
	struct body_problem problem;
	if (body_read_signed(&r, req->body, &body, &problem)) {
		ingest_start(in, &body);
	} else {
		ingest_drop(in);
		refuse(req, &problem);
	}
}
