# The real program from the outside: command line, signals, pages, restarts. Python's standard
# library only. Programs of other packages (systemd-analyze, man, zsh, strace, promtool, go, node,
# javac) are looked for by the long ones.
function(agent_test name tier seconds timeout)
    penstock_test(agent_${name} ${tier} agent SECONDS ${seconds} TIMEOUT ${timeout}
        COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/test_${name}.py
                $<TARGET_FILE:penstock> ${ARGN})
endfunction()

if(Python3_FOUND AND NOT PENSTOCK_SANITIZE)
    agent_test(cli long 43 180)
    agent_test(spool_tools short 2 180)
    agent_test(reload short 7 180) # SIGHUP
    # Pages and completion that the program prints, and where they are installed.
    agent_test(generated long 4 180 ${CMAKE_BINARY_DIR})
    # Under a service manager, and its systemd unit.
    agent_test(service long 31 240 ${CMAKE_BINARY_DIR})
    # Metrics, alerts, dashboard.
    agent_test(operations long 1 120 ${PROJECT_SOURCE_DIR})
    # Programs in other languages.
    agent_test(clients long 20 300 ${PROJECT_SOURCE_DIR})
endif()
