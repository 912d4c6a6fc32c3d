"""Pages that are files of the repository, and links to other files of it.

Links in pages are relative paths, which work in a clone and where the repository is
hosted. On the site a link to an example leads to its page in the gallery, and one to
any other file outside of ``docs/`` to the repository.
"""

import posixpath
import re
from pathlib import Path

from sknn._site import REPOSITORY

ROOT = Path(__file__).parents[2]
# Pages with the contents of a file that stands elsewhere.
PAGES = {
    "change/changelog": "CHANGELOG.md",
    "change/contributing": "CONTRIBUTING.md",
    "change/jit": "sknn/jit/README.md",
}
ALIASES = {"README.md": "docs/index.md", "examples": "docs/gallery/index.rst"}
ALIASES |= {path: f"docs/{page}.md" for page, path in PAGES.items()}
LINK = re.compile(r"(\]\()([^()\s#:]+)((?:#[^()\s]*)?\))")
EXAMPLE = re.compile(r"examples/(\w+)\.py")


def with_links_of_the_site(text, path):
    """Return the text of a page with links that lead somewhere on the site.

    Parameters
    ----------
    text : str
        The text of a Markdown file.
    path : str
        Its path in the repository, to which its links are relative.
    """
    page = ALIASES.get(path, path)

    def link(match):
        before, target, after = match.groups()
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        target = ALIASES.get(target, target)
        if example := EXAMPLE.fullmatch(target):
            target = f"docs/gallery/{example[1]}.rst"
        if target.startswith("docs/") and not (ROOT / target).is_dir():
            target = posixpath.relpath(target, posixpath.dirname(page))
        else:
            target = f"{REPOSITORY}/blob/main/{target}"
        return f"{before}{target}{after}"

    return LINK.sub(link, text)


def read(app, page, source):
    """Replace the source of a page by what the site shows."""
    if page in PAGES:
        source[0] = (app.srcdir.parent / PAGES[page]).read_text("utf-8")
    path = PAGES.get(page, f"docs/{page}.md")
    if (app.srcdir.parent / path).exists():  # not the pages of the gallery
        source[0] = with_links_of_the_site(source[0], path)


def setup(app):
    """Register the extension."""
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
