/* command_mail.c - licgate mail: what the server's mailer has done and would do, without sending anything.
 *
 * --dry-run runs the mailer's own code in a transaction that is taken back, so it shows what would happen and changes
 * nothing. Addresses are masked. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "command_desk.h"
#include "commands.h"
#include "events/mail_queue.h"
#include "market/contacts.h"

enum { LIST_MAX = 1000, ARENA_MAX = 64 << 20 };

static const char help[] =
    "usage: licgate mail                    how many mails wait, were sent, failed or were dropped\n"
    "       licgate mail --dry-run [--all]  who would get what, when, and why not; nothing is sent or changed\n\n"
    "--all: as if every template were on, for events of the last three days.\n";

struct look {
	const struct config *config;
	const struct keyring *keyring;
	bool all;
	struct arena arena;
	size_t shown;
};

/* ---- how things are ---- */

static enum err counts_print(struct store_tx *tx, void *arg)
{
	struct look *d = arg;
	struct mail_count *counts = NULL;
	size_t count = 0;
	int64_t suppressed = 0;
	enum err err = store_mail_counts(tx, &d->arena, &counts, &count);
	if (err == OK)
		err = store_suppression_count(tx, &suppressed);
	if (err != OK)
		return err;
	for (int k = 0; k < MAIL_KINDS; k++)
		printf("%-8s %s\n", mail_kind_name((enum mail_kind)k),
		       mail_kind_on(d->config, (enum mail_kind)k) ? "on" : "off");
	for (size_t i = 0; i < count; i++)
		printf("%-8s %-8s %lld\n", counts[i].template, counts[i].status, (long long)counts[i].count);
	printf("addresses that get no mail: %lld\n", (long long)suppressed);
	return OK;
}

/* ---- dry run ---- */

/* "j***@c***.example": enough to know one's own. */
static void print_masked(struct str email)
{
	const size_t at = str_find(email, '@');
	if (at == 0 || at + 1 >= email.len) {
		fputs("***", stdout);
		return;
	}
	const char *dot = memrchr(email.ptr + at, '.', email.len - at);
	const struct str end = dot ? (struct str){dot, (size_t)(email.ptr + email.len - dot)} : STR("");
	printf("%c***@%c***%.*s", email.ptr[0], email.ptr[at + 1], STR_ARG(end));
}

static void print_mail(const struct mail_row *row, const struct mail_claim *c, const char *why)
{
	char at[TIME_TEXT_SIZE];
	time_text(row->next_at, at);
	printf("%-8s %s  ", row->template, at);
	if (c->contact.email.len)
		print_masked(c->contact.email);
	else
		fputs("(nobody)", stdout);
	printf("  %s%s%s\n", c->entitlement ? c->entitlement : "", why ? "  not sent: " : "", why ? why : "");
}

/* What is queued is decided as if its time had come. */
static enum err list_decided(struct store_tx *tx, struct look *d, const struct mail_rules *rules, int64_t now)
{
	struct mail_row *rows = NULL;
	size_t count = 0;
	enum err err = store_mail_due(tx, INT64_MAX, LIST_MAX, &d->arena, &rows, &count);
	for (size_t i = 0; err == OK && i < count; i++) {
		struct mail_claim c;
		const char *why = NULL;
		err = mail_decide(tx, rules, &rows[i], rows[i].next_at > now ? rows[i].next_at : now, &d->arena, &c, &why);
		if (err == OK)
			print_mail(&rows[i], &c, why);
	}
	d->shown = count;
	return err;
}

/* Ends with an error, so that the store takes it all back. */
static enum err dry_run(struct store_tx *tx, void *arg)
{
	struct look *d = arg;
	const int64_t now = clock_wall_ms(&clock_system);
	struct mail_rules rules = mail_rules_of(d->config, d->keyring, contacts_find);
	int64_t seq = 0, before = -1;
	for (int k = 0; d->all && k < MAIL_KINDS; k++)
		rules.on[k] = true;
	if (d->all && rules.ending_ms == 0)
		rules.ending_ms = 7 * 86400000LL;
	enum err err = store_follower_get(tx, "mail", &seq);
	if (d->all || err == ERR_NOT_FOUND)
		err = store_follower_put(tx, "mail", 0); /* what is too old is left out by its time */
	while (err == OK && seq != before) {
		before = seq;
		err = mail_follow(tx, &rules, now);
		if (err == OK)
			err = store_follower_get(tx, "mail", &seq);
	}
	if (err == OK)
		err = list_decided(tx, d, &rules, now);
	return err == OK ? ERR_CONFLICT : err;
}

static int finish(struct look *d, enum err err, bool dry)
{
	arena_release(&d->arena);
	if (dry && err == ERR_CONFLICT) {
		if (d->shown == 0)
			puts("no mail would be sent");
		err = OK;
	}
	if (err != OK)
		fprintf(stderr, "licgate: the mail cannot be read (%s)\n", err_text(err));
	return err == OK && fflush(stdout) == 0 ? 0 : 1;
}

int command_mail(int argc, char **argv)
{
	bool dry = false, all = false;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(help, stdout);
			return 0;
		}
		dry = dry || !strcmp(argv[i], "--dry-run");
		all = all || !strcmp(argv[i], "--all");
		if (strcmp(argv[i], "--dry-run") != 0 && strcmp(argv[i], "--all") != 0) {
			fprintf(stderr, "licgate: mail does not take \"%s\": see licgate mail --help\n", argv[i]);
			return 2;
		}
	}
	if (all && !dry) {
		fputs("licgate: --all goes with --dry-run: see licgate mail --help\n", stderr);
		return 2;
	}
	__cleanup(desk_release) struct desk desk = {0};
	if (!desk_settings(&desk) || !desk_store(&desk, true))
		return 1;
	struct look look = {.config = desk.config, .keyring = desk.keyring, .all = all};
	arena_init(&look.arena, ARENA_MAX);
	const enum err err = dry ? store_write(desk.store, dry_run, &look) : store_read(desk.store, counts_print, &look);
	return finish(&look, err, dry);
}
