/* static_files.c - serves what static_load.c has read. See static_files.h.
 *
 * Rules: RFC 9110 sections 8.8.3 (ETag), 12.5.3 (Accept-Encoding), 13.1.2 (If-None-Match). The compressed form has an
 * entity tag of its own, as its bytes differ. Any worker. */
#include "http/static_files.h"

#include <stdio.h>
#include <string.h>

#include "http/static_load.h"

enum { PATH_MAX_BYTES = 512, TAG_MAX = STATIC_HASH_LEN + 8 };

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

static const struct static_file *find_asset(const struct static_files *s, struct str name)
{
	char path[PATH_MAX_BYTES];
	const struct str folder = STR("assets/");
	if (name.len > sizeof path - folder.len)
		return NULL;
	memcpy(path, folder.ptr, folder.len);
	memcpy(path + folder.len, name.ptr, name.len);
	return static_find(s, (struct str){path, folder.len + name.len});
}

void static_files_serve(struct request *req, void *static_files)
{
	const struct static_file *f = find_asset(static_files, req->params.part[0]);
	if (!f) {
		reply_problem(req, 404, "not_found", NULL, NULL, 0);
		return;
	}
	size_t count = 0;
	const struct str wanted = query_get(&req->arena, req->query, "v", &count);
	const bool is_gzip = f->gzip.ptr && takes_gzip(request_header(req, "Accept-Encoding"));
	char tag[TAG_MAX];
	snprintf(tag, sizeof tag, "\"%s%s\"", f->hash, is_gzip ? "-gz" : "");
	const struct header headers[] = {
	    {"Cache-Control",
	     count == 1 && str_eqz(wanted, f->hash) ? STR("public, max-age=31536000, immutable") : STR("no-cache")},
	    {"ETag", str_of(tag)},
	    {"Vary", STR("Accept-Encoding")},
	    {"Content-Encoding", is_gzip ? STR("gzip") : STR("")},
	};
	const size_t header_count = sizeof headers / sizeof headers[0];
	if (has_tag(request_header(req, "If-None-Match"), str_of(tag)))
		reply_borrowed(req, 304, NULL, STR(""), headers, header_count - 1);
	else
		reply_borrowed(req, 200, f->type, is_gzip ? f->gzip : f->body, headers, header_count);
}
