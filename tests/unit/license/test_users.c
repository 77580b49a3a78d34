/* test_users.c - accounts that come, change, leave and are erased; what tenants choose, in force over a restart. */
#include <stdio.h>
#include <string.h>

#include "license/answer.h"
#include "license/choices.h"
#include "license/license_fixture.h"
#include "license/users.h"
#include "store_block.h"
#include "store_broken.h"

enum deed { ADD, UPDATE, DEACTIVATE, LEAVE, ERASE };

struct act {
	struct fixture *f;
	enum deed what;
	const char *account;
};

static enum err act_run(struct store_tx *tx, void *arg)
{
	const struct act *a = arg;
	static int serial;
	char once[16];
	(void)snprintf(once, sizeof once, "%d", ++serial);
	const struct user_news n = {.tenant = tenant(a->f, "acme"),
	                            .account_id = str_of(a->account),
	                            .source = "webhook",
	                            .once = str_of(once),
	                            .at = a->f->clock.wall};
	switch (a->what) {
	case ADD:
		return user_added(tx, &n);
	case UPDATE:
	case DEACTIVATE:
		return user_updated(a->f->lookups, tx, &n, a->what == DEACTIVATE);
	case LEAVE:
		return user_left(a->f->lookups, tx, &n);
	case ERASE:
	default:
		return user_erase(a->f->lookups, tx, &n);
	}
}

static void act(struct fixture *f, enum deed what, const char *account)
{
	struct act a = {f, what, account};
	assert_int_equal(store_write(f->store, act_run, &a), OK);
}

struct dump {
	char text[1024];
	bool all; /* those who left too */
};

static enum err dump_run(struct store_tx *tx, void *arg)
{
	struct dump *d = arg;
	struct arena a;
	struct user_row *rows = NULL;
	size_t count = 0, used = 0;
	arena_init(&a, 1 << 16);
	enum err err = d->all ? store_account_list(tx, STR("acme"), STR(""), 100, &a, &rows, &count)
	                      : store_user_list(tx, STR("acme"), &a, &rows, &count);
	d->text[0] = '\0';
	for (size_t i = 0; err == OK && i < count; i++)
		used += (size_t)snprintf(d->text + used, sizeof d->text - used, "%s%s%s%s%s", used ? " " : "",
		                         rows[i].account_id, rows[i].seat_at ? "+seat" : "", rows[i].deactivated ? "+off" : "",
		                         rows[i].removed_at ? "+left" : "");
	arena_release(&a);
	return err;
}

/* "ann+seat bob": who has access; all: who is kept. */
static const char *users(struct fixture *f, bool all)
{
	static struct dump d;
	d.all = all;
	stored(f);
	assert_int_equal(store_read(f->store, dump_run, &d), OK);
	return d.text;
}

static bool take(struct fixture *f, const char *account)
{
	bool took = seat_take(f->lookups, tenant(f, "acme"), str_of(account), OVERAGE_NONE);
	stored(f);
	return took;
}

static enum err act_fails(struct fixture *f, enum deed what, const char *account)
{
	struct act a = {f, what, account};
	return store_write(f->store, act_run, &a);
}

/* Nothing of a job that fails is stored or told; asked again, as hosts do, it is done. */
static void test_a_store_that_fails_changes_nobody(void **state)
{
	struct fixture *f = *state;
	act(f, ADD, "ann");
	assert_true(take(f, "ann"));
	static const enum broken_table tables[] = {BROKEN_USERS, BROKEN_EVENTS};
	for (size_t i = 0; i < 2; i++) {
		static const enum deed deeds[] = {LEAVE, DEACTIVATE, ERASE};
		store_break(f->store, tables[i]);
		for (size_t d = 0; d < 3; d++)
			assert_int_equal(act_fails(f, deeds[d], "ann"), ERR_INTERNAL);
		assert_int_equal(act_fails(f, ADD, "bob"), ERR_INTERNAL);
		store_mend(f->store, tables[i]);
		assert_string_equal(users(f, true), "ann+seat");
	}
	assert_string_equal(journal(f, "user.removed"), "");
	assert_string_equal(journal(f, "seat.freed"), "");
	restart(f, 0);
	assert_int_equal(seats_used(tenant(f, "acme")), 1);
	act(f, LEAVE, "ann");
	assert_string_equal(users(f, true), "ann+left");
	assert_int_equal(seats_used(tenant(f, "acme")), 0);
}

