/* scan.h - the elements of one huge JSON array, one at a time, in bounded memory.
 *
 * An export is an array of hundreds of megabytes; only the bounds of its elements are found here, by brackets and
 * quotes, so that an element that did not change is never parsed. What an element holds is not checked: tree.h does
 * that. An element over SCAN_ELEMENT_MAX is passed over. Not thread-safe. */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

enum { SCAN_ELEMENT_MAX = 256 * 1024 };

/* Fills in at most room bytes; 0 at the end, -1 on failure. */
typedef ssize_t scan_read_fn(void *arg, char *into, size_t room);

enum scan {
	SCAN_BROKEN = 0, /* not one whole JSON array: cut short, or something else */
	SCAN_FAILED,     /* the read function failed */
	SCAN_ELEMENT,    /* ret is its text, valid until the next call */
	SCAN_TOO_LARGE,  /* an element was passed over: ret is its beginning, SCAN_ELEMENT_MAX bytes, valid as long */
	SCAN_END,        /* the array is whole */
};

struct scanner;
enum err scanner_new(scan_read_fn *read, void *arg, struct scanner **ret);
void scanner_free(struct scanner *s); /* accepts NULL */
enum scan scanner_next(struct scanner *s, struct str *ret);
uint64_t scanner_bytes(const struct scanner *s); /* read so far */
uint64_t scanner_at(const struct scanner *s);    /* of the text: where the last element begins */
