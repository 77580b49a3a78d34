/* tree.h - one report row as a tree of its members, read leniently and written tidily.
 *
 * The reports are somebody else's and change: whatever can be read of a row is kept. What comes out of tree_write() is
 * always strict JSON that jansson reads: no duplicate names (the last one counts, as in JavaScript), no NUL, valid
 * UTF-8, numbers that fit, at most TREE_DEPTH_MAX levels. An e-mail address in any text is taken out: people are only
 * known by what contacts.h keeps. Text without escapes stays where it was read and is not copied. Not thread-safe; a
 * tree is filled again and again. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum { TREE_DEPTH_MAX = 16, TREE_NODES_MAX = 16384 };

enum node_kind { NODE_NULL = 0, NODE_TRUE, NODE_FALSE, NODE_NUMBER, NODE_TEXT, NODE_OBJECT, NODE_ARRAY };

struct node {
	enum node_kind kind;
	bool plain_name, plain; /* can be written between quotes as it is */
	bool hidden;            /* its place was taken by a later member of the same name; or taken out by tree_hide() */
	uint32_t next, child;   /* places in the tree; 0: none */
	struct str name;        /* of a member; ptr NULL: of an array or the root */
	struct str text;        /* of NODE_TEXT (without quotes and escapes) and NODE_NUMBER */
};

/* What was not as it should be; the row is read all the same. */
enum flaw { FLAW_DUPLICATE = 1, FLAW_DEPTH = 2, FLAW_TEXT = 4, FLAW_NUMBER = 8, FLAW_ADDRESS = 16 };

struct tree {
	struct node *nodes; /* the root is the first */
	size_t count, cap;
	unsigned flaws; /* enum flaw */
	struct arena *arena;
	bool keep_addresses; /* within contacts */
};
void tree_init(struct tree *t);
void tree_release(struct tree *t);
/* ERR_INVALID: not JSON, or more than TREE_NODES_MAX values. ERR_NOMEM. Texts live in `text` and the arena. */
enum err tree_read(struct tree *t, struct str text, struct arena *a);
static inline struct node *tree_root(const struct tree *t)
{
	return t->nodes;
}
/* First member or element; NULL: none. */
struct node *tree_first(const struct tree *t, const struct node *of);
struct node *tree_next(const struct tree *t, const struct node *after);
/* NULL: no such member. */
struct node *tree_member(const struct tree *t, const struct node *of, const char *name);
/* Without white space, members in the order read, without what is hidden. */
void tree_write(const struct tree *t, const struct node *n, struct buf *out);
