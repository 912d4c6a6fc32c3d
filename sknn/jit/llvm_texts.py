"""LLVM's code as text: that of several modules is put together without LLVM."""

import itertools
from collections.abc import Iterable

from llvmlite import ir
from numba.core import cgutils

_metadata_numbers = itertools.count(2**16)


class Text:
    """The code of modules, as text.

    Attributes
    ----------
    definitions : dict
        Text of functions and global variables, by name.
    declarations : dict
        Text of functions that are defined elsewhere, by name.
    metadata : list of str
        Text of metadata nodes.
    """

    def __init__(self) -> None:
        self.definitions: dict[str, str] = {}
        self.declarations: dict[str, str] = {}
        self.metadata: list[str] = []

    def add(self, module: ir.Module, entry: str) -> None:
        """Add a module, in which all functions but one, the entry, become private."""
        for node in module.metadata:  # whose numbers are of this module only
            node.name = str(next(_metadata_numbers))
        for value in module.global_values:
            texts = self.definitions
            if isinstance(value, ir.Function):
                if not value.blocks:
                    texts = self.declarations
                elif value.name != entry:
                    value.linkage = "internal"
            texts[value.name] = cgutils.normalize_ir_text(str(value))
        self.metadata += map(str, module.metadata)


def put_together(header: str, texts: Iterable[Text]) -> str:
    """Return all as one text. What several define or declare comes once.

    Raises
    ------
    ValueError
        If two definitions of a name differ.
    """
    definitions, declarations = dict[str, str](), dict[str, str]()
    metadata: list[str] = []
    for each in texts:
        declarations |= each.declarations
        metadata += each.metadata
        for name, text in each.definitions.items():
            if definitions.setdefault(name, text) != text:
                raise ValueError(f"Numba has defined {name} twice, in different ways.")
    declared = [text for name, text in declarations.items() if name not in definitions]
    return "\n".join([header, *definitions.values(), *declared, *metadata])
