/* kept.h - answers kept for a while, and one question under way per key however many ask.
 *
 * For what other servers tell: install keys by kid, user tokens and permissions by tenant and account. Bounded: the
 * answer that was used least recently goes first; answers kept for ever stay. The table knows nothing of how a
 * question is asked: whoever gets KEPT_ASK asks, and gives the answer with kept_answer. Thread-safe; no lock is held
 * while a waiter is called. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

/* An answer: a code, a thing somebody else owns, a text (wiped when the last reference goes). Immutable. */
struct kept_value {
	_Atomic unsigned refs;
	int code;
	const void *thing;
	size_t len;
	char text[];
};
struct kept_value *kept_value_new(int code, const void *thing, struct str text); /* NULL: out of memory */
void kept_value_unref(struct kept_value *v);                                     /* accepts NULL */

struct kept;
struct kept_options {
	const struct clock *clock;
	size_t max;           /* answers kept, those for ever not counted */
	size_t in_flight_max; /* questions under way */
	/* May a new question be asked? Called with the table locked; NULL: always. */
	bool (*may_ask)(void *arg);
	void *arg;
};
enum err kept_new(const struct kept_options *o, struct kept **ret);
/* No question may be under way any more. */
void kept_free(struct kept *k);

/* Runs once. value lives during the call; NULL: there is no answer. */
typedef void kept_fn(void *arg, const struct kept_value *value);

enum kept_found {
	KEPT_REFUSED = 0, /* may_ask said no, too many questions under way, or out of memory: fn does not run */
	KEPT_NOW,         /* *ret_value is a reference to the answer; fn does not run */
	KEPT_WAIT,        /* somebody asks already: fn runs with the answer */
	KEPT_ASK          /* fn runs with the answer that the caller now must get */
};
/* fn NULL only looks: KEPT_NOW or KEPT_REFUSED. */
enum kept_found kept_get(struct kept *k, struct str key, kept_fn *fn, void *arg, struct kept_value **ret_value);

#define KEPT_FOR_EVER INT64_MAX
/* Ends the question under way, or puts an answer nobody asked for. Takes the reference. ttl_ms 0, or value NULL: only
 * told to those who wait. */
void kept_answer(struct kept *k, struct str key, struct kept_value *value, int64_t ttl_ms);
