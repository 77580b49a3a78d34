/* row_fields.h - what each member of a report is: one table a report. Of the rows alone. */
#pragma once
#include "market/row.h"

enum type {
	T_KNOWN, /* licgate has no use for it yet */
	T_ID,
	T_TEXT,
	T_DAY,
	T_LOWER, /* one of a list, case aside */
	T_UPPER,
	T_YES,    /* Yes, No, NA, Pending or a boolean */
	T_MONEY,  /* cents */
	T_PEOPLE, /* taken out */
	T_OBJECT
};

struct field {
	struct str name;
	enum type type;
	size_t offset;     /* in struct row */
	const char *alias; /* T_ID: its kind among the aliases; NULL: none */
	const char *const *known;
	const struct field *members; /* T_OBJECT */
	size_t member_count;
};

/* The root: its members are the row's. */
const struct field *row_fields(enum row_kind kind);
/* The member of that name; NULL: licgate does not know it. */
const struct field *row_field(const struct field *of, struct str name);
