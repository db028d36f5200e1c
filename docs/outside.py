"""A preprocessor for mdBook: what leads out of docs/ is named rather than linked.

mdBook makes a site of docs/ alone. Read where the project is, a page may link to a source or to the README; on the site such a
link would lead nowhere. So `[the map](../ARCHITECTURE.md)` becomes "the map (`ARCHITECTURE.md`)" there, and stays a link here.
"""

import json
import posixpath
import re
import sys

LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")


def outside(folder, target):
    """The path from the project's root of what a link leads to, if that is not in docs/."""
    if "://" in target or target.startswith(("#", "mailto:")):
        return None
    path = posixpath.normpath(posixpath.join("docs", folder, target.split("#")[0]))
    return None if path.startswith("docs/") else path + ("/" if target.endswith("/") else "")


def named(line, folder):
    """A line without links that lead out; code is left as it is."""

    def name(link):
        text, path = link[1], outside(folder, link[2])
        in_code = line[: link.start()].count("`") % 2 == 1
        if path is None or in_code:
            return link[0]
        return f"`{path}`" if text.strip("`") in (path, path.rstrip("/")) else f"{text} (`{path}`)"

    return LINK.sub(name, line)


def page(text, path):
    """A page as it is on the site."""
    folder, fenced, lines = posixpath.dirname(path), False, []
    for line in text.split("\n"):
        fenced ^= line.lstrip().startswith("```")
        lines.append(line if fenced else named(line, folder))
    return "\n".join(lines)


def walk(items):
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter:
            if chapter.get("path"):
                chapter["content"] = page(chapter["content"], chapter["path"])
            walk(chapter["sub_items"])


def main():
    if sys.argv[1:2] == ["supports"]:
        return
    _, book = json.load(sys.stdin)
    # Its name before mdBook 0.5 and since.
    walk(book.get("items") or book.get("sections") or [])
    json.dump(book, sys.stdout)


if __name__ == "__main__":
    main()
