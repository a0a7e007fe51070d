# CMake toolchain: Debian's mingw-w64 GCC with posix threads; tests run under Wine. WHYDROP_MINGW_TRIPLE picks the
# processor, WHYDROP_WINDOWS_PREFIX is where build_dependencies.sh installed.
set(CMAKE_SYSTEM_NAME Windows)
if(NOT WHYDROP_MINGW_TRIPLE)
  set(WHYDROP_MINGW_TRIPLE x86_64-w64-mingw32)
endif()
string(REGEX REPLACE "-.*" "" CMAKE_SYSTEM_PROCESSOR ${WHYDROP_MINGW_TRIPLE})
if(NOT WHYDROP_WINDOWS_PREFIX)
  set(WHYDROP_WINDOWS_PREFIX $ENV{WHYDROP_WINDOWS_PREFIX})
endif()
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES WHYDROP_MINGW_TRIPLE WHYDROP_WINDOWS_PREFIX)

# The bare names follow update-alternatives; these pin the thread model.
set(CMAKE_C_COMPILER ${WHYDROP_MINGW_TRIPLE}-gcc-posix)
set(CMAKE_CXX_COMPILER ${WHYDROP_MINGW_TRIPLE}-g++-posix)
set(CMAKE_RC_COMPILER ${WHYDROP_MINGW_TRIPLE}-windres)
set(CMAKE_AR ${WHYDROP_MINGW_TRIPLE}-gcc-ar-posix)
set(CMAKE_RANLIB ${WHYDROP_MINGW_TRIPLE}-gcc-ranlib-posix)

set(CMAKE_FIND_ROOT_PATH /usr/${WHYDROP_MINGW_TRIPLE})
if(WHYDROP_WINDOWS_PREFIX AND CMAKE_SYSTEM_PROCESSOR STREQUAL "i686")
  list(PREPEND CMAKE_FIND_ROOT_PATH ${WHYDROP_WINDOWS_PREFIX}/i686)
elseif(WHYDROP_WINDOWS_PREFIX)
  list(PREPEND CMAKE_FIND_ROOT_PATH ${WHYDROP_WINDOWS_PREFIX})
endif()
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# CMake would take libz.dll.a, and the DLL would then want a zlib1.dll beside it.
set(ZLIB_LIBRARY /usr/${WHYDROP_MINGW_TRIPLE}/lib/libz.a CACHE FILEPATH "zlib, static")

# Windows 10 1703: the first with SIO_TCP_INFO in the headers. What is newer than Windows 7 is asked for at run time.
set(windows_definitions "-D_WIN32_WINNT=0x0A00 -DNTDDI_VERSION=0x0A000006 -DUNICODE -D_UNICODE -DNOMINMAX -DWIN32_LEAN_AND_MEAN")
set(CMAKE_C_FLAGS_INIT "${windows_definitions}")
set(CMAKE_CXX_FLAGS_INIT "${windows_definitions}")
# No runtime libraries of the compiler beside the program or the DLL. A static runtime leaves __cxa_pure_virtual a weak
# null, which would turn a pure virtual call into an access violation.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static -Wl,-u,__cxa_pure_virtual")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "-static -Wl,-u,__cxa_pure_virtual")

set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_CURRENT_LIST_DIR}/wine_run.sh)
