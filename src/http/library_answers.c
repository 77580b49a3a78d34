/* library_answers.c - what libmicrohttpd refuses while it parses is answered by us all the same; and its one stall.
 *
 * A request line without a version, a header line without a colon, headers over its memory, a malformed length or
 * chunk: the library answers these itself, in HTML and without the safe header set (a malformed length even twice),
 * and has no hook for it. But it calls its own public functions by their dynamic symbols, which the program's
 * definitions precede. So two of them are ours first: what it queues is replaced by a problem+json of the same
 * status, and a malformed length reads as 0 to it alone, so that framing_check() refuses it. Our own answers
 * (reply.c) go to the library directly. Where our symbols do not precede, the library's own answers go out. */
#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>

#include "http/conn.h"
#include "http/reply.h"

#define PRECEDES_THE_LIBRARY __attribute__((visibility("default")))

typedef enum MHD_Result queue_fn(struct MHD_Connection *mhd, unsigned status, struct MHD_Response *response);
typedef enum MHD_Result lookup_fn(struct MHD_Connection *mhd, enum MHD_ValueKind kind, const char *key, size_t key_size,
                                  const char **value, size_t *value_size);

/* The library's function of that name, looked up once. */
static void *library_symbol(_Atomic(void *) *found, const char *name)
{
	void *symbol = atomic_load_explicit(found, memory_order_relaxed);
	if (!symbol) {
		symbol = dlsym(RTLD_NEXT, name);
		atomic_store_explicit(found, symbol, memory_order_relaxed);
	}
	return symbol;
}

enum MHD_Result library_queue(struct MHD_Connection *mhd, unsigned status, struct MHD_Response *response)
{
	static _Atomic(void *) found;
	void *symbol = library_symbol(&found, "MHD_queue_response");
	queue_fn *fn = NULL;
	memcpy(&fn, &symbol, sizeof fn); /* POSIX allows it, ISO C has no cast for it */
	return fn ? fn(mhd, status, response) : MHD_NO;
}

/* libmicrohttpd 0.9.75 asks for 128 events at a time. When it gets just as many it asks again, with the same and
 * perhaps endless timeout, before it serves the first of them. So it never gets all it asks for; the rest comes next
 * time. */
PRECEDES_THE_LIBRARY int epoll_wait(int epoll, struct epoll_event *events, int max_events, int timeout_ms)
{
	static _Atomic(void *) found;
	void *symbol = library_symbol(&found, "epoll_wait");
	int (*fn)(int, struct epoll_event *, int, int) = NULL;
	memcpy(&fn, &symbol, sizeof fn);
	return fn(epoll, events, max_events > 1 ? max_events - 1 : max_events, timeout_ms);
}

static const char *code_of(unsigned status)
{
	switch (status) {
	case MHD_HTTP_CONTENT_TOO_LARGE:
		return "too_large";
	case MHD_HTTP_URI_TOO_LONG:
		return "target_too_long";
	case MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE:
		return "headers_too_large";
	case MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED:
		return "version_not_supported";
	default:
		return status < 500 ? "bad_request" : "internal";
	}
}

PRECEDES_THE_LIBRARY enum MHD_Result MHD_queue_response(struct MHD_Connection *mhd, unsigned status,
                                                        struct MHD_Response *response)
{
	struct http_conn *c = conn_of(mhd);
	if (!c)
		return library_queue(mhd, status, response);
	if (!c->has_request) { /* not even a request line: what c->req holds is the one before */
		c->req.conn = c;
		c->req.code = NULL;
		request_id_new(c->req.id);
	}
	c->stage = STAGE_RUNNING;
	access_refused(c, code_of(status));
	reply_problem(&c->req, (int)status, code_of(status), NULL, NULL, 0);
	return c->stage == STAGE_REPLIED ? MHD_YES : MHD_NO;
}

static bool all_digits(const char *s, size_t len)
{
	while (len > 0 && s[len - 1] >= '0' && s[len - 1] <= '9')
		len--;
	return len == 0;
}

/* Digits it can count: what 64 bits hold. */
enum { LENGTH_DIGITS_MAX = 18 };

PRECEDES_THE_LIBRARY enum MHD_Result MHD_lookup_connection_value_n(struct MHD_Connection *mhd, enum MHD_ValueKind kind,
                                                                   const char *key, size_t key_size, const char **value,
                                                                   size_t *value_size)
{
	static _Atomic(void *) found;
	void *symbol = library_symbol(&found, "MHD_lookup_connection_value_n");
	lookup_fn *fn = NULL;
	memcpy(&fn, &symbol, sizeof fn);
	if (!fn || fn(mhd, kind, key, key_size, value, value_size) != MHD_YES)
		return MHD_NO;
	if (!value || !value_size || !str_ieq((struct str){key, key_size}, STR("content-length")))
		return MHD_YES;
	if (*value_size == 0 || *value_size > LENGTH_DIGITS_MAX || !all_digits(*value, *value_size)) {
		*value = "0";
		*value_size = 1;
	}
	return MHD_YES;
}
