# The real program from the outside: command line, signals, pages, restarts. Python's standard library only.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND AND NOT PENSTOCK_SANITIZE)
    add_test(NAME agent_cli COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_cli.py $<TARGET_FILE:penstock>)
    add_test(NAME agent_spool_tools COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_spool_tools.py $<TARGET_FILE:penstock>)
    set_tests_properties(agent_cli agent_spool_tools PROPERTIES LABELS agent TIMEOUT 180)
endif()

# What the program prints for others to read, and where it is installed.
if(Python3_FOUND AND NOT PENSTOCK_SANITIZE)
    add_test(NAME agent_generated
             COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_generated.py $<TARGET_FILE:penstock> ${CMAKE_BINARY_DIR})
    set_tests_properties(agent_generated PROPERTIES LABELS agent TIMEOUT 180)
endif()

# Under a service manager, and its systemd unit. What needs systemd-analyze or strace is skipped without.
if(Python3_FOUND AND NOT PENSTOCK_SANITIZE)
    add_test(NAME agent_service
             COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_service.py $<TARGET_FILE:penstock> ${CMAKE_BINARY_DIR})
    set_tests_properties(agent_service PROPERTIES LABELS agent TIMEOUT 240)
endif()

# Metrics, alerts, dashboard.
if(Python3_FOUND AND NOT PENSTOCK_SANITIZE)
    add_test(NAME agent_operations
             COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_operations.py $<TARGET_FILE:penstock> ${PROJECT_SOURCE_DIR})
    set_tests_properties(agent_operations PROPERTIES LABELS agent TIMEOUT 120)
endif()

# SIGHUP.
if(Python3_FOUND AND NOT PENSTOCK_SANITIZE)
    add_test(NAME agent_reload COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_reload.py $<TARGET_FILE:penstock>)
    set_tests_properties(agent_reload PROPERTIES LABELS agent TIMEOUT 180)
endif()

# What programs in other languages would do.
if(Python3_FOUND AND NOT PENSTOCK_SANITIZE)
    add_test(NAME agent_clients
             COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_clients.py $<TARGET_FILE:penstock> ${PROJECT_SOURCE_DIR})
    set_tests_properties(agent_clients PROPERTIES LABELS agent TIMEOUT 300)
endif()
