"""What is printed: progress, the table, and every verdict that is not what really happened."""

import collections
import sys
from dataclasses import dataclass


class Progress:
    """One line that is rewritten on a terminal; elsewhere a line for each step."""

    def __init__(self):
        self._terminal = sys.stdout.isatty()

    def step(self, text):
        if self._terminal:
            print("\r\033[K" + text, end="", flush=True)
        else:
            print(text, flush=True)

    def count(self, text, done, total):
        if self._terminal or done == total:
            self.step(f"{text}: {done} of {total}")

    def clear(self):
        if self._terminal:
            print("\r\033[K", end="", flush=True)


@dataclass
class Verdict:
    player: object
    right: bool
    seen: str
    confidence: str = ""  # "" where there was nothing to judge


def judge(player, connection, windows):
    """Compares what the collector says of one player's connection with what was done to it."""
    if player.trouble is not None:
        return Verdict(player, False, player.trouble)
    if connection is None:
        return Verdict(player, False, "the collector knows nothing of it")
    if not player.scenario.consent:
        if connection["client"] is not None:
            return Verdict(player, False, "a report arrived in spite of the refused consent")
        if player.files():
            return Verdict(player, False, "files in spite of the refused consent: " + ", ".join(player.files()))
        return Verdict(player, True, "no report")
    seen = f"{connection['cause']} ({connection['confidence']}: {connection['reason']})"
    if connection["client"] is None:
        return Verdict(player, False, seen + ", without the client's report")
    return Verdict(player, connection["cause"] == player.scenario.truth_on(windows), seen, connection["confidence"])


def print_table(attribution):
    rows = collections.defaultdict(collections.Counter)
    for group in attribution["groups"]:
        rows[(group["cause"], group["side"])][group["server_error"]] += group["connections"]
    total = max(1, attribution["connections"])
    print(f"{'cause':<20} {'side':<15} {'connections':>11} {'share':>7}   the server's own log said of the same connections")
    for (cause, side), errors in sorted(rows.items(), key=lambda row: (-sum(row[1].values()), row[0])):
        count = sum(errors.values())
        said = ", ".join(f"{error} ({number})" for error, number in errors.most_common())
        print(f"{cause:<20} {side:<15} {count:>11} {100 * count / total:>6.1f}%   {said}")


def print_errors(attribution):
    """The other way round: what each of the server's errors would have hidden."""
    causes = collections.defaultdict(collections.Counter)
    for group in attribution["groups"]:
        causes[group["server_error"]][group["cause"]] += group["connections"]
    for error, counted in sorted(causes.items(), key=lambda row: -len(row[1])):
        if len(counted) > 1:
            listed = ", ".join(f"{cause} {number}" for cause, number in counted.most_common())
            print(f'  "{error}" was {len(counted)} different causes: {listed}')


def print_differences(verdicts):
    """What Windows, or Wine in its place, makes of the same things, and why. Returns how many have no explanation."""
    unexplained = 0
    print("\nWhat differs from Linux:")
    for scenario in dict.fromkeys(verdict.player.scenario for verdict in verdicts):
        if scenario.windows:
            print(f"  {scenario.name}: {scenario.windows} instead of {scenario.truth}. {scenario.why_windows}.")
        same = [verdict for verdict in verdicts if verdict.player.scenario is scenario]
        found = []
        on_linux = scenario.client or ("nothing",)
        said = sorted({verdict.player.said or "nothing" for verdict in same} - set(on_linux))
        if said:
            found.append(f"the client alone said {', '.join(said)} instead of {' or '.join(on_linux)}")
        # On Linux every verdict of both ends has high confidence.
        less = sorted({verdict.confidence for verdict in same} - {"high", ""})
        if less:
            found.append(f"the verdict of both has {', '.join(less)} confidence instead of high")
        for difference in found:
            print(f"  {scenario.name}: {difference}. {scenario.why_wine or 'NOT EXPLAINED'}.")
            unexplained += not scenario.why_wine
    return unexplained


def print_result(attribution, verdicts, windows):
    reported, connections = attribution["reported"], attribution["connections"]
    wrong = [verdict for verdict in verdicts if not verdict.right]
    print_table(attribution)
    print("\nWhat the server alone would have seen:")
    print_errors(attribution)
    print(f"\nCoverage: {reported} of {connections} connections were reported by the player's own next launch; "
          "the others are judged by the server's record alone.")
    unexplained = print_differences(verdicts) if windows else 0
    if connections != len(verdicts):
        print(f"The collector counts {connections} connections, but there were {len(verdicts)}.")
    print(f"Verdicts: {len(verdicts) - len(wrong)} of {len(verdicts)} equal what really happened.")
    for verdict in wrong:
        player = verdict.player
        print(f"  WRONG {player.name}: was {player.scenario.truth_on(windows)}, seen {verdict.seen}")
        print(f"        the client said at the time: {player.said or 'nothing'}; {player.last_session or 'no next launch'}")
    return not wrong and not unexplained and connections == len(verdicts)
