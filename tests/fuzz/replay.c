/* replay.c - stands in for libFuzzer in the ordinary test run: gives every corpus and regression file to the target
 * once. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 20 };

static int replay(const char *path)
{
	static uint8_t data[INPUT_MAX];
	FILE *f = fopen(path, "rb");
	if (!f)
		return 0;
	size_t size = fread(data, 1, sizeof data, f);
	fclose(f);
	uint8_t *exact = malloc(size ? size : 1); /* so that the address sanitizer sees a read past the end */
	if (!exact)
		return 0;
	memcpy(exact, data, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	return 1;
}

int main(int argc, char **argv)
{
	int files = 0;
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		for (struct dirent *e; dir && (e = readdir(dir));) {
			char path[4096];
			struct stat st;
			int len = snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
			if (len > 0 && (size_t)len < sizeof path && stat(path, &st) == 0 && S_ISREG(st.st_mode))
				files += replay(path);
		}
		if (dir)
			closedir(dir);
	}
	printf("%d inputs replayed\n", files);
	return files > 0 ? 0 : 1; /* a target without a corpus tests nothing */
}
