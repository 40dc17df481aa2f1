# Plants faults in copies of the tree: every one must turn its tests red.
if(Python3_FOUND AND NOT PENSTOCK_SANITIZE)
    penstock_test(sabotage long e2e SECONDS 400 TIMEOUT 1200 QUIET
        COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/run.py ${PROJECT_SOURCE_DIR}
                ${CMAKE_BINARY_DIR}/sabotage)
endif()
