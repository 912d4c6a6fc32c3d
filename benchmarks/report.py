"""The pages of the documentation and the README's tables, from the CSV files alone."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks import answers, pictures, tables, targets
from benchmarks.readme import write as write_readme
from benchmarks.results import KEYS, read

_MEASURED = """## How it is measured

- All libraries run in one process, in turns, on the same data, limited to one core or
  two. A figure is the median over the turns; a ratio is the median of the ratios within
  each turn, so that what disturbs the machine for a while disturbs both sides. A peer's
  ratio above 1 means that sknn is faster.
- All trainers start with the same weights, draw the same orders of the rows and take
  the same steps of Adam with the same penalty. Two classes are one logistic output. The
  losses are those of the weights reached, computed in float64 by one function.
- The time of an epoch is the slope between a fit of one epoch and a longer one. On
  several cores sknn tries in its first calls how many threads pay, so there it is the
  slope between four epochs and a longer fit. With PyTorch and JAX it is the time of
  further epochs after the first: their compilation is not counted.
- PyTorch runs eagerly: tensors in memory, one order of the rows an epoch, fused Adam,
  no DataLoader. JAX has a whole epoch in one compiled call, a scan over the batches,
  with its state donated. onnxruntime predicts with the same weights in a graph of Gemm
  and activation nodes, which ends in the label.
- Each library chooses the kernels for this processor by itself, as on a user's machine:
  variables that choose others, such as OPENBLAS_CORETYPE, are removed from the
  environment. Where it says above that one was set, the figures are older than this.
  scikit-learn calls NumPy's and SciPy's BLAS, PyTorch the MKL and oneDNN built into it;
  JAX and onnxruntime have kernels of their own.
- BLAS stands for the matrix products of the same training and nothing else, by SciPy's
  BLAS, called from compiled code; on two cores with one thread or two, whichever is
  faster. sknn / BLAS compares a whole epoch of sknn with these products alone. sknn's
  products are its own, so this is no lower bound: the ratio is below 1 where they save
  more time than the rest of an epoch takes, and above 1 where they do not. Sparse data
  are not measured with BLAS, and only with the libraries that take them.
