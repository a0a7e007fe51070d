# How this project's targets are made: one place for language level, warnings and visibility.

set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 99)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)

# What packaging/windows/mingw-w64.cmake says for MinGW; sources are UTF-8.
if(MSVC)
  add_compile_definitions(_WIN32_WINNT=0x0A00 NTDDI_VERSION=0x0A000006 UNICODE _UNICODE NOMINMAX WIN32_LEAN_AND_MEAN
    _CRT_SECURE_NO_WARNINGS)
  add_compile_options(/utf-8)
endif()

# Whether the flags of this build ask for a sanitizer.
string(TOUPPER "${CMAKE_BUILD_TYPE}" whydrop_build_type)
set(WHYDROP_SANITIZED OFF)
if("${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${whydrop_build_type}}" MATCHES "-fsanitize=")
  set(WHYDROP_SANITIZED ON)
endif()

# Warnings for all of the project's own code.
function(whydrop_warnings target)
  if(MSVC)
    target_compile_options(${target} PRIVATE /W4 /permissive- $<$<BOOL:${WHYDROP_WARNINGS_AS_ERRORS}>:/WX>)
    return()
  endif()
  target_compile_options(${target} PRIVATE -Wall -Wextra -pedantic-errors -Wvla -Wshadow -Wconversion
    $<$<BOOL:${WHYDROP_WARNINGS_AS_ERRORS}>:-Werror>)
endfunction()

# In a release build the SDK is built for size, because it is a guest in a game. These sources are on the path of
# recording calls or of the scan at the next launch, where speed counts.
function(whydrop_fast_sources)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS
    "$<$<AND:$<CONFIG:Release>,$<CXX_COMPILER_ID:GNU,Clang,AppleClang>>:-O2>")
endfunction()

# whydrop_module(NAME SOURCES...): one room of the SDK, built once and linked into both libraries, the tools and the tests.
# Includes are written from the repository's root ("platform/clock.h") and from sdk/ ("core/bytes.h").
function(whydrop_module name)
  add_library(whydrop_${name} OBJECT ${ARGN})
  target_include_directories(whydrop_${name} PUBLIC
    ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/sdk ${PROJECT_SOURCE_DIR}/sdk/include)
  set_target_properties(whydrop_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON
    CXX_VISIBILITY_PRESET hidden C_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  # Unique symbols cannot be made local in the static archive, and pin a shared library by accident.
  target_compile_options(whydrop_${name} PRIVATE
    "$<$<CXX_COMPILER_ID:GNU,Clang,AppleClang>:-ffunction-sections;-fdata-sections>"
    $<$<AND:$<CONFIG:Release>,$<CXX_COMPILER_ID:GNU,Clang,AppleClang>>:-Os>
    $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  whydrop_warnings(whydrop_${name})
  set_property(GLOBAL APPEND PROPERTY WHYDROP_MODULES whydrop_${name})
endfunction()
