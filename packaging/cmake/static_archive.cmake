# The static library as it is installed. Inside a game one archive of many objects would show the SDK's C++ symbols to the
# game's linker, where they can clash or be taken for the game's own. So all objects become one, and every symbol in it
# but whydrop_* becomes local. Sets WHYDROP_STATIC_ARCHIVE, the file to install.
#
# Sanitizers register their globals by symbol, and other systems have other tools: both get the plain archive.
set(WHYDROP_STATIC_ARCHIVE $<TARGET_FILE:whydrop_static>)
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
else()
  add_custom_target(whydrop_static_archive DEPENDS whydrop_static)
endif()
