# The simulation: the real spool and bridge on a model of the disk and of Kafka, as fibers of one
# thread. The program defines libc's functions for threads, clocks and files, and exports them to
# LevelDB's library.
if(NOT PENSTOCK_SANITIZE STREQUAL "thread") # ThreadSanitizer stands where the simulation does
    file(GLOB sim_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/sim_*.c)
    set(sim_machine_sources ${sim_sources})
    set(sim_machine "/sim_(disk[a-z_]*|note|pthread|sched|statics|switch|time_calls)\\.c$")
    list(FILTER sim_machine_sources INCLUDE REGEX ${sim_machine})
    list(FILTER sim_sources EXCLUDE REGEX ${sim_machine})
    add_library(sim_machine OBJECT ${sim_machine_sources})
    target_include_directories(sim_machine PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(sim_machine PRIVATE dep_xxhash penstock_warnings)
    target_compile_options(sim_machine PRIVATE -O2) # its speed is histories a minute

    # LevelDB's library finds the simulation's functions before libc's.
    function(sim_program target)
        target_link_libraries(${target} PRIVATE sim_machine ${ARGN} dep_leveldb dep_xxhash
                              penstock_warnings)
        set_target_properties(${target} PROPERTIES ENABLE_EXPORTS ON)
    endfunction()

    foreach(what parts spool)
        add_executable(sim_${what} ${CMAKE_CURRENT_LIST_DIR}/test_sim_${what}.c
                       ${CMAKE_CURRENT_LIST_DIR}/child.c)
        sim_program(sim_${what} penstock_spool penstock_base PkgConfig::dep_cmocka_pc)
        penstock_test(sim_${what} short sim SECONDS 5 TIMEOUT 120 COMMAND sim_${what})
    endforeach()

    # sim_sink.c stands for bridge/client/sink_kafka.c: the linker must not take both.
    add_executable(penstock_sim ${sim_sources})
    target_compile_options(penstock_sim PRIVATE -O2)
    sim_program(penstock_sim penstock_bridge penstock_spool penstock_base dep_rdkafka)
    set_target_properties(penstock_sim PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
    if(NOT PENSTOCK_SANITIZE)
        # Seeds are drawn from the commit, other ones for each tier.
        penstock_test(sim_cases short sim SECONDS 5 TIMEOUT 120
            COMMAND ${CMAKE_CURRENT_LIST_DIR}/cases.sh $<TARGET_FILE:penstock_sim>)
        penstock_test(sim_seeds_short short sim SECONDS 60 TIMEOUT 240
            COMMAND ${CMAKE_CURRENT_LIST_DIR}/seeds.sh $<TARGET_FILE:penstock_sim> 60 short)
        penstock_test(sim_seeds long sim SECONDS 300 TIMEOUT 600
            COMMAND ${CMAKE_CURRENT_LIST_DIR}/seeds.sh $<TARGET_FILE:penstock_sim> 300 long)
    endif()
endif()
