/* tenants_print.h - tenants for a terminal. */
#pragma once
#include "admin/list.h"
#include "base/buf.h"

/* Aligned columns, and how to go on when there is more. */
void tenants_print_table(struct buf *out, struct lookups *l, const struct tenant_page *page);
/* A JSON answer on stdout: as it is, or one aligned line a member. False: it is no JSON, or could not be written. */
bool tenants_print_answer(struct str json, bool as_json);
