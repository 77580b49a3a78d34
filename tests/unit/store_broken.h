/* store_broken.h - a store in which one table cannot be read or written for as long as a test wants: a real failure of
 * the database in the middle of a job, which heals without a restart. */
#pragma once
#include "store/store.h"

enum broken_table { BROKEN_USERS, BROKEN_CHOICES, BROKEN_EVENTS };
void store_break(struct store *store, enum broken_table table);
void store_mend(struct store *store, enum broken_table table);
