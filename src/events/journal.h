/* journal.h - what happened, in order, in the words of the event catalogue.
 *
 * An event is written in the same transaction as the change it tells of. Its id is a hash of what makes it one event
 * (type, tenant, discriminator), so that telling it twice stores it once. Events carry ids and business facts,
 * never contacts or secrets. */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "store/store.h"

struct event_field {
	const char *name;
	enum { EVENT_TEXT, EVENT_INT, EVENT_BOOL, EVENT_JSON } kind; /* JSON: text is JSON already */
	struct str text;                                             /* of TEXT and JSON; empty: left out */
	int64_t num;                                                 /* of INT and BOOL */
};
#define EF_STR(n, s) ((struct event_field){.name = (n), .text = (s)})
#define EF_Z(n, z) ((struct event_field){.name = (n), .text = str_of(z)})
#define EF_INT(n, i) ((struct event_field){.name = (n), .kind = EVENT_INT, .num = (int64_t)(i)})
#define EF_BOOL(n, b) ((struct event_field){.name = (n), .kind = EVENT_BOOL, .num = (b)})
#define EF_JSON(n, s) ((struct event_field){.name = (n), .kind = EVENT_JSON, .text = (s)})

struct event {
	const char *type;                 /* "tenant.installed": of the catalogue, asserted */
	struct str tenant;                /* empty: null */
	const char *marketplace;          /* NULL: by the tenant's key */
	const char *source;               /* "lifecycle", "lookup", "admin" …; NULL: absent */
	int64_t at;                       /* observed_at, wall ms */
	int64_t effective_at;             /* 0: absent */
	struct str once;                  /* what makes it this event and no other, besides type and tenant */
	bool tenant_apart;                /* the id is of type and once alone: the tenant may become known later */
	const struct event_field *fields; /* further members of data; empty text is left out */
	size_t field_count;
};
bool event_type_known(struct str type);
const char *event_type_at(size_t i); /* NULL behind the last */
enum { EVENT_ID_SIZE = sizeof("evt_") + 32 };
/* "evt_" and 32 digits, NUL-terminated: what journal_add gives it. ERR_TOO_LARGE, ERR_NOMEM. */
enum err event_id(const struct event *e, char ret[static EVENT_ID_SIZE]);
/* OK also when the very same event was stored before. ERR_TOO_LARGE over 20 KB. */
enum err journal_add(struct store_tx *tx, const struct event *e);
