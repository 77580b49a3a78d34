/* static_load.c - reads the static folder. See static_files.h.
 *
 * Reads everything first, then fills the placeholders of .html files, as they name the hashes of other files, then
 * compresses. Runs before any thread of the server starts. */
#include "http/static_load.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/secret.h"
#include "http/static_files.h"

enum { FILE_MAX_BYTES = 8 * 1024 * 1024, TOTAL_MAX_BYTES = 64 * 1024 * 1024, DEPTH_MAX = 8, GZIP_MIN_BYTES = 256 };

static const struct type {
	const char *ending, *type;
	bool is_text;
} types[] = {
    {".html", "text/html; charset=utf-8", true},
    {".css", "text/css; charset=utf-8", true},
    {".js", "text/javascript; charset=utf-8", true},
    {".mjs", "text/javascript; charset=utf-8", true},
    {".json", "application/json", true},
    {".map", "application/json", true},
    {".svg", "image/svg+xml", true},
    {".txt", "text/plain; charset=utf-8", true},
    {".png", "image/png", false},
    {".jpg", "image/jpeg", false},
    {".jpeg", "image/jpeg", false},
    {".gif", "image/gif", false},
    {".webp", "image/webp", false},
    {".ico", "image/x-icon", false},
    {".woff", "font/woff", false},
    {".woff2", "font/woff2", false},
    {"", "application/octet-stream", false},
};

struct load {
	const char *base_path;
	char root[PATH_MAX]; /* real path */
	struct static_files *s;
	size_t total;
	struct problem *problem;
};

static enum err tell(struct load *l, const char *path, const char *text)
{
	snprintf(l->problem->place, sizeof l->problem->place, "%.150s", path);
	snprintf(l->problem->text, sizeof l->problem->text, "%.300s", text);
	return ERR_INVALID;
}

static const struct type *type_of(struct str path)
{
	size_t i = 0;
	while (!str_ends(path, str_of(types[i].ending)))
		i++;
	return &types[i];
}

static void hash_body(struct static_file *f)
{
	uint8_t digest[32];
	sha256(f->body.ptr, f->body.len, digest);
	hex_encode(f->hash, digest, STATIC_HASH_LEN / 2);
	f->hash[STATIC_HASH_LEN] = '\0';
}

static enum err add_file(struct load *l, const char *full)
{
	__cleanup_buf struct buf b = BUF_INIT(FILE_MAX_BYTES);
	enum err err = file_read(full, &b);
	if (err == ERR_TOO_LARGE)
		return tell(l, full, "is over 8 MiB: serve large files from elsewhere");
	if (err != OK)
		return tell(l, full, err_text(err));
	l->total += b.len;
	if (l->total > TOTAL_MAX_BYTES)
		return tell(l, full, "makes the folder larger than 64 MiB: serve large files from elsewhere");

	struct static_files *s = l->s;
	struct static_file *grown = realloc(s->files, (s->count + 1) * sizeof *grown);
	if (!grown)
		return ERR_NOMEM;
	s->files = grown;
	struct static_file *f = &s->files[s->count];
	*f = (struct static_file){.path = str_dup(str_of(full + strlen(l->root) + 1))};
	if (!f->path)
		return ERR_NOMEM;
	s->count++;
	f->type = type_of(str_of(f->path))->type;
	const size_t len = b.len;
	char *text = len ? buf_take(&b) : strdup(""); /* an empty buffer has no memory */
	if (!text)
		return ERR_NOMEM;
	f->body = (struct str){text, len};
	hash_body(f);
	return OK;
}

static enum err read_folder(struct load *l, const char *folder, unsigned depth);

static enum err add_entry(struct load *l, const char *full, unsigned depth)
{
	struct stat at;
	char real[PATH_MAX];
	if (lstat(full, &at) != 0)
		return tell(l, full, strerror(errno));
	if (S_ISDIR(at.st_mode))
		return depth < DEPTH_MAX ? read_folder(l, full, depth + 1) : tell(l, full, "is too many folders deep");
	if (S_ISLNK(at.st_mode)) {
		const size_t root = strlen(l->root);
		if (!realpath(full, real))
			return tell(l, full, strerror(errno));
		if (strncmp(real, l->root, root) != 0 || real[root] != '/')
			return tell(l, full, "is a link out of the static folder");
		if (stat(full, &at) != 0 || S_ISDIR(at.st_mode))
			return tell(l, full, "is a link to a folder: only links to files are followed");
	}
	return add_file(l, full);
}

static void cleanup_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static enum err read_folder(struct load *l, const char *folder, unsigned depth)
{
	__cleanup(cleanup_dir) DIR *d = opendir(folder);
	if (!d)
		return tell(l, folder, strerror(errno));
	const struct dirent *entry;
	while ((entry = readdir(d)) != NULL) {
		char full[PATH_MAX];
		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(full, sizeof full, "%s/%s", folder, entry->d_name) >= (int)sizeof full)
			return tell(l, folder, "has a name that is too long");
		enum err err = add_entry(l, full, depth);
		if (err != OK)
			return err;
	}
	return OK;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct static_file *)a)->path, ((const struct static_file *)b)->path);
}

