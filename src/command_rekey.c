/* command_rekey.c - licgate rekey: seals every secret with the newest key of LICGATE_SECRET_KEYS.
 *
 * To change keys: put the new key first in the list, restart the server, run this, then take the old key out. The
 * work is the store's (store/rekey.c); it runs beside a server and may be stopped and run again. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "command_desk.h"
#include "commands.h"

enum { TOLD_MAX = 20 };

static const char help[] =
    "usage: licgate rekey\n\nSeals every stored secret with the first key of LICGATE_SECRET_KEYS. A server may go on\n"
    "meanwhile. To change keys: put the new key first in the list, restart the server, run licgate rekey, then take\n"
    "the old key out of the list. Stopped half-way, a second run goes on.\n";

static void show(void *arg, size_t resealed)
{
	(void)arg;
	fprintf(stderr, "\rlicgate: re-sealed %zu", resealed);
}

static void tell_unopened(void *arg, const struct sealed_row *row)
{
	size_t *told = arg;
	if (++*told <= TOLD_MAX)
		fprintf(stderr, "\rlicgate: no key opens %s.%s of %s\n", row->table, row->column, row->row_key);
}

static int rekey(struct store *s, const struct keyring *k)
{
	bool terminal = isatty(STDERR_FILENO);
	size_t told = 0;
	struct rekey r = {.progress = terminal ? show : NULL, .unopened = tell_unopened, .arg = &told};
	enum err e = store_rekey(s, k, &r);
	if (terminal && (r.resealed || told))
		fputc('\n', stderr);
	struct str key = keyring_newest_id(k);
	printf("re-sealed with key %.*s: %zu\n", STR_ARG(key), r.resealed);
	if (r.unopened_count)
		fprintf(stderr,
		        "licgate: %zu values open with no key of LICGATE_SECRET_KEYS: add the key they were sealed with\n",
		        r.unopened_count);
	if (e != OK)
		fprintf(stderr, "licgate: stopped (%s): run licgate rekey again, it goes on\n", err_text(e));
	else if (!r.settled)
		fputs("licgate: a server still seals with an older key: restart it with the new list, then run this again\n",
		      stderr);
	return e == OK && r.settled && !r.unopened_count ? 0 : 1;
}

int command_rekey(int argc, char **argv)
{
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return 0;
	}
	if (argc > 1) {
		fprintf(stderr, "licgate: rekey takes no argument \"%s\": see licgate rekey --help\n", argv[1]);
		return 2;
	}
	__cleanup(desk_release) struct desk desk = {0};
	if (!desk_settings(&desk) || !desk_store(&desk, true))
		return 1;
	return rekey(desk.store, desk.keyring);
}
