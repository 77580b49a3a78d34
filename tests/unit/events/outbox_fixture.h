/* outbox_fixture.h - an outbox within one transaction that is never committed: endpoints, events, claims and their
 * ends. */
#pragma once
#include "store/deliveries.h"
#include "store/endpoints.h"
#include "store/fixture.h"

enum { NOW = 1000000, LEASE = 27000 };

struct outbox {
	struct fixture fixture;
	struct loan loan;
	struct store_tx *tx;
	struct arena arena;
	int events;
};

int outbox_set_up(void **state);
int outbox_tear_down(void **state);
void endpoint(struct outbox *o, const char *id, const char *const *types, size_t count);
void happens(struct outbox *o, const char *type, const char *tenant);
struct delivery_claim *claim(struct outbox *o, const char *id, const char *owner, int64_t now, size_t max,
                             size_t *ret_count);
void assert_claims(struct outbox *o, const char *id, int64_t now, const char *lanes);
void finish(struct outbox *o, const struct delivery_claim *c, const char *owner, int result, int64_t at);
struct delivery_row row_of(struct outbox *o, int64_t id);
int64_t count(struct outbox *o, const char *status);
