/* static_files.c - serves what static_load.c has read. See static_files.h.
 *
 * Rules: RFC 9110 sections 8.8.3 (ETag), 12.5.3 (Accept-Encoding), 13.1.2 (If-None-Match). The compressed form has an
 * entity tag of its own, as its bytes differ. Any worker. */
#include "http/static_files.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "http/static_load.h"

enum { PATH_MAX_BYTES = 512, TAG_MAX = STATIC_HASH_LEN + 8, MORE_HEADERS = 4 };

struct str static_files_page(const struct static_files *s, struct str folder, struct str name)
{
	char path[PATH_MAX_BYTES];
	const int len = snprintf(path, sizeof path, "%.*s/%.*s.html", STR_ARG(folder), STR_ARG(name));
	if (len < 0 || (size_t)len >= sizeof path)
		return (struct str){0};
	const struct static_file *f = static_find(s, (struct str){path, (size_t)len});
	return f ? f->body : (struct str){0};
}

/* ";q=0", ";q=0.000": not wanted. */
static bool is_refused(struct str params)
{
	struct str piece;
	while (str_split(&params, ';', &piece)) {
		piece = str_trim(piece);
		if (!str_istarts(piece, STR("q=")))
			continue;
		for (size_t i = 2; i < piece.len; i++)
			if (piece.ptr[i] >= '1' && piece.ptr[i] <= '9')
				return false;
		return true;
	}
	return false;
}

static bool takes_gzip(struct str accept)
{
	struct str piece;
	while (str_split(&accept, ',', &piece)) {
		const size_t name = str_find(piece, ';');
		const struct str params = {piece.ptr + name, piece.len - name};
		if (str_ieq(str_trim((struct str){piece.ptr, name}), STR("gzip")))
			return !is_refused(params);
	}
	return false;
}

static bool has_tag(struct str if_none_match, struct str tag)
{
	struct str piece;
	while (str_split(&if_none_match, ',', &piece)) {
		piece = str_trim(piece);
		if (str_starts(piece, STR("W/")))
			piece = (struct str){piece.ptr + 2, piece.len - 2};
		if (str_eq(piece, tag) || str_eqz(piece, "*"))
			return true;
	}
	return false;
}

static const struct static_file *find_in(const struct static_files *s, struct str folder, struct str name)
{
	char path[PATH_MAX_BYTES];
	if (folder.len + name.len + 1 > sizeof path)
		return NULL;
	memcpy(path, folder.ptr, folder.len);
	path[folder.len] = '/';
	memcpy(path + folder.len + 1, name.ptr, name.len);
	return static_find(s, (struct str){path, folder.len + 1 + name.len});
}

static bool has_hash(struct request *req, const struct static_file *f)
{
	size_t count = 0;
	const struct str wanted = query_get(&req->arena, req->query, "v", &count);
	return count == 1 && str_eqz(wanted, f->hash);
}

void static_files_reply(struct request *req, const struct static_files *s, struct str folder, struct str name,
                        const struct header *more, size_t more_count)
{
	const struct static_file *f = find_in(s, folder, name);
	assert(more_count <= MORE_HEADERS);
	if (!f) {
		reply_problem(req, 404, "not_found", NULL, NULL, 0);
		return;
	}
	const bool is_gzip = f->gzip.ptr && takes_gzip(request_header(req, "Accept-Encoding"));
	char tag[TAG_MAX];
	snprintf(tag, sizeof tag, "\"%s%s\"", f->hash, is_gzip ? "-gz" : "");
	struct header headers[4 + MORE_HEADERS] = {
	    {"Cache-Control", has_hash(req, f) ? STR("public, max-age=31536000, immutable") : STR("no-cache")},
	    {"ETag", str_of(tag)},
	    {"Vary", STR("Accept-Encoding")},
	};
	size_t count = 3;
	for (size_t i = 0; i < more_count; i++)
		headers[count++] = more[i];
	if (has_tag(request_header(req, "If-None-Match"), str_of(tag))) {
		reply_borrowed(req, 304, NULL, STR(""), headers, count);
		return;
	}
	if (is_gzip)
		headers[count++] = (struct header){"Content-Encoding", STR("gzip")};
	reply_borrowed(req, 200, f->type, is_gzip ? f->gzip : f->body, headers, count);
}

void static_files_serve(struct request *req, void *static_files)
{
	static_files_reply(req, static_files, STR("assets"), req->params.part[0], NULL, 0);
}
