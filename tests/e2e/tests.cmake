# End to end: the real program, a real Kafka, an independent consumer. One after the other: they measure time out.
find_package(Python3 COMPONENTS Interpreter)
add_executable(penstock_load ${CMAKE_CURRENT_LIST_DIR}/../support/tool_load.c)
target_link_libraries(penstock_load PRIVATE penstock_base penstock_warnings)
set_target_properties(penstock_load PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

if(Python3_FOUND AND NOT PENSTOCK_SANITIZE)
    # Stands between a program and its disk.
    add_library(preload_disk MODULE ${CMAKE_CURRENT_LIST_DIR}/../support/preload_disk.c)
    target_link_libraries(preload_disk PRIVATE ${CMAKE_DL_LIBS} Threads::Threads penstock_warnings)
    set_target_properties(preload_disk PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

    function(e2e_test name timeout_s)
        add_test(NAME e2e_${name} COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/e2e/test_${name}.py)
        set_tests_properties(e2e_${name} PROPERTIES LABELS e2e TIMEOUT ${timeout_s} RUN_SERIAL ON
            ENVIRONMENT "PENSTOCK=$<TARGET_FILE:penstock>;PENSTOCK_LOAD=$<TARGET_FILE:penstock_load>;PENSTOCK_PRELOAD_DISK=$<TARGET_FILE:preload_disk>;PENSTOCK_SOURCE=${PROJECT_SOURCE_DIR};PENSTOCK_DAMAGE=${CMAKE_BINARY_DIR}/penstock_damage")
    endfunction()

    e2e_test(delivery 180)
    e2e_test(kafka_away 240)
    e2e_test(kill9 480)
    e2e_test(exactly_once 240)
    e2e_test(exactly_once_spools 300)
    e2e_test(power_loss 240)
    e2e_test(disk_errors 300)
    e2e_test(bad_input 180)
    e2e_test(memory 300)
    e2e_test(drain 180)
    e2e_test(mount_guard 240)
    e2e_test(incident 240)
    e2e_test(damage 400)
    e2e_test(500_damaged 240)
    e2e_test(filesystems 400)
    e2e_test(full_disk 300)
    e2e_test(failing_disk 240)
    foreach(name mount_guard incident filesystems full_disk failing_disk) # without root
        set_tests_properties(e2e_${name} PROPERTIES SKIP_RETURN_CODE 77)
    endforeach()
endif()
