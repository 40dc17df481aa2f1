# Disks that fail on plan. The same shim is linked into the session, and preloaded into the program.
add_library(preload_fail_object OBJECT ${CMAKE_CURRENT_LIST_DIR}/preload_fail.c)
set_target_properties(preload_fail_object PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_include_directories(preload_fail_object PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(preload_fail_object PRIVATE penstock_warnings)

add_executable(fault_session ${CMAKE_CURRENT_LIST_DIR}/tool_fault_session.c
               ${CMAKE_CURRENT_LIST_DIR}/fault_session.c ${CMAKE_CURRENT_LIST_DIR}/fault_check.c
               ${CMAKE_CURRENT_LIST_DIR}/fault_template.c ${CMAKE_CURRENT_LIST_DIR}/fault_board.c)
set_target_properties(fault_session PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
add_executable(fault_parking ${CMAKE_CURRENT_LIST_DIR}/tool_fault_parking.c)
set_target_properties(fault_parking PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
foreach(program fault_session fault_parking)
    target_include_directories(${program} PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${program} PRIVATE preload_fail_object penstock_spool dep_leveldb
                          dep_xxhash ${CMAKE_DL_LIBS} penstock_warnings)
endforeach()

if(NOT PENSTOCK_SANITIZE)
    add_library(preload_fail MODULE $<TARGET_OBJECTS:preload_fail_object>)
    target_link_libraries(preload_fail PRIVATE ${CMAKE_DL_LIBS})
    set_target_properties(preload_fail PROPERTIES
        LINKER_LANGUAGE C LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

    penstock_test(fault_every_n long faults SECONDS 150 TIMEOUT 400 QUIET COMMAND fault_session)
    penstock_test(fault_parking long faults SECONDS 80 TIMEOUT 600 COMMAND fault_parking)
endif()
