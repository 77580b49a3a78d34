/* store_broken.c - see store_broken.h. */
#include "store_broken.h"

#include "store/sql.h"
#include "test.h"

static const char *const away[] = {[BROKEN_USERS] = "ALTER TABLE users RENAME TO users_away",
                                   [BROKEN_CHOICES] = "ALTER TABLE choices RENAME TO choices_away",
                                   [BROKEN_EVENTS] = "ALTER TABLE events RENAME TO events_away"};
static const char *const back[] = {[BROKEN_USERS] = "ALTER TABLE users_away RENAME TO users",
                                   [BROKEN_CHOICES] = "ALTER TABLE choices_away RENAME TO choices",
                                   [BROKEN_EVENTS] = "ALTER TABLE events_away RENAME TO events"};

static enum err run(struct store_tx *tx, void *text)
{
	return sql_run_values(tx, NULL, *(const char *const *)text, NULL, 0);
}

void store_break(struct store *store, enum broken_table table)
{
	const char *text = away[table];
	assert_int_equal(store_write(store, run, &text), OK);
}

void store_mend(struct store *store, enum broken_table table)
{
	const char *text = back[table];
	assert_int_equal(store_write(store, run, &text), OK);
}
