# The plain build's ctest also runs the unit tests of the sanitized builds, so that one ctest tells
# all. A sanitized build registers no suite: it would run itself.
include_guard(GLOBAL)
function(sanitizer_suite sanitizer tier seconds)
    # A suite without tests is red: one that was never built must not look like one that passed.
    penstock_test(${sanitizer}_unit_suite ${tier} sanitizer SECONDS ${seconds} TIMEOUT 600 QUIET
        COMMAND ${CMAKE_CTEST_COMMAND} --test-dir ${PROJECT_SOURCE_DIR}/build/${sanitizer}
                -L unit --output-on-failure --no-tests=error -j2)
endfunction()

if(PENSTOCK_SANITIZE STREQUAL "")
    sanitizer_suite(asan short 95)
    sanitizer_suite(tsan long 70)
endif()
