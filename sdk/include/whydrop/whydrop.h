/*
 * whydrop: tells a game team why its players drop.
 *
 * The game reports what its sockets say; whydrop keeps it in a memory-mapped
 * ring file that survives the death of the process, adds what the operating
 * system and the crash handlers know, and uploads the result at the next launch.
 *
 * Conventions, once for the whole header:
 *  1. Strings are UTF-8, zero-terminated and copied before the call returns.
 *  2. Every struct starts with `struct_size`, set by the caller to sizeof the
 *     struct it was compiled with. New fields are only ever added at the end: a
 *     smaller struct gets the defaults for the missing tail, of a larger one the
 *     unknown tail is ignored. There is no implicit padding, in 32 or 64 bits.
 *     Enumerations are stored as int32_t; values are explicit and never reused.
 *  3. Functions and callbacks use the calling convention WHYDROP_CALL.
 *  4. A call that can be refused returns a whydrop_result; 0 is success. Outputs
 *     are written only on success.
 *  5. Recording calls (conn_*, heartbeat, set_tag, note_exit, mark_crash,
 *     thread_attach) never block, allocate, log, or change errno or
 *     GetLastError(); only thread_attach takes memory, for the stack that it
 *     gives. They may be called from any thread, before start and after stop,
 *     where they do nothing. What could not be recorded is counted and reported.
 *     Only those marked "signal-safe" may be called from a signal handler.
 *  6. A game's socket is looked at only inside conn_connected, conn_failed,
 *     conn_peer_closed and conn_close, on the caller's thread, and only by calls
 *     that consume nothing. whydrop never reads SO_ERROR or the error queue,
 *     never receives and never sets an option on it.
 *  7. Callbacks and their user pointers must stay valid until the process ends.
 *
 * Licence: MIT, see LICENSE.
 */
#ifndef WHYDROP_WHYDROP_H
#define WHYDROP_WHYDROP_H

#include <stddef.h>
#include <stdint.h>

#define WHYDROP_VERSION_MAJOR 0
#define WHYDROP_VERSION_MINOR 1
#define WHYDROP_VERSION_PATCH 0
#define WHYDROP_VERSION_STRING "0.1.0"

#if defined(_WIN32)
#define WHYDROP_CALL __cdecl
#if defined(WHYDROP_BUILD_SHARED)
#define WHYDROP_API __declspec(dllexport)
#elif defined(WHYDROP_USE_SHARED)
#define WHYDROP_API __declspec(dllimport)
#else
#define WHYDROP_API
#endif
#else
#define WHYDROP_CALL
#if defined(__GNUC__)
#define WHYDROP_API __attribute__((visibility("default")))
#else
#define WHYDROP_API
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* "Use the default" where 0 has a meaning of its own. */
#define WHYDROP_DEFAULT UINT32_MAX

/* ------------------------------------------------------------------ results */

typedef int32_t whydrop_result;
enum {
  WHYDROP_OK = 0,
  WHYDROP_ERROR_INVALID_ARGUMENT = -1, /* a NULL, a bad string, a value out of range; the log says which */
  WHYDROP_ERROR_ALREADY_STARTED = -2,  /* started, or the worker of an earlier run is still leaving */
  WHYDROP_ERROR_NOT_STARTED = -3,
  WHYDROP_ERROR_IO = -4,
  WHYDROP_ERROR_NO_MEMORY = -5,
  WHYDROP_ERROR_UNSUPPORTED = -6,
  WHYDROP_ERROR_TIMEOUT = -7,
  WHYDROP_ERROR_NOT_FOUND = -8,
  WHYDROP_ERROR_NOT_READY = -9
};

/* ------------------------------------------------------------------- causes */

/* Why a connection or a session ended. The hundreds digit says whose side it is
   (whydrop_cause_side). */
typedef int32_t whydrop_cause;
enum {
  WHYDROP_CAUSE_UNKNOWN = 0, /* the evidence supports nothing below */

  /* the application ended it */
  WHYDROP_CAUSE_LOCAL_CLOSE = 100, /* the client closed it in order */
  WHYDROP_CAUSE_CLEAN_EXIT = 101,  /* the process ended in order with the connection open */

