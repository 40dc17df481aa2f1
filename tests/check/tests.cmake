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

# Text is 100 columns wide, in pages and in C.
penstock_test(check_width short check SECONDS 1 TIMEOUT 60
    COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_width.sh)
penstock_test(check_width_selftest short check SECONDS 1 TIMEOUT 60
    COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_width.sh --selftest)

# Calls between rooms are seen in the objects of this build.
if(Python3_FOUND AND NOT PENSTOCK_SANITIZE)
    penstock_test(check_calls short check SECONDS 3 TIMEOUT 60
        COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/check_calls.py
                ${CMAKE_BINARY_DIR})
    penstock_test(check_calls_selftest short check SECONDS 3 TIMEOUT 60
        COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/check_calls.py --selftest
                ${CMAKE_C_COMPILER})
    penstock_test(check_comments short check SECONDS 1 TIMEOUT 60
        COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/check_comments.py)
    penstock_test(check_comments_selftest short check SECONDS 1 TIMEOUT 60
        COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/check_comments.py --selftest)
endif()

# Subjects of commits: only where the history is there.
penstock_test(check_commits short check SKIPS SECONDS 1 TIMEOUT 60
    COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_commits.sh)
penstock_test(check_commits_selftest short check SKIPS SECONDS 1 TIMEOUT 60
    COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_commits.sh --selftest)
