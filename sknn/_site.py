"""Where the repository and its documentation are: their addresses are only here."""

REPOSITORY = "https://github.com/sknn-developers/sknn"
SITE = "https://sknn-developers.github.io/sknn"

# Packages whose classes are public at the top.
_OF_THE_TOP = ("estimators", "ensemble", "displays", "custom")


def address(page: str) -> str:
    """Return the address of a page of the site, such as ``"use/faq#scaling"``."""
    path, _, anchor = page.partition("#")
    return f"{SITE}/{path}.html" + (f"#{anchor}" if anchor else "")


def see(page: str) -> str:
    """Return the sentence that ends a message which a page explains."""
    return f"See {address(page)}"


def public_name(described: type) -> str:
    """Return the full name by which a public class is documented."""
    _, package, *_ = described.__module__.split(".")
    middle = "" if package in _OF_THE_TOP else f"{package}."
    return f"sknn.{middle}{described.__name__}"


class LinkToSite:
    """Makes the HTML of an estimator, which notebooks show, link to its page."""

    _doc_link_module = "sknn"
    _doc_link_template = address("reference/generated/{name}")

    def _doc_link_url_param_generator(self) -> dict[str, str]:
        return {"name": public_name(type(self))}
