/* tenants_args.c - one table of verbs, one of options; which option belongs to which verb stands in the table. */
#include "tenants_args.h"

#include <stdio.h>
#include <string.h>

#include "admin/params.h"

#define VERB(v) (1u << (v))

static const struct {
	const char *name;
	enum tenants_verb verb;
	bool key;
} verbs[] = {
    {"list", TENANTS_LIST, false},      {"show", TENANTS_SHOW, true},         {"export", TENANTS_EXPORT, false},
    {"refresh", TENANTS_REFRESH, true}, {"override", TENANTS_OVERRIDE, true},
};

struct option {
	const char *name;
	unsigned verbs;
	bool flag; /* takes no value */
	size_t offset;
};
#define TEXT(name, member, verbs)                                                                                      \
	{                                                                                                                  \
		name, verbs, false, offsetof(struct tenants_args, member)                                                      \
	}
#define FLAG(name, member, verbs)                                                                                      \
	{                                                                                                                  \
		name, verbs, true, offsetof(struct tenants_args, member)                                                       \
	}

static const struct option options[] = {
    TEXT("--query", query, VERB(TENANTS_LIST) | VERB(TENANTS_EXPORT)),
    TEXT("--state", state, VERB(TENANTS_LIST) | VERB(TENANTS_EXPORT) | VERB(TENANTS_OVERRIDE)),
    TEXT("--cursor", cursor, VERB(TENANTS_LIST)),
    TEXT("--until", until, VERB(TENANTS_OVERRIDE)),
    TEXT("--reason", reason, VERB(TENANTS_OVERRIDE)),
    TEXT("--by", by, VERB(TENANTS_OVERRIDE)),
    FLAG("--contacts", contacts, VERB(TENANTS_SHOW)),
    FLAG("--end", end, VERB(TENANTS_OVERRIDE)),
    FLAG("--json", json, VERB(TENANTS_LIST) | VERB(TENANTS_SHOW) | VERB(TENANTS_REFRESH)),
};

static const struct option *option_find(const char *name)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (!strcmp(options[i].name, name))
			return &options[i];
	return NULL;
}

/* Takes the option at argv[*at], and its value. */
static bool option_take(int argc, char **argv, int *at, struct tenants_args *a, char *why, size_t why_size)
{
	const char *name = argv[*at];
	bool limit = !strcmp(name, "--limit") && a->verb == TENANTS_LIST;
	const struct option *o = option_find(name);
	if (!limit && (!o || !(o->verbs & VERB(a->verb)))) {
		snprintf(why, why_size, "does not take \"%s\" here", name);
		return false;
	}
	if (o && o->flag) {
		*(bool *)((char *)a + o->offset) = true;
		return true;
	}
	if (*at + 1 == argc) {
		snprintf(why, why_size, "%s needs a value", name);
		return false;
	}
	const char *value = argv[++*at];
	if (!limit) {
		*(const char **)((char *)a + o->offset) = value;
		return true;
	}
	if (limit_parse(str_of(value), &a->limit))
		return true;
	snprintf(why, why_size, "--limit is 1 to %d", LIST_LIMIT_MAX);
	return false;
}

static bool complete(const struct tenants_args *a, char *why, size_t why_size)
{
	bool said = a->state || a->until || a->reason || a->by;
	bool all = a->state && a->until && a->reason && a->by;
	if (a->verb != TENANTS_OVERRIDE || (a->end ? !said : all))
		return true;
	snprintf(why, why_size, "override needs --state, --until, --reason and --by, or --end alone");
	return false;
}

bool tenants_args_parse(int argc, char **argv, struct tenants_args *ret, char *why, size_t why_size)
{
	struct tenants_args a = {.verb = TENANTS_LIST};
	int at = 1;
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			*ret = (struct tenants_args){.verb = TENANTS_HELP};
			return true;
		}
	if (at < argc && argv[at][0] != '-') {
		size_t v = 0, count = sizeof(verbs) / sizeof(verbs[0]);
		while (v < count && strcmp(verbs[v].name, argv[at]) != 0)
			v++;
		if (v == count) {
			snprintf(why, why_size, "has no verb \"%s\"", argv[at]);
			return false;
		}
		a.verb = verbs[v].verb;
		at++;
		if (verbs[v].key) {
			if (at == argc || argv[at][0] == '\0' || argv[at][0] == '-') {
				snprintf(why, why_size, "%s needs a clientKey", verbs[v].name);
				return false;
			}
			a.key = argv[at++];
		}
	}
	for (; at < argc; at++)
		if (!option_take(argc, argv, &at, &a, why, why_size))
			return false;
	if (!complete(&a, why, why_size))
		return false;
	*ret = a;
	return true;
}
