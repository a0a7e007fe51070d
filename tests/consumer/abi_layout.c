/*
 * The sizes and offsets of every public struct, for 64 and 32 bits. Compiled only, for the systems of today and for the
 * Windows ABI, because a struct that grows or shifts breaks games that were built against an older header.
 *
 * In 32 bits 64-bit fields are aligned to 8 bytes by some compilers and to 4 by others; the same numbers must hold for
 * both, which shows that no struct relies on padding.
 */
#include <stddef.h>
#include <whydrop/whydrop.h>

#define ASSERT_CONCAT_(a, b) a##b
#define ASSERT_NAME_(line) ASSERT_CONCAT_(layout_assertion_, line)
/* C99 has no _Static_assert: an array of negative size is its spelling. */
#define ASSERT(condition) typedef char ASSERT_NAME_(__LINE__)[(condition) ? 1 : -1]

/* AT(struct, field, offset with 64-bit pointers, offset with 32-bit pointers) */
#define WIDE (sizeof(void *) == 8)
#define AT(type, field, wide, narrow) ASSERT(offsetof(type, field) == (size_t)(WIDE ? (wide) : (narrow)))
#define SIZE(type, wide, narrow) ASSERT(sizeof(type) == (size_t)(WIDE ? (wide) : (narrow)))

ASSERT(sizeof(whydrop_result) == 4);
ASSERT(sizeof(whydrop_cause) == 4);
ASSERT(sizeof(whydrop_conn) == 8);
ASSERT(sizeof(whydrop_socket) == sizeof(void *));

SIZE(whydrop_request, 48, 32);
AT(whydrop_request, struct_size, 0, 0);
AT(whydrop_request, timeout_ms, 4, 4);
AT(whydrop_request, body_bytes, 8, 8);
AT(whydrop_request, url, 16, 16);
AT(whydrop_request, headers, 24, 20);
AT(whydrop_request, body, 32, 24);
AT(whydrop_request, reserved, 40, 28);

SIZE(whydrop_response, 4112, 4112);
AT(whydrop_response, struct_size, 0, 0);
AT(whydrop_response, status, 4, 4);
AT(whydrop_response, retry_after_s, 8, 8);
AT(whydrop_response, body_bytes, 12, 12);
AT(whydrop_response, body, 16, 16);

SIZE(whydrop_config, 112, 72);
AT(whydrop_config, struct_size, 0, 0);
AT(whydrop_config, role, 4, 4);
AT(whydrop_config, app_id, 8, 8);
AT(whydrop_config, app_version, 16, 12);
AT(whydrop_config, state_dir, 24, 16);
AT(whydrop_config, upload_url, 32, 20);
AT(whydrop_config, app_key, 40, 24);
AT(whydrop_config, ca_file, 48, 28);
AT(whydrop_config, ring_bytes, 56, 32);
AT(whydrop_config, max_connections, 60, 36);
AT(whydrop_config, upload_delay_ms, 64, 40);
AT(whydrop_config, rotate_interval_ms, 68, 44);
AT(whydrop_config, flags, 72, 48);
AT(whydrop_config, consent, 76, 52);
AT(whydrop_config, log, 80, 56);
AT(whydrop_config, log_user, 88, 60);
AT(whydrop_config, transport, 96, 64);
AT(whydrop_config, transport_user, 104, 68);

SIZE(whydrop_last_session, 48, 48);
AT(whydrop_last_session, struct_size, 0, 0);
AT(whydrop_last_session, end, 4, 4);
AT(whydrop_last_session, code, 8, 8);
AT(whydrop_last_session, open_connections, 12, 12);
AT(whydrop_last_session, uptime_ms, 16, 16);
AT(whydrop_last_session, ended_unix_ms, 24, 24);
AT(whydrop_last_session, session_id, 32, 32);

SIZE(whydrop_stats, 56, 56);
AT(whydrop_stats, struct_size, 0, 0);
AT(whydrop_stats, storage, 4, 4);
AT(whydrop_stats, recorded, 8, 8);
AT(whydrop_stats, dropped, 16, 16);
AT(whydrop_stats, batches_waiting, 24, 24);
AT(whydrop_stats, batches_sent, 32, 32);
AT(whydrop_stats, batches_rejected, 40, 40);
AT(whydrop_stats, batches_lost, 48, 48);

SIZE(whydrop_conn_info, 48, 32);
AT(whydrop_conn_info, struct_size, 0, 0);
AT(whydrop_conn_info, protocol, 4, 4);
AT(whydrop_conn_info, endpoint, 8, 8);
AT(whydrop_conn_info, token, 16, 12);
AT(whydrop_conn_info, network, 24, 16);
AT(whydrop_conn_info, reserved, 32, 20);
AT(whydrop_conn_info, previous, 40, 24);
