/* fault_vfs.c - see fault_vfs.h. The real layer's files are used as they are, with a method table of ours in which a
 * few methods count first and then call the original. */
#include "store/fault_vfs.h"

#include <pthread.h>
#include <sqlite3.h>

static sqlite3_vfs layer;
static sqlite3_vfs *real;
static const sqlite3_io_methods *real_methods; /* any of the real tables: reading and writing are the same in all */
static struct table {
	const sqlite3_io_methods *original;
	sqlite3_io_methods counting;
} tables[4];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int fault_code;
static int left; /* left: operations until the fault; 0: it is reached; -1: none */
static bool stays, reached;

/* SQLITE_OK: go on. */
static int due(void)
{
	int code = SQLITE_OK;
	pthread_mutex_lock(&lock);
	if (left > 0 && --left == 0)
		reached = true;
	if (left == 0) {
		code = fault_code;
		if (!stays)
			left = -1;
	}
	pthread_mutex_unlock(&lock);
	return code;
}

static int write_file(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
	int rc = due();
	return rc == SQLITE_OK ? real_methods->xWrite(f, data, n, at) : rc;
}

/* A full disk does not keep anybody from reading. */
static int read_file(sqlite3_file *f, void *data, int n, sqlite3_int64 at)
{
	int rc = (fault_code & 0xff) == SQLITE_IOERR ? due() : SQLITE_OK;
	return rc == SQLITE_OK ? real_methods->xRead(f, data, n, at) : rc;
}

static int sync_file(sqlite3_file *f, int flags)
{
	int rc = due();
	return rc == SQLITE_OK ? real_methods->xSync(f, flags) : rc;
}

static int truncate_file(sqlite3_file *f, sqlite3_int64 size)
{
	int rc = due();
	return rc == SQLITE_OK ? real_methods->xTruncate(f, size) : rc;
}

static const sqlite3_io_methods *counting(const sqlite3_io_methods *original)
{
	pthread_mutex_lock(&lock);
	struct table *t = tables;
	while (t->original && t->original != original)
		t++;
	if (!t->original) {
		t->original = real_methods = original;
		t->counting = *original;
		t->counting.xWrite = write_file;
		t->counting.xRead = read_file;
		t->counting.xSync = sync_file;
		t->counting.xTruncate = truncate_file;
	}
	pthread_mutex_unlock(&lock);
	return &t->counting;
}

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
	(void)vfs;
	f->pMethods = NULL;
	if (due() != SQLITE_OK)
		return SQLITE_CANTOPEN;
	int rc = real->xOpen(real, name, f, flags, ret_flags);
	if (rc == SQLITE_OK && f->pMethods)
		f->pMethods = counting(f->pMethods);
	return rc;
}

void fault_install(void)
{
	real = sqlite3_vfs_find("unix");
	layer = *real;
	layer.zName = "fault";
	layer.pNext = NULL;
	layer.xOpen = open_file;
	left = -1;
	sqlite3_vfs_register(&layer, 1);
}

void fault_arm(int nth, int code, bool for_good)
{
	pthread_mutex_lock(&lock);
	left = nth;
	fault_code = code;
	stays = for_good;
	reached = false;
	pthread_mutex_unlock(&lock);
}

bool fault_disarm(void)
{
	pthread_mutex_lock(&lock);
	left = -1;
	bool was = reached;
	pthread_mutex_unlock(&lock);
	return was;
}
