/* rules_file.h - reads the *.rules tables: one case a line, words, "=>", expected words. Comments start with '#'. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { RULE_WORDS_MAX = 24, RULE_LINE_MAX = 512 };

struct rule {
	const char *file;
	int line;
	char text[RULE_LINE_MAX], expected[RULE_LINE_MAX], raw[RULE_LINE_MAX];
	char *words[RULE_WORDS_MAX]; /* before "=>" */
	int word_count;
	bool has_arrow;
};
/* What the code makes of the line, in the words of the table. False: the line is no case, but says something for the
 * cases behind it. */
typedef bool rule_fn(void *arg, const struct rule *r, char got[static RULE_LINE_MAX]);
/* Every line that is not blank or a comment. Fails the test, after all have been tried, where a case comes to other
 * words than the table has, and where there are not so many cases. */
void rules_check(const char *file, rule_fn *fn, void *arg, int cases_min);
/* Value of "name=" among the words before the arrow, or NULL; rule_has: the bare word. */
const char *rule_get(const struct rule *r, const char *name);
bool rule_has(const struct rule *r, const char *word);
/* "-3d", "+12h", "5m", "30s" in milliseconds. */
int64_t rule_span_ms(const char *text);
