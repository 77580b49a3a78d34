/* ingest.h - rows of one request into the store, answered when they are durable. */
#pragma once
#include "http/reply.h"
#include "segment/body.h"
#include "segment/segment.h"

/* What a request's rows live in; made by ingest_new, given to ingest_start or ingest_drop. */
struct ingest;
/* NULL: out of memory, answered. */
struct ingest *ingest_new(struct request *req, struct segment *s);
/* A reader for the body, over the ingest's own memory. */
struct event_reader ingest_reader(struct ingest *in, const struct request *req);
/* Writes and answers 200 {"success":true}; 429 where too much waits already. Takes the ingest. */
void ingest_start(struct ingest *in, const struct body *body);
void ingest_drop(struct ingest *in);

/* Takes count of the places for events that wait for the store; false: none left. */
bool ingest_reserve(struct segment *s, size_t count);
void ingest_release(struct segment *s, size_t count);
/* After a commit: counted, and the queue set going. */
void ingest_count(struct segment *s, const struct segment_added *added);
/* Any site may send to the tracking API: the key in the request is all that counts, and no cookie is read. */
extern const struct header allow_any_origin[1];
