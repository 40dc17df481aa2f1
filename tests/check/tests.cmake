# Checks of the tree itself. The self-test shows that a green check means something.
penstock_test(check_includes short check SECONDS 1 TIMEOUT 60
    COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_includes.sh)
penstock_test(check_includes_selftest short check SECONDS 3 TIMEOUT 60
    COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_includes.sh --selftest)

# Versions of clang-format differ: Debian 12's is the one that counts.
find_program(clang_format clang-format)
if(clang_format)
    execute_process(COMMAND ${clang_format} --version OUTPUT_VARIABLE clang_format_version)
    if(clang_format_version MATCHES "version 14\\.")
        penstock_test(check_format long check SECONDS 3 TIMEOUT 120
            COMMAND ${PROJECT_SOURCE_DIR}/dev format --check)
    endif()
endif()

if(Python3_FOUND AND NOT PENSTOCK_SANITIZE)
    penstock_test(check_tiers short check SECONDS 1 TIMEOUT 60
        COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/check_tiers.py
                ${PROJECT_SOURCE_DIR} ${CMAKE_BINARY_DIR} ${CMAKE_CTEST_COMMAND})
endif()

include(${PROJECT_SOURCE_DIR}/cmake/sanitizer_suites.cmake)
