/* readers.h - a pool of connections that read. Of the store's room alone. */
#pragma once
#include "store/sql.h"

struct readers;
/* target must outlive the pool. */
enum err readers_new(const struct sql_backend *sql, const struct sql_target *target, struct readers **ret);
void readers_free(struct readers *r); /* no read under way; accepts NULL */
/* Any thread. Waits for a connection at most the target's busy time: ERR_BUSY. */
enum err readers_read(struct readers *r, enum err (*fn)(struct store_tx *, void *arg), void *arg);
/* Connects once, to tell at start what is wrong with the database. */
enum err readers_try(struct readers *r, struct problem *ret_problem);

/* One read transaction on a connection. ret_usable: whether the connection may be used again. */
enum err read_on(const struct sql_backend *sql, struct sql_conn *conn, int64_t wait_ms,
                 enum err (*fn)(struct store_tx *, void *arg), void *arg, bool *ret_usable);
