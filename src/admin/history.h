/* history.h - how many tenants were in which state, day by day, for the operator's charts.
 *
 * Counted shortly after the start and every hour; a day keeps its last count. Names are licence states, of tenants that
 * are not uninstalled, and "uninstalled". */
#pragma once
#include "connect/connect.h"

enum { HISTORY_NAMES = STATE_COUNT + 1 };
struct state_counts {
	int64_t by_name[HISTORY_NAMES]; /* by licence state; last: uninstalled */
	int64_t by_status[TENANT_STATUS_COUNT];
};
const char *history_name(size_t i);
/* Walks over all tenants. */
void states_count(struct tenants *t, struct lookups *l, struct state_counts *ret);

struct history;
enum err history_start(struct connect *c, struct history **ret);
void history_stop(struct history *h); /* before timers and store; accepts NULL */
