/* tenants_args.h - the command line of `licgate tenants`, read into plain data. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum tenants_verb { TENANTS_LIST = 0, TENANTS_SHOW, TENANTS_EXPORT, TENANTS_REFRESH, TENANTS_OVERRIDE, TENANTS_HELP };

struct tenants_args {
	enum tenants_verb verb;
	const char *key;                    /* NULL for list, export and help */
	const char *query, *state, *cursor; /* NULL: not given */
	const char *until, *reason, *by;    /* of override; state too */
	size_t limit;                       /* list: 0 = not given */
	bool json, end, contacts;
};
/* False: used wrongly; why is a line for a person. Texts point into argv. */
bool tenants_args_parse(int argc, char **argv, struct tenants_args *ret, char *why, size_t why_size);
