/* market_fixture.h - a store with rows as a poll leaves them, and what the journal then holds. */
#pragma once
#include "store/books.h"
#include "store/fixture.h"

struct market_fixture {
	struct fixture fixture;
	struct arena arena;
	int64_t seq; /* of the last news */
};
void market_fixture_init(struct market_fixture *m, const char *now);
void market_fixture_release(struct market_fixture *m);
/* One day on, at noon. */
void market_today(struct market_fixture *m, const char *day);

/* Writes a licence as a poll does: what was there before becomes news_previous. NULL texts are left out. */
void poll_license(struct market_fixture *m, const struct market_license *l);
/* A new line, or the same line changed. */
void poll_sale(struct market_fixture *m, const struct market_sale *s);
/* An id of a licence's row. */
void poll_alias(struct market_fixture *m, const char *row_key, const char *kind, const char *value);
/* An installed tenant known by that id (kind NULL: by none). */
void install(struct market_fixture *m, const char *client_key, const char *kind, const char *value);
void set_status(struct market_fixture *m, const char *client_key, const char *status);
void all_told(struct market_fixture *m); /* as after the first poll */

/* "type@effective tenant" of each event, in order, one a line. */
const char *journal_text(struct market_fixture *m);
size_t news_count(struct market_fixture *m);
