/* stream.h - an answer that goes on: text is sent in pieces for as long as its client listens (server-sent events).
 *
 * The request's deadline does not count while a stream lives; a stopping server ends it, and so does a client that
 * reads too slowly: what waits for it is bounded. Nothing blocks, no thread is used: a connection without text to send
 * is suspended. That a client has gone shows only when something is sent, so send now and then. */
#pragma once
#include "base/str.h"
#include "http/reply.h"

struct stream;

/* Answers 200 and returns the stream, counted for the caller, who gives it back with stream_unref. NULL: answered with
 * an error instead (out of memory, stopping), or a HEAD request. pending_max: bytes that may wait for the client. */
struct stream *reply_stream(struct request *req, const char *content_type, size_t pending_max);
/* Any thread. False: it has ended, by whichever side; also where this text was too much for it. */
bool stream_send(struct stream *s, struct str text);
/* What was sent before still goes out. Any thread. */
void stream_end(struct stream *s);
void stream_unref(struct stream *s); /* accepts NULL; does not end it */
