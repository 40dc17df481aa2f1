/* SPDX-License-Identifier: MIT
 * agent_check.c - `penstock check-config`: a file's mistakes without starting anything; the pages about
 * settings. */
#include "agent/agent.h"

#include "config/config.h"

#include <stdio.h>
#include <string.h>

static const char help[] = "usage: penstock check-config [--config] FILE\n"
                           "       penstock check-config --print-reference | --print-example\n\n"
                           "Checks everything that can be checked without starting: syntax, names, types, ranges, "
                           "addresses, Kafka properties.\n"
                           "With --print-…: prints the reference of all settings (Markdown), or a file with every "
                           "setting at its default.\n\n"
                           "exit codes: 0 fine, 2 not fine\n";

static const struct {
    const char *option;
    void (*render)(struct buf *out);
} prints[] = {
    {"--print-reference", config_docs_page},
    {"--print-example", config_docs_example},
};

static int print_page(void (*render)(struct buf *out))
{
    struct buf out = {0};
    render(&out);
    fputs(buf_string(&out), stdout);
    buf_free(&out);
    return EXIT_DONE;
}

static int check(const char *path)
{
    struct config config;
    struct errmsg msg = {"out of memory"};
    enum err rc = config_init_defaults(&config);
    if (rc == ERR_OK)
        rc = config_load(path, &config, &msg);
    if (rc == ERR_OK)
        rc = config_check(&config, &msg);
    if (rc == ERR_OK)
        printf("%s: ok\n", path);
    else
        fprintf(stderr, "%s\n", msg.text);
    config_free(&config);
    return rc == ERR_OK ? EXIT_DONE : EXIT_USAGE;
}

int agent_check_config(int argc, char **argv)
{
    if (agent_wants_help(argc, argv, help))
        return EXIT_DONE;
    for (size_t i = 0; argc == 1 && i < sizeof prints / sizeof prints[0]; i++)
        if (strcmp(argv[0], prints[i].option) == 0)
            return print_page(prints[i].render);
    if (argc == 2 && strcmp(argv[0], "--config") == 0)
        return check(argv[1]);
    if (argc == 1 && strncmp(argv[0], "--config=", 9) == 0)
        return check(argv[0] + 9);
    if (argc >= 1 && argv[0][0] == '-')
        return agent_usage_error("check-config", "unknown option '%s'", argv[0]);
    return argc == 1 ? check(argv[0])
                     : agent_usage_error("check-config", argc == 0 ? "give a file" : "give one file");
}
