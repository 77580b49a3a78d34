/* client_call.h - one outgoing call: what was asked, the curl handle that asks it, what came back.
 *
 * Private to the client (client.c, client_call.c). A call is made on the submitting thread and belongs to the client
 * thread from its submission on. */
#pragma once
#include <curl/curl.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "http/client.h"

enum {
	CALL_HEADERS_MAX = 32 * 1024, /* bytes of all answer headers; more ends the call */
	CALL_HEADER_MAX = 32 * 1024,  /* bytes of one header that is sent */
	CALL_PIECE_MAX = 256 * 1024,  /* bytes of an answer that is taken in pieces */
	CALL_REFUSAL_MAX = 16 * 1024, /* bytes kept of an answer that is not the one to be taken in pieces */
	CALL_CONNECT_MS_MAX = 5000,   /* connecting takes at most this, and never more than half of the call's time */
};

struct origin;

struct call {
	TAILQ_ENTRY(call) link; /* submitted, waiting for its origin, or running */
	struct origin *origin;  /* set while waiting or running */
	char *origin_name;      /* "https://host:port" */
	int64_t started_mono_ms, deadline_mono_ms;
	void (*done)(void *arg, const struct http_answer *answer);
	bool (*take)(void *arg, const char *data, size_t len); /* NULL: the answer is kept */
	void *arg;
	uint64_t answer_max, taken; /* bytes */
	enum err take_err;          /* why the taking of the body ended */

	const char *method; /* a literal of client_call.c */
	CURLU *url;
	struct curl_slist *headers;
	char *body;
	size_t body_len;
	bool has_body;
	bool is_https;
	bool allow_insecure;
	bool body_unwanted;
	bool body_over; /* unwanted, and longer than what is read for politeness */
	size_t dropped; /* bytes of it */

	CURL *easy; /* while running */
	struct buf answer, answer_headers;
	bool address_denied;
};
TAILQ_HEAD(call_list, call);

/* ERR_INVALID: method, URL or header is not acceptable. ERR_NOMEM. */
enum err call_new(const struct http_call *asked, bool allow_insecure, struct call **ret);
void call_free(struct call *c); /* accepts NULL; wipes headers and body: they hold tokens */
/* Makes the curl handle; the call then may run for time_ms. ERR_DENIED: the scheme is not allowed. ERR_NOMEM. */
enum err call_prepare(struct call *c, int64_t time_ms);
enum err call_result(const struct call *c, CURLcode code);
/* Runs done. err is OK when an answer came. */
void call_finish(struct call *c, enum err err, int64_t now_mono_ms);
