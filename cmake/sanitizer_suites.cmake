# The plain build's ctest also runs the unit tests of the sanitized builds, so that one ctest tells all.
# Only the plain build does: a sanitized one would run itself.
include_guard(GLOBAL)
if(PENSTOCK_SANITIZE STREQUAL "")
    foreach(sanitizer asan tsan)
        set(suite ${sanitizer}_unit_suite)
        # No tests is a failure: a suite that was never built must not look like one that passed.
        add_test(NAME ${suite}
                 COMMAND ${CMAKE_CTEST_COMMAND} --test-dir ${PROJECT_SOURCE_DIR}/build/${sanitizer}
                         -L unit --output-on-failure --no-tests=error -j2)
        set_tests_properties(${suite} PROPERTIES LABELS sanitizer TIMEOUT 600 PROCESSORS 2)
    endforeach()
endif()
