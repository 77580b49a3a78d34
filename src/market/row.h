/* row.h - one element of a report as a row for the store: columns, ids, contacts apart, what is odd about it.
 *
 * Strict about types and never failing: a member of the wrong type, an unknown value or an unknown member is counted
 * and the row is kept. Only what is no JSON object is no row. People are taken out of the content here. */
#pragma once
#include "market/contacts.h"
#include "market/tree.h"
#include "store/market.h"

enum row_kind { ROW_LICENSE, ROW_SALE };

enum { ROW_ALIASES_MAX = 8, ROW_ODDITIES_MAX = 8, ROW_CONTACTS_MAX = 2, ROW_TEXT_MAX = 200 };

struct row_alias {
	const char *kind; /* as in the table `aliases` */
	struct str value;
};
struct row_oddity {
	struct str field, value;
};
struct row {
	enum row_kind kind;
	union {
		struct report_license license;
		struct report_sale sale;
	};
	struct str entitlement; /* the number, or what stands for it; empty: none */
	bool nameless;          /* no id: its key is a hash of its content */
	struct row_alias aliases[ROW_ALIASES_MAX];
	size_t alias_count;
	struct contact contacts[ROW_CONTACTS_MAX];
	size_t contact_count;
	bool has_contacts; /* the row speaks of them, if only to say there are none */
	bool erased;       /* one of them reads RTBF */
	struct row_oddity oddities[ROW_ODDITIES_MAX];
	size_t oddity_count;
};

const char *row_kind_name(enum row_kind kind); /* "license", "sale" */
/* Of this database alone, and secret: the hash of a row with people in it confirms no guess of who they are. */
struct row_key {
	uint8_t bytes[32];
};
/* Of the text as it came: what tells an unchanged row. */
void row_raw_hash(const struct row_key *key, struct str element, uint8_t out[static RAW_HASH_SIZE]);
/* Everything in the row lives in the element's text and the arena. ERR_INVALID: no row. ERR_NOMEM. The content may be
 * as long as the element and some; its raw_hash is left to the caller. */
enum err row_read(struct tree *t, enum row_kind kind, struct str element, struct arena *a, struct row *ret);
struct market_content *row_content(struct row *r);
/* Whether a member of that name is one that licgate knows: a business fact. path: as in a diff. */
bool row_member_known(enum row_kind kind, struct str path);
