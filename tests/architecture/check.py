#!/usr/bin/env python3
"""Keeps the layout that the design promises: who may include whom, where the operating system may be named, and that
every source file is built.

Usage: check.py [ROOT]     prints every violation as FILE:LINE: what is wrong, and exits 1 if there is one.
"""
import os
import re
import sys

SOURCE_ENDINGS = (".h", ".hpp", ".c", ".cc")
TEXT_ENDINGS = SOURCE_ENDINGS + (".py", ".sh", ".txt", ".cmake", ".proto", ".md", ".in")
TREES = ("sdk", "platform", "samples", "tests", "proto", "packaging")

# What each room of the SDK may include beside itself, the public header and platform/. Every list is closed: a room
# below another one's dependency is named again.
ROOM_MAY_INCLUDE = {
    "core": set(),
    "ring": {"core"},
    "causes": {"core"},
    "upload": {"ring", "causes", "core"},
    "session": {"upload", "ring", "causes", "core"},
    "api": {"session", "upload", "ring", "causes", "core"},
    "tools": {"upload", "ring", "causes", "core", "proto"},
    "include": set(),
}
ROOMS = set(ROOM_MAY_INCLUDE) - {"include"}

# The same for the rooms of the collector. What all of them may use lies beside them; main, serve and health stand above.
COLLECTOR = "samples/collector/"
COLLECTOR_MAY_INCLUDE = {
    "model": set(),
    "page": set(),
    "http": set(),
    "store": {"model"},
    "config": {"store", "http", "model"},
    "admin": {"store", "http", "page"},
    "ingest": {"config", "store", "http", "model"},
    "transfer": {"admin", "ingest", "config", "store", "model"},
}
COLLECTOR_GROUND = {"json", "log_line", "metrics", "process"}

# Third-party headers of the SDK: exactly one file includes each of them.
SINGLE_USE_HEADERS = ("curl/curl.h", "zlib.h")

STANDARD_HEADERS = set("""
algorithm any array atomic bitset charconv chrono codecvt complex condition_variable deque exception filesystem
forward_list fstream functional future initializer_list iomanip ios iosfwd iostream istream iterator limits list locale
map memory memory_resource mutex new numeric optional ostream queue random ratio regex scoped_allocator set shared_mutex
sstream stack stdexcept streambuf string string_view system_error thread tuple type_traits typeindex typeinfo
unordered_map unordered_set utility valarray variant vector version
cassert cctype cerrno cfenv cfloat cinttypes climits clocale cmath csetjmp csignal cstdarg cstddef cstdint cstdio cstdlib
cstring ctime cuchar cwchar cwctype
assert.h ctype.h errno.h float.h inttypes.h limits.h stdarg.h stddef.h stdint.h stdio.h stdlib.h string.h time.h
""".split())

# Come with the compiler, not with the system: the checksum instruction and the question for it.
STANDARD_HEADERS |= {"nmmintrin.h", "cpuid.h", "arm_acle.h"}

# Files over 500 lines, each with the reason why it is one piece.
LONG_FILES = {}
LINE_LIMIT = 500

SYSTEM_MACRO = re.compile(r"\b(_WIN32|_WIN64|__linux__|__linux|__APPLE__|__unix__|_MSC_VER)\b")
SYSTEM_MACRO_HOMES = ("platform/", "tests/crash/", "sdk/include/whydrop/whydrop.h", "tests/architecture/check.py")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX")) + r")\b")


def files(root):
    """Relative paths of everything that belongs to the project, without build output."""
    for tree in TREES:
        for directory, folders, names in os.walk(os.path.join(root, tree)):
            folders[:] = sorted(f for f in folders if f not in ("build", "__pycache__", ".git"))
            for name in sorted(names):
                if name.endswith(TEXT_ENDINGS):
                    yield os.path.relpath(os.path.join(directory, name), root)


def room_of(path):
    """The room of an SDK file: "ring" for sdk/ring/x.cc; None elsewhere."""
    parts = path.split("/")
    return parts[1] if parts[0] == "sdk" and len(parts) > 2 else None


def check_sdk_include(room, kind, name):
    """What is wrong with an include in sdk/, or None."""
    top = name.split("/")[0]
    if name in ("whydrop/whydrop.h", "whydrop/whydrop.hpp"):
        return None
    if name.startswith("whydrop/v1/") or name.startswith("google/protobuf/"):
        return None if "proto" in ROOM_MAY_INCLUDE[room] else "only sdk/tools may use protobuf's code"
    if top == "platform":
        folder = name.split("/")[1:-1]
        if room == "include":
            return "the public headers include nothing of the SDK"
        return "the folders inside platform/ are private, include the neutral header" if folder else None
    if top in ROOMS:
        if top == room or top in ROOM_MAY_INCLUDE[room]:
            return None
        return f"{room} must not include {top}: includes point down only"
    if kind == '"':
        return "a project include is written from the repository's root or from sdk/"
    if name in SINGLE_USE_HEADERS:
        return None
    if name not in STANDARD_HEADERS:
        return f"<{name}> is a system header: it belongs behind platform/"
    return None


