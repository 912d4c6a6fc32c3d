"""The reference: methods that sknn defines, and parameters in groups."""

import importlib
import inspect
import re

from sklearn import neural_network

from sknn.estimators.parameter_table import OWN_TITLE

ENTRY = re.compile(r"^(?=\w[\w, ]* : )", re.MULTILINE)
TRAILING = re.compile(r"(?<=\w)_(?=[,)])")
INITIAL = re.compile(r"^( *\.\. \[\w+\] )(?=[A-Z]\. )")
SECTION = re.compile(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", re.M | re.S)
OTHER = "Other Parameters"  # numpydoc knows the name; its title is put in later
STRAIGHT = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")
OURS = re.sub(r"</?\w+>", "", OWN_TITLE)


def imported(fullname):
    """Import and return the object that has a full name."""
    module, _, name = fullname.rpartition(".")
    return getattr(importlib.import_module(module), name)


def own_methods(fullname):
    """Return the names of the public methods of a class that are sknn's own."""
    names = set()
    for owner in imported(fullname).__mro__:
        if owner.__module__.startswith("sknn."):
            names |= {name for name, member in vars(owner).items() if is_method(member)}
    # What asks for metadata is documented by scikit-learn.
    return sorted(n for n in names if not re.match("_|set_.*_request$", n))


def is_method(member):
    """Whether a member of a class is a method."""
    return inspect.isroutine(member) or isinstance(member, classmethod | staticmethod)


def in_groups(text, first):
    """Return a docstring with its parameters in two sections.

    Parameters
    ----------
    text : str
        A docstring in numpydoc's form.
    first : set of str
        The parameters of the first section.
    """
    found = SECTION.search(text)
    entries = [entry for entry in ENTRY.split(found[1]) if entry.strip()]
    groups = {True: [], False: []}
    for entry in entries:
        groups[entry.partition(" : ")[0] in first].append(entry.rstrip())
    first, others = "\n".join(groups[True]), "\n".join(groups[False])
    sections = (
        f"Parameters\n----------\n{first}\n\n{OTHER}\n{'-' * len(OTHER)}\n{others}\n\n"
    )
    return f"{text[: found.start()]}{sections}{text[found.end() :]}"


def escaped(line):
    """Return a line of a docstring as reStructuredText that means what it says.

    Names in shapes, as in ``(n_features_in_,)``, are no links. The initial of a cited
    author, as in ``.. [1] T. Lin``, is no number of a list.
    """
    before, colon, after = line.partition(" : ")
    return INITIAL.sub(r"\1\\", before + colon + TRAILING.sub(r"\\_", after))


def prepare(app, what, name, obj, options, lines):
    """Put scikit-learn's parameters of a network first, before numpydoc reads them."""
    lines[:] = [escaped(line) for line in lines]
    counterpart = getattr(neural_network, name.rpartition(".")[2], None)
    if what == "class" and counterpart is not None:
        names = set(counterpart._get_param_names())
        lines[:] = in_groups("\n".join(lines), names).split("\n")


def title_group(app, what, name, obj, options, lines):
    """Give the second group the title that it has in notebooks."""
    lines[:] = [line.replace(f":{OTHER}:", f":{OURS}:") for line in lines]


def straighten(app, doctree):
    """Write types and defaults with the quotes that code has."""
    for classifier in doctree.findall(lambda node: node.tagname == "classifier"):
        for text in list(classifier.findall(lambda node: node.tagname == "#text")):
            text.parent.replace(text, type(text)(text.translate(STRAIGHT)))


def setup(app):
    """Register the extension: before and after numpydoc, whose priority is 500."""
    app.connect("autodoc-process-docstring", prepare, priority=400)
    app.connect("autodoc-process-docstring", title_group, priority=600)
    app.connect("doctree-read", straighten)
    app.config.autosummary_context = {"own_methods": own_methods}
    return {"parallel_read_safe": True, "parallel_write_safe": True}
