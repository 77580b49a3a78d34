/* command_backup.c - licgate backup FILE: a copy of the database, taken while a server goes on.
 *
 * The work is the store's (store/sqlite_backup.c): FILE gets its name once the copy is whole and synced, and never
 * replaces one that is there. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "command_desk.h"
#include "commands.h"

enum { BACKUP_BUSY_MS = 5000 };

static const char help[] =
    "usage: licgate backup FILE\n\nCopies the database of LICGATE_DATABASE into FILE, which must not be there yet; a\n"
    "server may go on meanwhile. Secrets in the copy are sealed: keep LICGATE_SECRET_KEYS too. To restore, stop the\n"
    "server and put the copy in the database's place (and remove its -wal and -shm files).\n";

static void show(void *arg, int done, int total)
{
	(void)arg;
	fprintf(stderr, "\rlicgate: copied %3d%%", total > 0 ? (int)(100LL * done / total) : 100);
}

static int copy(struct store *s, const char *file)
{
	bool terminal = isatty(STDERR_FILENO);
	enum err e = store_backup(s, file, terminal ? show : NULL, NULL);
	if (terminal)
		fputc('\n', stderr);
	if (e == OK) {
		printf("%s\n", file);
		return 0;
	}
	if (e == ERR_CONFLICT)
		fprintf(stderr, "licgate: %s is there already: name a new file\n", file);
	else
		fprintf(stderr, "licgate: no backup made (%s): check that %s can be written and has room\n", err_text(e), file);
	return 1;
}

int command_backup(int argc, char **argv)
{
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return 0;
	}
	if (argc != 2 || argv[1][0] == '-' || !argv[1][0]) {
		fputs("licgate: backup takes one argument, the file to make: see licgate backup --help\n", stderr);
		return 2;
	}
	__cleanup(desk_release) struct desk desk = {0};
	if (!desk_settings(&desk))
		return 1;
	const struct store_options o = {.url = desk.config->database,
	                                .clock = &clock_system,
	                                .busy_timeout_ms = BACKUP_BUSY_MS,
	                                .read_only = true,
	                                .tell = print_problem};
	if (store_open(&o, &desk.store) != OK) /* it has said why */
		return 1;
	return copy(desk.store, argv[1]);
}