static void test_they_come_and_go(void **state)
{
	struct fixture *f = *state;
	act(f, ADD, "ann");
	act(f, ADD, "bob");
	assert_true(take(f, "ann"));
	assert_string_equal(users(f, false), "ann+seat bob");
	act(f, ADD, "ann"); /* told again: the seat stays */
	act(f, UPDATE, "ann");
	act(f, UPDATE, "cy"); /* never heard of: an update adds nobody */
	assert_string_equal(users(f, false), "ann+seat bob");
	act(f, DEACTIVATE, "ann");
	assert_string_equal(users(f, false), "ann+off bob");
	assert_int_equal(seats_used(tenant(f, "acme")), 0);
	act(f, UPDATE, "ann");
	assert_string_equal(users(f, false), "ann bob");
	assert_true(take(f, "bob"));
	act(f, LEAVE, "bob");
	act(f, LEAVE, "bob");
	act(f, LEAVE, "cy");
	act(f, UPDATE, "bob"); /* late news brings nobody back */
	assert_string_equal(users(f, false), "ann");
	assert_string_equal(users(f, true), "ann bob+left");
	assert_int_equal(seats_used(tenant(f, "acme")), 0);
	act(f, ADD, "bob");
	assert_string_equal(users(f, false), "ann bob");
	act(f, LEAVE, "ann");
	user_seen(f->lookups, tenant(f, "acme"), STR("ann")); /* who comes in has access */
	assert_string_equal(users(f, false), "ann bob");
	assert_string_equal(journal(f, "user.added"), "user.added -; user.added -; user.added -; user.added -");
	assert_string_equal(journal(f, "user.removed"), "user.removed -; user.removed -");
	assert_string_equal(journal(f, "seat.freed"), "seat.freed deactivated; seat.freed user_removed");
}

static enum err names_ann(struct store_tx *tx, void *arg)
{
	struct arena a;
	struct event_row *rows = NULL;
	struct feedback_row *said = NULL;
	size_t count = 0, said_count = 0;
	arena_init(&a, 1 << 16);
	enum err err = store_event_list(tx, 0, STR(""), STR(""), 100, &a, &rows, &count);
	if (err == OK)
		err = store_feedback_list(tx, 0, 100, &a, &said, &said_count);
	for (size_t i = 0; err == OK && i < count; i++)
		*(int *)arg += strstr(rows[i].json, "\"ann\"") != NULL;
	for (size_t i = 0; err == OK && i < said_count; i++)
		*(int *)arg += said[i].account_id && strcmp(said[i].account_id, "ann") == 0;
	arena_release(&a);
	return err;
}

static int traces(struct fixture *f)
{
	int n = 0;
	stored(f);
	assert_int_equal(store_read(f->store, names_ann, &n), OK);
	return n;
}

static enum err ann_says(struct store_tx *tx, void *arg)
{
	const struct feedback_row row = {.client_key = "acme", .account_id = "ann", .message = "hello"};
	(void)arg;
	enum err err = store_feedback_add(tx, &row);
	return err == OK ? user_known(tx, STR("acme"), "ann", 1) : err;
}

static void test_who_is_erased_leaves_no_trace(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(store_write(f->store, ann_says, NULL), OK);
	assert_string_equal(users(f, true), "ann"); /* whose name is kept is known */
	act(f, ADD, "ann");
	act(f, ADD, "ann b");
	assert_true(take(f, "ann"));
	assert_int_equal(traces(f), 2);
	act(f, ERASE, "ann");
	act(f, ERASE, "ann");
	assert_int_equal(traces(f), 0);
	assert_string_equal(users(f, true), "ann b");
	assert_int_equal(seats_used(tenant(f, "acme")), 0);
	assert_string_equal(journal(f, "seat.freed"), "seat.freed account_closed");
	assert_string_equal(journal(f, "user.removed"), "user.removed account_closed");
	/* one that had left is not removed a second time, but erased */
	act(f, LEAVE, "ann b");
	act(f, ERASE, "ann b");
	assert_string_equal(users(f, true), "");
	assert_string_equal(journal(f, "user.removed"), "user.removed account_closed; user.removed -");
	restart(f, 0);
	assert_int_equal(seats_used(tenant(f, "acme")), 0);
}

struct late {
	struct store_job job; /* first: the store hands it back */
	struct act act;
};

static enum err late_run(struct store_job *job, struct store_tx *tx)
{
	return act_run(tx, &((struct late *)job)->act);
}

