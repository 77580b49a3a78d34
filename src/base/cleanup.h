/* cleanup.h - scope-bound release of what a function owns, and visible moves of ownership.
 *
 *     __cleanup(buf_release) struct buf b = BUF_INIT(100);
 *     *ret = TAKE(p);      (p is NULL from here: it no longer owns)
 */
#pragma once
#include <jansson.h>
#include <stdlib.h>

#define __cleanup(fn) __attribute__((cleanup(fn)))
#define TAKE(p)                                                                                                        \
	({                                                                                                                 \
		__typeof__(p) take_ = (p);                                                                                     \
		(p) = NULL;                                                                                                    \
		take_;                                                                                                         \
	})

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}
static inline void cleanup_json(json_t **p)
{
	json_decref(*p);
}
#define __cleanup_free __cleanup(cleanup_free)
#define __cleanup_json __cleanup(cleanup_json)
