"""Check the built site: its links, its pictures, that it needs no other server.

Outputs may not hold warnings, unless code catches and prints them.

    python docs/check_site.py build/docs

Prints each fault and ends with their number as the exit status.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

# Attributes whose addresses a browser follows by itself.
LOADED = {
    *(("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src")),
    *(("video", "src"), ("audio", "src"), ("object", "data"), ("embed", "src")),
}
LOADED_LINKS = {"stylesheet", "preload", "modulepreload", "icon", "prefetch"}
WARNING = re.compile(r"\.py:\d+: (\w*Warning)\b")  # as Python prints it


class Page(HTMLParser):
    """What a page loads, what it links to, and the anchors that it has."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.links, self.anchors = [], [], set()
        self.lacks_text = []  # pictures that nothing is said of
        self.warnings = WARNING.findall(text)
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        """Note what an element refers to."""
        found = dict(attributes)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        for name, value in found.items():
            if (tag, name) in LOADED and value:
                self.loaded.append(value)
        if tag == "link" and set((found.get("rel") or "").split()) & LOADED_LINKS:
            self.loaded.append(found["href"])
        elif tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag == "img" and "alt" not in found:  # it is empty beside a caption
            self.lacks_text.append(found.get("src"))


def is_elsewhere(address):
    """Whether an address is on another server."""
    return address.startswith(("http:", "https:", "//"))


def faults_of(folder):
    """Yield a sentence for each fault of the pages in a folder."""
    files = [f for f in folder.rglob("*.html") if f.name != "webpack-macros.html"]
    pages = {path: Page(path.read_text("utf-8")) for path in files}
    for path, page in pages.items():
        name = path.relative_to(folder)
        for category in page.warnings:
            yield f"{name} shows a {category}, which its code did not catch"
        for address in page.lacks_text:
            yield f"{name} has no text in place of {address}"
        for address in page.loaded:
            if is_elsewhere(address):
                yield f"{name} loads {address}"
        for address in {*page.links, *page.loaded}:
            if is_elsewhere(address) or address.startswith(
                ("mailto:", "data:", "javascript:")
            ):
                continue
            target, anchor = urldefrag(address)
            target = (path.parent / unquote(target.partition("?")[0])).resolve()
            target = path if target == path.parent.resolve() else target
            if target.is_dir() or not target.exists():
                yield f"{name} links to {address}, which is not there"
            elif (
                anchor
                and target in pages
                and unquote(anchor) not in pages[target].anchors
            ):
                yield f"{name} links to {address}: no such place on the page"
    for path in folder.rglob("*.css"):
        text = path.read_text("utf-8")
        for start in ("url(http", 'url("http', "url('http", '@import "http', "url(//"):
            if start in text:
                yield f"{path.relative_to(folder)} loads something by {start}"


def main():
    """Print the faults of the site in the folder that is given."""
    faults = sorted(set(faults_of(Path(sys.argv[1]).resolve())))
    print("\n".join(faults) or "The site is whole.")
    return min(len(faults), 100)


if __name__ == "__main__":
    sys.exit(main())
