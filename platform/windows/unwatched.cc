// What Windows builds do not watch yet.
#include "platform/crash_hooks.h"
#include "platform/network_watch.h"
#include "platform/process.h"
#include "platform/socket_probe.h"

namespace whydrop::platform {

Status InstallCrashHooks(const CrashSink&) { return {StatusKind::kUnsupported, 0}; }
void UninstallCrashHooks() {}
int32_t DisplacedCrashHook() { return 0; }
void RefreshModules() {}
void AttachThreadForCrashes() {}
bool OnSignalStack() { return false; }

Status WatchSessionEnd(void (*)()) { return {StatusKind::kUnsupported, 0}; }

NetworkWatch::~NetworkWatch() = default;
Status NetworkWatch::Open() { return {StatusKind::kUnsupported, 0}; }
bool NetworkWatch::Take(Sink, void*) { return true; }
bool NetworkWatch::IsLinkUp(uint32_t) { return false; }

bool IdentifySocket(intptr_t, SocketIdentity*) { return false; }
void ProbeSocket(const SocketIdentity&, SocketFacts*) {}
void ProbeRoute(const SocketIdentity&, RouteFacts*) {}
void ProbeDefaultRoute(RouteFacts*) {}

}  // namespace whydrop::platform
