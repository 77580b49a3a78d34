/* choices.c - verbs of what tenants' administrators chose. */
#include "base/cleanup.h"
#include "store/sql.h"

#define CHOICE_COLUMNS "client_key, feature, value, at"

static struct choice_row read_choice(struct rows *r, struct arena *a)
{
	return (struct choice_row){row_text(r, 0, a), row_text(r, 1, a), row_text(r, 2, a), row_int(r, 3)};
}

enum err store_choice_put(struct store_tx *tx, const struct choice_row *c)
{
	return sql_run(tx, NULL,
	               "INSERT INTO choices (" CHOICE_COLUMNS ") VALUES ($1, $2, $3, $4) "
	               "ON CONFLICT (client_key, feature) DO UPDATE SET value = excluded.value, at = excluded.at",
	               V_Z(c->client_key), V_Z(c->feature), V_Z(c->value), V_INT(c->at));
}

enum err store_choice_list(struct store_tx *tx, struct str client_key, struct arena *a, struct choice_row **ret,
                           size_t *ret_count)
{
	__cleanup(rows_close) struct rows r = sql_query(
	    tx, "SELECT " CHOICE_COLUMNS " FROM choices WHERE client_key = $1 ORDER BY feature", V_STR(client_key));
	struct row_list list = {.arena = a, .item_size = sizeof(struct choice_row)};
	while (rows_next(&r)) {
		struct choice_row *choice = row_list_add(&list, &r);
		if (choice)
			*choice = read_choice(&r, a);
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct choice_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_choice_each(struct store_tx *tx, enum err (*fn)(void *arg, const struct choice_row *), void *arg)
{
	__cleanup(rows_close) struct rows r =
	    sql_query_values(tx, "SELECT " CHOICE_COLUMNS " FROM choices ORDER BY client_key, feature", NULL, 0);
	while (rows_next(&r)) {
		struct choice_row row = read_choice(&r, NULL);
		enum err e = r.err == OK ? fn(arg, &row) : r.err;
		if (e != OK)
			return e;
	}
	return r.err;
}
