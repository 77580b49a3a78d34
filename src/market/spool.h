/* spool.h - a download on its way to the store: a file without a name, gone with the process however that ends. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define SPOOL_MAX (UINT64_C(16) << 30)

struct spool {
	int fd;
	_Atomic uint64_t bytes; /* written so far: whoever shows progress reads it meanwhile */
};
/* In that folder: it holds people's addresses, so nobody else can open it. ERR_IO. */
enum err spool_open(const char *folder, struct spool *ret);
void spool_close(struct spool *s);
/* Empty again. */
enum err spool_reset(struct spool *s);
/* An http_call's take(): arg is the spool. */
bool spool_take(void *spool, const char *data, size_t len);
/* From the start; then a scan_read_fn. */
enum err spool_rewind(struct spool *s);
ssize_t spool_read(void *spool, char *into, size_t room);
/* len bytes from an offset on, whatever is read or written meanwhile. False: they are not there, or cannot be read. */
bool spool_read_at(const struct spool *s, char *into, size_t len, uint64_t offset);
