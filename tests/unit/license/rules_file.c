/* rules_file.c - see rules_file.h. Expected text is compared with single blanks between its words. */
#include "license/rules_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void squeeze(const char *from, char *to)
{
	size_t n = 0;
	for (; *from; from++) {
		bool blank = *from == ' ' || *from == '\t' || *from == '\n';
		if (!blank)
			to[n++] = *from;
		else if (n > 0 && to[n - 1] != ' ')
			to[n++] = ' ';
	}
	while (n > 0 && to[n - 1] == ' ')
		n--;
	to[n] = '\0';
}

static bool rule_read(struct rule *r, char *line)
{
	r->word_count = 0;
	squeeze(line, r->raw);
	if (r->raw[0] == '\0' || r->raw[0] == '#')
		return false;
	char *arrow = strstr(line, "=>");
	r->has_arrow = arrow != NULL;
	r->expected[0] = '\0';
	if (arrow) {
		*arrow = '\0';
		squeeze(arrow + 2, r->expected);
	}
	squeeze(line, r->text);
	char *save = NULL;
	for (char *w = strtok_r(r->text, " ", &save); w && r->word_count < RULE_WORDS_MAX; w = strtok_r(NULL, " ", &save))
		r->words[r->word_count++] = w;
	return true;
}

/* True: as the table says. */
static bool check_case(const struct rule *r, const char *got)
{
	assert_true(r->has_arrow);
	if (strcmp(got, r->expected) == 0)
		return true;
	print_error("%s:%d: %s\n    got %s\n", r->file, r->line, r->raw, got);
	return false;
}

void rules_check(const char *file, rule_fn *fn, void *arg, int cases_min)
{
	int cases = 0, wrong = 0;
	FILE *f = fopen(file, "r");
	if (!f)
		fail_msg("cannot read %s", file);
	char line[RULE_LINE_MAX], got[RULE_LINE_MAX];
	struct rule r = {.file = file};
	while (fgets(line, sizeof line, f)) {
		r.line++;
		if (!rule_read(&r, line) || !fn(arg, &r, got))
			continue;
		cases++;
		wrong += !check_case(&r, got);
	}
	(void)fclose(f);
	assert_true(cases >= cases_min);
	assert_int_equal(wrong, 0);
}

const char *rule_get(const struct rule *r, const char *name)
{
	size_t len = strlen(name);
	for (int i = 0; i < r->word_count; i++)
		if (strncmp(r->words[i], name, len) == 0 && r->words[i][len] == '=')
			return r->words[i] + len + 1;
	return NULL;
}

bool rule_has(const struct rule *r, const char *word)
{
	for (int i = 0; i < r->word_count; i++)
		if (strcmp(r->words[i], word) == 0)
			return true;
	return false;
}

int64_t rule_span_ms(const char *text)
{
	char *unit = NULL;
	int64_t n = strtoll(text, &unit, 10);
	switch (*unit) {
	case 'd':
		return n * 86400000;
	case 'h':
		return n * 3600000;
	case 'm':
		return n * 60000;
	case 's':
		return n * 1000;
	default:
		fail_msg("no unit in \"%s\"", text);
		return 0;
	}
}
