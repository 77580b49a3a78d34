/* err.c - the texts of the error list. One table (ERR_TABLE) drives name, text and HTTP status, so that a new error
 * cannot be forgotten in one of them. */
#include "base/err.h"

#include <stddef.h>

static const struct {
	const char *name, *text;
	int status;
} rows[] = {[OK] = {"OK", "done", 200},
#define X(name, text, status) [name] = {#name, text, status},
            ERR_TABLE(X)
#undef X
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* A number outside the list is a bug somewhere; it reads as the worst error rather than as none. */
static size_t row_of(enum err err)
{
	return (size_t)err < ROWS ? (size_t)err : ERR_INTERNAL;
}

const char *err_name(enum err err)
{
	return rows[row_of(err)].name;
}

const char *err_text(enum err err)
{
	return rows[row_of(err)].text;
}

int err_status(enum err err)
{
	return rows[row_of(err)].status;
}
