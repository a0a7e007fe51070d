"""Joins both ends over HTTP: what is pending, which servers are taken for dead, and which mistakes are told unasked."""
import unittest

import collector_driver
from collector_driver import CLOSED, RESET, CollectorTest, batch, connection, field, message, until


class Joining(CollectorTest):
    def pending(self, collector, token="t"):
        return collector.json("/v1/connections?app_id=game&token=" + token)["connections"][0]["pending"]

    def await_cause(self, collector, cause, count=1):
        until(lambda: collector.causes().get(cause, 0) == count, cause)

    def test_one_end_alone_is_judged_and_pending_until_the_other_comes(self):
        collector = self.start()
        collector.post(batch("c", [connection(1, dict(RESET, outq_bytes=0), "t")]))
        found = collector.json("/v1/attribution")
        self.assertEqual((found["connections"], found["reported"], found["pending"]), (1, 1, 1))
        self.assertEqual(collector.causes(), {"server_reset": 1})
        self.assertTrue(self.pending(collector))
        collector.post(batch("s", [connection(1, dict(CLOSED, close_reason=3), "t")], role=1))
        self.assertEqual(collector.causes(), {"server_kick": 1})
        self.assertFalse(self.pending(collector))
        self.assertEqual(collector.json("/v1/attribution")["pending"], 0)

    def test_an_open_record_of_a_running_server_says_nothing_until_the_window_has_passed(self):
        collector = self.start("--join-window", "10")  # what is asked of it before it has passed is asked at once
        running = [(16, 60000)]
        collector.post(batch("s", [connection(1, dict(established=1, protocol=1), "t", is_open=1)], role=1,
                             session_fields=running))
        collector.post(batch("c", [connection(1, dict(RESET, outq_bytes=0), "t")]))
        self.assertEqual(collector.causes(), {"server_reset": 1})
        self.assertTrue(self.pending(collector))
        self.await_cause(collector, "path_state_lost")  # one end reset, the other still open
        self.assertFalse(self.pending(collector))
        late = dict(CLOSED, unread_at_close_bytes=7)
        collector.post(batch("s", [connection(1, late, "t")], role=1, rotation=1, session_fields=running))
        self.assertEqual(collector.causes(), {"server_reset": 1})

    def server(self, name, count=0, rotation=0, boot=b"b", machine=b"m", interval=1000, **more):
        opened = [connection(n, dict(established=1, protocol=1), "t%d" % n, is_open=1) for n in range(1, count + 1)]
        fields = [(14, boot * 16), (15, machine * 16), (16, interval)]
        return batch(name, opened, role=1, rotation=rotation, session_fields=fields, **more)

    def test_a_server_that_misses_three_reports_died_where_its_clients_were_reset(self):
        collector = self.start("--join-window", "1")
        collector.post(self.server("s", 2))
        collector.post(batch("c", [connection(1, dict(RESET, outq_bytes=0), "t1")]))
        self.await_cause(collector, "server_died")
        collector.post(self.server("s", 0, rotation=1, interval=60000))
        self.assertNotIn("server_died", collector.causes())

    def test_a_reset_whose_reconnect_is_refused_at_once_was_the_servers_death(self):
        collector = self.start()
        refused = dict(error_kind=9, os_error=111, operation=2, established=0, protocol=1)
        ended = dict(RESET, outq_bytes=0, failure_ms=1000)
        for n, refused_ms in enumerate((1100, 11100)):
            collector.post(batch("c%d" % n, [connection(1, ended, "t%d" % n)]))
            # The second batch tells the reconnect, and the verdict on the first connection with it.
            collector.post(batch("c%d" % n, [connection(2, dict(refused, failure_ms=refused_ms), previous=1)], part=1))
        self.assertEqual(collector.causes(), {"server_died": 1, "server_reset": 1, "connect_refused": 2})

    def test_a_machine_is_down_where_several_clients_of_a_silent_server_heard_nothing(self):
        collector = self.start("--join-window", "1")
        collector.post(self.server("s", 3))
        silence = dict(established=1, protocol=1, error_kind=4, os_error=110, operation=5, retransmits=5, outq_bytes=9)
        collector.post(batch("c1", [connection(1, silence, "t1")]))
        self.await_cause(collector, "unknown", 2)  # the open ones whose clients did not report
        self.assertEqual(collector.causes().get("path_timeout"), 1)
        collector.post(batch("c2", [connection(1, silence, "t2")]))
        self.await_cause(collector, "server_host_down", 2)

    def test_a_server_that_died_with_connections_open_is_told_by_its_next_launch(self):
        collector = self.start()
        collector.post(self.server("s", 1, interval=60000))
        dead = dict(established=1, protocol=1, session_end=201, session_end_confidence=2)
        collector.post(batch("c", [connection(1, dict(RESET, outq_bytes=0), "t1")]))
        collector.post(batch("s", [connection(1, dead, "t1", is_open=1)], role=1, rotation=1, end=201,
                             session_fields=[(16, 60000)]))
        self.assertEqual(collector.causes(), {"server_died": 1})
        self.assertFalse(self.pending(collector, "t1"))

    def test_losses_are_the_sessions_newest_sum(self):
        collector = self.start()
        lost = field(7, message([(1, 2), (3, 3), (2, 100)]))
        more = field(7, message([(1, 4), (3, 3)]))
        collector.post(self.server("s", rotation=0, extra=lost))
        collector.post(self.server("s", rotation=1, extra=more))
        self.assertEqual([s["losses"] for s in collector.json("/v1/sessions")["sessions"]], [7])


