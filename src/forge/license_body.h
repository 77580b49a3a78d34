/* license_body.h - what Forge's licence resource answers. Pure; fuzzed. */
#pragma once
#include <jansson.h>

#include "license/lookup.h"

/* facts: texts point into *ret_json, which the caller drops. No licence: facts->valid is false. NULL: fine, else the
 * code of the failure, a literal. app_id: ours; a result of another app is passed over. */
const char *license_body_read(struct str text, struct str app_id, struct license_facts *facts, json_t **ret_json);
