# One interface target carries the warnings, so that they are the same everywhere.
add_library(penstock_warnings INTERFACE)
target_compile_options(penstock_warnings INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings
    -Wundef -Wformat=2 -Wvla)
if(PENSTOCK_WERROR)
    target_compile_options(penstock_warnings INTERFACE -Werror)
endif()

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-fno-omit-frame-pointer)
if(PENSTOCK_SANITIZE)
    add_compile_options(-fsanitize=${PENSTOCK_SANITIZE} -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${PENSTOCK_SANITIZE})
endif()