"""

_SECTIONS = {
    "training": (
        "Training",
        "The time of an epoch beside scikit-learn, PyTorch, JAX and the matrix "
        "products alone by BLAS.",
        ("peers", "blas"),
    ),
    "activations": (
        "Activations and the loss",
        "The same network with another activation: sknn, one core. The loss's share is "
        "the part of an epoch that squared error on the same targets would save; where "
        "it is nothing, noise may make it negative.",
        ("activations",),
    ),
    "predict": (
        "Prediction",
        "`predict` on arrays in the dtype of the weights.",
        ("predict_one", "predict_many"),
    ),
    "export": (
        "Export",
        "`sknn.onnx.to_onnx`: how long a conversion takes, and how large the graph is, "
        "beside a pickle and a file of skops; `predict` of sknn beside onnxruntime "
        "with this graph, which for classifiers returns probabilities too: relu, one "
        "core.",
        (),
    ),
    "limits": (
        "Limits",
        "How much faster an epoch and a prediction could become: sknn, one core. Each "
        "part that cannot be left out is timed alone, by the kernels that the network "
        "uses, on the same shapes, block by block: the products, with the bias and its "
        "gradient; the activation, and its slope in training, on numbers in the "
        "nearest cache, where the products do not see to it; Adam's step, once a "
        "batch. The rest is what an epoch or a prediction takes beside these; where it "
        "is nothing, noise may make it negative, and the picture has shares of the sum "
        "of the parts instead. The limit is scikit-learn's time "
        "beside the sum of the parts: the ratio there would be if the rest (gathering "
        "rows, drawing their order, transposing weights, the loss, labels, checks, "
        "Python) took no time. It is above what can be reached, for alone each part "
        "finds its data in nearer caches than beside the others. The pace of the "
        "products stands beside the peak, that of multiply-adds in registers alone.",
        ("limits",),
    ),
    "startup": (
        "First impressions",
        "A new process that imports the network and fits it, with an empty cache of "
        "compiled code and with a full one.",
        ("startup",),
    ),
    "compiling": (
        "Compilation",
        "Seconds to compile each kernel for float64, one after the other in one "
        "process, in this order. The first includes what Numba sets up. A first fit "
        "needs a part of them.",
        (),
    ),
    "threads": (
        "Two cores",
        "A grid search of 16 candidates x 5 folds, a wide fit (very wide, four epochs) "
        "and small fits. No environment variable says how many threads to use. Where "
        "it says so, each search is the first in a new process, which loads its "
        "kernels and starts its threads or worker processes meanwhile; the others are "
        "repeated in one process, whose workers are there already. Beside each "
        "stands how long a cache line took, at that time, from one core to the other: "
        "two threads write in turns, each as soon as it sees what the other wrote.",
        ("threads",),
    ),
    "ensembles": (
        "Ensembles",
        "`EnsembleMLPClassifier` with eight networks, which all hold out the same "
        "rows, beside one network that does so too: the time of a fit with one thread, "
        "how much faster it is on two cores, and predictions of 10,000 rows with one "
        "thread.",
        (),
    ),
    "memory": (
        "Memory",
        "The peak of the resident memory beyond what is there before the fit.",
        ("memory",),
    ),
    "growth": (
        "Growth",
        "scikit-learn's defaults (10,000 x 20, 100 hidden, batches of 200), one "
        "number changed: float32, one core.",
        ("growth",),
    ),
    "streams": (
        "Data that are read in each epoch",
        "400,000 x 50 in float32, in files that the system keeps in memory: what "
        "reading costs, not what a disk takes. The next block of 50,000 rows is read "
        "while one is trained on: two cores.",
        (),
    ),
    "cluster": (
        "One fit on a cluster",
        "Two workers of Dask with one thread each, on the two cores of this machine, "
        "which train one network in float32 on batches that they share: the step of "
        "one worker, how it compares with a local fit in the same process, and what "
        "two workers gain. Two workers apart train a network each, on half the rows, "
        "and sum nothing: more than they gain nobody can, on cores that share memory "
        "and clock. Beside half a batch, a step of two workers sums the gradients and "
        "waits for the other one.",
        (),
    ),
    "insight": (
        "Explanations and callbacks",
        "Rows that are explained in a second of CPU time: the network of "
        "scikit-learn's defaults, one core. And the CPU time that a callback adds to "
        "an epoch; that of Optuna has a study in memory, that of MLflow a database in "
        "a file.",
        (),
    ),
}


class Page(NamedTuple):
    """A page: its title, what it is about, its answers, its sections."""

    title: str
    about: str
    answers: Callable[[dict[str, list[dict]]], str]
    sections: tuple[str, ...]


PAGES = {
    "speed": Page(
        "Speed",
        "How long training and predictions take, beside scikit-learn's own network and "
        "other libraries. Ratios above 1 mean that sknn is faster; the mean is the "
        "geometric one, over networks and data of different sizes, which are below.",
        answers.speed,
        (
            *("training", "predict", "threads", "ensembles", "startup"),
            *("activations", "export", "insight"),
        ),
    ),
    "memory": Page(
        "Memory and large data",
        "How much memory a fit takes beyond your arrays, how time grows with the "
        "data, what it costs to read data from files in each epoch, and what two "
        "workers of a cluster gain.",
        answers.memory,
        ("memory", "growth", "streams", "cluster"),
    ),
    "targets": Page(
        "Targets and limits",
        "What we ask of the speed, where it is missed, and how much is possible.",
        targets.table,
        ("limits", "compiling"),
    ),
}


def write(folder: Path, readme: Path | None = None) -> None:
    """Draw the pictures, write the pages beside the folder, and the README's tables."""
    results = {name: read(name, folder) for name in KEYS}
    if not any(results.values()):
        raise SystemExit("Nothing is measured yet: run `python -m benchmarks`.")
    drawn = pictures.draw(results, folder)
    for name, page in PAGES.items():
        if name == "targets" or any(results[section] for section in page.sections):
            text = page_of(page, results, folder.name, drawn)
            (folder.parent / f"{name}.md").write_text(text, encoding="utf-8")
    if readme is not None and results["training"]:
        write_readme(folder, readme)


def page_of(
    page: Page, results: dict[str, list[dict]], folder: str, drawn: list[str]
) -> str:
    """Return a whole page: answers first, then each section, then the method."""
    parts = [f"# {page.title}", textwrap.fill(page.about, 88), page.answers(results)]
    parts.append(_origins({name: results[name] for name in page.sections}))
    if "training" in page.sections:
        parts += ["## The cases", tables.cases()]
    for name in page.sections:
        title, text, images = _SECTIONS[name]
        if results[name]:
            parts += [f"## {title}", text]
            parts += [
                f"![{title}: {i}]({folder}/{i}.png)" for i in images if i in drawn
            ]
            parts.append(getattr(tables, name)(results[name]))
    if "training" in page.sections:
        parts.append(_MEASURED.rstrip())
    source = "`python -m benchmarks` measures all of this, and `python -m benchmarks "
    source += f"report` writes this page from the [CSV files]({folder}/)."
    return "\n\n".join(filter(None, [*parts, textwrap.fill(source, 88)])) + "\n"


def _origins(results):
    """Say where the rows come from; of several origins, which sections they are in."""
    days: dict[tuple, set] = {}
    titles: dict[tuple, dict] = {}
    for section, rows in results.items():
        for row in rows:
            origin = row["machine"], row["versions"], row["kernels"]
            days.setdefault(origin, set()).add(row["date"])
            titles.setdefault(origin, {})[_SECTIONS[section][0]] = None
    parts = []
    for origin, dates in days.items():
        machine, versions, kernels = origin
        day = " to ".join(dict.fromkeys((min(dates), max(dates))))
        where = f" ({', '.join(titles[origin])})" if len(days) > 1 else ""
        parts.append(
            f"Measured{where} on {machine}; {day}.\n{versions}.\n"
            f"Matrix products: {kernels}."
        )
    return "\n\n".join(parts)
