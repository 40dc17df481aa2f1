# Power cuts: a recorded session of the spool, and every state that a power cut may leave of it.
add_executable(power_session ${CMAKE_CURRENT_LIST_DIR}/tool_session.c
               ${CMAKE_CURRENT_LIST_DIR}/session_hooks.c
               ${CMAKE_CURRENT_LIST_DIR}/session_producers.c
               ${CMAKE_CURRENT_LIST_DIR}/session_consumer.c
               ${CMAKE_CURRENT_LIST_DIR}/session_damage.c ${CMAKE_CURRENT_LIST_DIR}/power_event.c)
target_link_libraries(power_session PRIVATE penstock_spool ${CMAKE_DL_LIBS} penstock_warnings)

if(NOT PENSTOCK_SANITIZE)
    add_library(preload_record MODULE ${CMAKE_CURRENT_LIST_DIR}/preload_record.c)
    target_include_directories(preload_record PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(preload_record PRIVATE ${CMAKE_DL_LIBS} Threads::Threads
                          penstock_warnings)
endif()

file(GLOB power_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/power_*.c)
add_executable(power_enumerate ${CMAKE_CURRENT_LIST_DIR}/tool_enumerate.c ${power_sources})
target_link_libraries(power_enumerate PRIVATE penstock_spool dep_xxhash penstock_warnings)

if(Python3_FOUND AND NOT PENSTOCK_SANITIZE)
    penstock_test(power_cuts long damage SECONDS 120 TIMEOUT 600 QUIET
        COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_power_cuts.py
                --build ${CMAKE_BINARY_DIR} --plants)
endif()
