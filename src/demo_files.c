/* demo_files.c - copies and removes small trees: plain files and folders, symbolic links are not followed. */
#include "demo_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"

enum { FILE_MAX_BYTES = 8 * 1024 * 1024, DEPTH_MAX = 8 };

static const struct str host_script = {"https://connect-cdn.atl-paas.net/all.js", 39};

static void cleanup_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static enum err fail(const char *path)
{
	fprintf(stderr, "licgate: %s: %s\n", path, strerror(errno));
	return ERR_IO;
}

static bool path_join(char out[static PATH_MAX], const char *dir, const char *name)
{
	int len = snprintf(out, PATH_MAX, "%s/%s", dir, name);
	return len > 0 && len < PATH_MAX;
}

static enum err file_write(const char *path, struct str text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(path);
	while (text.len > 0) {
		ssize_t n = write(fd, text.ptr, text.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			close(fd);
			return fail(path);
		}
		text = (struct str){text.ptr + n, text.len - (size_t)n};
	}
	return close(fd) == 0 ? OK : fail(path);
}

static void add_with_own_script(struct buf *out, struct str html)
{
	const char *found;
	while (html.len > 0 && (found = memmem(html.ptr, html.len, host_script.ptr, host_script.len))) {
		size_t before = (size_t)(found - html.ptr);
		buf_add(out, html.ptr, before);
		buf_z(out, "{{asset:all.js}}");
		html = (struct str){found + host_script.len, html.len - before - host_script.len};
	}
	buf_str(out, html);
}

static enum err file_copy(const char *from, const char *to)
{
	__cleanup_buf struct buf text = BUF_INIT(FILE_MAX_BYTES), changed = BUF_INIT(FILE_MAX_BYTES);
	enum err err = file_read(from, &text);
	if (err != OK) {
		fprintf(stderr, "licgate: %s cannot be read (%s)\n", from, err_text(err));
		return err;
	}
	if (!str_ends(str_of(from), STR(".html")))
		return file_write(to, buf_text(&text));
	add_with_own_script(&changed, buf_text(&text));
	return changed.err == OK ? file_write(to, buf_text(&changed)) : changed.err;
}

static enum err tree_copy(const char *from, const char *to, int depth)
{
	if (depth == DEPTH_MAX || mkdir(to, 0700) != 0)
		return fail(to);
	__cleanup(cleanup_dir) DIR *dir = opendir(from);
	if (!dir)
		return fail(from);
	struct dirent *entry;
	while ((entry = readdir(dir))) {
		char source[PATH_MAX], target[PATH_MAX];
		struct stat st;
		if (entry->d_name[0] == '.')
			continue;
		if (!path_join(source, from, entry->d_name) || !path_join(target, to, entry->d_name))
			return ERR_TOO_LARGE;
		if (lstat(source, &st) != 0)
			return fail(source);
		enum err err = OK;
		if (S_ISDIR(st.st_mode))
			err = tree_copy(source, target, depth + 1);
		else if (S_ISREG(st.st_mode))
			err = file_copy(source, target);
		if (err != OK)
			return err;
	}
	return OK;
}

enum err demo_static_copy(const char *from, const char *to, struct str script)
{
	char assets[PATH_MAX], path[PATH_MAX];
	enum err err = tree_copy(from, to, 0);
	if (err != OK)
		return err;
	if (!path_join(assets, to, "assets") || !path_join(path, assets, "all.js"))
		return ERR_TOO_LARGE;
	if (mkdir(assets, 0700) != 0 && errno != EEXIST)
		return fail(assets);
	return file_write(path, script);
}

static void tree_remove(const char *dir, int depth)
{
	__cleanup(cleanup_dir) DIR *d = depth < DEPTH_MAX ? opendir(dir) : NULL;
	struct dirent *entry;
	while (d && (entry = readdir(d))) {
		char path[PATH_MAX];
		struct stat st;
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || !path_join(path, dir, entry->d_name) ||
		    lstat(path, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode))
			tree_remove(path, depth + 1);
		else
			(void)unlink(path);
	}
	(void)rmdir(dir);
}

void demo_remove(const char *dir)
{
	tree_remove(dir, 0);
}
