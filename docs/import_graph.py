"""Write which packages of sknn import which, as a table.

    python docs/import_graph.py            # prints the table
    python docs/import_graph.py --write    # writes it into its page

A number counts the imports between modules of the package in its row and those of the
package in its column.
"""

import argparse
import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sknn"
PAGE = ROOT / "docs" / "change" / "internals.md"
BEGIN, END = "<!-- begin import graph -->", "<!-- end import graph -->"


def module_name(path: Path) -> str:
    """Return the dotted name of the module in a file."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules() -> dict[str, ast.Module]:
    """Return the syntax tree of each module of sknn, by its dotted name."""
    files = sorted(PACKAGE.rglob("*.py"))
    return {module_name(path): ast.parse(path.read_text("utf-8")) for path in files}


def imported_names(tree: ast.Module) -> Iterator[str]:
    """Yield all names that a module imports, in full, also within functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_modules(module: str, trees: dict[str, ast.Module]) -> set[str]:
    """Return the modules of sknn that a module imports."""
    found = set()
    for name in imported_names(trees[module]):
        while name and name not in trees:
            name = name.rpartition(".")[0]
        found |= {name} - {""}
    return found


def room(module: str) -> str:
    """Return the package of a module, or ``sknn`` for the public modules at the top.

    Private modules at the top are rooms of their own.
    """
    _, _, rest = module.partition(".")
    name = rest.partition(".")[0]
    is_room = (PACKAGE / name).is_dir() or name.startswith("_")
    return name if name and is_room else "sknn"


def arrows() -> Counter:
    """Count the imports between modules of each two packages."""
    trees = modules()
    found: Counter = Counter()
    for module in trees:
        for other in imported_modules(module, trees):
            if room(module) != room(other):
                found[room(module), room(other)] += 1
    return found


def graph() -> str:
    """Return a table in Markdown: in a row the package that imports.

    Packages stand below all that import them, so that the table is empty to the left
    of its diagonal.
    """
    counts = arrows()

    @cache
    def depth(name: str) -> int:
        return 1 + max((depth(s) for s, target in counts if target == name), default=0)

    names = sorted({name for arrow in counts for name in arrow})
    names.sort(key=depth)
    lines = [["", *names], ["---", *["---:"] * len(names)]]
    lines += [
        [f"**{source}**", *[str(counts[source, name] or "") for name in names]]
        for source in names
        if any(counts[source, name] for name in names)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="into its page")
    if not parser.parse_args().write:
        print(graph())
        return
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{graph()}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
