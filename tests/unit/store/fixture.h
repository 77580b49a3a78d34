/* fixture.h - what the tests of the store share: a folder of their own, a store in it, and short ways to write. */
#pragma once
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"

/* A write transaction lent to the test's own thread, where cmocka's asserts work; the writer thread waits meanwhile. */
struct loan {
	struct store_job job;
	pthread_mutex_t lock;
	pthread_cond_t turned;
	enum { LOAN_NONE, LOAN_ASKED, LOAN_LENT, LOAN_RETURNED, LOAN_DONE } state;
	struct store_tx *tx;
	enum err back, result;
};
struct store_tx *loan_take(struct loan *l, struct store *s);
/* The job ends with `back`; gives what the store made of it. Nothing lent: nothing happens. */
enum err loan_return(struct loan *l, enum err back);

struct fixture {
	char folder[64];
	char file[96]; /* the database */
	struct clock_manual clock;
	struct store *store; /* NULL until opened */
};
/* A fresh folder; no store yet. */
void fixture_init(struct fixture *f);
void fixture_release(struct fixture *f); /* closes the store, removes the folder */
enum err fixture_open(struct fixture *f, int64_t busy_timeout_ms, bool read_only);
/* Closes and opens again. */
void fixture_reopen(struct fixture *f);

/* An installed tenant with that key and little else. */
struct tenant_row tenant_named(const char *client_key);
enum err put_tenant(struct store *s, const char *client_key);
bool has_tenant(struct store *s, const char *client_key);
size_t count_tenants(struct store *s);
/* The database file is whole, asked through a connection of its own. */
void assert_whole(const char *file);
