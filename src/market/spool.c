/* spool.c - see spool.h. */
#include "market/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FOLDER_MAX = 4000 };

/* Where the file system knows no nameless files: named for a moment. */
static int open_and_unlink(const char *folder)
{
	char path[FOLDER_MAX + 32];
	if (snprintf(path, sizeof(path), "%s/.licgate-export-XXXXXX", folder) >= (int)sizeof(path))
		return -1;
	int fd = mkostemp(path, O_CLOEXEC); /* mode 0600 */
	if (fd >= 0)
		unlink(path);
	return fd;
}

enum err spool_open(const char *folder, struct spool *ret)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = open_and_unlink(folder);
	if (fd < 0)
		return ERR_IO;
	ret->fd = fd;
	ret->bytes = 0;
	return OK;
}

void spool_close(struct spool *s)
{
	close(s->fd);
}

enum err spool_rewind(struct spool *s)
{
	return lseek(s->fd, 0, SEEK_SET) == 0 ? OK : ERR_IO;
}

enum err spool_reset(struct spool *s)
{
	s->bytes = 0;
	return ftruncate(s->fd, 0) == 0 ? spool_rewind(s) : ERR_IO;
}

bool spool_take(void *spool, const char *data, size_t len)
{
	struct spool *s = spool;
	while (len > 0) {
		ssize_t n = write(s->fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
		s->bytes += (uint64_t)n;
	}
	return true;
}

ssize_t spool_read(void *spool, char *into, size_t room)
{
	const struct spool *s = spool;
	ssize_t n;
	do
		n = read(s->fd, into, room);
	while (n < 0 && errno == EINTR);
	return n;
}

bool spool_read_at(const struct spool *s, char *into, size_t len, uint64_t offset)
{
	while (len > 0) {
		ssize_t n = pread(s->fd, into, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		into += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return true;
}
