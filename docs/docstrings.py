"""Bring the docstrings of sknn in step with the tables of components.

    python docs/docstrings.py            # names the files that are not in step
    python docs/docstrings.py --write    # mends them

The docstrings stand in the source as an editor shows them. Three parts of them follow
from something else, and are written by this script:

- the lists of components, such as the activations, from their descriptions;
- what the docstring of the regressor says of parameters and attributes that the
  classifier has too, from the docstring of the classifier;
- the numbers of the references, and the list of them.
"""

import argparse
import ast
import re
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from sknn.kernels.layers.activations import ACTIVATIONS  # noqa: E402
from sknn.kernels.layers.normalization import NORMALIZATIONS  # noqa: E402
from sknn.kernels.losses.table import (  # noqa: E402
    CLASSIFICATION_LOSSES,
    OUTPUT_ACTIVATIONS,
    REGRESSION_LOSSES,
    elementwise_names,
    losses_of_classifier,
)
from sknn.kernels.optim.optimizers import SOLVERS  # noqa: E402
from sknn.network.initializers import INITIALIZERS  # noqa: E402
from sknn.network.layers.table import LAYERS  # noqa: E402
from sknn.training.annealing import ANNEALINGS  # noqa: E402
from sknn.training.schedules import SCHEDULES  # noqa: E402

WIDTH = 84  # within a class
CITATION = re.compile(r"\[(\d+)\]_")
MARKED = re.compile(r"\[@([^@]*)@\]_")  # a citation with its text for a number
LISTED = re.compile(r"^\.\. \[(\d+)\] (.+\n(?: +.*\n)*)", re.MULTILINE)
ENTRY = re.compile(r"^(\w[\w, ]*) : ", re.MULTILINE)
ITEM = r"^ *- '.*\n(?:^ +(?! |- ').*\n)*"
ITEMS = re.compile(f"(?:{ITEM})+", re.MULTILINE)
# Entries of the regressor's docstring that are not those of the classifier's.
OWN = {"loss", "scoring", "out_activation_"}


class Item(NamedTuple):
    """An item of a list: the name of a component, what it is and where it is from."""

    name: str
    description: str
    reference: str = ""


def items_of(components: Mapping[str, Any]) -> list[Item]:
    """Return an item for each component."""
    return [
        Item(name, component.description, getattr(component, "reference", ""))
        for name, component in components.items()
    ]


def joined(names: list[str]) -> str:
    """Return names in quotes, with commas and an "and"."""
    *others, last = [f"'{name}'" for name in names]
    return f"{', '.join(others)} and {last}" if others else last


def links_of_regressor() -> list[Item]:
    """Return an item for each output activation, with the losses that have it."""
    items = []
    for link, output in OUTPUT_ACTIVATIONS.items():
        names = [name for name, loss in REGRESSION_LOSSES.items() if loss.link == link]
        if names:
            items.append(Item(link, f"{output.description}; of {joined(names)}"))
    return items


def links_of_classifier() -> list[Item]:
    """Return an item for each output activation, with the losses that have it."""

    def with_link(link: str, prefix: str) -> list[str]:
        return [
            name
            for name in losses_of_classifier()
            if CLASSIFICATION_LOSSES[f"{prefix}{name}"].link == link
        ]

    items = []
    for link, output in OUTPUT_ACTIVATIONS.items():
        by_class, by_label = with_link(link, ""), with_link(link, "binary_")
        if names := by_class + [name for name in by_label if name not in by_class]:
            text = f"{output.description}; of {joined(names)}"
            if not by_label:
                text += " for more than two classes"
            if not by_class:
                text += " for two classes and for multilabel targets"
            items.append(Item(link, text))
    return items


SHARED = {
    "activation": items_of(ACTIVATIONS),
    "solver": items_of(SOLVERS),
    "learning_rate": items_of(SCHEDULES),
    "dropout_schedule": items_of(ANNEALINGS),
    "normalization": items_of(NORMALIZATIONS),
    "numeric_embedding": items_of(
        {
            kind: spec
            for kind, spec in LAYERS.items()
            if spec.parameter == "numeric_embedding"
        }
    ),
    "kernel_initializer": items_of(INITIALIZERS),
    "Notes": items_of(LAYERS),
}
# For each docstring: its parameter or section, and the items of the list in it. Items
# that are in no table, such as 'auto', keep their place at the start or the end.
LISTS = {
    ("sknn/estimators/classifier.py", "MLPClassifier"): {
        **SHARED,
        "loss": items_of(losses_of_classifier()),
        "out_activation_": links_of_classifier(),
    },
    ("sknn/estimators/regressor.py", "MLPRegressor"): {
        **SHARED,
        "loss": items_of(REGRESSION_LOSSES),
        "out_activation_": links_of_regressor(),
    },
    ("sknn/custom.py", "register_loss"): {
        "link": items_of(
            {name: OUTPUT_ACTIVATIONS[name] for name in elementwise_names()}
        )
    },
}
REFERENCES = "<references>\n"
KEPT = {"kernel_initializer": {"auto"}, "solver": {"lbfgs"}}


# A docstring ------------------------------------------------------------------------