  /* the client's process ended or stopped */
  WHYDROP_CAUSE_CLIENT_CRASH = 200,
  WHYDROP_CAUSE_CLIENT_KILLED = 201, /* no clean mark, no crash marker, same boot */
  WHYDROP_CAUSE_CLIENT_OUT_OF_MEMORY = 202,
  WHYDROP_CAUSE_CLIENT_HANG = 203,      /* the main loop had stopped before the end */
  WHYDROP_CAUSE_CLIENT_SUSPENDED = 204, /* machine or process was frozen through the time-out */

  /* the client's machine */
  WHYDROP_CAUSE_SYSTEM_SHUTDOWN = 300, /* log-off or shutdown was announced */
  WHYDROP_CAUSE_SYSTEM_DOWN = 301,     /* other boot, nothing was announced */
  WHYDROP_CAUSE_LOCAL_LINK_DOWN = 302,
  WHYDROP_CAUSE_LOCAL_ADDRESS_CHANGED = 303,
  WHYDROP_CAUSE_LOCAL_NO_ROUTE = 304,
  WHYDROP_CAUSE_LOCAL_FIREWALL = 305, /* packets never left the host */
  WHYDROP_CAUSE_LOCAL_ABORT = 306,    /* the operating system destroyed the socket */

  /* the path between */
  WHYDROP_CAUSE_PATH_TIMEOUT = 400,     /* silence: packets left, nothing came back */
  WHYDROP_CAUSE_PATH_UNREACHABLE = 401, /* a router said so */
  WHYDROP_CAUSE_PATH_MTU = 402,         /* large packets vanish, small ones pass */
  WHYDROP_CAUSE_PATH_OVERSIZE_UDP = 403,
  WHYDROP_CAUSE_PATH_RESET = 404,      /* both ends were reset, neither closed */
  WHYDROP_CAUSE_PATH_STATE_LOST = 405, /* a NAT or firewall forgot the connection */
  WHYDROP_CAUSE_RESET_AFTER_SILENCE = 406,
  WHYDROP_CAUSE_RESET_AMBIGUOUS = 407, /* a reset that the evidence cannot place */

  /* the server */
  WHYDROP_CAUSE_SERVER_CLOSE = 500, /* orderly close by the server, why unknown */
  WHYDROP_CAUSE_SERVER_RESET = 501, /* unsolicited reset by the server */
  WHYDROP_CAUSE_SERVER_TRANSFER = 502,
  WHYDROP_CAUSE_SERVER_KICK = 503,
  WHYDROP_CAUSE_SERVER_SHUTDOWN = 504,
  WHYDROP_CAUSE_SERVER_IDLE_TIMEOUT = 505,
  WHYDROP_CAUSE_SERVER_DIED = 506,
  WHYDROP_CAUSE_SERVER_HOST_DOWN = 507,
  WHYDROP_CAUSE_SERVER_HANG = 508,

  /* never connected */
  WHYDROP_CAUSE_CONNECT_REFUSED = 600,
  WHYDROP_CAUSE_CONNECT_TIMEOUT = 601,
  WHYDROP_CAUSE_CONNECT_UNREACHABLE = 602,
  WHYDROP_CAUSE_CONNECT_DENIED = 603,
  WHYDROP_CAUSE_RESOLVE_FAILED = 604,
  WHYDROP_CAUSE_TLS_FAILED = 605
};

/* The cause's name, "client_crash"; "unknown" for a value this version does not
   know. Static storage. Any thread, signal-safe. */
WHYDROP_API const char *WHYDROP_CALL whydrop_cause_name(whydrop_cause cause);

/* Whose side it is: "application", "client_process", "client_machine", "path",
   "server", "connect" or "unknown". Static storage. Any thread, signal-safe. */
WHYDROP_API const char *WHYDROP_CALL whydrop_cause_side(whydrop_cause cause);

/* ------------------------------------------------------------- enumerations */

enum { WHYDROP_ROLE_CLIENT = 0, WHYDROP_ROLE_SERVER = 1 };

enum {
  WHYDROP_TCP = 1,
  WHYDROP_UDP = 2 /* also KCP, RUDP or QUIC over it */
};

/* What the game was doing when the error was reported. */
enum {
  WHYDROP_OP_RESOLVE = 1,
  WHYDROP_OP_CONNECT = 2,
  WHYDROP_OP_TLS = 3,
  WHYDROP_OP_SEND = 4,
  WHYDROP_OP_RECV = 5,
  WHYDROP_OP_POLL = 6,
  WHYDROP_OP_APP_TIMEOUT = 7 /* the game's own time-out: no answer, no heartbeat */
};

