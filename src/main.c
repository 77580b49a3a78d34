/* main.c - a table of commands. Each command reads its own arguments; see commands.h for exit codes. */
#include <stdio.h>
#include <string.h>

#include "commands.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *does;
};

static const struct command commands[] = {
    {"serve", command_serve, "the server (default)"},
    {"demo", command_demo, "a server and a simulated Jira site on throw-away data"},
    {"sim", command_sim, "the simulated Jira site alone"},
    {"check", command_check, "reads configuration, descriptor and features file; tells every problem"},
    {"tenants", command_tenants, "the operator's view: list, show KEY, export, refresh KEY, override KEY"},
    {"rekey", command_rekey, "re-seals secrets with the newest key, beside a running server"},
    {"backup", command_backup, "FILE: online copy of the database"},
    {"forget", command_forget, "EMAIL: erases a contact everywhere, beside a running server"},
    {"sync", command_sync, "[--full]: one poll of the marketplaces now, beside a running server or alone"},
    {"mail", command_mail, "mail to evaluators: how it stands; --dry-run: who would get what"},
    {"health", command_health, "asks the running server whether it is ready"},
};

static void usage(FILE *out)
{
	fputs("usage: licgate [COMMAND] [ARGUMENT ...]\n\n", out);
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].does);
	fputs("\nlicgate COMMAND --help tells more. Settings are environment variables: licgate check --settings lists "
	      "them.\n",
	      out);
}

static int version(void)
{
	puts("licgate " LICGATE_VERSION);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return command_serve(argc, argv);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		usage(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version"))
		return version();
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (!strcmp(argv[1], commands[i].name))
			return argc > 2 && !strcmp(argv[2], "--version") ? version() : commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "licgate: no command \"%s\": licgate --help lists them\n", argv[1]);
	return 2;
}
