/* SPDX-License-Identifier: MIT
 * corpus_main.c - runs a fuzz target over its kept corpus, for builds without libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t size_max = 16u << 20, size = 0;
    uint8_t *data = malloc(size_max);
    if (data != NULL)
        size = fread(data, 1, size_max, file);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    size_t files = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (dir == NULL) {
            perror(argv[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
            if (entry->d_name[0] != '.') {
                failed |= run_file(argv[i], entry->d_name);
                files++;
            }
        closedir(dir);
    }
    printf("%zu corpus files\n", files);
    return files == 0 || failed; /* an empty corpus proves nothing */
}
