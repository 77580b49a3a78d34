/* rekey.c - seals every value anew that is not sealed with the newest key.
 *
 * Piece by piece: list some rows, open and seal them outside any transaction, put them back in one small transaction,
 * go on after the last. A row that changed meanwhile is left alone. The walk is repeated until it finds nothing: a
 * server that has not got the new key yet may have sealed something behind it. A value that does not open (its key is
 * not in the list any more) is told and passed by. Plain text is wiped at once. */
#include "base/cleanup.h"
#include "base/secret.h"
#include "store/store.h"

enum { ROWS_A_PIECE = 100, PASSES_MAX = 5, PIECE_MAX_BYTES = 64 << 20, SEALED_MAX_BYTES = 2 << 20 };

struct piece {
	const struct keyring *keyring;
	const struct sealed_row *after;
	struct arena arena;
	struct sealed_row *rows;
	struct str *sealed; /* new value of each row; empty: none */
	size_t count;
	size_t resealed;
	bool tell; /* what does not open is told once, in the first pass */
};

static enum err list_piece(struct store_tx *tx, void *arg)
{
	struct piece *p = arg;
	return store_sealed_list(tx, keyring_newest_id(p->keyring), p->after, ROWS_A_PIECE, &p->arena, &p->rows, &p->count);
}

static enum err reseal_row(struct piece *p, const struct sealed_row *row, struct str *ret)
{
	const struct seal_place place = {row->table, row->column, str_of(row->row_key)};
	__cleanup(buf_wipe) struct buf plain = BUF_INIT(SEALED_MAX_BYTES);
	__cleanup_buf struct buf sealed = BUF_INIT(SEALED_MAX_BYTES);
	enum err e = unseal(p->keyring, place, row->sealed, &plain);
	if (e == OK)
		e = seal(p->keyring, place, buf_text(&plain), &sealed);
	if (e != OK)
		return e;
	char *copy = arena_strz(&p->arena, buf_text(&sealed));
	if (!copy)
		return ERR_NOMEM;
	*ret = (struct str){copy, sealed.len};
	return OK;
}

static enum err reseal_piece(struct piece *p, struct rekey *r)
{
	p->sealed = arena_zalloc(&p->arena, p->count * sizeof(*p->sealed));
	if (!p->sealed)
		return ERR_NOMEM;
	for (size_t i = 0; i < p->count; i++) {
		enum err e = reseal_row(p, &p->rows[i], &p->sealed[i]);
		if (e == ERR_SEAL && p->tell && r->unopened)
			r->unopened(r->arg, &p->rows[i]);
		if (e == ERR_SEAL)
			r->unopened_count++;
		else if (e != OK)
			return e;
	}
	return OK;
}

static enum err replace_piece(struct store_tx *tx, void *arg)
{
	struct piece *p = arg;
	for (size_t i = 0; i < p->count; i++) {
		if (!p->sealed[i].len)
			continue;
		enum err e = store_sealed_replace(tx, &p->rows[i], p->sealed[i]);
		if (e == OK)
			p->resealed++;
		else if (e != ERR_CONFLICT)
			return e;
	}
	return OK;
}

static enum err rekey_piece(struct store *s, struct piece *p, struct rekey *r)
{
	enum err e = store_read(s, list_piece, p);
	if (e != OK || !p->count)
		return e;
	e = reseal_piece(p, r);
	if (e == OK)
		e = store_write(s, replace_piece, p);
	if (e != OK)
		return e;
	r->resealed += p->resealed;
	if (r->progress)
		r->progress(r->arg, r->resealed);
	return OK;
}

/* One walk over all that is sealed with older keys. The arenas take turns: the row to go on after lives in the last. */
static enum err rekey_pass(struct store *s, struct piece pieces[static 2], struct rekey *r, size_t *ret_found)
{
	const struct sealed_row *after = NULL;
	enum err e = OK;
	for (size_t turn = 0; e == OK; turn++) {
		struct piece *p = &pieces[turn % 2];
		arena_release(&p->arena);
		p->after = after;
		p->count = p->resealed = 0;
		e = rekey_piece(s, p, r);
		if (e == OK && !p->count)
			return OK;
		*ret_found += p->count;
		after = e == OK ? &p->rows[p->count - 1] : NULL;
	}
	return e;
}

enum err store_rekey(struct store *s, const struct keyring *k, struct rekey *r)
{
	__cleanup_free struct piece *pieces = calloc(2, sizeof(*pieces));
	if (!pieces)
		return ERR_NOMEM;
	enum err e = OK;
	r->resealed = 0;
	r->settled = false;
	for (size_t i = 0; i < 2; i++) {
		pieces[i].keyring = k;
		arena_init(&pieces[i].arena, PIECE_MAX_BYTES);
	}
	for (int pass = 0; e == OK && !r->settled && pass < PASSES_MAX; pass++) {
		size_t found = 0;
		r->unopened_count = 0;
		pieces[0].tell = pieces[1].tell = pass == 0;
		e = rekey_pass(s, pieces, r, &found);
		r->settled = e == OK && found == r->unopened_count;
	}
	for (size_t i = 0; i < 2; i++)
		arena_release(&pieces[i].arena);
	return e;
}
