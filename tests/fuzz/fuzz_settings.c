/* fuzz_settings.c - the environment: lines of NAME=value in front of the two required settings.
 *
 * Checked: a load fails exactly when a problem was told; problems are one harmless line; secrets are masked; what
 * config_print says of a configuration gives the same configuration when it is read again. NAME_FILE is left out: a
 * fuzzer's path could name a terminal or a pipe. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES_MAX = 64, PRINTED_MAX = 1 << 20 };

static char base_url[] = "LICGATE_BASE_URL=https://app.example/gate";
/* What other settings ask for and is not printed. */
static char smtp_url[] = "LICGATE_SMTP_URL=smtp://mail.example";
static char events_secret[] = "LICGATE_EVENTS_SECRET=whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
static char secret_keys[] = "LICGATE_SECRET_KEYS=k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

static void hear(void *problems, const struct problem *p)
{
	assert(p->place[0] && p->text[0]);
	for (const char *c = p->place; *c; c++)
		assert(*c >= ' ' && *c <= '~');
	for (const char *c = p->text; *c; c++)
		assert(*c >= ' ' && *c <= '~');
	++*(size_t *)problems;
}

static struct config *load(char *const *environment)
{
	struct config *c = NULL;
	size_t problems = 0;
	enum err err = config_load(environment, hear, &problems, &c);
	assert((err == OK) == (c != NULL));
	assert((err == ERR_INVALID) == (problems > 0));
	return c;
}

/* Cuts text into its lines, in place. The required two come last: the first of a name counts. */
static void environment_of(char *text, char **environment)
{
	size_t n = 0;
	for (char *line = text; line && n < LINES_MAX; n++) {
		char *end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		environment[n] = line;
		line = end;
	}
	environment[n++] = base_url;
	environment[n++] = secret_keys;
	environment[n] = NULL;
}

static bool is_secret(const char *line)
{
	return strstr(line, "=***") || strstr(line, "(not set)");
}

/* Reads back what was printed, but for secrets and what is not set. */
static void read_again(const struct config *c, const struct buf *printed)
{
	__cleanup_free char *text = str_dup(buf_text(printed));
	char *environment[LINES_MAX + 3], *again[LINES_MAX + 6];
	size_t n = 0;
	assert(text);
	environment_of(text, environment);
	for (char **line = environment; *line; line++)
		if ((*line)[0] && !is_secret(*line))
			again[n++] = *line;
	if (c->smtp_url)
		again[n++] = smtp_url;
	if (c->events_secret)
		again[n++] = events_secret;
	again[n] = NULL;
	struct config *second = load(again);
	assert(second && second->threads == c->threads);
	assert(strcmp(second->base_origin, c->base_origin) == 0 && strcmp(second->base_path, c->base_path) == 0);
	__cleanup_buf struct buf twice = BUF_INIT(PRINTED_MAX);
	second->admin_token = c->admin_token ? str_dup(str_of(c->admin_token)) : NULL;
	config_print(second, &twice);
	assert(str_eq(buf_text(printed), buf_text(&twice)));
	config_free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!crypto_init())
		abort();
	__cleanup_free char *text = malloc(size + 1);
	char *environment[LINES_MAX + 3];
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (strstr(text, "_FILE"))
		return 0;
	const bool printable = !strstr(text, "(not set)") && !strstr(text, "=***");
	environment_of(text, environment);
	struct config *c = load(environment);
	if (!c)
		return 0;
	__cleanup_buf struct buf printed = BUF_INIT(PRINTED_MAX);
	config_print(c, &printed);
	assert(strstr(printed.data, "\nLICGATE_SECRET_KEYS=***\n"));
	assert(strstr(printed.data, c->admin_token ? "\nLICGATE_ADMIN_TOKEN=***\n" : "\nLICGATE_ADMIN_TOKEN=(not set)\n"));
	if (printable)
		read_again(c, &printed);
	config_free(c);
	return 0;
}
