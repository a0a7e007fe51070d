# What is different about the libraries on Windows: the DLL exports exactly the names in packaging/symbols.txt, and brings
# what a plain Windows does not have.
file(STRINGS ${PROJECT_SOURCE_DIR}/packaging/symbols.txt lines REGEX "^whydrop_")
list(TRANSFORM lines REPLACE " .*" "")
list(JOIN lines "\n" names)
set(exports ${PROJECT_BINARY_DIR}/whydrop.def)
file(CONFIGURE OUTPUT ${exports} CONTENT "EXPORTS\n@names@\n" @ONLY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/packaging/symbols.txt)

target_sources(whydrop PRIVATE ${exports})
target_compile_definitions(whydrop INTERFACE WHYDROP_USE_SHARED)
set_target_properties(whydrop PROPERTIES PREFIX "" OUTPUT_NAME whydrop LINK_DEPENDS ${exports})
if(MINGW)
  target_link_options(whydrop PRIVATE -Wl,--gc-sections -Wl,--exclude-all-symbols)
else()
  # The import library has the name already.
  set_target_properties(whydrop_static PROPERTIES OUTPUT_NAME whydrop_static)
endif()
