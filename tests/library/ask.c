/* ask.c - a C program that embeds the gate, as small as one can be: it knows the public header alone.
 *
 * Starts the gate from its environment, prints where callbacks arrive, then reads one request per line, members apart
 * by tabs ("-" is NULL): method, target, authorization, context, feature; and prints the answer the same way. */
#include <licgate/licgate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static const char *text(const char *s)
{
	return s && strcmp(s, "-") != 0 ? s : NULL;
}

int main(void)
{
	struct licgate *gate = NULL;
	char *line = NULL;
	size_t size = 0;
	if (licgate_start(environ, &gate) != 0)
		return 1;
	printf("%s\n", licgate_address(gate));
	fflush(stdout);
	while (getline(&line, &size, stdin) > 0) {
		char *rest = line, *part[5];
		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 0; i < 5; i++)
			part[i] = strsep(&rest, "\t");
		const struct licgate_request request = {.method = text(part[0]),
		                                        .target = text(part[1]),
		                                        .authorization = text(part[2]),
		                                        .context = part[3] && part[3][0] == '1',
		                                        .feature = text(part[4])};
		struct licgate_answer a;
		int failed = licgate_ask(gate, &request, &a);
		printf("%d\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", failed, (int)a.verdict, a.status, a.code, a.state, a.source,
		       a.client_key, a.account_id, a.base_url);
		fflush(stdout);
	}
	free(line);
	licgate_stop(gate);
	return 0;
}
