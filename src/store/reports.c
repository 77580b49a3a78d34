/* reports.c - verbs of the reports on personal data: whose turn it is. Rows come with a tenant's first user (users.c).
 */
#include "base/cleanup.h"
#include "store/sql.h"

enum err store_reports_due(struct store_tx *tx, int64_t now, size_t max, struct arena *a, struct report_row **ret,
                           size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT client_key, next_at, after_account FROM reports WHERE next_at <= $1 "
	              "ORDER BY next_at, client_key LIMIT $2",
	              V_INT(now), V_INT(max));
	struct row_list list = {.arena = a, .item_size = sizeof(struct report_row)};
	while (rows_next(&r)) {
		struct report_row *row = row_list_add(&list, &r);
		if (row)
			*row = (struct report_row){
			    .client_key = row_text(&r, 0, a), .next_at = row_int(&r, 1), .after_account = row_text(&r, 2, a)};
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct report_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_report_set(struct store_tx *tx, const struct report_row *row)
{
	return sql_run_one(tx, ERR_NOT_FOUND, "UPDATE reports SET next_at = $1, after_account = $2 WHERE client_key = $3",
	                   V_INT(row->next_at), V_Z(row->after_account), V_Z(row->client_key));
}
