# End to end: the real program, a real Kafka, an independent consumer.
add_executable(penstock_load ${CMAKE_CURRENT_LIST_DIR}/../support/tool_load.c)
target_link_libraries(penstock_load PRIVATE penstock_base penstock_warnings)
set_target_properties(penstock_load PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

if(Python3_FOUND AND NOT PENSTOCK_SANITIZE)
    # Libraries between a program and its disk, and between it and its clock.
    foreach(what disk clock)
        add_library(preload_${what} MODULE
                    ${CMAKE_CURRENT_LIST_DIR}/../support/preload_${what}.c)
        target_link_libraries(preload_${what} PRIVATE ${CMAKE_DL_LIBS} Threads::Threads
                              penstock_warnings)
        set_target_properties(preload_${what} PROPERTIES
            LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
    endforeach()

    # The broker for all tests that leave it as it is: started before the first, stopped after the
    # last, also when a single test is run.
    set(broker ${CMAKE_BINARY_DIR}/kafka)
    foreach(word start stop)
        add_test(NAME kafka_${word} COMMAND ${Python3_EXECUTABLE}
                 ${CMAKE_CURRENT_LIST_DIR}/shared_kafka.py ${word} ${broker})
        set_tests_properties(kafka_${word} PROPERTIES LABELS fixture TIMEOUT 120
            ENVIRONMENT PENSTOCK_SOURCE=${PROJECT_SOURCE_DIR})
    endforeach()
    set_tests_properties(kafka_start PROPERTIES FIXTURES_SETUP kafka)
    set_tests_properties(kafka_stop PROPERTIES FIXTURES_CLEANUP kafka)

    # e2e_test(<name> <tier> <typical seconds> <at most> [QUIET] [SKIPS] [SHARED] [SCRIPT <name>]
    #          [ARGUMENTS <words>...] [WITH <NAME=value>...])
    # The script is test_<name>.py, or test_<SCRIPT>.py. SHARED: uses the broker for many.
    function(e2e_test name tier seconds timeout)
        cmake_parse_arguments(ARG "QUIET;SKIPS;SHARED" "SCRIPT" "ARGUMENTS;WITH" ${ARGN})
        set(options)
        foreach(option QUIET SKIPS)
            if(ARG_${option})
                list(APPEND options ${option})
            endif()
        endforeach()
        if(ARG_SHARED)
            list(APPEND options FIXTURE kafka)
            list(APPEND ARG_WITH PENSTOCK_TEST_KAFKA_FILE=${broker}/address)
        endif()
        if(NOT ARG_SCRIPT)
            set(ARG_SCRIPT ${name})
        endif()
        penstock_test(e2e_${name} ${tier} e2e SECONDS ${seconds} TIMEOUT ${timeout} ${options}
            COMMAND ${Python3_EXECUTABLE}
                    ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/test_${ARG_SCRIPT}.py ${ARG_ARGUMENTS}
            ENVIRONMENT PENSTOCK=$<TARGET_FILE:penstock>
                        PENSTOCK_LOAD=$<TARGET_FILE:penstock_load>
                        PENSTOCK_PRELOAD_DISK=$<TARGET_FILE:preload_disk>
                        PENSTOCK_PRELOAD_CLOCK=$<TARGET_FILE:preload_clock>
                        PENSTOCK_SOURCE=${PROJECT_SOURCE_DIR}
                        PENSTOCK_DAMAGE=${CMAKE_BINARY_DIR}/penstock_damage ${ARG_WITH})
    endfunction()

    # README's promises, each in a short form. The long form is below, under the same name.
    e2e_test(delivery short 11 180 SHARED)
    e2e_test(kill9_short short 7 240 SHARED SCRIPT kill9 WITH PENSTOCK_KILLS=8)
    e2e_test(power_loss_short short 5 240 SHARED SCRIPT power_loss WITH PENSTOCK_CUTS=5)
    e2e_test(exactly_once_short short 27 240 QUIET SCRIPT exactly_once
             ARGUMENTS --events 40000 --kills 12 --broker-kills 1)
    e2e_test(damage_short short 22 240 QUIET SCRIPT damage ARGUMENTS --rounds 12)
    e2e_test(filesystems_short short 11 240 QUIET SKIPS SHARED SCRIPT filesystems
             ARGUMENTS --rounds 4 --only ext4)
    e2e_test(full_disk_short short 16 240 QUIET SKIPS SHARED SCRIPT full_disk
             ARGUMENTS --only ext4)
    e2e_test(mount_guard short 23 240 QUIET SKIPS SHARED)

    e2e_test(kafka_away long 38 240)
    e2e_test(receipts long 46 240)
    e2e_test(status_page long 37 240)
    e2e_test(kill9 long 18 480 SHARED)
    e2e_test(exactly_once long 69 400 QUIET)
    e2e_test(at_least_once long 40 300 QUIET SCRIPT exactly_once
             ARGUMENTS --delivery at_least_once --events 60000 --kills 24 --broker-kills 2)
    e2e_test(exactly_once_spools long 115 300)
    e2e_test(exactly_once_lanes long 48 240)
    e2e_test(exactly_once_rights long 16 180)
    e2e_test(kafka_changes long 82 400)
    e2e_test(cursor_expiry long 112 300)
    e2e_test(topic_share long 14 240)
    e2e_test(parked long 90 300)
    e2e_test(isolation long 120 400 QUIET)
    e2e_test(kafka_security long 39 240)
    e2e_test(dead_letters long 92 300 SHARED)
    e2e_test(power_loss long 7 240 SHARED)
    e2e_test(disk_errors long 39 300 SHARED)
    e2e_test(bad_input long 13 180)
    e2e_test(memory long 30 300 QUIET)
    e2e_test(drain long 5 180 SHARED)
    e2e_test(incident long 40 240 QUIET SKIPS)
    e2e_test(damage long 120 400 QUIET)
    e2e_test(500_damaged long 40 240 QUIET)
    e2e_test(filesystems long 60 400 QUIET SKIPS SHARED)
    e2e_test(full_disk long 43 300 QUIET SKIPS SHARED)
    e2e_test(failing_disk long 42 240 QUIET SKIPS SHARED)
endif()