/* Why an end closed, or announced that it will. */
enum {
  WHYDROP_CLOSE_NORMAL = 0,
  WHYDROP_CLOSE_TRANSFER = 1, /* the player is sent to another server */
  WHYDROP_CLOSE_LOGOUT = 2,
  WHYDROP_CLOSE_KICK = 3,
  WHYDROP_CLOSE_SHUTDOWN = 4, /* the server goes down on purpose */
  WHYDROP_CLOSE_IDLE = 5
};

enum { WHYDROP_EXIT_USER = 1, WHYDROP_EXIT_UPDATE = 2, WHYDROP_EXIT_OS_SHUTDOWN = 3 };

enum {
  WHYDROP_CONSENT_UNKNOWN = 0, /* record, send nothing */
  WHYDROP_CONSENT_GRANTED = 1,
  WHYDROP_CONSENT_DENIED = 2 /* nothing on disk, nothing sent */
};

enum {
  WHYDROP_FLAG_NO_CRASH_HANDLER = 1, /* the game has its own; it may call whydrop_mark_crash */
  WHYDROP_FLAG_NO_NETWORK_WATCH = 2
};

/* How the ring is stored, chosen at start. */
enum {
  WHYDROP_STORAGE_MAPPED = 1,  /* a mapped file: survives the death of the process */
  WHYDROP_STORAGE_FILE = 2,    /* written record by record, where a mapping is not safe */
  WHYDROP_STORAGE_VOLATILE = 3 /* memory only: nothing could or may be written */
};

/* ---------------------------------------------------------------- transport */

/* One HTTP POST, handed to the game's own transport. Every pointer is valid only
   during the call. */
typedef struct whydrop_request {
  uint32_t struct_size;
  uint32_t timeout_ms; /* for the whole exchange */
  uint64_t body_bytes;
  const char *url;
  const char *headers; /* "Name: value\r\n" lines */
  const void *body;
  const void *reserved;
} whydrop_request;

/* The answer. The SDK presets status 0, which stands for "no answer". */
typedef struct whydrop_response {
  uint32_t struct_size;
  int32_t status;         /* HTTP status, 0: none */
  uint32_t retry_after_s; /* the Retry-After header in seconds, 0: none */
  uint32_t body_bytes;    /* of body that are valid, at most sizeof body */
  uint8_t body[4096];
} whydrop_response;

/* Sends one request. Called on a background thread of the library, which is not
   the same one each time; one call at a time. May block up to timeout_ms. Must
   not call whydrop_start, whydrop_stop or whydrop_flush. */
typedef void(WHYDROP_CALL *whydrop_transport_fn)(const whydrop_request *request,
                                                 whydrop_response *response, void *user);

/* Receives messages: level 1 error, 2 warning, 3 information, 4 debug. `message`
   is valid only during the call. Called on the worker thread and inside
   whydrop_start, never from a recording call. Must not call whydrop_start,
   whydrop_stop, whydrop_flush or whydrop_set_consent. */
typedef void(WHYDROP_CALL *whydrop_log_fn)(int32_t level, const char *message, void *user);

/* ------------------------------------------------------------ start and stop */

typedef struct whydrop_config {
  uint32_t struct_size;
  int32_t role;            /* WHYDROP_ROLE_*; default CLIENT */
  const char *app_id;      /* required: 1-64 of [a-z0-9._-], not starting with a dot */
  const char *app_version; /* required: 1-64 bytes of UTF-8 without control characters */
  const char *state_dir;   /* NULL: the user's local state directory. Files go to <state_dir>/<app_id>/ */
  const char *upload_url;  /* NULL: record, never upload. Ends in /v1/batches; https, or http to a
                              loopback host */
  const char *app_key;     /* NULL: none; 1-128 printable ASCII bytes. Routes the upload and is no secret; a server's
                              key is one */
  const char *ca_file;     /* PEM file of trusted authorities; NULL: the system's trust store */
  uint32_t ring_bytes;     /* 0: 256 KiB for a client (64 KiB to 1 MiB), 32 MiB for a server (to 64 MiB) */
  uint32_t max_connections;    /* open at once; 0: 64 for a client, 65536 for a server */
  uint32_t upload_delay_ms;    /* WHYDROP_DEFAULT: 10 s plus up to 110 s of jitter after start */
  uint32_t rotate_interval_ms; /* WHYDROP_DEFAULT or 0: never for a client, 60 s for a server; else at
                                  least 1 s */
  uint32_t flags;              /* WHYDROP_FLAG_* */
  int32_t consent;             /* WHYDROP_CONSENT_*; default GRANTED */
  whydrop_log_fn log;          /* NULL: silent */
  void *log_user;
  whydrop_transport_fn transport; /* NULL: libcurl, loaded when a batch waits */
  void *transport_user;
} whydrop_config;

