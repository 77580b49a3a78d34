/* forget.h - ends pseudonymous ids when their time is over, and forgets messages and queued events that are old. */
#pragma once
#include "segment/segment.h"

struct forget;
enum err forget_start(struct segment *s, struct forget **ret);
void forget_free(struct forget *w); /* waits for a job under way; accepts NULL */
/* First and last hash of one of the FORGET_SLICES slices of all ids. */
enum { FORGET_SLICES = 256 };
void forget_slice(unsigned slice, int64_t *ret_from, int64_t *ret_to);