class Findings(CollectorTest):
    def findings(self, collector):
        found = collector.json("/v1/findings?app_id=game")["findings"]
        for one in found:
            self.assertTrue(one["title"] and one["advice"])
        return {one["id"]: one for one in found}

    def test_nothing_is_found_where_nothing_is_wrong(self):
        collector = self.start()
        collector.post(batch("c", [connection(1, CLOSED, "t")]))
        collector.post(batch("s", [connection(1, dict(established=1, peer_closed=1), "t")], role=1))
        self.assertEqual(self.findings(collector), {})

    def test_servers_that_close_with_unread_data_are_named_with_their_share_of_drops(self):
        collector = self.start()
        for n in range(4):
            endpoint = "gate-%d" % (1 + n // 3)
            unread = {"unread_at_close_bytes": 10} if n else {}
            collector.post(batch("c%d" % n, [connection(1, RESET, "t%d" % n, endpoint=endpoint)]))
            collector.post(batch("s%d" % n, [connection(1, dict(CLOSED, **unread), "t%d" % n, endpoint=endpoint)],
                                 role=1))
        found = self.findings(collector)
        self.assertEqual(set(found), {"server_closes_with_unread_data"})
        one = found["server_closes_with_unread_data"]
        self.assertEqual((one["count"], one["share_of_drops"]), (3, 0.75))
        self.assertEqual(one["who"], [{"endpoint": "gate-1", "count": 2}, {"endpoint": "gate-2", "count": 1}])

    def test_linger_zero_is_found_at_either_end(self):
        collector = self.start()
        collector.post(batch("c", [connection(1, dict(CLOSED, linger_zero=1), "t1"), connection(2, RESET, "t2")]))
        collector.post(batch("s", [connection(1, dict(CLOSED, linger_zero=1), "t2")], role=1))
        self.assertEqual(self.findings(collector)["linger_zero"]["count"], 2)

    def test_a_transfer_that_the_client_never_heard_of_is_found(self):
        collector = self.start()
        transfer = dict(CLOSED, close_reason=1)
        collector.post(batch("s", [connection(n, transfer, "t%d" % n) for n in (1, 2)], role=1))
        collector.post(batch("c", [connection(1, RESET, "t1"),
                                   connection(2, dict(established=1, peer_closed=1, announced_reason=1), "t2")]))
        self.assertEqual(self.findings(collector)["transfer_lost"]["count"], 1)
        self.assertIn("Let the client close", self.findings(collector)["transfer_lost"]["advice"])

    def test_silence_after_oversize_datagrams_is_found(self):
        collector = self.start()
        silent = dict(established=1, protocol=2, operation=7, error_kind=0, path_mtu_bytes=1500)
        collector.post(batch("c", [connection(1, dict(silent, largest_send_bytes=1600), "t1"),
                                   connection(2, dict(silent, largest_send_bytes=1200), "t2"),
                                   # What was answered since has passed.
                                   connection(3, dict(silent, largest_send_bytes=1600, largest_since_recv_bytes=90),
                                              "t3"),
                                   connection(4, dict(silent, largest_send_bytes=1600, largest_since_recv_bytes=1600),
                                              "t4")]))
        self.assertEqual(self.findings(collector)["oversize_datagrams"]["count"], 2)

    def test_an_unconnected_socket_that_knows_no_path_is_held_against_the_usual_one(self):
        collector = self.start()
        silent = dict(established=1, protocol=2, operation=7, error_kind=0)
        collector.post(batch("c", [connection(1, dict(silent, largest_since_recv_bytes=1473), "t1"),
                                   connection(2, dict(silent, largest_since_recv_bytes=1472), "t2")]))
        self.assertEqual(self.findings(collector)["oversize_datagrams"]["count"], 1)

    def test_resets_that_concentrate_on_one_network_are_found(self):
        collector = self.start()
        ambiguous = dict(RESET, outq_bytes=5)
        for n in range(40):
            isp = "isp-%d" % (n % 4)
            ev = ambiguous if n % 4 == 3 and n < 36 or n == 0 else CLOSED
            collector.post(batch("c%d" % n, [connection(1, ev, "t%d" % n, network=isp)]))
        one = self.findings(collector)["resets_on_one_network"]
        self.assertEqual((one["count"], one["who"]), (9, [{"network": "isp-3", "count": 9}]))
        self.assertEqual(one["share_of_drops"], 0.9)


if __name__ == "__main__":
    collector_driver.main()