const struct static_file *static_find(const struct static_files *s, struct str path)
{
	size_t low = 0, high = s->count;
	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		const int order = str_cmp(path, str_of(s->files[mid].path));
		if (order == 0)
			return &s->files[mid];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* {{asset:NAME}}; name is NAME. */
static enum err add_asset_link(struct load *l, const struct static_file *page, struct str name, struct buf *out)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "assets/%.*s", STR_ARG(name));
	const struct static_file *asset = static_find(l->s, str_of(path));
	if (!asset || str_ends(name, STR(".html"))) {
		snprintf(l->problem->place, sizeof l->problem->place, "%.150s", page->path);
		snprintf(l->problem->text, sizeof l->problem->text,
		         "{{asset:%.*s}}: there is no such file below assets/ (or it is a page)",
		         (int)(name.len < 100 ? name.len : 100), name.ptr);
		return ERR_INVALID;
	}
	buf_printf(out, "%s/%s?v=%s", l->base_path, path, asset->hash);
	return OK;
}

static enum err fill_page(struct load *l, struct static_file *page)
{
	const struct str base = STR("{{base}}"), asset = STR("{{asset:");
	__cleanup_buf struct buf out = BUF_INIT(2 * FILE_MAX_BYTES);
	struct str rest = page->body;
	while (rest.len > 0) {
		size_t used = str_find(rest, '{');
		buf_add(&out, rest.ptr, used);
		rest = (struct str){rest.ptr + used, rest.len - used};
		const size_t end = str_find(rest, '}');
		used = rest.len > 0;
		if (str_starts(rest, base)) {
			buf_z(&out, l->base_path);
			used = base.len;
		} else if (str_starts(rest, asset) && end + 1 < rest.len && rest.ptr[end + 1] == '}') {
			enum err err = add_asset_link(l, page, (struct str){rest.ptr + asset.len, end - asset.len}, &out);
			if (err != OK)
				return err;
			used = end + 2;
		} else {
			buf_add(&out, rest.ptr, used);
		}
		rest = (struct str){rest.ptr + used, rest.len - used};
	}
	if (out.err != OK)
		return out.err;
	const size_t len = out.len;
	char *text = len ? buf_take(&out) : strdup("");
	if (!text)
		return ERR_NOMEM;
	free((void *)(uintptr_t)page->body.ptr);
	page->body = (struct str){text, len};
	hash_body(page);
	return OK;
}

static enum err compress_file(struct static_file *f)
{
	if (!type_of(str_of(f->path))->is_text || f->body.len < GZIP_MIN_BYTES)
		return OK;
	z_stream z = {0};
	if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return ERR_NOMEM;
	const uLong room = deflateBound(&z, f->body.len);
	char *out = malloc(room);
	if (!out) {
		deflateEnd(&z);
		return ERR_NOMEM;
	}
	z.next_in = (Bytef *)(uintptr_t)f->body.ptr;
	z.avail_in = (uInt)f->body.len;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)room;
	const bool done = deflate(&z, Z_FINISH) == Z_STREAM_END;
	const size_t len = z.total_out;
	deflateEnd(&z);
	if (!done || len >= f->body.len) {
		free(out);
		return done ? OK : ERR_INTERNAL;
	}
	f->gzip = (struct str){out, len};
	return OK;
}

static enum err fill_and_compress(struct load *l)
{
	struct static_files *s = l->s;
	qsort(s->files, s->count, sizeof *s->files, compare);
	for (size_t i = 0; i < s->count; i++) {
		enum err err = OK;
		if (str_ends(str_of(s->files[i].path), STR(".html")))
			err = fill_page(l, &s->files[i]);
		if (err == OK)
			err = compress_file(&s->files[i]);
		if (err != OK)
			return err;
	}
	return OK;
}

void static_files_free(struct static_files *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++) {
		free(s->files[i].path);
		free((void *)(uintptr_t)s->files[i].body.ptr);
		free((void *)(uintptr_t)s->files[i].gzip.ptr);
	}
	free(s->files);
	free(s);
}

enum err static_files_load(const char *dir, const char *base_path, struct problem *ret_problem,
                           struct static_files **ret)
{
	struct problem problem = {0};
	struct load l = {.base_path = base_path, .s = calloc(1, sizeof(struct static_files)), .problem = &problem};
	enum err err = l.s ? OK : ERR_NOMEM;
	if (err == OK && !realpath(dir, l.root))
		err = tell(&l, dir, "is not a folder that can be read: set LICGATE_STATIC");
	if (err == OK)
		err = read_folder(&l, l.root, 0);
	if (err == OK && l.s->count > 0)
		err = fill_and_compress(&l);
	if (err == OK) {
		*ret = l.s;
		return OK;
	}
	if (!problem.place[0])
		tell(&l, dir, err_text(err));
	static_files_free(l.s);
	*ret_problem = problem;
	return err;
}
