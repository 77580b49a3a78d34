/* feedback.c - verbs of what users wrote to the vendor. */
#include "base/cleanup.h"
#include "store/sql.h"

enum err store_feedback_add(struct store_tx *tx, const struct feedback_row *f)
{
	return sql_run(tx, NULL, "INSERT INTO feedback (client_key, account_id, message, at) VALUES ($1, $2, $3, $4)",
	               V_Z(f->client_key), V_Z(f->account_id), V_Z(f->message), V_INT(f->at));
}

enum err store_feedback_forget(struct store_tx *tx, struct str client_key, struct str account_id)
{
	return sql_run(tx, NULL, "UPDATE feedback SET account_id = NULL WHERE client_key = $1 AND account_id = $2",
	               V_STR(client_key), V_STR(account_id));
}

enum err store_feedback_list(struct store_tx *tx, int64_t before, size_t limit, struct arena *a,
                             struct feedback_row **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r = sql_query(tx,
	                                                "SELECT id, client_key, account_id, message, at FROM feedback "
	                                                "WHERE id < $1 ORDER BY id DESC LIMIT $2",
	                                                V_INT(before ? before : INT64_MAX), V_INT(limit));
	struct row_list list = {.arena = a, .item_size = sizeof(struct feedback_row)};
	while (rows_next(&r)) {
		struct feedback_row *f = row_list_add(&list, &r);
		if (f)
			*f = (struct feedback_row){
			    .id = row_int(&r, 0),
			    .client_key = row_text(&r, 1, a),
			    .account_id = row_text(&r, 2, a),
			    .message = row_text(&r, 3, a),
			    .at = row_int(&r, 4),
			};
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct feedback_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}
