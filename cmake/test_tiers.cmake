# Tests are registered here, so that each has just one tier (tests/README.md; check_tiers).
#   short: ./dev test       long: ./dev test all
#
# penstock_test(<name> <tier> <kind> SECONDS <typical> TIMEOUT <at most> COMMAND <words>...
#               [ENVIRONMENT <NAME=value>...] [DIRECTORY <path>] [FIXTURE <name>] [SKIPS] [QUIET])
# kind: a further label. SECONDS on two cores: the longest test begins first. SKIPS: exit code 77
# says that this machine can't run it. QUIET: measures time or uses both cores, so that no other
# test may run beside it on two cores. FIXTURE: a broker that is started once for all its tests.
include_guard(GLOBAL)
function(penstock_test name tier kind)
    cmake_parse_arguments(ARG "QUIET;SKIPS" "SECONDS;TIMEOUT;FIXTURE;DIRECTORY"
                          "COMMAND;ENVIRONMENT" ${ARGN})
    if(ARG_UNPARSED_ARGUMENTS OR NOT tier MATCHES "^(short|long)$")
        message(FATAL_ERROR "penstock_test(${name} ${tier} …): ${ARG_UNPARSED_ARGUMENTS}")
    endif()
    if(NOT ARG_DIRECTORY)
        set(ARG_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
    endif()
    add_test(NAME ${name} COMMAND ${ARG_COMMAND} WORKING_DIRECTORY ${ARG_DIRECTORY})
    set_tests_properties(${name} PROPERTIES LABELS "${kind};${tier}" TIMEOUT ${ARG_TIMEOUT}
        COST ${ARG_SECONDS} ENVIRONMENT "${ARG_ENVIRONMENT}")
    if(ARG_QUIET)
        set_tests_properties(${name} PROPERTIES PROCESSORS 2)
    endif()
    if(ARG_SKIPS)
        set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77)
    endif()
    if(ARG_FIXTURE)
        set_tests_properties(${name} PROPERTIES FIXTURES_REQUIRED ${ARG_FIXTURE})
    endif()
endfunction()
