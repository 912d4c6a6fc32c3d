"""Places where long names may be broken: at their joints, not within words.

Names in code, addresses and titles of the reference hold no spaces.
"""

import re

# Behind _ / = ( [ and dots, but for those of "sknn." and ".py", and before a capital.
JOINT = re.compile(
    r"((?<=[A-Za-z\d])[_/]+|(?<=[A-Za-z])[(\[=]+|(?<=[a-z])(?<!\bsknn)\.+(?!py\b))"
    r"(?=[A-Za-z\d(\[{&\"'])|(?<=[a-z])(?=[A-Z])"
)
CELL = re.compile(r"(<t[dh]\b.*?</t[dh]>)", re.DOTALL)
# Shorter ones fit into a line: of a cell or a title, and of other text.
SHORT = re.compile(r'(<span class="pre">)([^<>]{13,})')
LONG = re.compile(
    r'(<span class="(?:pre|classifier)">|<a class="reference external"[^>]*>)'
    r"([^<>\s]{25,})"
)
TITLE = re.compile(r"(<h1>)([^<>\s]{14,})")


def with_breaks(text):
    """Return a name with ``<wbr>`` at its joints."""
    return JOINT.sub(r"\1<wbr>", text)


def of_page(html):
    """Return the HTML of a page with breaks in its long names."""

    def broken(match):
        return match[1] + with_breaks(match[2])

    parts = CELL.split(html)  # those at odd places are cells
    parts[::2] = [LONG.sub(broken, TITLE.sub(broken, part)) for part in parts[::2]]
    parts[1::2] = [SHORT.sub(broken, part) for part in parts[1::2]]
    return "".join(parts)


def change(app, page, template, context, doctree):
    """Put the breaks into a page, and into the titles of the pages beside it."""
    if "body" in context:
        context["body"] = of_page(context["body"])
    for name in ("prev", "next"):
        if context.get(name):
            title = context[name]["title"]
            if " " not in title:
                context[name] = context[name] | {"title": with_breaks(title)}


def setup(app):
    """Register the extension."""
    app.connect("html-page-context", change)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