static void late_done(struct store_job *job, enum err err)
{
	(void)job;
	assert_int_equal(err, OK);
}

static void test_a_seat_freed_after_the_account_was_erased_brings_no_row_back(void **state)
{
	struct fixture *f = *state;
	struct store_block b;
	struct late erase = {.job = {.run = late_run, .done = late_done}, .act = {f, ERASE, "ann"}};
	assert_true(take(f, "ann"));
	store_block(f->store, &b);
	assert_int_equal(store_submit(f->store, &erase.job), OK);
	assert_int_equal(seat_free(f->lookups, tenant(f, "acme"), STR("ann"), "test", NULL, NULL), OK);
	store_unblock(&b);
	assert_string_equal(users(f, true), "");
	assert_int_equal(seats_used(tenant(f, "acme")), 0);
}

/* ---- choices ---- */

static void tell(void *arg, const struct problem *p)
{
	(void)arg;
	print_error("%s: %s\n", p->place, p->text);
}

static struct features *features_of(const char *json)
{
	struct features *f = NULL;
	assert_int_equal(features_parse(str_of(json), "f.json", tell, NULL, &f), OK);
	return f;
}

static const struct choice_row chosen[] = {
    {"acme", "a", "read_only", 1}, {"acme", "b", "deny", 1}, {"acme", "gone", "deny", 1}};

static enum err put_chosen(struct store_tx *tx, void *arg)
{
	(void)arg;
	enum err err = OK;
	for (size_t i = 0; err == OK && i < 3; i++)
		err = store_choice_put(tx, &chosen[i]);
	return err;
}

static void test_choices_limit_what_is_offered_alone(void **state)
{
	struct fixture *f = *state;
	struct features *file =
	    features_of("{\"features\":{\"a\":{\"active\":\"allow\",\"choices\":[\"allow\",\"read_only\"]},"
	                "\"b\":{\"active\":\"allow\",\"choices\":[\"allow\",\"read_only\"]},"
	                "\"c\":{\"active\":\"allow\"},"
	                "\"d\":{\"active\":\"allow\",\"choices\":[\"allow\",\"deny\"]}}}");
	static const enum verdict want[] = {VERDICT_READ_ONLY, VERDICT_ALLOW /* no longer offered */, VERDICT_ALLOW,
	                                    VERDICT_ALLOW};
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(tenant_choice(tenant(f, "acme"), features_at(file, i)), VERDICT_ALLOW);
	struct choices *c = choices_new(chosen, 3);
	assert_non_null(c);
	tenant_choices_set(tenant(f, "acme"), c);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(tenant_choice(tenant(f, "acme"), features_at(file, i)), want[i]);
	assert_int_equal(store_write(f->store, put_chosen, NULL), OK);
	restart(f, 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(tenant_choice(tenant(f, "acme"), features_at(file, i)), want[i]);
	features_free(file);
}

static void test_who_is_denied_by_choice_takes_no_seat(void **state)
{
	struct fixture *f = *state;
	struct features *file = features_of(
	    "{\"features\":{\"b\":{\"active\":\"allow\",\"seats\":true,\"choices\":[\"allow\",\"read_only\",\"deny\"]}}}");
	const struct license_decision d = {.state = STATE_ACTIVE};
	tenant_choices_set(tenant(f, "acme"), choices_new(&chosen[1], 1));
	struct ruling r = feature_use(f->lookups, features_at(file, 0), tenant(f, "acme"), &d, STR("ann"));
	assert_int_equal(r.verdict, VERDICT_DENY);
	assert_int_equal(r.code, CODE_ADMIN_CHOICE);
	assert_int_equal(seats_used(tenant(f, "acme")), 0);
	tenant_choices_set(tenant(f, "acme"), NULL);
	r = feature_use(f->lookups, features_at(file, 0), tenant(f, "acme"), &d, STR("ann"));
	assert_int_equal(r.verdict, VERDICT_ALLOW);
	assert_int_equal(seats_used(tenant(f, "acme")), 1);
	features_free(file);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_they_come_and_go),
	    T(test_a_store_that_fails_changes_nobody),
	    T(test_who_is_erased_leaves_no_trace),
	    T(test_a_seat_freed_after_the_account_was_erased_brings_no_row_back),
	    T(test_choices_limit_what_is_offered_alone),
	    T(test_who_is_denied_by_choice_takes_no_seat),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
