# What `cmake --install` gives: both libraries, the headers, the CMake package, the pkg-config file, the commands.
include(CMakePackageConfigHelpers)
include(${CMAKE_CURRENT_LIST_DIR}/static_archive.cmake)

set(whydrop_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/whydrop)

set_target_properties(whydrop PROPERTIES EXPORT_NAME whydrop)
install(TARGETS whydrop EXPORT whydropTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT whydropTargets NAMESPACE whydrop:: DESTINATION ${whydrop_package_dir})
set(whydrop_static_file ${CMAKE_STATIC_LIBRARY_PREFIX}whydrop${CMAKE_STATIC_LIBRARY_SUFFIX})
install(FILES ${WHYDROP_STATIC_ARCHIVE} DESTINATION ${CMAKE_INSTALL_LIBDIR} RENAME ${whydrop_static_file})
if(WIN32)
  # A tool chain that does not take GNU's import library makes its own of the names.
  install(FILES ${PROJECT_BINARY_DIR}/whydrop.def DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(DIRECTORY sdk/include/whydrop DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")

foreach(command whydrop_tool whydrop-collector)
  if(TARGET ${command})
    install(TARGETS ${command} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()

# The package finds its own files from where it lies, so the installed tree can be moved.
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/whydropConfig.cmake.in
  ${PROJECT_BINARY_DIR}/package/whydropConfig.cmake
  INSTALL_DESTINATION ${whydrop_package_dir}
  PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
# Before 1.0 a minor version may break the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/whydropConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/package/whydropConfig.cmake ${PROJECT_BINARY_DIR}/package/whydropConfigVersion.cmake
  DESTINATION ${whydrop_package_dir})

file(RELATIVE_PATH whydrop_pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" whydrop_pc_to_prefix "${whydrop_pc_to_prefix}")
configure_file(packaging/whydrop.pc.in ${PROJECT_BINARY_DIR}/package/whydrop.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/package/whydrop.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES README.md CHANGELOG.md sdk/ring/FORMAT.md DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
