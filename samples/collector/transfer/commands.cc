#include "samples/collector/transfer/commands.h"

#include <cstdio>
#include <memory>

#include "samples/collector/process.h"
#include "samples/collector/transfer/export.h"
#include "samples/collector/transfer/import.h"

namespace whydrop::collector {
namespace {

constexpr int kExitBadLines = 3;

std::unique_ptr<Store> Open(const Options& options, StoreAccess access, Metrics* metrics) {
  StoreSettings settings;
  settings.join_window_s = options.join_window_s;
  // To delete is for the collector that serves the store and was told how long to keep what.
  settings.keep_days = kKeepAllDays;
  settings.access = access;
  return OpenStore(options.store_url, UnixSeconds, metrics, settings);
}

int RunImport(const Loaded& loaded) {
  const Options& options = loaded.options;
  if (options.app_id.empty()) throw ConfigError("import needs --app-id");
  if (options.app_version.empty()) throw ConfigError("import needs --app-version");
  Metrics metrics;
  const std::unique_ptr<Store> store = Open(options, StoreAccess::kServe, &metrics);
  const ImportSummary summary = Import(options, loaded.operands[0], UnixSeconds, store.get());
  store->Stop();
  std::printf("lines=%llu accepted=%llu known=%llu rejected=%llu\n", static_cast<unsigned long long>(summary.lines),
              static_cast<unsigned long long>(summary.accepted), static_cast<unsigned long long>(summary.known),
              static_cast<unsigned long long>(summary.rejected));
  if (!summary.cannot_tell.empty()) {
    std::fprintf(stderr, "what was imported before is among the accepted, and counts once: %s\n",
                 summary.cannot_tell.c_str());
  }
  if (summary.rejected == 0) return 0;
  const bool nothing = summary.accepted + summary.known == 0;
  std::fputs(
      nothing ? "nothing was imported; --bad-lines skip leaves wrong lines out\n" : "wrong lines were left out\n",
      stderr);
  return kExitBadLines;
}

int RunExport(const Loaded& loaded) {
  Metrics metrics;
  Export(loaded.options, Open(loaded.options, StoreAccess::kRead, &metrics).get(), stdout);
  return 0;
}

int RunBackup(const Loaded& loaded) {
  Metrics metrics;
  Open(loaded.options, StoreAccess::kRead, &metrics)->Backup(loaded.operands[0]);
  return 0;
}

}  // namespace

int RunCommand(const Loaded& loaded) {
  if (loaded.command == kImport) return RunImport(loaded);
  return loaded.command == kExport ? RunExport(loaded) : RunBackup(loaded);
}

}  // namespace whydrop::collector
