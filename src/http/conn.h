/* conn.h - the insides of the server, shared by the files of this folder alone.
 *
 * A connection and the one request it carries at a time are one block of memory: an ordinary request allocates
 * nothing here. Thread rule: everything belongs to the connection's worker but for what is atomic, and for what the
 * server's lock guards. */
#pragma once
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/metrics.h"
#include "http/framing.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/server.h"
#include "http/stream.h"

enum {
	DRAIN_MAX = 1024 * 1024, /* bytes of a refused body that are read so that the client sees the answer */
	ARENA_MAX = 1024 * 1024, /* further blocks of a request's arena */
	STATUS_SLOTS = 40,
};

enum conn_phase {
	CONN_IDLE,    /* no request line yet: fresh, or kept alive */
	CONN_BUSY,    /* a request is read, handled or answered */
	CONN_WAITING, /* suspended: a job has it */
};

/* Who may resume a suspended connection: exactly one of its job and whoever cannot wait for that. */
enum conn_wait {
	WAIT_NONE,
	WAIT_SUSPENDED,
	WAIT_WOKEN,     /* by its job */
	WAIT_ABANDONED, /* by the sweep or the stopping server: the job still holds the request, and ends it when it wakes
	                   it */
};

enum conn_stage {
	STAGE_HEADERS, /* the next call of the handler is the first */
	STAGE_BODY,
	STAGE_RUNNING,
	STAGE_REPLIED,
	STAGE_FAILED, /* no memory for an answer: the connection is closed without one */
};

struct http_conn {
	struct http_server *server;
	struct MHD_Connection *mhd;
	int fd;
	struct http_conn *prev, *next; /* server->lock */
	uint8_t peer[16];
	atomic_uint refs; /* the library's, and one of a job whose request was abandoned */

	/* Stored by the worker, looked at by the sweep (conn.c). */
	_Atomic int64_t deadline; /* milliseconds times two; odd: the first byte of the next request has come */
	_Atomic enum conn_phase phase;
	_Atomic enum conn_wait wait;
	/* The sweep's own: what had been received when it first saw this idle deadline. */
	int64_t idle_deadline;
	uint64_t idle_bytes;

	/* The request. */
	enum conn_stage stage;
	bool has_request;
	bool extended;          /* it waited: its deadline is twice as far */
	bool waiting;           /* between request_wait and the worker's next call */
	const char *raw_target; /* where the library parsed it: compared, never read */
	struct framing_header headers[FRAMING_HEADERS_MAX];
	size_t header_count;
	struct buf body;
	size_t body_max;
	uint64_t body_seen;
	int refusal; /* status that the final call answers; 0: none */
	const char *refusal_code;
	unsigned allow; /* methods of the path, for a 405 */
	handler_fn *then;
	void *room;            /* of the function that runs or waits */
	int status;            /* of the answer; 0: none yet */
	struct stream *stream; /* a reference, where the answer is one; server->lock */
	struct request req;
};

struct http_server {
	struct http_options o;
	char *name, *base_path, *address;
	struct MHD_Daemon *daemon;
	atomic_bool starting; /* the library's messages are errors, not noise */

	/* server.c: accepting */
	int listen_fd, wake_fd;
	pthread_t acceptor;
	bool accepting;
	atomic_bool draining; /* answers say Connection: close */
	atomic_bool stopping; /* idle connections end */

	/* conn.c: open connections */
	pthread_mutex_t lock;
	pthread_cond_t closed; /* one has gone */
	struct http_conn *conns;
	atomic_uint accepted; /* given to the library, not closed yet */
	struct timer sweep;
	int64_t sweep_ms;
	bool timing; /* the sweep is set */

	/* access.c */
	_Atomic(struct metric *) *status_counters; /* one row a route, one for "none" */
	struct metric *seconds, *open, *cut, *over_limit;
};

/* conn.c */
void conn_notify(void *server, struct MHD_Connection *mhd, void **socket_context,
                 enum MHD_ConnectionNotificationCode code);
struct http_conn *conn_of(struct MHD_Connection *mhd);
void conn_request_begins(struct http_conn *c);
void conn_request_ends(struct http_conn *c);
void conn_request_waits(struct http_conn *c);
void conn_unref(struct http_conn *c);
/* Of an answer that goes on: none, the request's from now on, over at once. */
void conn_without_deadline(struct http_conn *c);
void conn_deadline_again(struct http_conn *c);
void conn_cut(struct http_conn *c);
enum err conns_start(struct http_server *s);
/* All idle ones end once what they already sent is answered, and so do streams. */
void conns_end_idle(struct http_server *s);
/* Waits until none is left; false when the time is over. */
bool conns_wait(struct http_server *s, int64_t timeout_ms);
/* Wakes what waits, with 503, and reads no more from anybody. hard: nothing is sent either. */
void conns_abandon(struct http_server *s, bool hard);

/* request.c: the library's callbacks */
void *request_on_target(void *server, const char *target, struct MHD_Connection *mhd);
enum MHD_Result request_on_data(void *server, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *data, size_t *data_size, void **con_cls);
void request_on_completed(void *server, struct MHD_Connection *mhd, void **con_cls,
                          enum MHD_RequestTerminationCode how);
size_t request_unescape(void *server, struct MHD_Connection *mhd, char *text);

/* stream.c: the request is over; gives back the connection's reference. */
void stream_detach(struct stream *s);

/* reply.c: queues it with the usual headers and lets go of it; NULL is out of memory. */
void reply_response(struct request *req, int status, struct MHD_Response *response, const char *content_type,
                    const struct header *headers, size_t count);
/* 503; of the request, which its job still holds, the id alone is used. */
void reply_abandoned(struct http_conn *c);

/* library_answers.c: queues past our own definition of the library's function. */
enum MHD_Result library_queue(struct MHD_Connection *mhd, unsigned status, struct MHD_Response *response);

/* access.c */
enum err access_init(struct http_server *s);
void access_done(struct http_conn *c);
void access_refused(struct http_conn *c, const char *why);
void access_library(void *server, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* 20 characters that no other request of any process has. */
void request_id_new(char out[static REQUEST_ID_LEN + 1]);
int64_t now_mono_us(void);
