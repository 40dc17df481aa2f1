# Plants faults in a copy of the tree: every one must turn its tests red.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND AND NOT PENSTOCK_SANITIZE)
    add_test(NAME sabotage COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/run.py ${PROJECT_SOURCE_DIR} ${CMAKE_BINARY_DIR}/sabotage)
    set_tests_properties(sabotage PROPERTIES LABELS e2e TIMEOUT 1200 RUN_SERIAL ON)
endif()
