# Checks of the tree itself. The self-test shows that a green check means something.
add_test(NAME check_includes COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_includes.sh)
add_test(NAME check_includes_selftest COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_includes.sh --selftest)
set_tests_properties(check_includes check_includes_selftest PROPERTIES LABELS check TIMEOUT 60)

include(${PROJECT_SOURCE_DIR}/cmake/sanitizer_suites.cmake)
