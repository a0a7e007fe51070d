// The `whydrop` command.
#include <google/protobuf/text_format.h>

#include <cstdio>
#include <string>
#include <vector>

#include "platform/process.h"
#include "tools/inspect.h"
#include "tools/load.h"
#include "tools/text.h"
#include "whydrop/whydrop.h"

namespace whydrop::tools {
namespace {

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

constexpr char kHelp[] =
    "whydrop: looks into the files that the whydrop SDK keeps about a game's connections.\n"
    "\n"
    "  whydrop inspect FILE [--json]  what a .ring or .batch file says: how the session ended, its connections,\n"
    "                                 why each one ended, and what is damaged\n"
    "  whydrop export FILE            exactly what is sent of it, as protobuf text\n"
    "  whydrop --help | --version\n"
    "\n"
    "A ring of a game that still runs can be read at any time; nothing is written or locked.\n"
    "Exit code: 0 done, 1 the file could not be read, 2 wrong usage.\n";

int Usage(const std::string& problem) {
  std::fprintf(stderr, "whydrop: %s\nTry `whydrop --help`.\n", problem.c_str());
  return kUsage;
}

int Print(const std::string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written) std::fputs("whydrop: the output could not be written\n", stderr);
  return written ? kOk : kFailed;
}

// Text format escapes every byte that is not printable ASCII by itself.
bool Export(const Loaded& loaded, std::string* out) {
  if (loaded.state == Loaded::State::kRunning) {
    *out += "# The session is still running: this is what it would send if it ended now, without how it ends.\n";
  }
  for (size_t i = 0; i < loaded.batches.size(); ++i) {
    std::string text;
    if (!google::protobuf::TextFormat::PrintToString(loaded.batches[i], &text)) return false;
    *out +=
        "# whydrop.v1.Batch " + std::to_string(i + 1) + " of " + std::to_string(loaded.batches.size()) + "\n" + text;
  }
  return true;
}

int Run(const std::vector<std::string>& arguments) {
  std::vector<std::string> words;
  bool json = false;
  for (const std::string& argument : arguments) {
    if (argument == "--help" || argument == "-h") return Print(kHelp);
    if (argument == "--version") return Print(std::string("whydrop ") + WHYDROP_VERSION_STRING + "\n");
    if (argument == "--json") {
      json = true;
    } else if (argument.size() > 1 && argument[0] == '-') {
      return Usage("unknown option " + Safe(argument));
    } else {
      words.push_back(argument);
    }
  }
  if (words.empty()) return Usage("no command given");
  const bool inspect = words[0] == "inspect";
  if (!inspect && words[0] != "export") return Usage("unknown command " + Safe(words[0]));
  if (words.size() != 2) return Usage(words[0] + " takes one file");
  if (json && !inspect) return Usage("--json belongs to inspect");

  Loaded loaded;
  std::string error, output;
  if (!Load(words[1], &loaded, &error)) {
    std::fprintf(stderr, "whydrop: %s: %s\n", Safe(words[1]).c_str(), error.c_str());
    return kFailed;
  }
  bool printed = true;
  if (!inspect) {
    printed = Export(loaded, &output);
  } else if (json) {
    printed = InspectJson(loaded, &output);
  } else {
    output = InspectText(loaded);
  }
  if (!printed) {
    std::fprintf(stderr, "whydrop: %s: a record could not be printed\n", Safe(words[1]).c_str());
    return kFailed;
  }
  return Print(output);
}

}  // namespace
}  // namespace whydrop::tools

int main(int argc, char** argv) { return whydrop::tools::Run(whydrop::platform::ProgramArguments(argc, argv)); }
