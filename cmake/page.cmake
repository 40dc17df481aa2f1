# SPDX-License-Identifier: MIT
# The status page as C, with the Content-Security-Policy that allows just its own script and style.
# cmake -DPAGE=index.html -DOUT=page.c -P page.cmake
file(READ ${PAGE} page)
file(READ ${PAGE} hex HEX)

# The hash of what stands between two tags, as a policy names it: sha256 in base64.
function(policy_hash begin end ret)
    string(FIND "${page}" "${begin}" from)
    string(LENGTH "${begin}" size)
    math(EXPR from "${from} + ${size}")
    string(FIND "${page}" "${end}" to)
    math(EXPR size "${to} - ${from}")
    string(SUBSTRING "${page}" ${from} ${size} content)
    string(SHA256 digest "${content}")
    set(digits "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    set(text "")
    foreach(i RANGE 0 60 6) # 32 bytes: ten groups of three and one of two
        string(SUBSTRING "${digest}00" ${i} 6 group)
        foreach(shift 18 12 6 0)
            math(EXPR digit "(0x${group} >> ${shift}) & 63")
            string(SUBSTRING "${digits}" ${digit} 1 digit)
            string(APPEND text "${digit}")
        endforeach()
    endforeach()
    string(SUBSTRING "${text}" 0 43 text)
    set(${ret} "sha256-${text}=" PARENT_SCOPE)
endfunction()

policy_hash("<style>" "</style>" style)
policy_hash("<script>" "</script>" script)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUT} "/* Made from agent/pages/index.html. */
#include \"agent/pages/page.h\"

const char agent_page_policy[] =
    \"default-src 'none'; connect-src 'self'; img-src data:; style-src '${style}'; script-src '${script}'; \"
    \"base-uri 'none'; form-action 'none'; frame-ancestors 'none'\";
const unsigned char agent_page_html[] = {
${bytes}
};
const size_t agent_page_html_size = sizeof agent_page_html;
")
