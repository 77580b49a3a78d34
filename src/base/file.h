/* file.h - whole small files: settings' NAME_FILE, descriptor, features, certificates. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

/* Appends the file's bytes. ERR_NOT_FOUND, ERR_DENIED, ERR_TOO_LARGE (over out->max), ERR_IO, ERR_NOMEM. Not for
 * pipes or devices: ERR_INVALID. */
enum err file_read(const char *path, struct buf *out);
