# The damage matrix: every known kind of damage, and random ones, through the whole spool in one
# process.
file(GLOB damage_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
add_executable(penstock_damage ${damage_sources})
target_link_libraries(penstock_damage PRIVATE test_support penstock_spool PkgConfig::dep_cmocka_pc
                      penstock_warnings dep_leveldb dep_xxhash dep_yajl)
set_target_properties(penstock_damage PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

if(NOT PENSTOCK_SANITIZE)
    penstock_test(damage_matrix long damage SECONDS 120 TIMEOUT 600 QUIET
        COMMAND penstock_damage matrix)
endif()
