/* SPDX-License-Identifier: MIT
 * test_roff.c - text as man(7) macros. */
#include "base/roff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void assert_becomes(void (*write)(struct buf *, const char *), const char *text,
                           const char *roff)
{
    struct buf out = {0};
    write(&out, text);
    assert_string_equal(buf_string(&out), roff);
    buf_free(&out);
}

static void test_nothing_in_a_text_is_a_command(void **state)
{
    (void)state;
    assert_becomes(roff_text, ".TH evil", "\\&.TH evil\n");
    assert_becomes(roff_text, "'so file", "\\(aqso file\n");
    assert_becomes(roff_text, "a\n.b \\fI --x", "a .b \\efI \\-\\-x\n");
    assert_becomes(roff_verbatim, "one\n.two\n", ".nf\none\n\\&.two\n.fi\n");
    assert_becomes(roff_argument, "say \"a b\"", "\"say \\(dqa b\\(dq\"");
}

static void test_code_is_bold(void **state)
{
    (void)state;
    assert_becomes(roff_text, "set `a-b`: 1", "set \\fBa\\-b\\fR: 1\n");
    assert_becomes(roff_text, "open `end", "open \\fBend\\fR\n");
    assert_becomes(roff_text, "2 * 3 ** [a](b)", "2 * 3 ** [a](b)\n");
}

static void test_the_markdown_of_our_pages(void **state)
{
    (void)state;
    assert_becomes(
        roff_markdown,
        "# Title\n\n<!-- made by -->\nSee [the page](page.md), **now**.\n\n- one\n  more\n- two\n",
        "See the page, \\fBnow\\fR.\n.IP \\(bu 2\none\nmore\n.IP \\(bu 2\ntwo\n");
    assert_becomes(roff_markdown, "a:\n\n```yaml\nb: # c\n  - `d`\n```\n\nend [no link\n",
                   "a:\n.PP\n.in +4n\n.nf\nb: # c\n  \\- `d`\n.fi\n.in\n.PP\nend [no link\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_in_a_text_is_a_command),
        cmocka_unit_test(test_code_is_bold),
        cmocka_unit_test(test_the_markdown_of_our_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
