/* sales_row.h - a sale out of a query's row, for the verbs that read market_sales. Of the store's room alone. */
#pragma once
#include "store/books.h"
#include "store/sql.h"

/* Columns 0 to 18 in the order of SALE_COLUMNS (books.c), up to original_id; further ones are the caller's. a NULL:
 * texts are borrowed until the next row. */
struct market_sale sale_of_row(struct rows *r, struct arena *a);
