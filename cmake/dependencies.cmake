# Debian packages. Each is linked by one folder only (tests/check/check_includes.sh holds that).
find_package(PkgConfig REQUIRED)
pkg_check_modules(dep_rdkafka_pc REQUIRED IMPORTED_TARGET rdkafka>=2.0)
pkg_check_modules(dep_microhttpd_pc REQUIRED IMPORTED_TARGET libmicrohttpd>=0.9.75)
pkg_check_modules(dep_yajl_pc REQUIRED IMPORTED_TARGET yajl>=2.1)
pkg_check_modules(dep_yaml_pc REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(dep_xxhash_pc REQUIRED IMPORTED_TARGET libxxhash>=0.8)
add_library(dep_rdkafka ALIAS PkgConfig::dep_rdkafka_pc)
add_library(dep_microhttpd ALIAS PkgConfig::dep_microhttpd_pc)
add_library(dep_yajl ALIAS PkgConfig::dep_yajl_pc)
add_library(dep_yaml ALIAS PkgConfig::dep_yaml_pc)
add_library(dep_xxhash ALIAS PkgConfig::dep_xxhash_pc)

# libleveldb-dev ships no .pc file.
find_path(LEVELDB_INCLUDE_DIR leveldb/c.h REQUIRED)
find_library(LEVELDB_LIBRARY leveldb REQUIRED)
add_library(dep_leveldb INTERFACE)
target_include_directories(dep_leveldb SYSTEM INTERFACE ${LEVELDB_INCLUDE_DIR})
target_link_libraries(dep_leveldb INTERFACE ${LEVELDB_LIBRARY})

# The allocator of the program: a request's memory is made by one thread and freed by another, which it is better at than
# libc's (docs/benchmarks.md). Sanitizers bring their own.
if(NOT PENSTOCK_SANITIZE)
    find_library(MIMALLOC_LIBRARY mimalloc REQUIRED)
    add_library(dep_mimalloc INTERFACE)
    target_link_libraries(dep_mimalloc INTERFACE -Wl,--push-state,--no-as-needed ${MIMALLOC_LIBRARY} -Wl,--pop-state)
endif()
