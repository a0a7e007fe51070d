"""What is made to happen, and what it therefore really was."""

from dataclasses import dataclass

# Who ends a player's game.
ITSELF = "itself"  # the client's own act, or the server's
KILLED = "killed"  # SIGKILL while it plays
HUNG = "hung"  # SIGKILL some seconds after its main loop stopped
FROZEN = "frozen"  # SIGKILL after it reported a failure of the network

# Where it plays.
HOME = "home"  # loopback, the first server
MORTAL = "mortal"  # loopback, the server that is killed
FRAGILE = "fragile"  # loopback, the server that a player brings down
NOWHERE = "nowhere"  # a port that nobody listens on
CABLE = "cable"  # behind a router, in the household whose cable is pulled
PATH = "path"  # behind a router that drops every packet from some moment on

NETWORKS = (CABLE, PATH)


@dataclass(frozen=True)
class Scenario:
    name: str
    truth: str  # the cause, as both ends together can know it
    ends: str = ITSELF
    place: str = HOME
    # Half of the players die in the middle of a frame, with a message of the server unread: for the server that is a
    # reset, for the other half it is an orderly end. What happened is the same.
    unread: bool = False
    consent: bool = True
    # One player only: it takes the server away from everybody else.
    alone: bool = False
    # What Windows makes another thing of, and why.
    windows: str = ""
    why_windows: str = ""
    # What the player's machine alone says of it at the time on Linux; nothing where it dies of it. Why it can say less, or
    # less surely, on Windows or under Wine; empty where it must say the same.
    client: tuple = ()
    why_wine: str = ""

    def truth_on(self, windows):
        return self.windows if windows and self.windows else self.truth


NO_SEND_QUEUE = ("Windows tells a program nothing of its send queue, which on Linux shows that the reset answered no data "
                 "of the client's")
NO_COUNTS = ("Windows counts no unanswered packets for a program, and Wine has none of its TCP statistics; what the server "
             "counted decides")

# The system ends the connections of a dead process, with a reset if bytes lay unread just then.
DEAD_SERVER = ("server_close", "server_reset", "reset_ambiguous")

SCENARIOS = (
    Scenario("segfault_main", "client_crash", unread=True),
    Scenario("segfault_worker", "client_crash", unread=True),
    Scenario("abort", "client_crash", unread=True),
    Scenario("uncaught_exception", "client_crash", unread=True),
    Scenario("stack_overflow", "client_crash", unread=True),
    Scenario("kill9", "client_killed", ends=KILLED),
    Scenario("underscore_exit", "client_killed", unread=True, windows="clean_exit",
             why_windows="_exit is ExitProcess there, which tells every DLL that the process ends"),
    Scenario("hang", "client_hang", ends=HUNG),
    Scenario("exit_open", "clean_exit", unread=True),
    Scenario("close", "local_close", client=("local_close",)),
    Scenario("server_close", "server_close", client=("server_close",)),
    # Whether the last bytes were acknowledged before the reset came is chance, and only then it places the server.
    Scenario("server_close_unread", "server_reset", client=("server_reset", "reset_ambiguous")),
    Scenario("linger0", "server_reset", client=("server_reset",), why_wine=NO_SEND_QUEUE),
    Scenario("transfer", "server_transfer", client=("server_transfer",)),
    Scenario("kick", "server_kick", client=("server_kick",)),
    Scenario("server_hang", "server_hang", client=("server_hang",), why_wine=NO_COUNTS),
    Scenario("server_shutdown", "server_shutdown", client=("server_shutdown",)),
    Scenario("server_killed", "server_died", place=MORTAL, client=DEAD_SERVER),
    Scenario("server_abort", "server_died", place=FRAGILE, alone=True, client=DEAD_SERVER),
    Scenario("refused", "connect_refused", place=NOWHERE, client=("connect_refused",)),
    Scenario("cable", "local_link_down", place=CABLE, client=("local_link_down",)),
    Scenario("path_loss", "path_timeout", place=PATH, client=("path_timeout",), why_wine=NO_COUNTS),
    Scenario("net_drop_then_kill", "path_timeout", ends=FROZEN, place=PATH, client=("path_timeout",), why_wine=NO_COUNTS),
    # Nothing may be stored or sent: the collector must know of this player by the server alone.
    Scenario("consent_denied", "no report", consent=False),
)
