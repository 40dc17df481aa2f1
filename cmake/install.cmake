# Where things go on a host: as Debian has them when the prefix is /usr.
include(GNUInstallDirs)
set(PENSTOCK_CONFIG_DIR ${CMAKE_INSTALL_FULL_SYSCONFDIR}/penstock CACHE PATH "Where the settings of the systemd unit lie")

# The pages come out of the program, so they are always those of this program.
function(penstock_install program)
    set(pages ${CMAKE_BINARY_DIR}/pages)
    file(MAKE_DIRECTORY ${pages})
    set(made)
    foreach(page "man 1:penstock.1" "man 5:penstock.yaml.5" "completion bash:penstock.bash" "completion zsh:_penstock"
                 "check-config --print-example:penstock.example.yaml")
        string(REPLACE ":" ";" page ${page})
        list(GET page 0 words)
        list(GET page 1 name)
        add_custom_command(OUTPUT ${pages}/${name}
            COMMAND sh -c "$<TARGET_FILE:${program}> ${words} >${pages}/${name}.new && mv ${pages}/${name}.new ${pages}/${name}"
            DEPENDS ${program} VERBATIM)
        list(APPEND made ${pages}/${name})
    endforeach()
    add_custom_target(penstock_pages ALL DEPENDS ${made})

    set(host ${PROJECT_SOURCE_DIR}/host)
    configure_file(${host}/penstock.service.in ${pages}/penstock.service @ONLY)
    install(TARGETS ${program} RUNTIME)
    install(FILES ${pages}/penstock.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    install(FILES ${pages}/penstock.yaml.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
    install(FILES ${pages}/penstock.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME penstock)
    install(FILES ${pages}/_penstock DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
    install(FILES ${pages}/penstock.example.yaml DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
    # Not LIBDIR: systemd looks into lib/ whatever the architecture.
    install(FILES ${pages}/penstock.service DESTINATION lib/systemd/system)
    install(FILES ${host}/penstock.sysusers DESTINATION lib/sysusers.d RENAME penstock.conf)
    # Settings that are there already stay.
    install(CODE "
        if(NOT EXISTS \"\$ENV{DESTDIR}${PENSTOCK_CONFIG_DIR}/penstock.yaml\")
            file(INSTALL \"${host}/penstock.yaml\" DESTINATION \"${PENSTOCK_CONFIG_DIR}\")
        endif()")
endfunction()
