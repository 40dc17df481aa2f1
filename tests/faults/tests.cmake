# Disks that fail on plan. The same shim is linked into the session and preloaded into the whole program.
add_executable(fault_session ${CMAKE_CURRENT_LIST_DIR}/tool_fault_session.c ${CMAKE_CURRENT_LIST_DIR}/fault_session.c
               ${CMAKE_CURRENT_LIST_DIR}/fault_check.c ${CMAKE_CURRENT_LIST_DIR}/fault_template.c
               ${CMAKE_CURRENT_LIST_DIR}/fault_board.c
               ${CMAKE_CURRENT_LIST_DIR}/preload_fail.c)
target_include_directories(fault_session PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(fault_session PRIVATE penstock_spool dep_leveldb dep_xxhash ${CMAKE_DL_LIBS} penstock_warnings)
set_target_properties(fault_session PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
if(NOT PENSTOCK_SANITIZE)
    add_library(preload_fail MODULE ${CMAKE_CURRENT_LIST_DIR}/preload_fail.c)
    target_include_directories(preload_fail PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(preload_fail PRIVATE ${CMAKE_DL_LIBS} penstock_warnings)
    set_target_properties(preload_fail PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

    add_test(NAME fault_every_n COMMAND fault_session)
    set_tests_properties(fault_every_n PROPERTIES LABELS faults TIMEOUT 400 PROCESSORS 2)
endif()

add_executable(fault_parking ${CMAKE_CURRENT_LIST_DIR}/tool_fault_parking.c ${CMAKE_CURRENT_LIST_DIR}/preload_fail.c)
target_include_directories(fault_parking PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(fault_parking PRIVATE penstock_spool dep_leveldb dep_xxhash ${CMAKE_DL_LIBS} penstock_warnings)
set_target_properties(fault_parking PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
if(NOT PENSTOCK_SANITIZE)
    add_test(NAME fault_parking COMMAND fault_parking)
    set_tests_properties(fault_parking PROPERTIES LABELS faults TIMEOUT 600)
endif()
