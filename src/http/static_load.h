/* static_load.h - what static_load.c reads and static_files.c serves. */
#pragma once
#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

enum { STATIC_HASH_LEN = 20 };

struct static_file {
	char *path;       /* below the folder: "assets/app.css" */
	const char *type; /* Content-Type */
	struct str body;  /* owned */
	struct str gzip;  /* owned; ptr NULL where it would not be shorter */
	char hash[STATIC_HASH_LEN + 1];
};

struct static_files {
	struct static_file *files; /* in order of path */
	size_t count;
};

/* NULL if there is none. */
const struct static_file *static_find(const struct static_files *s, struct str path);
