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