/* Fills `config` with the defaults. `struct_size` is sizeof(whydrop_config) as
   the caller sees it. NULL does nothing. */
WHYDROP_API void WHYDROP_CALL whydrop_config_init(whydrop_config *config, uint32_t struct_size);
#define WHYDROP_CONFIG_INIT(c) whydrop_config_init((c), (uint32_t)sizeof *(c))

/* Starts recording and attaches the calling thread. Creates the ring and the
   handlers on the caller's thread; all else happens on the worker thread. Not
   for use in DllMain, a static constructor or a signal handler.
   INVALID_ARGUMENT: the log callback is told which field. ALREADY_STARTED: also
   while the worker of an earlier run is still leaving. A directory that cannot
   be written is no error: the storage is then VOLATILE (whydrop_get_stats). */
WHYDROP_API whydrop_result WHYDROP_CALL whydrop_start(const whydrop_config *config);

/* Marks the session's orderly end. Also called by atexit. Never waits for the
   network; returns within 50 ms. Later recording calls do nothing. */
WHYDROP_API void WHYDROP_CALL whydrop_stop(void);

/* Harvests rings of earlier launches and uploads what waits, now (ignores
   upload_delay_ms); a server seals its own records first. Blocks the caller up
   to timeout_ms while the worker does the work. OK: nothing is left, or there is
   no url or consent, where it only harvests. TIMEOUT: something is left. */
WHYDROP_API whydrop_result WHYDROP_CALL whydrop_flush(uint32_t timeout_ms);

typedef struct whydrop_last_session {
  uint32_t struct_size;
  int32_t end;   /* WHYDROP_CAUSE_CLEAN_EXIT, _CLIENT_CRASH, _CLIENT_KILLED, ... */
  uint32_t code; /* signal or exception code of a crash, else 0 */
  uint32_t open_connections;
  uint64_t uptime_ms;
  int64_t ended_unix_ms; /* by the wall clock of the session's start */
  uint8_t session_id[16];
} whydrop_last_session;

/* How the session before this one ended; of several the one that ended last.
   Set out->struct_size before. NOT_READY until the worker has looked, NOT_FOUND
   when there was none. Any thread. */
WHYDROP_API whydrop_result WHYDROP_CALL whydrop_get_last_session(whydrop_last_session *out);

typedef struct whydrop_stats {
  uint32_t struct_size;
  int32_t storage;           /* WHYDROP_STORAGE_* */
  uint64_t recorded;         /* events written to the ring since start */
  uint64_t dropped;          /* events, connections, tags or labels that found no room or were invalid */
  uint64_t batches_waiting;  /* in the outbox */
  uint64_t batches_sent;     /* acknowledged since start */
  uint64_t batches_rejected; /* refused by the collector since start */
  uint64_t batches_lost;     /* given up since start: quota, age, refused by a proxy */
} whydrop_stats;

/* What was recorded, sent and lost since start. Set out->struct_size before.
   NOT_STARTED before start and after stop. Any thread. */
WHYDROP_API whydrop_result WHYDROP_CALL whydrop_get_stats(whydrop_stats *out);

/* Changes the player's consent while running. DENIED deletes this session's ring
   and the outbox at once and goes on in volatile memory, for the rest of the
   session. NOT_STARTED, INVALID_ARGUMENT; TIMEOUT: the background thread is held
   up by the disk or by the game's transport, and deletes as soon as it is not. */
WHYDROP_API whydrop_result WHYDROP_CALL whydrop_set_consent(int32_t consent);

/* The library's version, "0.1.0". Static storage. */
WHYDROP_API const char *WHYDROP_CALL whydrop_version(void);

/* -------------------------------------------------------------- connections */

/* A connection of this session. 0 is "no connection". Carries session and
   generation, so that a stale handle does nothing. */
typedef uint64_t whydrop_conn;

/* A socket: int on POSIX, SOCKET on Windows; WHYDROP_NO_SOCKET if there is none. */
typedef intptr_t whydrop_socket;
#define WHYDROP_NO_SOCKET ((whydrop_socket)-1)

