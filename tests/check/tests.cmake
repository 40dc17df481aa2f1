# Checks of the tree itself. The self-test shows that a green check means something.
add_test(NAME check_includes COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_includes.sh)
add_test(NAME check_includes_selftest COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_includes.sh --selftest)
set_tests_properties(check_includes check_includes_selftest PROPERTIES LABELS check TIMEOUT 60)

# Each version of clang-format has its own opinion: Debian 12's is the one that counts.
find_program(clang_format clang-format)
if(clang_format)
    execute_process(COMMAND ${clang_format} --version OUTPUT_VARIABLE clang_format_version)
    if(clang_format_version MATCHES "version 14\\.")
        add_test(NAME check_format COMMAND ${PROJECT_SOURCE_DIR}/dev format --check)
        set_tests_properties(check_format PROPERTIES LABELS check TIMEOUT 120)
    endif()
endif()

include(${PROJECT_SOURCE_DIR}/cmake/sanitizer_suites.cmake)

# Text is 100 columns wide, in pages and in C.
add_test(NAME check_width COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_width.sh)
add_test(NAME check_width_selftest COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_width.sh --selftest)
set_tests_properties(check_width check_width_selftest PROPERTIES LABELS check TIMEOUT 60)

# The calls between rooms, by the objects of this build; how comments open; subjects of commits.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND AND NOT PENSTOCK_SANITIZE)
    add_test(NAME check_calls COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/check_calls.py ${CMAKE_BINARY_DIR})
    add_test(NAME check_calls_selftest COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/check_calls.py --selftest ${CMAKE_C_COMPILER})
    add_test(NAME check_comments COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/check_comments.py)
    add_test(NAME check_comments_selftest COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/check_comments.py --selftest)
    set_tests_properties(check_calls check_calls_selftest check_comments check_comments_selftest PROPERTIES LABELS check TIMEOUT 60)
endif()
add_test(NAME check_commits COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_commits.sh)
add_test(NAME check_commits_selftest COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_commits.sh --selftest)
set_tests_properties(check_commits check_commits_selftest PROPERTIES LABELS check TIMEOUT 60 SKIP_RETURN_CODE 77)
