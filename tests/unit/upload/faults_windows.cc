// By the table through which the program calls the system (support/imports_windows.h). The functions of the SDK's own
// library only: the C++ library's go through a module of its own.
#include <aclapi.h>
#include <process.h>
#include <windows.h>

#include <cstdio>
#include <cstdlib>

#include "faults.h"
#include "support/imports_windows.h"

const int kDeviceError = ERROR_IO_DEVICE, kNoSpace = ERROR_DISK_FULL, kTooManyOpen = ERROR_TOO_MANY_OPEN_FILES;

namespace {

// One for each function: the number tells two of the same type apart.
template <int kNumber, typename Result, typename... Arguments>
struct Caught {
  static inline Result (*next)(Arguments...) = nullptr;
  static inline Result failed{};
  static Result Call(Arguments... arguments) {
    if (!g_calls.Strikes()) return next(arguments...);
    SetLastError(static_cast<DWORD>(g_calls.error()));
    return failed;
  }
};

template <int kNumber, typename Result, typename... Arguments>
void Catch(Result (*)(Arguments...), const char* name, Result failed) {
  using Here = Caught<kNumber, Result, Arguments...>;
  Here::failed = failed;
  Here::next = ReplaceImport(name, Here::Call);
  if (Here::next != nullptr) return;
  std::fprintf(stderr, "%s is not imported\n", name);
  std::abort();
}
#define CATCH(name, failed) Catch<__LINE__>(&name, #name, failed)

const struct CatchAll {
  CatchAll() {
    CATCH(CreateFileW, INVALID_HANDLE_VALUE);
    CATCH(ReadFile, FALSE);
    CATCH(WriteFile, FALSE);
    CATCH(FlushFileBuffers, FALSE);
    CATCH(GetFileInformationByHandle, FALSE);
    CATCH(GetFileInformationByHandleEx, FALSE);
    CATCH(SetFileInformationByHandle, FALSE);
    CATCH(GetVolumeInformationByHandleW, FALSE);
    CATCH(OpenProcessToken, FALSE);
    CATCH(GetTokenInformation, FALSE);
    CATCH(GetSecurityInfo, DWORD{ERROR_NOT_ENOUGH_MEMORY});
    CATCH(DeviceIoControl, FALSE);
    CATCH(GetFullPathNameW, DWORD{0});
    CATCH(GetFileAttributesW, INVALID_FILE_ATTRIBUTES);
    CATCH(GetFileAttributesExW, FALSE);
    CATCH(CreateDirectoryW, FALSE);
    CATCH(MoveFileExW, FALSE);
    CATCH(DeleteFileW, FALSE);
    CATCH(FindFirstFileExW, INVALID_HANDLE_VALUE);
    CATCH(FindNextFileW, FALSE);
    CATCH(LockFileEx, FALSE);
    CATCH(CreateFileMappingW, HANDLE{nullptr});
    CATCH(MapViewOfFile, static_cast<void*>(nullptr));
    CATCH(MapViewOfFileEx, static_cast<void*>(nullptr));
    CATCH(FlushViewOfFile, FALSE);
    CATCH(VirtualAlloc, static_cast<void*>(nullptr));
    CATCH(CreateEventW, HANDLE{nullptr});
    CATCH(CreateThread, HANDLE{nullptr});
    CATCH(_beginthreadex, uintptr_t{0});
    CATCH(AddVectoredExceptionHandler, static_cast<void*>(nullptr));
    CATCH(SetConsoleCtrlHandler, FALSE);
  }
} catch_all;

}  // namespace
