/*
 * A game in C99 that uses only the installed header and library, and checks what the header promises: what is refused,
 * what is counted, and that recording calls do nothing before start and after stop.
 *
 * Usage: consumer_c DIRECTORY     (an empty directory for its state)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <whydrop/whydrop.h>

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);  \
      exit(1);                                                                 \
    }                                                                          \
  } while (0)

/* The system's number; another one for another system comes from the build. */
#ifndef CONNECTION_REFUSED
#define CONNECTION_REFUSED 111
#endif
enum { MAX_OPEN = 64, MANY = 10000 };

/* `size` times the letter a. One static buffer: the library copies what it is given. */
static const char *letters(size_t size) {
  static char text[256];
  memset(text, 'a', size);
  text[size] = '\0';
  return text;
}

static void WHYDROP_CALL count_errors(int32_t level, const char *message, void *user) {
  if (level == 1 && message[0] != '\0') ++*(int *)user;
}

static whydrop_config valid_config(const char *directory) {
  whydrop_config config;
  WHYDROP_CONFIG_INIT(&config);
  config.app_id = "consumer";
  config.app_version = "1.0";
  config.state_dir = directory;
  return config;
}

static whydrop_conn_info labelled(const char *endpoint, const char *token) {
  whydrop_conn_info info;
  memset(&info, 0, sizeof info);
  info.struct_size = (uint32_t)sizeof info;
  info.protocol = WHYDROP_TCP;
  info.endpoint = endpoint;
  info.token = token;
  return info;
}

static whydrop_stats stats_now(void) {
  whydrop_stats stats;
  memset(&stats, 0, sizeof stats);
  stats.struct_size = (uint32_t)sizeof stats;
  CHECK(whydrop_get_stats(&stats) == WHYDROP_OK);
  return stats;
}

