"""The analyst's page in a real headless Chromium, before a real collector: what it shows is what the interface answers."""
import csv
import datetime
import json
import os

import page_data
import page_driver
from page_driver import READY, PageTest


def count(number):
    return format(number, ",")


def percent(part, whole):
    return "%.1f %%" % (100 * part / whole if whole else 0)


def words(name):
    return name.replace("_", " ")


MEANS_CRASH = "A fatal signal, abort or uncaught exception; the page's crashes, or /v1/crashes, have module and offset."
BRIEF_CRASH = "A fatal signal, abort or uncaught exception."


def gather(groups, *names):
    found = {}
    for group in groups:
        key = tuple(group[name] for name in names) if len(names) > 1 else group[names[0]]
        found[key] = found.get(key, 0) + group.get("connections", group.get("sessions"))
    return found


class Filled(PageTest):
    data = staticmethod(page_data.fill)

    def attribution(self, group_by, more=""):
        return self.collector.json("/v1/attribution?group_by=" + group_by + more)

    def check_causes(self, more):
        """The table of causes, the coverage and the server's errors against the interface's answer to `more`."""
        answer = self.attribution("cause,side,server_error", more)
        total = answer["connections"]
        shown = {row[0]: row[1:4] for row in self.rows("#causes")}
        self.assertEqual(shown, {words(cause): [words(side), count(n), percent(n, total)]
                                 for (cause, side), n in gather(answer["groups"], "cause", "side").items()})
        said = {tuple(part) for part in self.run_js("[...document.querySelectorAll('#causes .part')].map((part) => ["
                "part.closest('tr').cells[0].innerText.trim(), part.innerText.trim()])")}
        self.assertEqual(said, {(words(g["cause"]), g["server_error"] + " " + count(g["connections"]))
                                for g in answer["groups"]})
        self.assertEqual({row[0]: row[1] for row in self.rows("#errors")},
                         {error: count(n) for error, n in gather(answer["groups"], "server_error").items()})
        coverage = self.text("#coverage")
        self.assertIn("coverage %s: %s reported" % (percent(answer["reported"], total), count(answer["reported"])), coverage)
        self.assertTrue(coverage.startswith(count(total) + " "), coverage)
        self.assertIn(count(answer["pending"]) + " pending" if answer["pending"] else "reported", coverage)
        return answer

    def test_every_number_of_the_causes_is_the_interfaces(self):
        self.open("?since=any")
        answer = self.check_causes("&outcome=dropped")
        self.assertGreater(answer["connections"], 250)
        self.open("?since=any&outcome=any")
        self.check_causes("")

    def test_the_headline_says_how_many_of_what_and_since_which_version(self):
        self.open("?since=any&app_id=game")
        groups = self.attribution("app_version,cause,side,outcome", "&app_id=game")["groups"]
        drops = [group for group in groups if group["outcome"] == "dropped"]
        everything, dropped = sum(gather(groups, "cause").values()), sum(gather(drops, "cause").values())
        self.assertEqual(self.text("#dropped"),
                         "Dropped %s %s of %s connections" % (percent(dropped, everything), count(dropped), count(everything)))
        top, number = max(gather(drops, "cause").items(), key=lambda item: item[1])
        self.assertEqual(self.text("#top-cause"), "Most often %s %s of the drops: %s of %s. %s" % (
            words(top), percent(number, dropped), count(number), count(dropped), BRIEF_CRASH))
        by_version, crashed = gather(groups, "app_version"), gather(drops, "app_version", "cause")
        now, old = (percent(crashed[version, "client_crash"], by_version[version]) for version in ("1.10.0", "1.9.0"))
        self.assertEqual(self.text("#since-version"),
                         "Since version 1.10.0 client crash %s of its %s connections dropped by it; before, %s of the %s of 1.9.0."
                         % (now, count(by_version["1.10.0"]), old, count(by_version["1.9.0"])))
        sides = self.run_js("[...document.querySelectorAll('#sides li')].map((li) => li.innerText.trim())")
        self.assertEqual(sorted(sides), sorted("%s %s %s" % (words(side), count(n), percent(n, dropped))
                                               for side, n in gather(drops, "side").items()))

    def test_versions_of_different_apps_are_not_compared(self):
        self.open("?since=any")
        self.assertIn("choose an app", self.text("#since-version"))
        self.assertIn("Of all apps together", self.text("#versions"))
        self.assertFalse(self.run_js("document.getElementById('compare').checkVisibility()"))
        self.choose("app_id", "game")
        self.assertIn("Since version 1.10.0", self.text("#since-version"))
        self.assertNotIn("Of all apps together", self.text("#versions"))

    def test_a_change_within_chance_is_not_told(self):
        self.open("?since=any&app_id=game&endpoint=gate-1&app_version=1.9.0")
        self.assertIn("nothing to compare", self.text("#since-version"))

    def test_a_rise_that_a_later_version_took_back_is_no_answer_to_since_which_version(self):
        self.open("?since=any")
        rises = self.run_js("""import('/js/headline.js').then(({largestRise}) => {
            const version = (name, crashes, hangs) => ({name, connections: 1000,
                drops: new Map([['client_crash', crashes], ['client_hang', hangs]].filter(([, n]) => n))});
            return [[version('1', 20, 10), version('2', 300, 10), version('3', 20, 90)],
                    [version('1', 20, 10), version('2', 300, 10), version('3', 0, 10)],
                    [version('1', 20, 10), version('2', 300, 10), version('3', 280, 10)]]
                .map(largestRise).map((rise) => rise && rise.cause + ' since ' + rise.after.name);
        })""")
        self.assertEqual(rises, ["client_hang since 3", None, "client_crash since 2"])

    def test_a_cause_is_explained_where_it_is_chosen_and_where_it_decided(self):
        with open(os.path.join(page_driver.SOURCES, "..", "CAUSES.md"), encoding="utf-8") as file:
            told = {line.split(" | ")[0][2:] for line in file if line.startswith("| ") and line.count(" | ") == 3}
        told.discard("cause")
        self.open("?since=any&cause=client_crash")
        explained = self.text("#recent .explained")
        self.assertEqual(explained, "client crash: %s What to do: Fix the crash; compare versions and tags (graphics card, map) "
                                    "to find it." % MEANS_CRASH)
        known = self.run_js("fetch('/CAUSES.md').then((r) => r.text()).then(async (text) => [...(await "
                            "import('/js/meanings.js')).parse(text).keys()])")
        self.assertGreater(len(known), 30)
        self.assertEqual(set(known), told)
        # Each stands alone there, so none may lean on another one.
        self.assertNotRegex(self.run_js("fetch('/CAUSES.md').then((r) => r.text())"), r"\| as (above|[a-z]+_[a-z]+)")
        self.look_up("game", page_data.CRASH_TOKEN)
        self.assertIn(MEANS_CRASH, self.text("#connection"))
        self.choose("cause", "")
        self.assertEqual(self.run_js("document.querySelectorAll('.explained').length"), 0)

    def test_shares_say_what_they_are_of(self):
        self.open("?since=any&app_id=game")
        dropped = self.attribution("cause", "&app_id=game&outcome=dropped")["connections"]
        heads = {section: self.run_js("[...document.querySelectorAll('#%s thead th')].map((th) => th.innerText)" % section)
                 for section in ("causes", "ends", "compare")}
        self.assertIn("Share of %s dropped" % count(dropped), heads["causes"])
        self.assertIn("Share of %s sessions" % count(self.collector.json("/v1/session_ends?app_id=game")["sessions"]), heads["ends"])
        by_version = gather(self.attribution("app_version", "&app_id=game")["groups"], "app_version")
        self.assertEqual(heads["compare"][1:3], ["In %s, of %s" % (v, count(by_version[v])) for v in ("1.9.0", "1.10.0")])

    def test_the_numbers_over_time_are_the_interfaces(self):
        self.open("?since=any")
        for by in ("cause", "side"):
            self.choose("by", by)
            groups = self.attribution("day," + ("cause,side" if by == "cause" else "side"), "&outcome=dropped")["groups"]
            wanted, totals = gather(groups, "day", by), gather(groups, "day")
            heads = self.run_js("[...document.querySelectorAll('#trend thead th')].map((th) => th.textContent)")
            self.run_js("document.querySelector('#trend details').open = true")
            rows = self.rows("#trend")
            self.assertEqual(len(rows), len(totals))
            for row, day in zip(rows, sorted(totals)):
                self.assertEqual(row[1], count(totals[day]))
                self.assertEqual(row[0].endswith(" (so far)"), day == datetime.datetime.now(datetime.timezone.utc).date().isoformat())
                for head, shown in zip(heads[2:], row[2:]):
                    self.assertEqual(shown, count(wanted.get((day, head.replace(" ", "_")), 0)), (day, head))
        self.assertGreater(self.run_js("document.querySelector('#trend canvas').width"), 500)

    def test_versions_stand_side_by_side_newest_first_with_the_interfaces_numbers(self):
        self.open("?since=any&app_id=game")
        groups = self.attribution("app_version,cause,side,outcome", "&app_id=game")["groups"]
        ends = self.collector.json("/v1/session_ends?app_id=game")["groups"]
        rows = self.rows("#versions")
        self.assertEqual([row[0] for row in rows], ["1.10.0", "1.9.0", "1.4.0", "no client reported"])
        everything, drops = gather(groups, "app_version"), gather(groups, "app_version", "outcome")
        sessions, crashed = gather(ends, "app_version"), gather(ends, "app_version", "end")
        for row in rows:
            version = "" if row[0].startswith("no ") else row[0]
            number, dropped = everything[version], drops[version, "dropped"]
            self.assertEqual(row[1:4], [count(number), count(dropped), percent(dropped, number)])
            rate = percent(crashed.get((version, "client_crash"), 0), sessions[version]) if version else "none reported"
            self.assertEqual(row[5], rate)
        by_cause = gather(groups, "app_version", "cause", "outcome")
        mostly = self.run_js("[...document.querySelectorAll('#versions .part')].map((part) => [part.closest('tr').cells[0].innerText"
                             ".trim(), part.innerText.trim()])")
        self.assertEqual(len(mostly), 10)
        for version, shown in mostly:
            cause, number = shown.rsplit(" ", 1)
            of = "" if version.startswith("no ") else version
            self.assertEqual(number, count(by_cause[of, cause.replace(" ", "_"), "dropped"]), (version, cause))

    def test_two_versions_are_compared_cause_by_cause(self):
        self.open("?since=any&app_id=game")
        self.assertEqual(self.run_js("[a.value, b.value]"), ["1.9.0", "1.10.0"])
        self.choose("a", "1.4.0")
        self.assertIn("a=1.4.0", self.run_js("location.search"))
        groups = self.attribution("app_version,cause,side,outcome", "&app_id=game")["groups"]
        everything, drops = gather(groups, "app_version"), gather(groups, "app_version", "cause", "outcome")
        share = {version: {cause: n / everything[version] for (of, cause, outcome), n in drops.items()
                           if of == version and outcome == "dropped"} for version in ("1.4.0", "1.10.0")}
        rows = self.rows("#compare")
        self.assertEqual(rows[0][0], "client crash")
        self.assertEqual(len(rows), len(set(share["1.4.0"]) | set(share["1.10.0"])))
        for cause, a, b, change in rows:
            old, new = (share[version].get(cause.replace(" ", "_"), 0) for version in ("1.4.0", "1.10.0"))
            self.assertEqual((a, b), (percent(old, 1), percent(new, 1)))
            self.assertAlmostEqual(float(change.replace("\u2212", "-").split()[0]), 100 * (new - old), delta=0.0501)

    def test_ends_crashes_and_findings_are_the_interfaces(self):
        self.open("?since=any")
        ends = self.collector.json("/v1/session_ends")
        self.assertEqual({row[0]: row[1:3] for row in self.rows("#ends")},
                         {words(end): [count(n), percent(n, ends["sessions"])]
                          for end, n in gather(ends["groups"], "end").items()})
        crashes = self.collector.json("/v1/crashes")
        self.assertEqual([row[0].split(" SIG")[0] for row in self.rows("#crashes")],
                         ["%s + %s" % (group["module"], group["offset"]) for group in crashes["groups"]])
        for row, group in zip(self.rows("#crashes"), crashes["groups"]):
            self.assertEqual(row[1], count(group["sessions"]))
            self.assertEqual(row[2], " ".join("%s %s" % (v["app_version"], count(v["sessions"])) for v in group["versions"]))
            self.assertEqual(row[4], " ".join(report["report_id"] for report in group["reports"]))
            self.assertIn("UTC", row[3])
        findings = self.collector.json("/v1/findings")["findings"]
        self.assertTrue(findings)
        shown = self.text("#findings")
        for finding in findings:
            self.assertIn("%s %s connections, %s of the drops" % (finding["title"], count(finding["count"]),
                                                                   percent(finding["share_of_drops"], 1)), shown)
            self.assertIn(finding["advice"], shown)
            for who in finding["who"]:
                self.assertIn("%s %s" % (who["endpoint"], count(who["count"])), shown)

    def test_each_filter_asks_the_interface_and_stands_in_the_address(self):
        for name, value, asked in [("app_id", "other", "app_id=other"), ("app_version", "1.10.0", "app_version=1.10.0"),
                                   ("endpoint", "gate-2", "endpoint=gate-2"), ("platform", "windows", "platform=windows"),
                                   ("outcome", "failed", None)]:
            with self.subTest(name):
                self.open("?since=any")
                self.choose(name, value)
                self.assertIn("%s=%s" % (name, value), self.run_js("location.search"))
                answer = self.check_causes("&outcome=dropped&" + asked if asked else "&outcome=failed")
                self.assertGreater(answer["connections"], 0)
                self.open(self.run_js("location.search"))
                self.assertEqual(self.run_js("document.getElementById('%s').value" % name), value)
                self.check_causes("&outcome=dropped&" + asked if asked else "&outcome=failed")

    def test_a_tag_filters_connections_and_sessions_and_can_be_cleared(self):
        self.open("?since=any")
        everything = self.text("#coverage")
        self.choose("tag_key", "gpu")
        self.assertEqual(self.text("#coverage"), everything)
        self.choose("tag_value", "vega")
        self.check_causes("&outcome=dropped&tag:gpu=vega")
        self.assertNotEqual(self.text("#coverage"), everything)
        ends = self.collector.json("/v1/session_ends?tag:gpu=vega")
        self.assertEqual(sum(int(row[1].replace(",", "")) for row in self.rows("#ends")), ends["sessions"])
        self.run_js("document.getElementById('clear').click()")
        self.browser.wait(READY)
        self.assertEqual(self.run_js("location.search"), "")

    def test_the_time_is_asked_in_whole_days_and_hours_and_between_two_moments_in_utc(self):
        self.open()
        asked = [url for url in self.browser.requests if "/v1/attribution" in url][-1]
        begins = int(asked.split("from=")[1].split("&")[0])
        self.assertEqual(begins % 86400, 0)
        self.choose("since", "24h")
        asked = [url for url in self.browser.requests if "hour" in url][-1]
        self.assertEqual(int(asked.split("from=")[1].split("&")[0]) % 3600, 0)
        self.open("?since=custom&from=2023-01-01T00:00&to=2023-01-02T06:30")
        asked = [url for url in self.browser.requests if "/v1/attribution" in url][-1]
        self.assertIn("from=1672531200&to=1672641000", asked)
        self.assertIn("Widen the time", self.text("#headline"))

    def test_going_back_shows_what_was_asked_before(self):
        self.open("?since=any")
        before = self.text("#coverage")
        self.choose("app_version", "1.10.0")
        self.assertNotEqual(self.text("#coverage"), before)
        self.run_js("history.back()")
        self.browser.wait("location.search === '?since=any'")
        self.browser.wait(READY)
        self.browser.wait("document.querySelector('#coverage').innerText === %s" % json.dumps(before))
        self.assertEqual(self.run_js("app_version.value"), "")

    def test_one_connection_shows_both_ends_the_rule_and_its_times_and_keeps_the_token_out_of_the_address(self):
        self.open("?since=any")
        self.look_up("game", page_data.CRASH_TOKEN)
        view = self.collector.json("/v1/connections?app_id=game&token=" + page_data.CRASH_TOKEN)["connections"][0]
        shown = self.text("#connection")
        for fact in (words(view["cause"]), view["reason"], view["rule"], view["confidence"], view["server_error"],
                     "version 1.10.0"):
            self.assertIn(fact, shown)
        moments = self.run_js("[...document.querySelectorAll('.moments li')].map((li) => [li.children[1].innerText,"
                              " li.lastChild.textContent, Date.parse(li.querySelector('time').dateTime)])")
        self.assertEqual([at for _, _, at in moments], sorted(at for _, _, at in moments))
        by_end = {(end, what): at for end, what, at in moments}
        server_end = view["server_session"]["ended_unix_s"] * 1000
        self.assertEqual(by_end["server", "record ends"], server_end)
        self.assertEqual(by_end["server", "failed: reset (104) in receive"], server_end - 20)
        self.assertEqual(by_end["server", "last received"], server_end - 420)
        self.assertEqual(by_end["client", "connected"], by_end["server", "connected"])
        self.assertEqual(by_end["client", "its process ended: client crash"] - by_end["client", "opened"], 1200)
        cells = dict(self.rows(".evidence:last-child"))
        self.assertEqual(cells["os error"], "104")
        self.assertEqual(len(self.rows(".evidence:first-child")), len(view["client"]))
        address = self.run_js("location.search")
        self.assertIn(view["token_hash"], address)
        self.assertTrue([url for url in self.browser.requests if view["token_hash"] in url])
        self.assertEqual([url for url in [address, *self.browser.requests] if page_data.CRASH_TOKEN in url], [])
        self.open(address)
        self.assertIn(view["reason"], self.text("#connection"))

    def test_a_connection_of_one_end_and_one_that_nobody_knows_are_told_apart(self):
        self.open("?since=any")
        self.look_up("game", page_data.LONE_TOKEN)
        self.assertIn("No record of this end.", self.text("#connection"))
        self.look_up("game", "never-seen")
        self.assertIn("No record carries this token", self.text("#connection"))

    def shown_time(self, unix_s, seconds=False):
        at = datetime.datetime.fromtimestamp(unix_s, datetime.timezone.utc)
        return "%d %s UTC" % (at.day, at.strftime("%b %Y, %H:%M:%S" if seconds else "%b %Y, %H:%M"))

    def test_the_newest_connections_are_the_interfaces_and_lead_to_their_time_lines(self):
        self.open("?since=any")
        everything = self.collector.json("/v1/recent_connections?outcome=dropped&limit=20")["connections"]
        self.assertEqual([row[0] for row in self.rows("#recent")], [self.shown_time(c["ended_unix_s"], True) for c in everything])
        self.run_js("[...document.querySelectorAll('#causes .cause-link')].find((a) => a.innerText === 'client crash').click()")
        self.browser.wait(READY)
        self.assertIn("cause=client_crash", self.run_js("location.search"))
        asked = self.collector.json("/v1/recent_connections?outcome=dropped&cause=client_crash&limit=20")["connections"]
        self.assertEqual(len(asked), 20)
        self.assertEqual(self.rows("#recent"), [
            [self.shown_time(c["ended_unix_s"], True), "client crash", c["confidence"], c["app_version"], c["platform"],
             c["endpoint"], c["server_error"], "both ends"] for c in asked])
        self.run_js("document.querySelector('#recent .timeline-link').click()")
        self.browser.wait("document.querySelector('#connection .verdict') && " + READY)
        self.assertIn("connection=game%3A" + asked[0]["token_hash"], self.run_js("location.search"))
        view = self.collector.json("/v1/connections?app_id=game&token_hash=" + asked[0]["token_hash"])["connections"][0]
        self.assertIn(view["reason"], self.text("#connection"))
        self.assertEqual(view["client_session"]["ended_unix_s"], asked[0]["ended_unix_s"])
        # The same address shows the same, and its cause.
        self.open(self.run_js("location.search"))
        self.assertEqual(self.run_js("cause.value"), "client_crash")
        self.assertIn(view["reason"], self.text("#connection"))

    def test_a_crash_report_leads_to_the_connections_of_its_session(self):
        self.open("?since=any")
        self.run_js("document.querySelector('#crashes .timeline-link').click()")
        self.browser.wait("document.querySelector('#connection .verdict') && " + READY)
        report = self.collector.json("/v1/crashes")["groups"][0]["reports"][0]
        found = self.collector.json("/v1/connections?app_id=game&session_id=" + report["session_id"])["connections"]
        self.assertEqual(self.run_js("document.querySelectorAll('#connection .verdict').length"), len(found))
        self.assertIn(found[0]["reason"], self.text("#connection"))
        self.assertEqual(found[0]["client_session"]["session_id"], report["session_id"])
        self.open("?connection=game:session:" + "0" * 32)
        self.assertIn("This session has no connection", self.text("#connection"))

    def test_how_new_the_answers_are_stays_in_sight(self):
        self.open("?since=any")
        newest = self.collector.json("/v1/freshness")["newest_report_unix_s"]
        self.assertTrue(self.text("#freshness").startswith("Newest report " + self.shown_time(newest) + ", "))
        self.run_js("scrollTo(0, 3000)")
        self.assertEqual(self.run_js("(() => { const r = document.getElementById('freshness').getBoundingClientRect();"
                                     " return document.elementFromPoint(r.left + 5, r.top + 5).closest('#freshness') !== null; })()"),
                         True)

    def test_versions_to_choose_from_are_those_of_players(self):
        self.open("?since=any&app_id=game")
        self.assertEqual(self.run_js("[...app_version.options].map((option) => option.value)"), ["", "1.10.0", "1.9.0", "1.4.0"])

    def test_what_is_shown_can_be_taken_away_as_csv_and_json(self):
        self.open("?since=any&app_id=game")
        answer = self.attribution("cause,side,server_error", "&app_id=game&outcome=dropped")
        self.run_js("document.querySelector('#causes .csv').click()")
        rows = list(csv.DictReader(self.downloaded("whydrop-causes.csv").splitlines()))
        self.assertEqual({row["cause"]: int(row["connections"]) for row in rows}, gather(answer["groups"], "cause"))
        self.run_js("document.querySelector('#compare .csv').click()")
        compared = list(csv.DictReader(self.downloaded("whydrop-compare.csv").splitlines()))
        for row in compared:
            self.assertAlmostEqual(float(row["difference"]), float(row["share_1.10.0"]) - float(row["share_1.9.0"]), delta=0.0002)
        self.assertTrue([row for row in compared if float(row["difference"]) < 0])
        self.run_js("document.getElementById('json').click()")
        saved = json.loads(self.downloaded("whydrop.json"))
        path = next(path for path in saved["answers"] if "server_error" in path)
        self.assertEqual(saved["answers"][path], answer)

    def test_every_control_is_reached_by_the_keyboard_in_order_with_a_visible_focus(self):
        self.open("?since=any")
        controls = self.run_js("[...document.querySelectorAll('a[href], select, input, button, summary, [tabindex=\"0\"]')]"
                               ".filter((e) => e.checkVisibility()).map((e, i) => { e.dataset.walk = i; return i; }).length")
        walked = []
        for _ in range(controls):
            self.browser.press("Tab")
            walked.append(self.run_js("(() => { const e = document.activeElement; const s = getComputedStyle(e);"
                                      " return [Number(e.dataset.walk), s.outlineStyle !== 'none' && s.outlineWidth !== '0px'];"
                                      " })()"))
        self.assertEqual(walked, [[i, True] for i in range(controls)])

    def test_the_skip_link_a_filter_and_a_lookup_work_by_keyboard_alone(self):
        self.open("?since=any")
        self.browser.press("Tab")
        self.assertIn("Skip", self.run_js("document.activeElement.innerText"))
        self.browser.press("Enter")
        self.browser.wait("document.activeElement.id === 'content'")
        self.run_js("document.getElementById('outcome').focus()")
        self.browser.press("ArrowDown")
        self.browser.wait("location.search.includes('outcome=recovered')")
        self.browser.wait(READY)
        self.run_js("document.getElementById('lookup_app').focus()")
        self.browser.type("game")
        self.browser.press("Tab")
        self.browser.type(page_data.CRASH_TOKEN)
        self.browser.press("Enter")
        self.browser.wait("document.querySelector('#connection .verdict')")

    def test_axe_finds_nothing_in_light_dark_and_on_a_phone(self):
        with open(os.path.join(page_driver.TOOLS, "node_modules", "axe-core", "axe.min.js"), encoding="utf-8") as file:
            axe = file.read()
        for look in ("light", "dark", "phone"):
            with self.subTest(look):
                self.browser.dark(look == "dark")
                self.browser.resize(360 if look == "phone" else 1200, 900, look == "phone")
                self.open("?since=any")
                self.look_up("game", page_data.CRASH_TOKEN)
                self.run_js("document.querySelector('#trend details').open = true")
                self.run_js(axe + "; 0")
                found = self.run_js("axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations.map((v) =>"
                                    " v.id + ': ' + v.nodes.map((n) => n.target + ' ' + n.failureSummary).join(' | ')))")
                self.assertEqual(found, [])

    def test_the_page_fits_a_phone_of_360_pixels(self):
        self.browser.resize(360, 740, True)
        self.open("?since=any&tag_key=gpu&tag_value=vega")
        self.look_up("game", page_data.CRASH_TOKEN)
        self.run_js("document.querySelector('#trend details').open = true")
        self.assertEqual(self.run_js("document.documentElement.scrollWidth"), 360)
        wide = self.run_js("[...document.querySelectorAll('main *')].filter((e) => !e.closest('.scroll') && !e.closest('.hidden')"
                           " && e.checkVisibility() && e.getBoundingClientRect().right > 361).map((e) => e.outerHTML.slice(0, 90))")
        self.assertEqual(wide, [])
        self.run_js("scrollTo(0, 3000)")
        self.assertEqual(self.run_js("document.querySelector('header').getBoundingClientRect().top"), 0)

    def test_dark_is_dark_and_the_chart_follows_without_a_reload(self):
        self.open("?since=any")
        light = self.run_js("getComputedStyle(document.body).backgroundColor")
        chart = "document.querySelector('#trend canvas').toDataURL()"
        drawn = self.run_js(chart)
        self.browser.dark(True)
        self.browser.wait("getComputedStyle(document.body).backgroundColor !== " + json.dumps(light))
        self.browser.wait(chart + " !== " + json.dumps(drawn))

    def test_the_page_costs_less_than_half_a_second_of_a_processor(self):
        # What the clock on the wall says is a matter of what else the machine does, so it is only told.
        self.browser.call("Performance.enable", timeDomain="threadTicks")
        self.addCleanup(self.browser.call, "Performance.disable")
        self.open("?since=any")
        spent = {one["name"]: one["value"] for one in self.browser.call("Performance.getMetrics")["metrics"]}
        late = self.run_js("performance.getEntriesByName('whydrop-drawn')[0].startTime - Math.max(...performance"
                           ".getEntriesByType('resource').filter((r) => /attribution|session_ends/.test(r.name))"
                           ".map((r) => r.responseEnd))")
        paint = self.run_js("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        print("first contentful paint %.0f ms, drawn %.0f ms after the answer, %.0f ms of a processor" %
              (paint, late, 1000 * spent["TaskDuration"]))
        self.assertGreater(spent["TaskDuration"], 0)
        self.assertLess(spent["TaskDuration"], 0.5)

    def test_the_pictures_of_the_documents_can_be_made(self):
        directory = page_driver.SCREENSHOTS or os.path.join(self.directory.name, "pictures")
        os.makedirs(directory, exist_ok=True)
        self.open("?app_id=game")
        self.shoot(directory, "page.png", height=1560)
        self.browser.dark(True)
        self.open("?app_id=game")
        self.shoot(directory, "page-dark.png", height=900)
        self.browser.dark(False)
        self.look_up("game", page_data.CRASH_TOKEN)
        self.shoot(directory, "connection.png", selector="#connection")
        self.run_js("document.querySelector('#causes .cause-link').click()")
        self.browser.wait(READY)
        self.shoot(directory, "recent.png", selector="#recent")
        self.browser.resize(360, 740, True)
        self.open("?app_id=game")
        self.shoot(directory, "page-phone.png", height=1500)

    def shoot(self, directory, name, **how):
        path = os.path.join(directory, name)
        self.browser.screenshot(path, **how)
        self.assertGreater(os.path.getsize(path), 10000)


if __name__ == "__main__":
    page_driver.main()
