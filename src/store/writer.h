/* writer.h - the one thread that writes. Of the store's room alone. */
#pragma once
#include "store/sql.h"

struct writer;
struct writer_options {
	const struct sql_backend *sql;
	const struct sql_target *target; /* must outlive the writer */
	const struct clock *clock;
	unsigned queue_max;
};
/* Takes the connection over, on success alone. */
enum err writer_new(const struct writer_options *o, struct sql_conn *conn, struct writer **ret);
void writer_free(struct writer *w); /* commits what is queued; accepts NULL */
enum err writer_submit(struct writer *w, struct store_job *job);
enum err writer_healthy(struct writer *w);
int64_t writer_depth(struct writer *w);
void writer_watch(struct writer *w, void (*fn)(void *arg), void *arg);
/* Reads on the writer's own connection, between two groups. */
enum err writer_read(struct writer *w, enum err (*fn)(struct store_tx *, void *arg), void *arg);
