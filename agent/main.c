/* SPDX-License-Identifier: MIT
 * main.c - the program `penstock`. */
#include "agent/agent.h"

#include "agent/cli/cli.h"

int main(int argc, char **argv)
{
    return agent_main(&agent_commands, argc, argv);
}
