/* static_files.h - the static folder, read into memory once at start.
 *
 * Pages and assets are served from memory: no disk is touched for a request. Text is compressed once, here. In .html
 * files `{{base}}` becomes the base path and `{{asset:NAME}}` the path of the file NAME below assets/ with its content
 * hash; other braces are left alone. Names that start with a dot are skipped. Problems: a link that leaves the folder,
 * a file over 8 MiB, 64 MiB together, an asset that is not there. Immutable after loading. */
#pragma once
#include "base/err.h"
#include "http/reply.h"

struct static_files;
enum err static_files_load(const char *dir, const char *base_path, struct problem *ret_problem,
                           struct static_files **ret);
void static_files_free(struct static_files *s);

/* app/NAME.html -> bytes; ptr NULL if there is none. */
struct str static_files_page(const struct static_files *s, struct str folder, struct str name);
/* Handler of GET /assets/REST: ETag and 304, long caching when ?v= is the content hash, gzip by Accept-Encoding. */
void static_files_serve(struct request *req, void *static_files);
/* The file folder/NAME with ETag and 304, gzip by Accept-Encoding; 404 where there is none. more: further headers. */
void static_files_reply(struct request *req, const struct static_files *s, struct str folder, struct str name,
                        const struct header *more, size_t more_count);
