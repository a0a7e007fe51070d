/* A game server for tests/e2e/server_role_test.py: the SDK in server role with many connections, which are records only.
 *
 *   server_child STATE_DIR URL ROTATE_MS CONNECTIONS PREFIX
 *
 * Opens CONNECTIONS connections with the tokens PREFIX-0, PREFIX-1 ... and keeps them open. Then it does what its
 * standard input says, one line at a time, and answers each with one line: "close N" ends the next N in the order they
 * were opened, "open N" opens N more, "busy MS" sends and receives on all open ones for that long, "cost" tells the CPU
 * time of the process, its resident memory and what it has allocated, "flush" uploads, "quit" stops. With CONNECTIONS 0
 * it is a next launch.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "whydrop/whydrop.h"

enum { kMost = 65536 };

static whydrop_conn conns[kMost];
static int opened, closed;

static void Open(const char *prefix, int count) {
  for (; count > 0 && opened - closed < kMost; --count, ++opened) {
    char token[64];
    snprintf(token, sizeof token, "%s-%d", prefix, opened);
    whydrop_conn_info info = {.struct_size = sizeof info, .protocol = WHYDROP_TCP, .endpoint = "gate-1", .token = token};
    conns[opened % kMost] = whydrop_conn_open(&info);
    whydrop_conn_connected(conns[opened % kMost], WHYDROP_NO_SOCKET);
  }
}

static long long NowMs(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* A player sends and hears something 20 times a second. */
static void Play(int milliseconds) {
  const struct timespec pause = {0, 50 * 1000 * 1000};
  for (const long long end = NowMs() + milliseconds; NowMs() < end; nanosleep(&pause, NULL)) {
    for (int i = closed; i < opened; ++i) {
      whydrop_conn_sent(conns[i % kMost], 100);
      whydrop_conn_received(conns[i % kMost], 40);
    }
  }
}

static void TellCost(void) {
  struct rusage usage;
  long pages = 0, resident = 0;
  FILE *statm = fopen("/proc/self/statm", "r");
  if (statm == NULL || fscanf(statm, "%ld %ld", &pages, &resident) != 2) resident = 0;
  if (statm != NULL) fclose(statm);
  getrusage(RUSAGE_SELF, &usage);
  const long long cpu_us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec +
                           usage.ru_stime.tv_usec;
  const struct mallinfo2 heap = mallinfo2();
  printf("cpu_us=%lld resident_kib=%ld heap_kib=%zu\n", cpu_us, resident * (sysconf(_SC_PAGESIZE) / 1024),
         (heap.uordblks + heap.hblkhd) / 1024);
}

static void TellStats(whydrop_result flushed) {
  whydrop_stats stats = {.struct_size = sizeof stats};
  whydrop_get_stats(&stats);
  printf("flush=%d sent=%llu waiting=%llu rejected=%llu lost=%llu dropped=%llu\n", (int)flushed,
         (unsigned long long)stats.batches_sent, (unsigned long long)stats.batches_waiting,
         (unsigned long long)stats.batches_rejected, (unsigned long long)stats.batches_lost,
         (unsigned long long)stats.dropped);
}

static int Obey(const char *line, const char *prefix) {
  const char *space = strchr(line, ' ');
  const int number = space == NULL ? 0 : atoi(space);
  if (strncmp(line, "quit", 4) == 0) return 0;
  if (strncmp(line, "close", 5) == 0) {
    for (int i = 0; i < number && closed < opened; ++i) whydrop_conn_close(conns[closed++ % kMost], WHYDROP_CLOSE_NORMAL);
    printf("closed %d\n", closed);
  } else if (strncmp(line, "open", 4) == 0) {
    Open(prefix, number);
    printf("opened %d\n", opened);
  } else if (strncmp(line, "busy", 4) == 0) {
    Play(number);
    puts("played");
  } else if (strncmp(line, "cost", 4) == 0) {
    TellCost();
  } else if (strncmp(line, "flush", 5) == 0) {
    TellStats(whydrop_flush(100000));
  } else {
    puts("what?");
  }
  fflush(stdout);
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: server_child STATE_DIR URL ROTATE_MS CONNECTIONS PREFIX\n");
    return 2;
  }
  memset(conns, 0xff, sizeof conns);  /* its pages are there from the start: what grows later is the SDK's */
  TellCost();
  whydrop_config config;
  WHYDROP_CONFIG_INIT(&config);
  config.role = WHYDROP_ROLE_SERVER;
  config.app_id = "server.role";
  config.app_version = "1.0";
  config.state_dir = argv[1];
  config.upload_url = argv[2];
  config.upload_delay_ms = 0;
  config.rotate_interval_ms = (uint32_t)atoi(argv[3]);
  if (whydrop_start(&config) != WHYDROP_OK) return 3;
  Open(argv[5], atoi(argv[4]));
  puts("ready");
  fflush(stdout);
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL && Obey(line, argv[5])) {
  }
  whydrop_stop();
  return 0;
}