typedef struct whydrop_conn_info {
  uint32_t struct_size;
  int32_t protocol;      /* WHYDROP_TCP or WHYDROP_UDP */
  const char *endpoint;  /* the game's own label, "gate-3", never an address: 1-32 of [a-z0-9._-];
                            anything else becomes "" and is counted */
  const char *token;     /* what both ends know of this one connection, 1-64 bytes, unique to it. Only a
                            hash is kept. NULL: none yet; longer: none, counted */
  const char *network;   /* a label the game knows, "isp-7", "wifi"; as endpoint; NULL: none */
  const void *reserved;  /* NULL */
  whydrop_conn previous; /* this is a reconnect of that one; 0: none */
} whydrop_conn_info;

/* Opens a record: before connect(), or after accept(). 0, and counted, when the
   table is full, `info` is NULL or its protocol is neither. */
WHYDROP_API whydrop_conn WHYDROP_CALL whydrop_conn_open(const whydrop_conn_info *info);

/* Names the connection once the game knows its token. NULL or "" removes it. */
WHYDROP_API void WHYDROP_CALL whydrop_conn_set_token(whydrop_conn conn, const char *token);

/* The connection stands. `socket` is looked at now and at its end. */
WHYDROP_API void WHYDROP_CALL whydrop_conn_connected(whydrop_conn conn, whydrop_socket socket);

/* Bytes handed to, and taken from, the socket. For UDP one call is one datagram.
   A counter and nothing more. */
WHYDROP_API void WHYDROP_CALL whydrop_conn_sent(whydrop_conn conn, uint64_t bytes);
WHYDROP_API void WHYDROP_CALL whydrop_conn_received(whydrop_conn conn, uint64_t bytes);

/* The game's own round trip, in microseconds. Shows proxies that TCP cannot see. */
WHYDROP_API void WHYDROP_CALL whydrop_conn_rtt(whydrop_conn conn, uint32_t rtt_us);

/* A close was announced, by either side: call it when the message is read or
   sent. The reason is WHYDROP_CLOSE_*. */
WHYDROP_API void WHYDROP_CALL whydrop_conn_expect_close(whydrop_conn conn, int32_t close_reason);

/* A call on the connection failed. Only the first failure is kept. `operation`
   is WHYDROP_OP_*, `os_error` the errno or WSAGetLastError() value, or what GetLastError()
   says of a completion port (for RESOLVE the getaddrinfo code), 0: unknown. Call it
   before the socket is closed. Returns the verdict so far. */
WHYDROP_API whydrop_cause WHYDROP_CALL whydrop_conn_failed(whydrop_conn conn, int32_t operation,
                                                           int32_t os_error);

/* The peer closed in order: recv returned 0. Returns the verdict so far. */
WHYDROP_API whydrop_cause WHYDROP_CALL whydrop_conn_peer_closed(whydrop_conn conn);

/* Ends the record: just before close() or closesocket(). The reason is
   WHYDROP_CLOSE_*. Returns the verdict; the handle is stale afterwards. */
WHYDROP_API whydrop_cause WHYDROP_CALL whydrop_conn_close(whydrop_conn conn, int32_t close_reason);

/* ---------------------------------------------------------------- the process */

/* Once a frame from the main loop. A hang can be told only if it is called. At
   most one coarse clock read. */
WHYDROP_API void WHYDROP_CALL whydrop_heartbeat(void);

/* A label that goes with the whole session and survives the crash: at most 16;
   key 1-16 of [a-z0-9_], value 0-32 of [A-Za-z0-9._+-], NULL deletes. Anything
   else is counted and changes nothing. */
WHYDROP_API void WHYDROP_CALL whydrop_set_tag(const char *key, const char *value);

/* Just before the process ends on purpose. The reason is WHYDROP_EXIT_*. */
WHYDROP_API void WHYDROP_CALL whydrop_note_exit(int32_t exit_reason);

/* From the game's own crash handler. `code` is the signal or exception code;
   `report_id` (up to 36 printable ASCII bytes, NULL: none) links its minidump. Signal-safe. */
WHYDROP_API void WHYDROP_CALL whydrop_mark_crash(uint32_t code, const char *report_id);

/* Optional, once per thread: an alternate signal stack, if the thread has none,
   so that a stack overflow on it can be told from a kill. */
WHYDROP_API void WHYDROP_CALL whydrop_thread_attach(void);

#ifdef __cplusplus
}
#endif

#endif
