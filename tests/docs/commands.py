# SPDX-License-Identifier: MIT
"""The commands in the documents: every line of every ```sh block, and every `penstock …` and `./dev …` in running text."""
import os
import re

PAGES = ("README.md", "CONTRIBUTING.md", "docker/README.md", "docs/clients/README.md",
         "tests/README.md")


def pages(source):
    more = sorted(name for name in os.listdir(os.path.join(source, "docs")) if name.endswith(".md"))
    return [*PAGES, *(f"docs/{name}" for name in more)]


def blocks(source, page, language):
    with open(os.path.join(source, page)) as f:
        return re.findall(rf"^```{language}\n(.*?)^```", f.read(), re.M | re.S)


def lines_of(block):
    """Its commands; a line that ends with a backslash goes on, and what stands behind two blanks and a # is a comment."""
    for line in re.sub(r"\\\n\s*", "", block).splitlines():
        command = re.sub(r"\s{2,}#.*|^#.*", "", line).strip()
        if command:
            yield re.sub(r"\s+", " ", command)


def commands(source):
    """[(page, command)] in order."""
    return [(page, command) for page in pages(source) for block in blocks(source, page, "sh") for command in lines_of(block)]


def mentions(source):
    """[(page, words)] of `penstock …` and `./dev …` in running text."""
    found = []
    for page in pages(source):
        with open(os.path.join(source, page)) as f:
            text = re.sub(r"^```.*?^```", "", f.read(), flags=re.M | re.S)
        found += [(page, span.split()) for span in re.findall(r"`((?:penstock|\./dev) [^`]*)`", text)]
    return found
