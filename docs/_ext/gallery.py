"""The gallery of ``examples/``: their order, and which of them run in a build."""

from pathlib import Path

# Those that run in each build, in the order of a course. All others need extras or much
# time: they are listed after these, with their source alone.
RUN = (
    *("perceptron", "forward_formula", "backpropagation", "iris_first_net"),
    *("regression", "binary_classifier", "learning_rates", "optimizers_race"),
    *("overfitting", "digits", "scaling", "network_picture", "decision_boundary"),
    *("explanations", "larger_than_memory"),
)


def position(name):
    """Return the key by which the examples are ordered."""
    stem = name.removesuffix(".py")
    return (RUN.index(stem), "") if stem in RUN else (len(RUN), stem)


def arguments(gallery_conf, script_vars):
    """Return the arguments of an example: where to write what it saves."""
    target = Path(script_vars["target_file"])
    suffix = {"decision_boundary": ".gif", "explanations": ".png"}.get(target.stem)
    return [str(target.with_suffix(suffix))] if suffix else []


def setup(app):
    """Register the extension."""
    app.config.sphinx_gallery_conf = {
        "examples_dirs": "../examples",
        "gallery_dirs": "gallery",
        "filename_pattern": rf"/({'|'.join(RUN)})\.py$",
        "within_subsection_order": "gallery.position",
        "reset_argv": "gallery.arguments",
        "download_all_examples": False,
        "default_thumb_file": str(Path(app.srcdir) / "images/network_picture.png"),
        "remove_config_comments": True,
        "show_memory": False,
        "show_signature": False,
        "min_reported_time": 1e6,
    }
    return {"parallel_read_safe": True, "parallel_write_safe": True}
