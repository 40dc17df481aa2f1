# What the documents tell people to type.
if(Python3_FOUND AND NOT PENSTOCK_SANITIZE)
    penstock_test(docs_commands long docs SECONDS 15 TIMEOUT 300
        COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/test_docs.py ${CMAKE_BINARY_DIR}
        ENVIRONMENT PENSTOCK=$<TARGET_FILE:penstock> PENSTOCK_SOURCE=${PROJECT_SOURCE_DIR})
endif()
