/* descriptor.h - atlassian-connect.json from its template: checked at start, filled once, served with an ETag. */
#pragma once
#include "base/err.h"
#include "config/config.h"

struct descriptor {
	char *text; /* JSON, `{{baseUrl}}` filled */
	size_t len;
	char *key; /* the app key */
	char etag[70];
	char **admin_paths; /* of configurePage and adminPages modules, without query; NULL-terminated */
};
/* serves(arg, method, path): does this server answer that path? Told every problem with file and place. */
enum err descriptor_load(const char *file, const struct config *c,
                         bool (*serves)(void *arg, const char *method, struct str path), void *serves_arg,
                         problem_fn *tell, void *arg, struct descriptor **ret);
void descriptor_free(struct descriptor *d);

/* Is this page one that only administrators may open? path: without the base path. */
bool descriptor_is_admin_path(const struct descriptor *d, struct str path);
