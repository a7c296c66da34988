/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays a corpus through a fuzz target without a fuzzer: every file of every folder that is named.
 * A folder that is missing or empty is a failure: then nothing was tested.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    struct stat about;
    FILE *file = fopen(path, "rbe");
    uint8_t *bytes = NULL;
    size_t length;

    if (!file || stat(path, &about) < 0 || !S_ISREG(about.st_mode)) {
        (void)fprintf(stderr, "replay: cannot read %s: %s\n", path, strerror(errno));
        if (file) {
            (void)fclose(file);
        }
        return -1;
    }
    /* Exactly as large as the input, so that a sanitizer sees a read behind its end. */
    bytes = (uint8_t *)malloc(about.st_size > 0 ? (size_t)about.st_size : 1);
    length = bytes ? fread(bytes, 1, (size_t)about.st_size, file) : 0;
    (void)fclose(file);
    if (bytes) {
        (void)LLVMFuzzerTestOneInput(bytes, length);
    }
    free(bytes);
    return 0;
}

static int replay_folder(const char *folder)
{
    struct dirent **names = NULL;
    int count = scandir(folder, &names, NULL, alphasort);
    int replayed = 0;

    for (int i = 0; i < count; i++) {
        char path[4096];

        if (names[i]->d_name[0] != '.') {
            (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
            replayed += replay_file(path) == 0 ? 1 : -100000;
        }
        free(names[i]);
    }
    free(names);
    return replayed;
}

int main(int argc, char **argv)
{
    int total = 0;

    for (int i = 1; i < argc; i++) {
        int replayed = replay_folder(argv[i]);

        if (replayed <= 0) {
            (void)fprintf(stderr, "replay: %s holds nothing to replay\n", argv[i]);
            return 1;
        }
        total += replayed;
    }
    (void)printf("replay: %d inputs\n", total);
    return total > 0 ? 0 : 1;
}
