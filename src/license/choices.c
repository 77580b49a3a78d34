/* choices.c - see choices.h. */
#include "license/choices.h"

#include <stdlib.h>
#include <string.h>

#include "license/live.h"

struct choices *choices_new(const struct choice_row *rows, size_t count)
{
	size_t text_len = 0;
	for (size_t i = 0; i < count; i++)
		text_len += strlen(rows[i].feature) + 1;
	struct choices *c = calloc(1, sizeof *c + count * sizeof c->at[0] + text_len);
	if (!c)
		return NULL;
	char *text = (char *)&c->at[count];
	for (size_t i = 0; i < count; i++) {
		enum verdict most;
		if (!verdict_parse(str_of(rows[i].value), &most))
			continue;
		const size_t size = strlen(rows[i].feature) + 1;
		memcpy(text, rows[i].feature, size);
		c->at[c->count++] = (struct choice){text, most};
		text += size;
	}
	return c;
}

void tenant_choices_set(const struct tenant *tenant, struct choices *choices)
{
	struct live *live = tenant->live;
	pthread_mutex_lock(&live->lock);
	struct choices *old = live->choices;
	live->choices = choices;
	pthread_mutex_unlock(&live->lock);
	free(old);
}

enum verdict tenant_choice(const struct tenant *tenant, const struct feature *f)
{
	if (!f->choices)
		return VERDICT_ALLOW;
	enum verdict most = VERDICT_ALLOW;
	struct live *live = tenant->live;
	pthread_mutex_lock(&live->lock);
	for (size_t i = 0; live->choices && i < live->choices->count; i++)
		if (strcmp(live->choices->at[i].feature, f->name) == 0)
			most = live->choices->at[i].most;
	pthread_mutex_unlock(&live->lock);
	return f->choices & 1u << most ? most : VERDICT_ALLOW;
}
