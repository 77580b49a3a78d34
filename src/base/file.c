/* file.c - reads a regular file into a bounded buffer. Start-up and commands only: it blocks. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err open_error(int error)
{
	if (error == ENOENT || error == ENOTDIR)
		return ERR_NOT_FOUND;
	return error == EACCES || error == EPERM ? ERR_DENIED : ERR_IO;
}

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

enum err file_read(const char *path, struct buf *out)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	__attribute__((cleanup(close_fd))) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0)
		return open_error(errno);
	if (fstat(fd, &st) != 0)
		return ERR_IO;
	if (!S_ISREG(st.st_mode))
		return ERR_INVALID;
	char chunk[16384];
	for (;;) {
		ssize_t got = read(fd, chunk, sizeof chunk);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ERR_IO;
		if (got == 0)
			return out->err;
		buf_add(out, chunk, (size_t)got);
		if (out->err != OK)
			return out->err;
	}
}
