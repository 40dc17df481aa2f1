# What the documents tell people to type.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND AND NOT PENSTOCK_SANITIZE)
    add_test(NAME docs_commands COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/test_docs.py ${CMAKE_BINARY_DIR})
    set_tests_properties(docs_commands PROPERTIES LABELS docs TIMEOUT 300
        ENVIRONMENT "PENSTOCK=$<TARGET_FILE:penstock>;PENSTOCK_SOURCE=${PROJECT_SOURCE_DIR}")
endif()