def span_of(text: str, name: str) -> tuple[int, int]:
    """Return where an entry, or a section, of a docstring begins and ends."""
    section = re.search(rf"^{name}\n-+\n", text, re.MULTILINE)
    if section:
        end = re.search(r"^\w.*\n-+\n", text[section.end() :], re.MULTILINE)
        return section.start(), section.end() + end.start() if end else len(text)
    entry = re.search(rf"^{re.escape(name)} : .*\n", text, re.MULTILINE)
    assert entry, f"no entry {name}"
    end = re.search(r"^\S|\n(?=\n\S)", text[entry.end() :], re.MULTILINE)
    return entry.start(), entry.end() + (end.start() if end else len(text))


def with_list(text: str, place: str, items: list[Item]) -> str:
    """Return a docstring with the items of a list in the place of those it has."""
    start, stop = span_of(text, place)
    part = text[start:stop] + "\n"
    found = ITEMS.search(part)
    assert found, f"no list in {place}"
    indent = " " * (len(found[0]) - len(found[0].lstrip()))
    others = KEPT.get(place, set())
    lines = re.findall(ITEM, found[0], re.MULTILINE)
    kept = [line for line in lines if re.match(r" *- '([^']+)'", line)[1] in others]
    written = [
        f"{indent}- '{item.name}': {item.description}"
        + (f" [@{item.reference}@]_" if item.reference else "")
        + "\n"
        for item in items
    ]
    is_first = bool(kept) and lines[0] == kept[0]
    written = [*kept, *written] if is_first else [*written, *kept]
    part = part[: found.start()] + "".join(written) + part[found.end() :]
    return text[:start] + part[:-1] + text[stop:]


def with_entries_of(text: str, other: str) -> str:
    """Return a docstring with the text that another has for entries of both."""
    for name in ENTRY.findall(text):
        if name not in OWN and re.search(rf"^{name} : ", other, re.MULTILINE):
            start, stop = span_of(text, name)
            first, last = span_of(other, name)
            text = text[:start] + other[first:last] + text[stop:]
    return text


def with_texts_of_citations(text: str) -> str:
    """Return a docstring with the texts of citations in the place of numbers."""
    if "References\n------" not in text:
        return text
    start, stop = span_of(text, "References")
    found = re.findall(
        r"^\.\. \[(\d+)\] ((?:.+\n)(?: +.*\n)*)", text[start:stop], re.MULTILINE
    )
    references = {n: " ".join(cited.split()).rstrip(".") for n, cited in found}
    text = text[:start] + REFERENCES + text[stop:]
    return CITATION.sub(lambda match: f"[@{references[match[1]]}@]_", text)


def with_numbers_of_citations(text: str) -> str:
    """Return a docstring with numbered citations and a list of what they cite."""
    numbers: dict[str, int] = {}
    text = MARKED.sub(
        lambda match: f"[{numbers.setdefault(match[1], len(numbers) + 1)}]_", text
    )
    listed = "".join(f".. [{n}] {cited}.\n" for cited, n in numbers.items())
    return text.replace(REFERENCES, f"References\n----------\n{listed}\n")


def wrapped(line: str) -> str:
    """Break an item of a list that is too long."""
    match = re.match(r" *(- |\.\. )", line)
    if len(line) <= WIDTH or match is None:
        return line
    return textwrap.fill(
        line,
        WIDTH,
        subsequent_indent=" " * len(match[0]),
        break_long_words=False,
        break_on_hyphens=False,
    )


# Files ------------------------------------------------------------------------------


def docstring_in(path: Path, name: str) -> tuple[str, str]:
    """Return the docstring of a class or function, as it stands and without indent."""
    source = path.read_text("utf-8")
    for node in ast.parse(source).body:
        if getattr(node, "name", "") == name:
            text = ast.get_docstring(node, clean=False)
            assert text is not None, name
            assert source.count(text) == 1, f"{name} has escapes in its docstring"
            return text, textwrap.dedent(f"    {text}")
    raise ValueError(f"There is no {name} in {path}.")


def documented() -> dict[Path, str]:
    """Return the sources of the files, with docstrings that are in step."""
    sources, decoded = {}, {}
    for (file, name), lists in LISTS.items():
        path = ROOT / file
        present, text = docstring_in(path, name)
        text = with_texts_of_citations(text)
        if name == "MLPRegressor":
            text = with_entries_of(text, decoded["MLPClassifier"])
        for place, items in lists.items():
            text = with_list(text, place, items)
        decoded[name] = text
        text = "\n".join(map(wrapped, with_numbers_of_citations(text).split("\n")))
        text = textwrap.indent(text.rstrip(), "    ").lstrip() + "\n    "
        sources[path] = path.read_text("utf-8").replace(present, text)
    return sources


def main() -> int:
    """Name the files that are not in step, or mend them; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="change the files")
    writes = parser.parse_args().write
    stale = False
    for path, source in documented().items():
        if source != path.read_text("utf-8"):
            print(path.relative_to(ROOT))
            stale = not writes
            if writes:
                path.write_text(source, "utf-8")
    return int(stale)


if __name__ == "__main__":
    sys.exit(main())
