/* ns of each step of verifying a page request: find, parse, qsh, verify. Prints one line a step. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/secret.h"
#include "token/qsh.h"
#include "token/token.h"

static double now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

enum { ROUNDS = 200000 };

static const char *target_text =
    "/app/license.json?xdm_e=https%3A%2F%2Facme.atlassian.net&xdm_c=channel-com.example.app__license&cp=&"
    "xdm_deprecated_addon_key_do_not_use=com.example.app&lic=active&cv=1001.0.0-SNAPSHOT&projectKey=ACME&jwt=";

enum { STEP_FIND = 1, STEP_PARSE = 2, STEP_QSH = 4, STEP_VERIFY = 8 };

static void once(struct arena *arena, struct str target, struct str secret, unsigned steps)
{
	arena_init(arena, 1 << 20);
	struct str token, query = {strchr(target.ptr, '?') + 1, 0};
	query.len = target.len - (size_t)(query.ptr - target.ptr);
	token = (struct str){strstr(target.ptr, "jwt=") + 4, 0};
	token.len = target.len - (size_t)(token.ptr - target.ptr);
	if ((steps & STEP_FIND) && token_find(arena, (struct str){NULL, 0}, query, &token) != TOKEN_OK)
		abort();
	struct token_unverified t;
	if ((steps & STEP_PARSE) && token_parse(arena, token, TOKEN_HS256, &t) != TOKEN_OK)
		abort();
	char qsh[QSH_LEN] = {0};
	if (steps & STEP_QSH) {
		if (!qsh_target_utf8(target) || !qsh_compute(arena, STR("GET"), target, STR(""), qsh))
			abort();
	}
	const struct claims *claims;
	struct token_rules rules = {.now_s = 1750000000, .qsh_expected = qsh};
	if ((steps & STEP_VERIFY) && token_verify_hs256(&t, secret, &rules, &claims) != TOKEN_OK)
		abort();
	arena_release(arena);
}

int main(void)
{
	static struct arena arena;
	struct str secret = STR("tenantA-shared-secret-0123456789abcdef0123456789abcdef");
	char qsh[QSH_LEN], claims[1024], *token, target[4096];
	if (!crypto_init())
		return 1;
	arena_init(&arena, 1 << 20);
	if (!qsh_compute(&arena, STR("GET"), str_of(target_text), STR(""), qsh))
		return 1;
	snprintf(claims, sizeof(claims),
	         "{\"sub\":\"557058:00000000-0000-4000-8000-000000000001\",\"qsh\":\"%.*s\",\"iss\":\"11111111-aaaa-4aaa-"
	         "8aaa-111111111111\",\"context\":{\"license\":{\"active\":true},\"jira\":{\"project\":{\"key\":\"ACME\","
	         "\"id\":\"10001\"}}},\"exp\":1750000170,\"iat\":1749999990}",
	         QSH_LEN, qsh);
	if (token_mint_hs256(secret, str_of(claims), &token) != OK)
		return 1;
	snprintf(target, sizeof(target), "%s%s", target_text, token);
	printf("target %zu bytes, token %zu, header %.36s\n", strlen(target), strlen(token), token);
	free(token);
	static const struct {
		const char *name;
		unsigned steps;
	} runs[] = {{"nothing", 0},
	            {"find", STEP_FIND},
	            {"parse", STEP_PARSE},
	            {"qsh", STEP_QSH},
	            {"parse+verify", STEP_PARSE | STEP_VERIFY},
	            {"all", 15}};
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		unsigned steps = runs[i].steps;
		double best = 1e18;
		for (int trial = 0; trial < 3; trial++) {
			double start = now_ns();
			for (int n = 0; n < ROUNDS; n++) {
				if (steps == (STEP_PARSE | STEP_VERIFY) || steps == 15)
					once(&arena, str_of(target), secret, 15u & (steps | STEP_QSH));
				else
					once(&arena, str_of(target), secret, steps);
			}
			double took = (now_ns() - start) / ROUNDS;
			best = took < best ? took : best;
		}
		printf("%-14s %6.0f ns\n", runs[i].name, best);
	}
	return 0;
}
