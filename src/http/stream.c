/* stream.c - see stream.h.
 *
 * The library asks for bytes on the connection's worker (fill). Where there are none it must be suspended, or it would
 * ask again at once; whoever has text next resumes it. A suspended connection cannot end by itself, so that the handle
 * to resume is good exactly while `suspended` is set. Three may hold a stream: its owner, the library's response, the
 * connection (for the stopping server, under the server's lock). Locks: the library's response lock or the server's
 * list lock, then the stream's, then the library's own. */
#include "http/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "http/conn.h"

enum { BLOCK_BYTES = 4096 };

struct stream {
	atomic_uint refs;
	pthread_mutex_t lock; /* guards all below */
	struct MHD_Connection *mhd;
	struct http_conn *conn; /* NULL once the request is over */
	struct buf pending;
	bool suspended, ended;
};

void stream_unref(struct stream *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	buf_wipe(&s->pending);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Under the lock. */
static void go_on(struct stream *s)
{
	if (!s->suspended)
		return;
	s->suspended = false;
	MHD_resume_connection(s->mhd);
}

static ssize_t fill(void *stream, uint64_t position, char *out, size_t room)
{
	(void)position;
	struct stream *s = stream;
	ssize_t filled = 0;
	pthread_mutex_lock(&s->lock);
	if (s->pending.len > 0) {
		const size_t n = s->pending.len < room ? s->pending.len : room;
		memcpy(out, s->pending.data, n);
		memmove(s->pending.data, s->pending.data + n, s->pending.len - n);
		s->pending.len -= n;
		filled = (ssize_t)n;
	} else if (s->ended) {
		filled = MHD_CONTENT_READER_END_OF_STREAM;
	} else {
		s->suspended = true;
		MHD_suspend_connection(s->mhd);
	}
	pthread_mutex_unlock(&s->lock);
	return filled;
}

static void response_gone(void *stream)
{
	stream_unref(stream);
}

static struct stream *stream_new(struct http_conn *c, size_t pending_max)
{
	struct stream *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	atomic_init(&s->refs, 1);
	pthread_mutex_init(&s->lock, NULL);
	s->mhd = c->mhd;
	s->conn = c;
	s->pending = BUF_INIT(pending_max);
	return s;
}

struct stream *reply_stream(struct request *req, const char *content_type, size_t pending_max)
{
	struct http_conn *c = req->conn;
	if (req->method == METHOD_HEAD) {
		reply_borrowed(req, 200, content_type, STR(""), NULL, 0);
		return NULL;
	}
	struct stream *s = stream_new(c, pending_max);
	if (!s) {
		reply_err(req, ERR_NOMEM);
		return NULL;
	}
	/* From here the stopping server sees it, or it sees the stopping server. */
	pthread_mutex_lock(&c->server->lock);
	atomic_fetch_add(&s->refs, 1);
	c->stream = s;
	pthread_mutex_unlock(&c->server->lock);
	atomic_fetch_add(&s->refs, 1);
	struct MHD_Response *response =
	    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, fill, s, response_gone);
	if (!response)
		stream_unref(s);
	conn_without_deadline(c);
	reply_response(req, 200, response, content_type, NULL, 0);
	if (atomic_load(&c->server->stopping))
		stream_end(s);
	if (c->stage == STAGE_REPLIED)
		return s;
	stream_unref(s);
	return NULL;
}

bool stream_send(struct stream *s, struct str text)
{
	pthread_mutex_lock(&s->lock);
	if (s->conn && !s->ended && text.len > 0) {
		buf_str(&s->pending, text);
		if (s->pending.err != OK) { /* half an event is no use to anybody: the client comes again */
			s->ended = true;
			conn_cut(s->conn);
		}
		go_on(s);
	}
	const bool open = s->conn && !s->ended;
	pthread_mutex_unlock(&s->lock);
	return open;
}

void stream_end(struct stream *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->conn && !s->ended) {
		s->ended = true;
		conn_deadline_again(s->conn);
		go_on(s);
	}
	pthread_mutex_unlock(&s->lock);
}

void stream_detach(struct stream *s)
{
	pthread_mutex_lock(&s->lock);
	assert(!s->suspended);
	s->conn = NULL;
	pthread_mutex_unlock(&s->lock);
	stream_unref(s);
}
