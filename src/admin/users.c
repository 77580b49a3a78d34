/* users.c - the admin API's view of a tenant's accounts: when they were seen, who holds a seat. */
#include "admin/csv.h"
#include "admin/params.h"
#include "admin/parts.h"
#include "base/cleanup.h"
#include "base/jsonw.h"

enum { CSV_MAX = 512 * 1024 * 1024, USERS_ARENA_MAX = 256 * 1024 * 1024 };

struct users {
	struct str client_key;
	struct arena *arena;
	struct user_row *at;
	size_t count;
};

static enum err users_read(struct store_tx *tx, void *arg)
{
	struct users *u = arg;
	return store_user_list(tx, u->client_key, u->arena, &u->at, &u->count);
}

static void users_csv(struct buf *out, const struct users *u)
{
	struct csv c = csv(out);
	csv_header(&c, "account_id,first_seen,last_seen,seat_at,active");
	for (size_t i = 0; i < u->count; i++) {
		csv_z(&c, u->at[i].account_id);
		csv_time(&c, u->at[i].first_seen);
		csv_time(&c, u->at[i].last_seen);
		csv_time(&c, u->at[i].seat_at);
		csv_bool(&c, !u->at[i].deactivated);
		csv_end_row(&c);
	}
}

/* Users come in account_id order; a page starts after the cursor's account. */
static void users_json(struct jsonw *w, const struct users *u, struct str after, size_t limit)
{
	size_t i = 0, written = 0;
	while (i < u->count && after.len > 0 && str_cmp(str_of(u->at[i].account_id), after) <= 0)
		i++;
	jw_obj(w);
	jw_key(w, "users");
	jw_arr(w);
	for (; i < u->count && written < limit; i++, written++) {
		jw_obj(w);
		jw_kz(w, "account_id", u->at[i].account_id);
		jw_ktime(w, "first_seen", u->at[i].first_seen);
		jw_ktime(w, "last_seen", u->at[i].last_seen);
		jw_ktime(w, "seat_at", u->at[i].seat_at);
		jw_kbool(w, "active", !u->at[i].deactivated);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	if (i < u->count && written > 0) {
		__cleanup_buf struct buf cursor = BUF_INIT(CURSOR_TEXT_MAX);
		cursor_write(&cursor, str_of(u->at[i - 1].account_id));
		jw_kstr(w, "next", buf_text(&cursor));
	}
	jw_end_obj(w);
}

void admin_tenant_users(struct request *req, void *room)
{
	const struct admin *a = room;
	struct list_params p;
	struct str after = {0};
	if (!list_params_read(req, &p))
		return;
	if (!cursor_read(&req->arena, p.cursor, &after)) {
		reply_problem(req, 400, "bad_request", CURSOR_WRONG, NULL, 0);
		return;
	}
	const struct tenant *t = tenant_of_path(req, a);
	if (!t)
		return;
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, USERS_ARENA_MAX);
	struct users u = {.client_key = t->client_key, .arena = &arena};
	enum err err = store_read(a->connect->store, users_read, &u);
	__cleanup_buf struct buf out = BUF_INIT(CSV_MAX);
	if (err == OK && p.csv) {
		users_csv(&out, &u);
		reply_csv(req, "users", &out);
		return;
	}
	struct jsonw w = jsonw(&out);
	users_json(&w, &u, after, p.limit);
	reply_json_or_err(req, err, &out);
}
