/* sql.c - runs statements for the verbs, whatever the back end: values in, rows out, errors that stick.
 *
 * What a verb borrows from a row is only good until the next one; what it keeps it copies into the caller's arena.
 * Thread rule: a transaction belongs to the thread that runs it. */
#include "store/sql.h"

#include <assert.h>
#include <string.h>

struct sql_value sql_value_of_z(const char *z)
{
	return z ? V_STR(str_of(z)) : (struct sql_value){.kind = SQL_NULL};
}

struct sql_value sql_value_of_blob(struct str s)
{
	return s.len ? (struct sql_value){.kind = SQL_BLOB, .bytes = s} : (struct sql_value){.kind = SQL_NULL};
}

/* Answers leave the transaction usable, failures do not. */
static enum err note(struct store_tx *tx, enum err e)
{
	if (e != OK && e != ERR_CONFLICT && e != ERR_NOT_FOUND && e != ERR_INVALID && e != ERR_TOO_LARGE)
		tx->failed = e;
	return e;
}

/* Text with a NUL byte would come back shorter than it went in, and PostgreSQL refuses it. */
static bool holds_nul(const struct sql_value *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (values[i].kind == SQL_TEXT && values[i].bytes.len && memchr(values[i].bytes.ptr, 0, values[i].bytes.len))
			return true;
	return false;
}

struct rows sql_query_values(struct store_tx *tx, const char *text, const struct sql_value *values, size_t count)
{
	struct rows r = {.tx = tx, .err = tx->failed};
	if (r.err == OK && holds_nul(values, count))
		r.err = ERR_INVALID;
	if (r.err == OK)
		r.err = note(tx, tx->sql->start(tx->conn, text, values, count, &r.stmt));
	return r;
}

bool rows_next(struct rows *r)
{
	bool row = false;
	if (r->err == OK)
		r->err = note(r->tx, r->tx->sql->step(r->stmt, &row));
	return r->err == OK && row;
}

void rows_close(struct rows *r)
{
	r->tx->sql->finish(r->stmt);
	r->stmt = NULL;
}

enum err sql_run_values(struct store_tx *tx, int64_t *ret_changed, const char *text, const struct sql_value *values,
                        size_t count)
{
	assert(tx->writable);
	__attribute__((cleanup(rows_close))) struct rows r = sql_query_values(tx, text, values, count);
	while (rows_next(&r))
		;
	if (r.err == OK && ret_changed)
		*ret_changed = tx->sql->changed(r.stmt);
	return r.err;
}

enum err sql_run_one_values(struct store_tx *tx, enum err none, const char *text, const struct sql_value *values,
                            size_t count)
{
	int64_t changed = 0;
	enum err e = sql_run_values(tx, &changed, text, values, count);
	return e == OK && changed == 0 ? none : e;
}

static struct sql_value column(struct rows *r, int column)
{
	struct sql_value v = {.kind = SQL_NULL};
	if (r->err == OK)
		r->err = note(r->tx, r->tx->sql->column(r->stmt, column, &v));
	return r->err == OK ? v : (struct sql_value){.kind = SQL_NULL};
}

const char *row_text(struct rows *r, int col, struct arena *a)
{
	struct sql_value v = column(r, col);
	if (v.kind == SQL_NULL)
		return NULL;
	if (!a)
		return v.bytes.ptr;
	const char *copy = arena_strz(a, v.bytes);
	if (!copy)
		r->err = ERR_NOMEM;
	return copy;
}

struct str row_blob(struct rows *r, int col, struct arena *a)
{
	struct sql_value v = column(r, col);
	if (v.kind == SQL_NULL || !v.bytes.len || !a)
		return v.kind == SQL_NULL ? (struct str){NULL, 0} : v.bytes;
	char *copy = arena_alloc(a, v.bytes.len);
	if (!copy) {
		r->err = ERR_NOMEM;
		return (struct str){NULL, 0};
	}
	memcpy(copy, v.bytes.ptr, v.bytes.len);
	return (struct str){copy, v.bytes.len};
}

int64_t row_int(struct rows *r, int col)
{
	return column(r, col).num;
}

bool row_bool(struct rows *r, int col)
{
	return row_int(r, col) != 0;
}

void *row_list_add(struct row_list *list, struct rows *r)
{
	if (list->count == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 16;
		char *items = arena_alloc(list->arena, cap * list->item_size);
		if (!items) {
			r->err = ERR_NOMEM;
			return NULL;
		}
		if (list->count)
			memcpy(items, list->items, list->count * list->item_size);
		list->items = items;
		list->cap = cap;
	}
	void *item = list->items + list->count++ * list->item_size;
	memset(item, 0, list->item_size);
	return item;
}
