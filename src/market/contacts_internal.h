/* contacts_internal.h - what contacts.c (taken, erased) and contacts_read.c (shown) share: the sealed text of a row. */
#pragma once
#include "base/json.h"
#include "market/contacts.h"
#include "store/contacts.h"

enum { CONTACTS_PLAIN_MAX = 64 * 1024, CONTACTS_ARENA_MAX = 64 << 20 };

/* {"technical":{"email":…,"name":…,"phone":…,"address":…},"billing":{…}}; the caller frees it. ERR_NOT_FOUND: erased.
 * ERR_SEAL, ERR_INVALID: does not open. */
enum err contacts_open(const struct keyring *k, const struct contacts_row *row, json_t **ret);
/* A member of one of them; empty where it is not there. Lives as long as the contact. */
struct str contact_text(const json_t *contact, const char *name);
