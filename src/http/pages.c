/* pages.c - see pages.h.
 *
 * The library asks for bytes on the connection's worker (fill), and only while the request lives; the reader is freed
 * with the response, which may be a moment later: it must not look at the request then. */
#include "http/pages.h"

#include <stdlib.h>
#include <string.h>

#include "http/conn.h"

enum { BLOCK_BYTES = 16 * 1024 };

struct reader {
	struct pages pages;
	struct http_conn *conn;
	struct arena memory[2]; /* of the page before and of this one, by turns */
	int turn;
	struct buf text;
	size_t taken;
	bool more;
};

static enum err read_next(struct reader *r)
{
	struct arena *memory = &r->memory[r->turn ^= 1];
	arena_release(memory);
	arena_init(memory, r->pages.memory_max);
	r->text.len = r->taken = 0;
	r->more = false;
	enum err err = r->pages.next(r->pages.state, memory, &r->text, &r->more);
	return err == OK ? r->text.err : err;
}

static ssize_t fill(void *reader, uint64_t position, char *out, size_t room)
{
	(void)position;
	struct reader *r = reader;
	conn_deadline_again(r->conn);
	while (r->taken == r->text.len && r->more)
		if (read_next(r) != OK)
			return MHD_CONTENT_READER_END_WITH_ERROR;
	const size_t left = r->text.len - r->taken, n = left < room ? left : room;
	if (n == 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	memcpy(out, r->text.data + r->taken, n);
	r->taken += n;
	return (ssize_t)n;
}

static void reader_free(void *reader)
{
	struct reader *r = reader;
	arena_release(&r->memory[0]);
	arena_release(&r->memory[1]);
	buf_wipe(&r->text);
	free(r);
}

static struct reader *reader_new(struct http_conn *c, const struct pages *p)
{
	struct reader *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->pages = *p;
	r->conn = c;
	r->text = BUF_INIT(p->page_max);
	arena_init(&r->memory[0], p->memory_max);
	arena_init(&r->memory[1], p->memory_max);
	return r;
}

void reply_pages(struct request *req, const struct pages *p)
{
	struct reader *r = reader_new(req->conn, p);
	const enum err err = r ? read_next(r) : ERR_NOMEM;
	if (err != OK || !r->more || req->method == METHOD_HEAD) {
		if (err != OK)
			reply_err(req, err);
		else
			reply(req, 200, p->content_type, r->more ? STR("") : buf_text(&r->text), p->headers, p->header_count);
		if (r)
			reader_free(r);
		return;
	}
	struct MHD_Response *response =
	    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, fill, r, reader_free);
	if (!response)
		reader_free(r);
	reply_response(req, 200, response, p->content_type, p->headers, p->header_count);
}
