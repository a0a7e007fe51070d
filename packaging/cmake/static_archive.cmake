# The static library as it is installed. Inside a game one archive of many objects would show the SDK's C++ symbols to the
# game's linker, where they can clash or be taken for the game's own. So all objects become one, and every symbol in it
# but whydrop_* becomes local. Sets WHYDROP_STATIC_ARCHIVE, the file to install.
#
# Sanitizers register their globals by symbol, and other compilers have other tools: both get the plain archive.
# WHYDROP_STATIC_NEEDS is what a program links besides, WHYDROP_STATIC_PACKAGES where CMake finds the packages of it.
set(WHYDROP_STATIC_ARCHIVE $<TARGET_FILE:whydrop_static>)
set(WHYDROP_STATIC_NEEDS "ZLIB::ZLIB;Threads::Threads;${CMAKE_DL_LIBS};stdc++")
set(WHYDROP_STATIC_PACKAGES ZLIB)
if(WIN32)
  set(WHYDROP_STATIC_NEEDS "CURL::libcurl;ZLIB::ZLIB;ws2_32;crypt32;bcrypt;advapi32")
  set(WHYDROP_STATIC_PACKAGES CURL ZLIB)
endif()
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_OBJCOPY AND NOT WHYDROP_SANITIZED)
  set(WHYDROP_STATIC_ARCHIVE ${PROJECT_BINARY_DIR}/package/libwhydrop.a)
  set(whydrop_one_object ${PROJECT_BINARY_DIR}/package/whydrop.o)
  get_property(whydrop_modules GLOBAL PROPERTY WHYDROP_MODULES)
  list(TRANSFORM whydrop_modules REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>" OUTPUT_VARIABLE whydrop_objects)
  # Groups of inline functions are resolved here: a local symbol cannot be the signature of a group.
  add_custom_command(OUTPUT ${WHYDROP_STATIC_ARCHIVE}
    COMMAND ${CMAKE_LINKER} -r --force-group-allocation -o ${whydrop_one_object} ${whydrop_objects}
    COMMAND ${CMAKE_OBJCOPY} --wildcard "--keep-global-symbol=whydrop_*" ${whydrop_one_object}
    COMMAND ${CMAKE_COMMAND} -E rm -f ${WHYDROP_STATIC_ARCHIVE}
    COMMAND ${CMAKE_AR} rcs ${WHYDROP_STATIC_ARCHIVE} ${whydrop_one_object}
    DEPENDS ${whydrop_modules} ${whydrop_objects}
    COMMAND_EXPAND_LISTS VERBATIM)
  add_custom_target(whydrop_static_archive ALL DEPENDS ${WHYDROP_STATIC_ARCHIVE})
elseif(MINGW)
  set(WHYDROP_STATIC_ARCHIVE ${PROJECT_BINARY_DIR}/package/libwhydrop.a)
  set(WHYDROP_STATIC_NEEDS "Threads::Threads;ws2_32;crypt32;bcrypt;advapi32;stdc++")
  set(WHYDROP_STATIC_PACKAGES "")
  get_property(whydrop_modules GLOBAL PROPERTY WHYDROP_MODULES)
  list(TRANSFORM whydrop_modules REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>" OUTPUT_VARIABLE whydrop_objects)
  add_custom_command(OUTPUT ${WHYDROP_STATIC_ARCHIVE}
    COMMAND ${PROJECT_SOURCE_DIR}/packaging/windows/static_archive.sh ${WHYDROP_STATIC_ARCHIVE} ${CMAKE_LINKER}
            ${CMAKE_NM} ${CMAKE_OBJCOPY} ${CMAKE_AR} ${whydrop_objects} ${CURL_LIBRARY_RELEASE} ${ZLIB_LIBRARY}
    DEPENDS ${whydrop_modules} ${whydrop_objects}
    COMMAND_EXPAND_LISTS VERBATIM)
  add_custom_target(whydrop_static_archive ALL DEPENDS ${WHYDROP_STATIC_ARCHIVE})
else()
  add_custom_target(whydrop_static_archive DEPENDS whydrop_static)
endif()
