/* users.c - see users.h. Writer thread. */
#include "license/users.h"

#include "base/cleanup.h"
#include "base/jsonw.h"
#include "events/journal.h"
#include "license/lookup_internal.h"

enum { ROW_ARENA = 8 * 1024, NEEDLE_MAX = 4096 };

/* account_id or reason may be NULL. */
static enum err journal_user(struct store_tx *tx, const struct user_news *n, const char *type, const char *account_id,
                             const char *reason)
{
	const struct event_field fields[] = {EF_Z("account_id", account_id), EF_Z("reason", reason)};
	const struct event e = {.type = type,
	                        .tenant = n->tenant->client_key,
	                        .source = n->source,
	                        .at = n->at,
	                        .once = n->once,
	                        .fields = fields,
	                        .field_count = 2};
	return journal_add(tx, &e);
}

static enum err get(struct store_tx *tx, const struct user_news *n, struct arena *a, struct user_row *ret)
{
	arena_init(a, ROW_ARENA);
	return store_user_get(tx, n->tenant->client_key, n->account_id, a, ret);
}

/* One that is there already may hold a seat: that stays as it is. */
enum err user_added(struct store_tx *tx, const struct user_news *n)
{
	__cleanup(arena_release) struct arena a;
	struct user_row row;
	enum err err = get(tx, n, &a, &row);
	if (err == ERR_NOT_FOUND)
		row = (struct user_row){.client_key = n->tenant->client_key.ptr,
		                        .account_id = n->account_id.ptr,
		                        .first_seen = n->at,
		                        .last_seen = n->at};
	else if (err != OK)
		return err;
	row.updated_at = n->at;
	row.removed_at = 0;
	row.deactivated = false;
	err = store_user_put(tx, &row);
	return err == OK ? journal_user(tx, n, "user.added", n->account_id.ptr, NULL) : err;
}

enum err user_updated(struct lookups *l, struct store_tx *tx, const struct user_news *n, bool deactivated)
{
	__cleanup(arena_release) struct arena a;
	struct user_row row;
	enum err err = get(tx, n, &a, &row);
	if (err != OK || row.removed_at)
		return err == ERR_NOT_FOUND ? OK : err;
	row.updated_at = n->at;
	row.deactivated = deactivated;
	if (deactivated)
		err = seat_leave(l, tx, n->tenant, &row, "deactivated", n->at);
	return err == OK ? store_user_put(tx, &row) : err;
}

enum err user_left(struct lookups *l, struct store_tx *tx, const struct user_news *n)
{
	__cleanup(arena_release) struct arena a;
	struct user_row row;
	enum err err = get(tx, n, &a, &row);
	if (err != OK || row.removed_at)
		return err == ERR_NOT_FOUND ? OK : err;
	err = seat_leave(l, tx, n->tenant, &row, "user_removed", n->at);
	row.updated_at = row.removed_at = n->at;
	if (err == OK)
		err = store_feedback_forget(tx, n->tenant->client_key, n->account_id);
	if (err == OK)
		err = store_user_put(tx, &row);
	return err == OK ? journal_user(tx, n, "user.removed", n->account_id.ptr, NULL) : err;
}

enum err user_refreshed(struct store_tx *tx, const struct user_news *n)
{
	__cleanup(arena_release) struct arena a;
	struct user_row row;
	enum err err = get(tx, n, &a, &row);
	if (err != OK)
		return err == ERR_NOT_FOUND ? OK : err;
	row.updated_at = n->at;
	return store_user_put(tx, &row);
}

/* The member as journal.c writes it, always behind others. */
static enum err cut_from_journal(struct store_tx *tx, const struct user_news *n)
{
	__cleanup_buf struct buf member = BUF_INIT(NEEDLE_MAX);
	struct jsonw w = jsonw(&member);
	buf_char(&member, ',');
	jw_kstr(&w, "account_id", n->account_id);
	return member.err == OK ? store_events_cut(tx, n->tenant->client_key, buf_text(&member)) : member.err;
}

enum err user_erase(struct lookups *l, struct store_tx *tx, const struct user_news *n)
{
	__cleanup(arena_release) struct arena a;
	struct user_row row;
	enum err err = get(tx, n, &a, &row);
	if (err != OK)
		return err == ERR_NOT_FOUND ? OK : err;
	const bool had_access = row.removed_at == 0;
	err = seat_leave(l, tx, n->tenant, &row, "account_closed", n->at);
	if (err == OK)
		err = store_feedback_forget(tx, n->tenant->client_key, n->account_id);
	if (err == OK)
		err = cut_from_journal(tx, n);
	if (err == OK)
		err = store_user_delete(tx, n->tenant->client_key, n->account_id);
	return err == OK && had_access ? journal_user(tx, n, "user.removed", NULL, "account_closed") : err;
}

enum err user_known(struct store_tx *tx, struct str client_key, const char *account_id, int64_t at)
{
	__cleanup(arena_release) struct arena a;
	struct user_row row;
	arena_init(&a, ROW_ARENA);
	enum err err = store_user_get(tx, client_key, str_of(account_id), &a, &row);
	if (err != ERR_NOT_FOUND)
		return err;
	row = (struct user_row){
	    .client_key = client_key.ptr, .account_id = account_id, .first_seen = at, .last_seen = at, .updated_at = at};
	return store_user_put(tx, &row);
}
