/* sqlite_backup.c - a copy of a database that is in use, into a new file.
 *
 * The caller holds a read transaction on the connection, so the copy is of one moment and writers neither wait nor make
 * it start anew. The copy grows under a temporary name beside the target, is synced, and only then gets its name: a
 * file with the target's name is always whole. It never replaces a file that is there. sqlite.org/backup.html */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/sqlite.h"

enum { PAGES_A_STEP = 256 };

static enum err err_of_errno(int number)
{
	switch (number) {
	case EEXIST:
		return ERR_CONFLICT;
	case ENOSPC:
	case EDQUOT:
		return ERR_FULL;
	case ENOMEM:
		return ERR_NOMEM;
	default:
		return ERR_IO;
	}
}

static enum err copy_pages(struct sql_conn *c, sqlite3 *to, void (*progress)(void *arg, int done, int total), void *arg)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", c->db, "main");
	if (!b)
		return sqlite_note(c, sqlite3_extended_errcode(to));
	int rc;
	do {
		rc = sqlite3_backup_step(b, PAGES_A_STEP);
		int total = sqlite3_backup_pagecount(b);
		if (progress && (rc == SQLITE_OK || rc == SQLITE_DONE))
			progress(arg, total - sqlite3_backup_remaining(b), total);
	} while (rc == SQLITE_OK);
	int finished = sqlite3_backup_finish(b);
	return sqlite_note(c, rc == SQLITE_DONE ? finished : rc);
}

static enum err copy_into(struct sql_conn *c, const char *file, void (*progress)(void *arg, int done, int total),
                          void *arg)
{
	/* The first read fixes the moment that is copied. */
	enum err e = sqlite_note(c, sqlite3_exec(c->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL));
	if (e != OK)
		return e;
	sqlite3 *to = NULL;
	int rc = sqlite3_open_v2(file, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	/* No journal and no syncs: a copy that is cut off is thrown away, one that is whole is synced once. */
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(to, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL);
	e = rc == SQLITE_OK ? copy_pages(c, to, progress, arg) : sqlite_note(c, rc);
	sqlite3_close(to);
	return e;
}

static enum err sync_path(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return err_of_errno(errno);
	int failed = fsync(fd) != 0 ? errno : 0;
	close(fd);
	return failed ? err_of_errno(failed) : OK;
}

/* Not every file system can refuse to replace (EINVAL); those have hard links. */
static enum err give_name(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return OK;
	if (errno != EINVAL && errno != ENOSYS)
		return err_of_errno(errno);
	return link(from, to) == 0 ? OK : err_of_errno(errno);
}

enum err sqlite_backup(struct sql_conn *c, const char *file, void (*progress)(void *arg, int done, int total),
                       void *arg)
{
	if (access(file, F_OK) == 0)
		return ERR_CONFLICT;
	__cleanup_free char *part = NULL, *folder = strdup(file);
	if (asprintf(&part, "%s.part-XXXXXX", file) < 0)
		part = NULL;
	if (!part || !folder)
		return ERR_NOMEM;
	int fd = mkostemp(part, O_CLOEXEC); /* mode 0600 */
	if (fd < 0)
		return err_of_errno(errno);
	close(fd);
	enum err e = copy_into(c, part, progress, arg);
	if (e == OK)
		e = sync_path(part, O_RDWR);
	if (e == OK)
		e = give_name(part, file);
	unlink(part); /* after a rename there is nothing under that name */
	if (e == OK)
		e = sync_path(dirname(folder), O_RDONLY | O_DIRECTORY);
	return e;
}
