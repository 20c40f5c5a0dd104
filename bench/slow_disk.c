/* A slow disk: each fsync and fdatasync takes SLOW_DISK_MICROSECONDS longer. Loaded by LD_PRELOAD; see bench/group_commit.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static int slowly(const char *name, int file) {
    static long microseconds = -1;
    if (microseconds < 0) {
        const char *text = getenv("SLOW_DISK_MICROSECONDS");
        microseconds = text ? atol(text) : 0;
    }
    if (microseconds) usleep(microseconds);
    int (*original)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return original(file);
}

int fsync(int file) { return slowly("fsync", file); }
int fdatasync(int file) { return slowly("fdatasync", file); }
