/* A target that waits for a probe to start and opens its memory before the probe can forbid that. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile long base;
static volatile int won, tried;

static int is_probe(long pid, const char *verb) {
  char path[64], line[256] = {0};
  snprintf(path, sizeof path, "/proc/%ld/cmdline", pid);
  int file = open(path, O_RDONLY);
  if (file < 0) return 0;
  ssize_t got = read(file, line, sizeof line - 1);
  close(file);
  return got > 20 && !strcmp(line, "/secure-scan-probe") && !strcmp(line + 19, verb);
}

static void *spin(void *none) {
  (void)none;
  char path[64];
  for (;;) {
    for (long pid = base + 1; base && pid < base + 28; pid++) {
      snprintf(path, sizeof path, "/proc/%ld/mem", pid);
      int memory = open(path, O_RDWR);
      tried = 1;
      if (memory < 0) continue;
      if (is_probe(pid, "collect")) won = 1;
      close(memory);
    }
  }
  return 0;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, 0, spin, 0);
  for (;;) {
    DIR *all = opendir("/proc");
    struct dirent *one;
    while (all && (one = readdir(all))) {
      long pid = atol(one->d_name);
      if (pid > 0 && is_probe(pid, "wait")) base = pid;
    }
    if (all) closedir(all);
    FILE *log = fopen("/tmp/race.new", "w");
    if (log) {
      fprintf(log, "seen %d tried %d won %d\n", base != 0, tried, won);
      fclose(log);
      rename("/tmp/race.new", "/tmp/race");
    }
    usleep(20000);
  }
}
