/* events_body.h - what a lifecycle event of Forge says. Pure; fuzzed. Source: Atlassian's "Life cycle events". */
#pragma once
#include <jansson.h>

#include "base/err.h"
#include "base/str.h"

enum forge_event { FORGE_EVENT_OTHER = 0, FORGE_EVENT_INSTALLED, FORGE_EVENT_UPGRADED, FORGE_EVENT_UNINSTALLED };

struct events_body {
	enum forge_event event;     /* OTHER: one we have no use for */
	struct str installation_id; /* "id" */
	struct str version;         /* app.version; may be empty */
	json_t *json;               /* the texts point into it */
};
/* An event without eventType is an installation: older senders leave it out. False: *ret_field is what is wrong (a
 * literal), or NULL: out of memory. */
bool events_body_read(struct str text, struct events_body *ret, const char **ret_field);
void events_body_release(struct events_body *b);