/* Every recording call, where it must do nothing. */
static void check_inert(void) {
  whydrop_conn_info info = labelled("gate-1", "token");
  whydrop_stats stats;
  memset(&stats, 0, sizeof stats);
  stats.struct_size = (uint32_t)sizeof stats;
  CHECK(whydrop_conn_open(&info) == 0);
  CHECK(whydrop_conn_open(NULL) == 0);
  whydrop_conn_set_token(1, "token");
  whydrop_conn_connected(1, WHYDROP_NO_SOCKET);
  whydrop_conn_sent(1, 10);
  whydrop_conn_received(1, 10);
  whydrop_conn_rtt(1, 10);
  whydrop_conn_expect_close(1, WHYDROP_CLOSE_KICK);
  CHECK(whydrop_conn_failed(1, WHYDROP_OP_RECV, 104) == WHYDROP_CAUSE_UNKNOWN);
  CHECK(whydrop_conn_peer_closed(1) == WHYDROP_CAUSE_UNKNOWN);
  CHECK(whydrop_conn_close(1, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_UNKNOWN);
  whydrop_heartbeat();
  whydrop_set_tag("map", "3");
  whydrop_note_exit(WHYDROP_EXIT_UPDATE);
  whydrop_thread_attach();
  CHECK(whydrop_get_stats(&stats) == WHYDROP_ERROR_NOT_STARTED);
  CHECK(stats.recorded == 0);
  CHECK(whydrop_flush(0) == WHYDROP_ERROR_NOT_STARTED);
  CHECK(whydrop_set_consent(WHYDROP_CONSENT_GRANTED) == WHYDROP_ERROR_NOT_STARTED);
}

static void refuse(whydrop_config config) {
  int errors = 0;
  config.log = count_errors;
  config.log_user = &errors;
  CHECK(whydrop_start(&config) == WHYDROP_ERROR_INVALID_ARGUMENT);
  CHECK(errors == 1); /* the log says which field it was */
}

static void check_refused_configurations(const char *directory) {
  whydrop_config config = valid_config(directory);
  const char *bad_ids[] = {NULL, "", ".hidden", "Upper", "a/b", "..", "with space"};
  const char *bad_urls[] = {"", "ftp://host/v1/batches", "http://example.com/v1/batches", "https://example.com/other"};
  size_t i;
  CHECK(whydrop_start(NULL) == WHYDROP_ERROR_INVALID_ARGUMENT);
  whydrop_config_init(NULL, (uint32_t)sizeof config);
  for (i = 0; i < sizeof bad_ids / sizeof bad_ids[0]; ++i) {
    config.app_id = bad_ids[i];
    refuse(config);
  }
  config.app_id = letters(65);
  refuse(config);
  config = valid_config(directory);
  config.app_version = NULL;
  refuse(config);
  config.app_version = "line\nbreak";
  refuse(config);
  config.app_version = "\xff\xfe";
  refuse(config);
  config.app_version = letters(65);
  refuse(config);
  config = valid_config(directory);
  config.app_key = letters(129);
  refuse(config);
  config = valid_config(directory);
  for (i = 0; i < sizeof bad_urls / sizeof bad_urls[0]; ++i) {
    config.upload_url = bad_urls[i];
    refuse(config);
  }
  config = valid_config(directory);
  config.role = 7;
  refuse(config);
  config = valid_config(directory);
  config.consent = 7;
  refuse(config);
  config = valid_config(directory);
  config.struct_size = 0;
  CHECK(whydrop_start(&config) == WHYDROP_ERROR_INVALID_ARGUMENT);
}

/* A label at its limit is taken, one byte more is counted. */
static void check_labels(void) {
  struct {
    const char *endpoint;
    const char *token;
    uint64_t counted;
  } cases[] = {
      {"gate-3", "token", 0}, {NULL, NULL, 1}, {"10.0.0.1:80", NULL, 1}, {"Gate", NULL, 1},
  };
  whydrop_conn_info info;
  uint64_t before;
  size_t i;
  for (i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    before = stats_now().dropped;
    info = labelled(cases[i].endpoint, cases[i].token);
    CHECK(whydrop_conn_close(whydrop_conn_open(&info), WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_LOCAL_CLOSE);
    CHECK(stats_now().dropped == before + cases[i].counted);
  }
  for (i = 0; i < 2; ++i) {
    before = stats_now().dropped;
    info = labelled(letters(32 + i), NULL);
    whydrop_conn_close(whydrop_conn_open(&info), WHYDROP_CLOSE_NORMAL);
    CHECK(stats_now().dropped == before + i);
    info = labelled("gate-3", letters(64 + i));
    whydrop_conn_close(whydrop_conn_open(&info), WHYDROP_CLOSE_NORMAL);
    CHECK(stats_now().dropped == before + 2 * i);
  }
}

static void check_tags(void) {
  char key[8];
  uint64_t before = stats_now().dropped;
  int i;
  for (i = 0; i < 16; ++i) {
    sprintf(key, "key_%d", i);
    whydrop_set_tag(key, letters(32));
  }
  whydrop_set_tag("key_3", "changed");
  CHECK(stats_now().dropped == before);
  whydrop_set_tag("one_more", "x");
  CHECK(stats_now().dropped == before + 1);
  whydrop_set_tag("key_15", NULL);
  whydrop_set_tag(letters(16), "x");
  CHECK(stats_now().dropped == before + 1);
  whydrop_set_tag("key_3", letters(33));
  whydrop_set_tag("Key", "x");
  whydrop_set_tag(letters(17), "x");
  whydrop_set_tag(NULL, "x");
  CHECK(stats_now().dropped == before + 5);
}

static void check_many_connections(void) {
  char token[32];
  uint64_t before = stats_now().recorded;
  whydrop_conn_info info;
  whydrop_conn conn;
  int i;
  for (i = 0; i < MANY; ++i) {
    sprintf(token, "connection %d", i);
    info = labelled("gate-1", token);
    conn = whydrop_conn_open(&info);
    CHECK(conn != 0);
    whydrop_conn_connected(conn, WHYDROP_NO_SOCKET);
    whydrop_conn_sent(conn, 100);
    whydrop_conn_received(conn, 100);
    CHECK(whydrop_conn_close(conn, WHYDROP_CLOSE_LOGOUT) == WHYDROP_CAUSE_LOCAL_CLOSE);
  }
  CHECK(stats_now().recorded > before);
}

static void check_full_table(void) {
  whydrop_conn open[MAX_OPEN];
  whydrop_conn_info info = labelled("gate-2", NULL);
  whydrop_conn again;
  uint64_t before = stats_now().dropped;
  int i;
  for (i = 0; i < MAX_OPEN; ++i) {
    open[i] = whydrop_conn_open(&info);
    CHECK(open[i] != 0);
  }
  CHECK(whydrop_conn_open(&info) == 0);
  CHECK(stats_now().dropped == before + 1);
  CHECK(whydrop_conn_close(open[7], WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_LOCAL_CLOSE);
  again = whydrop_conn_open(&info);
  CHECK(again != 0 && again != open[7]);
  /* The old handle of the reused place does nothing. */
  CHECK(whydrop_conn_close(open[7], WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_UNKNOWN);
  open[7] = again;
  for (i = 0; i < MAX_OPEN; ++i) {
    CHECK(whydrop_conn_close(open[i], WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_LOCAL_CLOSE);
  }
}

static void check_verdicts(void) {
  whydrop_conn_info info = labelled("gate-4", NULL);
  whydrop_conn conn = whydrop_conn_open(&info);
  CHECK(whydrop_conn_failed(conn, WHYDROP_OP_CONNECT, CONNECTION_REFUSED) == WHYDROP_CAUSE_CONNECT_REFUSED);
  /* Only the first failure counts. */
  CHECK(whydrop_conn_failed(conn, WHYDROP_OP_RECV, 0) == WHYDROP_CAUSE_CONNECT_REFUSED);
  CHECK(whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_CONNECT_REFUSED);

  info.previous = conn;
  conn = whydrop_conn_open(&info);
  whydrop_conn_connected(conn, WHYDROP_NO_SOCKET);
  whydrop_conn_expect_close(conn, WHYDROP_CLOSE_KICK);
  CHECK(whydrop_conn_peer_closed(conn) == WHYDROP_CAUSE_SERVER_KICK);
  CHECK(whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_SERVER_KICK);

  CHECK(strcmp(whydrop_cause_name(WHYDROP_CAUSE_SERVER_KICK), "server_kick") == 0);
  CHECK(strcmp(whydrop_cause_side(WHYDROP_CAUSE_SERVER_KICK), "server") == 0);
  CHECK(strcmp(whydrop_cause_name(12345), "unknown") == 0);
  CHECK(strcmp(whydrop_version(), WHYDROP_VERSION_STRING) == 0);
}

/* A struct of an older, shorter header: only what the caller knows is written. */
static void check_short_struct(void) {
  whydrop_stats stats;
  memset(&stats, 0x5a, sizeof stats);
  stats.struct_size = (uint32_t)offsetof(whydrop_stats, dropped);
  CHECK(whydrop_get_stats(&stats) == WHYDROP_OK);
  CHECK(stats.storage >= WHYDROP_STORAGE_MAPPED && stats.storage <= WHYDROP_STORAGE_VOLATILE);
  CHECK(stats.recorded > 0 && stats.recorded != UINT64_C(0x5a5a5a5a5a5a5a5a));
  CHECK(stats.dropped == UINT64_C(0x5a5a5a5a5a5a5a5a));
  CHECK(whydrop_get_stats(NULL) == WHYDROP_ERROR_INVALID_ARGUMENT);
}

int main(int argc, char **argv) {
  whydrop_config config;
  whydrop_last_session last;
  char app_id[65], app_version[65], app_key[129];
  if (argc != 2) {
    fprintf(stderr, "usage: consumer_c DIRECTORY\n");
    return 2;
  }
  check_inert();
  check_refused_configurations(argv[1]);
  check_inert();

  /* Every string at its limit. */
  config = valid_config(argv[1]);
  config.app_id = strcpy(app_id, letters(64));
  config.app_version = strcpy(app_version, letters(64));
  config.app_key = strcpy(app_key, letters(128));
  CHECK(whydrop_start(&config) == WHYDROP_OK);
  memset(app_id, 'x', sizeof app_id - 1); /* the strings were copied */
  CHECK(whydrop_start(&config) == WHYDROP_ERROR_ALREADY_STARTED);
  CHECK(stats_now().storage == WHYDROP_STORAGE_MAPPED || stats_now().storage == WHYDROP_STORAGE_FILE);

  check_labels();
  check_tags();
  check_many_connections();
  check_full_table();
  check_verdicts();
  check_short_struct();

  CHECK(whydrop_set_consent(7) == WHYDROP_ERROR_INVALID_ARGUMENT);
  CHECK(whydrop_flush(60000) == WHYDROP_OK); /* without a url there is only the harvest */
  memset(&last, 0, sizeof last);
  last.struct_size = (uint32_t)sizeof last;
  CHECK(whydrop_get_last_session(&last) == WHYDROP_ERROR_NOT_FOUND);
  CHECK(stats_now().batches_sent == 0);

  whydrop_stop();
  whydrop_stop();
  check_inert();
  puts("consumer_c: ok");
  return 0;
}
