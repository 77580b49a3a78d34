/* demand.c - see demand.h. */
#include "authz/demand.h"

#include "http/request.h"

const struct feature demand_any_license = {
    .name = NULL,
    .has_default = true,
    .named = {[STATE_EVALUATION] = true, [STATE_ACTIVE] = true, [STATE_GRACE] = true, [STATE_CANCELLED_PENDING] = true},
    .by_state = {[STATE_EVALUATION] = VERDICT_ALLOW,
                 [STATE_ACTIVE] = VERDICT_ALLOW,
                 [STATE_GRACE] = VERDICT_ALLOW,
                 [STATE_CANCELLED_PENDING] = VERDICT_ALLOW},
    .by_default = VERDICT_DENY,
};

struct parse {
	struct demand d;
	unsigned seen;
	bool bad;
};

/* One of two words; the second one sets the flag. */
static void choose(struct parse *p, struct str value, const char *plain, const char *flagged, bool *flag)
{
	*flag = str_eqz(value, flagged);
	if (!*flag && !str_eqz(value, plain))
		p->bad = true;
}

static bool take(void *arg, struct str name, struct str value)
{
	struct parse *p = arg;
	unsigned bit = 0;
	if (str_eqz(name, "token")) {
		bit = 1;
		p->d.forge = str_eqz(value, "forge");
		if (!p->d.forge)
			choose(p, value, "page", "context", &p->d.context);
	} else if (str_eqz(name, "license")) {
		bit = 2;
		choose(p, value, "any", "required", &p->d.required);
	} else if (str_eqz(name, "feature")) {
		bit = 4;
		p->d.feature_name = value;
		p->bad = p->bad || value.len == 0;
	}
	if (bit == 0 || p->seen & bit)
		p->bad = true;
	p->seen |= bit;
	return true;
}

const char *demand_parse(struct arena *a, struct str query, const struct features *features, struct demand *ret)
{
	struct parse p = {.d = {.feature_name = STR("")}};
	if (query.ptr && query.len && !query_each(a, query, take, &p))
		return "out_of_memory";
	if (p.bad)
		return "bad_policy";
	if (p.d.feature_name.len) {
		p.d.feature = features_find(features, p.d.feature_name);
		if (!p.d.feature)
			return "unknown_feature";
	}
	*ret = p.d;
	return NULL;
}