def check_collector_include(path, name):
    """What is wrong with an include of one file of the collector by another, or None."""
    def place(file):
        """(room, "") or ("", name of a file beside the rooms)."""
        parts = file[len(COLLECTOR):].split("/")
        return (parts[0], "") if len(parts) > 1 else ("", os.path.splitext(parts[0])[0])
    (room, file), (to_room, to_file) = place(path), place(name)
    if to_file in COLLECTOR_GROUND or room == "tests" or (not room and file not in COLLECTOR_GROUND):
        return None
    if room and to_room and (to_room == room or to_room in COLLECTOR_MAY_INCLUDE[room]):
        return None
    return f"{room or file} must not include {to_room or to_file}: includes point down only"


def check_outside_include(path, name):
    """What is wrong with an include in platform/, samples/ or tests/consumer, or None."""
    top = name.split("/")[0]
    if path.startswith("platform/"):
        # The public header's constants are the one vocabulary that both sides of the seam speak.
        if top in ROOMS or (top == "whydrop" and name != "whydrop/whydrop.h"):
            return "platform includes nothing else of the project"
    elif path.startswith("samples/collector/"):
        if top in ROOMS - {"causes", "core"} or top == "platform":
            return "the collector includes sdk/include, proto and sdk/causes only"
        if name.startswith(COLLECTOR):
            return check_collector_include(path, name)
    elif path.startswith(("samples/", "tests/consumer/")):
        if top in ROOMS or top == "platform" or name.startswith("whydrop/v1/"):
            return "somebody else's program includes the public header only"
    return None


def check_lines(path, lines, report, single_use):
    room = room_of(path)
    is_source = path.endswith(SOURCE_ENDINGS)
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            report(path, number, "unfinished work is marked")
        if not is_source:
            continue
        if SYSTEM_MACRO.search(line) and not path.startswith(SYSTEM_MACRO_HOMES):
            report(path, number, "systems are told apart in platform/ only")
        match = INCLUDE.match(line)
        if not match:
            continue
        kind, name = match.groups()
        if room in ROOM_MAY_INCLUDE:
            problem = check_sdk_include(room, kind, name)
            if name in SINGLE_USE_HEADERS:
                single_use.setdefault(name, []).append((path, number))
        else:
            problem = check_outside_include(path, name)
        if problem:
            report(path, number, problem)


def is_listed(path, lists):
    """Whether a CMakeLists.txt in the file's folder, or in one above, names the file."""
    folder = os.path.dirname(path)
    while True:
        text = lists.get(folder)
        relative = os.path.relpath(path, folder or ".")
        if text is not None and re.search(r"(?<![\w./-])" + re.escape(relative) + r"(?![\w.-])", text):
            return True
        if not folder:
            return False
        folder = os.path.dirname(folder)


def main():
    root = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", ".."))
    problems = []

    def report(path, number, text):
        problems.append(f"{path}:{number}: {text}")

    lists, sources, single_use, checked = {}, [], {}, 0
    for path in files(root):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            lines = file.read().split("\n")
        checked += 1
        if os.path.basename(path) == "CMakeLists.txt":
            lists[os.path.dirname(path)] = "\n".join(line.split("#")[0] for line in lines)
        if path.endswith((".c", ".cc")):
            sources.append(path)
        if path.endswith(SOURCE_ENDINGS + (".py", ".sh")) and len(lines) - 1 > LINE_LIMIT and path not in LONG_FILES:
            report(path, len(lines) - 1, f"longer than {LINE_LIMIT} lines")
        check_lines(path, lines, report, single_use)
    for path in sources:
        if not is_listed(path, lists):
            report(path, 1, "no CMakeLists.txt lists this file: it is not built")
    for name in SINGLE_USE_HEADERS:
        uses = single_use.get(name, [])
        if len(uses) != 1:
            where = ", ".join(f"{path}:{number}" for path, number in uses) or "none"
            problems.append(f"sdk: exactly one file includes <{name}>, found: {where}")
    for path in LONG_FILES:
        if not os.path.exists(os.path.join(root, path)):
            problems.append(f"{path}: in the list of long files but not there")

    with open(os.path.join(root, "README.md"), encoding="utf-8") as readme, \
            open(os.path.join(root, "samples", "minimal.c"), encoding="utf-8") as minimal:
        if minimal.read() not in readme.read():
            problems.append("README.md: does not quote samples/minimal.c as it is")

    for problem in problems:
        print(problem)
    print(f"{checked} files checked, {len(problems)} violations")
    return 1 if problems or checked == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
