# Killed at random moments: on each system. whydrop_ring_kill(SOURCE ARGUMENTS...)
function(whydrop_ring_kill source)
  add_executable(ring_kill_test ${source})
  target_link_libraries(ring_kill_test PRIVATE whydrop_test_support whydrop_ring whydrop_core whydrop_platform
    Threads::Threads ${CMAKE_DL_LIBS})
  whydrop_warnings(ring_kill_test)
  add_test(NAME crash.ring_kill COMMAND ring_kill_test ${ARGN})
  # The closing line, not only the exit code: a program that Wine cannot start ends with 0 and says nothing.
  set_tests_properties(crash.ring_kill PROPERTIES TIMEOUT 900 LABELS crash
    PASS_REGULAR_EXPRESSION " [1-9][0-9]* commits witnessed, .* 0 wrong, 0 missing")
endfunction()
