/* One launch of a game for tests/e2e/launches_test.py: starts the SDK, opens one connection, and ends as told.
 *
 *   launch_child STATE_DIR URL TOKEN ENDING
 *
 * ENDING: crash, abort, exit (with the connection open), stop, wait (prints "ready" and waits to be killed), upload
 * (opens nothing, flushes, prints what whydrop_get_stats and whydrop_get_last_session say, and how many warnings were
 * logged).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "whydrop/whydrop.h"

static int warnings; /* the worker has none left to write when flush has returned */

static void WHYDROP_CALL CountWarnings(int32_t level, const char *message, void *user) {
  (void)message;
  (void)user;
  if (level <= 2) ++warnings;
}

static int Upload(void) {
  whydrop_stats stats = {.struct_size = sizeof stats};
  whydrop_last_session last = {.struct_size = sizeof last};
  const whydrop_result flushed = whydrop_flush(100000);
  const whydrop_result found = whydrop_get_last_session(&last);
  whydrop_get_stats(&stats);
  printf("flush=%d sent=%llu waiting=%llu rejected=%llu lost=%llu last=%s storage=%d warnings=%d\n", (int)flushed,
         (unsigned long long)stats.batches_sent, (unsigned long long)stats.batches_waiting,
         (unsigned long long)stats.batches_rejected, (unsigned long long)stats.batches_lost,
         found == WHYDROP_OK ? whydrop_cause_name(last.end) : "none", (int)stats.storage, warnings);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: launch_child STATE_DIR URL TOKEN ENDING\n");
    return 2;
  }
  const char *ending = argv[4];
  whydrop_config config;
  WHYDROP_CONFIG_INIT(&config);
  config.app_id = "launches";
  config.app_version = "1.0";
  config.state_dir = argv[1];
  config.upload_url = argv[2];
  config.upload_delay_ms = 600000; /* only whydrop_flush uploads */
  config.log = CountWarnings;
  if (whydrop_start(&config) != WHYDROP_OK) return 3;

  if (strcmp(ending, "upload") == 0) {
    const int result = Upload();
    whydrop_stop();
    return result;
  }

  whydrop_conn_info info = {.struct_size = sizeof info, .protocol = WHYDROP_TCP, .endpoint = "gate-1", .token = argv[3]};
  const whydrop_conn conn = whydrop_conn_open(&info);
  whydrop_conn_connected(conn, WHYDROP_NO_SOCKET);
  if (strcmp(ending, "crash") == 0) raise(SIGSEGV);
  if (strcmp(ending, "abort") == 0) abort();
  if (strcmp(ending, "exit") == 0) exit(0);
  if (strcmp(ending, "wait") == 0) {
    /* "ready" comes after this launch has looked for dead rings, so that it harvests none that die later. */
    whydrop_last_session last = {.struct_size = sizeof last};
    while (whydrop_get_last_session(&last) == WHYDROP_ERROR_NOT_READY) usleep(1000);
    puts("ready");
    fflush(stdout);
    for (;;) pause();
  }
  whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL);
  whydrop_stop();
  return 0;
}
