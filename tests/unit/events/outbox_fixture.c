/* outbox_fixture.c - see outbox_fixture.h. */
#include "outbox_fixture.h"

#include <stdio.h>
#include <string.h>

#include "events/journal.h"

int outbox_set_up(void **state)
{
	static struct outbox o;
	o = (struct outbox){.loan = {.state = LOAN_NONE}};
	fixture_init(&o.fixture);
	arena_init(&o.arena, 1 << 22);
	assert_int_equal(fixture_open(&o.fixture, 1000, false), OK);
	o.tx = loan_take(&o.loan, o.fixture.store);
	*state = &o;
	return 0;
}

int outbox_tear_down(void **state)
{
	struct outbox *o = *state;
	loan_return(&o->loan, ERR_INTERNAL);
	fixture_release(&o->fixture);
	arena_release(&o->arena);
	return 0;
}

void endpoint(struct outbox *o, const char *id, const char *const *types, size_t count)
{
	const struct endpoint_row row = {.id = id,
	                                 .url = "https://hooks.example.com/a",
	                                 .types = types,
	                                 .type_count = count,
	                                 .secret_sealed = STR("\x01\x01kcipher"),
	                                 .created_at = 1};
	assert_int_equal(store_endpoint_put(o->tx, &row), OK);
}

void happens(struct outbox *o, const char *type, const char *tenant)
{
	char once[16];
	snprintf(once, sizeof(once), "%d", ++o->events);
	const struct event e = {.type = type, .tenant = str_of(tenant), .at = NOW, .once = str_of(once)};
	assert_int_equal(journal_add(o->tx, &e), OK);
}

struct delivery_claim *claim(struct outbox *o, const char *id, const char *owner, int64_t now, size_t max,
                             size_t *ret_count)
{
	const struct claiming c = {.endpoint = id, .owner = owner, .now = now, .lease_until = now + LEASE, .max = max};
	struct delivery_claim *list = NULL;
	assert_int_equal(store_deliveries_claim(o->tx, &c, &o->arena, &list, ret_count), OK);
	return list;
}

void assert_claims(struct outbox *o, const char *id, int64_t now, const char *lanes)
{
	size_t count;
	char got[200] = "";
	struct delivery_claim *list = claim(o, id, "me", now, 100, &count);
	for (size_t i = 0; i < count; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "", list[i].lane);
	assert_string_equal(got, lanes);
}

void finish(struct outbox *o, const struct delivery_claim *c, const char *owner, int result, int64_t at)
{
	struct delivery_outcome out = {.id = c->id,
	                               .lease_until = c->lease_until,
	                               .endpoint = "e",
	                               .lane = c->lane,
	                               .owner = owner,
	                               .at = at,
	                               .next_attempt_at = at + 5000,
	                               .status = 500,
	                               .error = "status",
	                               .duration_ms = 7};
	out.result = (__typeof__(out.result))result;
	assert_int_equal(store_delivery_finish(o->tx, &out), OK);
}

struct delivery_row row_of(struct outbox *o, int64_t id)
{
	struct delivery_row row;
	assert_int_equal(store_delivery_get(o->tx, id, &o->arena, &row), OK);
	return row;
}

int64_t count(struct outbox *o, const char *status)
{
	int64_t n;
	assert_int_equal(store_delivery_count(o->tx, STR(""), status, &n), OK);
	return n;
}
