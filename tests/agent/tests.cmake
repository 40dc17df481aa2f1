# The real program from the outside: command line, signals, pages, restarts. Python's standard library only.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
    add_test(NAME agent_cli COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_cli.py $<TARGET_FILE:penstock>)
    add_test(NAME agent_spool_tools COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_spool_tools.py $<TARGET_FILE:penstock>)
    set_tests_properties(agent_cli agent_spool_tools PROPERTIES LABELS agent TIMEOUT 180)
endif()
