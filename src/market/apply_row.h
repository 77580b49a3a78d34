/* apply_row.h - what one row does to the store, within a job of the writer. Of apply.c alone. */
#pragma once
#include "market/row.h"

enum { PLACE_ODDITIES = 64 };

/* One job's. */
struct apply_row_place {
	struct store_tx *tx;
	const struct keyring *keyring;
	struct arena *arena;
	int64_t at, run;
	bool silent, alone; /* see apply.h */
	int64_t news_last;  /* the highest news_seq given; moved on */
	int64_t changed;    /* rows added or changed */
	struct {
		struct row_oddity oddity;
		int64_t count;
	} oddities[PLACE_ODDITIES];
	size_t oddity_count;
	int64_t oddities_beyond; /* there was no room for: counted without their names */
};
enum err apply_row(struct apply_row_place *p, struct row *r);
/* An element that was no row: counted, and passed over by later polls. */
enum err apply_broken(struct apply_row_place *p, const struct row_key *key, struct str element);
/* Puts down what was counted. */
enum err apply_oddities(struct apply_row_place *p, enum row_kind kind);
