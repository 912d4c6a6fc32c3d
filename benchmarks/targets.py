"""What the project asks of its speed, what was measured, and whether it is met.

Of a target beside scikit-learn that is missed, it also says what the limit is: the
ratio that there would be if all but the arithmetic took no time (see `limits.py`).
Beside ReLU it is the ratio if the other activation alone came on top.
"""

from typing import NamedTuple

from benchmarks import tables
from benchmarks.cases import CASES

WIDE = [name for name, case in CASES.items() if min(case.hidden) >= 256]
HUNDRED = [name for name, case in CASES.items() if case.hidden == (100,)]


RATIO = "scikit-learn / sknn"


class Target(NamedTuple):
    """A line of the table.

    Attributes
    ----------
    limit : str
        What could be measured at most, where the target is missed and this is known.
    about : str
        Which cases miss the target, and which have to, as a sentence.
    """

    what: str
    asked: str
    measured: str
    met: str
    limit: str = ""
    about: str = ""


def targets(results: dict[str, list[dict]]) -> list[Target]:
    """Return each target whose rows are there."""
    found: list[Target] = []
    parts = _training, _activations, _predict, _startup, _threads, _ensembles, _rest
    for part in parts:
        found += part({name: rows or [] for name, rows in results.items()})
    return found


def table(results: dict[str, list[dict]]) -> str:
    """Return the targets as Markdown, and what there is to say of those missed."""
    found = targets(results)
    names = ["target", "asked", "measured", "met", "limit"]
    parts = [tables.markdown(names, [target[:5] for target in found])]
    if any(target.limit for target in found):
        parts.append(
            "The limit, for a target that is missed, is the ratio that there would be "
            "in the same case if all but the arithmetic took no time, or if an "
            "activation alone came on top of the network with ReLU: see "
            "[Limits](#limits)."
        )
    about = [f"- {target.what}: {target.about}" for target in found if target.about]
    if about:
        parts.append("\n".join(about))
    return "\n\n".join(parts)


def _at_least(what, asked, values, summary=min):
    return _line(what, f"at least {asked:g}", summary, values, lambda x: x >= asked)


def _at_most(what, asked, values, summary=max):
    return _line(what, f"at most {asked:g}", summary, values, lambda x: x <= asked)


def _line(what, asked, summary, values, is_met):
    """Return a line, or none where nothing was measured."""
    if not values:
        return []
    value = summary(values)
    return [Target(what, asked, f"{value:.3g}", "yes" if is_met(value) else "**no**")]


def _beside_sklearn(what, asked, rows, limits, summary=min):
    """Return a line on ratios to scikit-learn's time; where missed, with limits."""
    rows = [row for row in rows if row.get(RATIO)]
    ratios = [float(row[RATIO]) for row in rows]
    lines = _at_least(what, asked, ratios, summary)
    if not lines or summary(ratios) >= asked:
        return lines
    bounds = [limits.get(_case(row)) for row in rows]
    are_known = None not in bounds
    if summary is not min:
        limit = f"{summary(bounds):.3g}" if are_known else ""
        return [lines[0]._replace(limit=limit)]
    lowest = ratios.index(min(ratios))
    n_met = sum(ratio >= asked for ratio in ratios)
    about = f"{n_met} of {len(rows)} cases meet it"
    means = f"geometric mean {_mean(ratios):.3g}"
    if are_known:
        n_could = sum(max(pair) >= asked for pair in zip(ratios, bounds, strict=True))
        about += f", {n_could} could" if n_could > n_met else ", no other could"
        means += f", of the limits {_mean(bounds):.3g}"
    about += f" (lowest: {', '.join(_case(rows[lowest]))}; {means})."
    limit = f"{bounds[lowest]:.3g}" if bounds[lowest] else ""
    return [lines[0]._replace(limit=limit, about=about)]


def _beside_relu(activation, asked, rows, limits):
    """Return a line on ratios to ReLU's time; where missed, with the limit."""
    name = f"{activation} / relu"
    rows = [row for row in rows if row.get(name)]
    ratios = _column(rows, name)
    lines = _at_most(f"{activation} beside relu, highest", asked, ratios)
    if not lines or max(ratios) <= asked:
        return lines
    highest = rows[ratios.index(max(ratios))]
    wanted = {"case": highest["case"], "dtype": highest["dtype"], "work": "epoch"}
    relu = _column(limits, "sknn ms", activation="relu", **wanted)
    alone = _column(limits, "activation ms", activation=activation, **wanted)
    limit = f"{1 + alone[0] / relu[0]:.3g}" if relu and alone else ""
    n_met = sum(ratio <= asked for ratio in ratios)
    about = (
        f"{n_met} of {len(rows)} cases meet it (highest: {highest['case']}, "
        f"{highest['dtype']}; geometric mean {_mean(ratios):.3g})."
    )
    return [lines[0]._replace(limit=limit, about=about)]


def _case(row):
    return row["case"], row["dtype"], row["activation"]


def _limits(results, work):
    """Return the limit of each case, dtype and activation."""
    rows = [row for row in results.get("limits", []) if row["work"] == work]
    return {_case(row): float(row["limit"]) for row in rows}


def _column(lines, name, **wanted):
    """Return the numbers of a column, over the rows with the wanted values."""
    return [
        float(row[name])
        for row in lines
        if row.get(name)
        and all(
            row[k] in v if isinstance(v, list) else row[k] == v
            for k, v in wanted.items()
        )
    ]


def _mean(values):
    return tables.statistics.geometric_mean(values)


def _training(results):
    rows = [row for row in results.get("training", []) if row["cores"] == "1"]
    limits = _limits(results, "epoch")
    at_32 = [row for row in rows if CASES[row["case"]].batch_size == 32]
    widest, text = (
        [row for row in rows if row["case"] == name] for name in ("very wide", "text")
    )
    return [
        *_beside_sklearn("scikit-learn: geometric mean", 8, rows, limits, _mean),
        *_beside_sklearn("scikit-learn: batch 32, lowest", 25, at_32, limits),
        *_beside_sklearn("scikit-learn: widest, lowest", 2.2, widest, limits),
        *_beside_sklearn("scikit-learn: text, lowest", 3, text, limits),
        *_beside_sklearn("scikit-learn: lowest of all", 1, rows, limits),
        *_at_least("JAX: geometric mean", 1.7, _column(rows, "JAX / sknn"), _mean),
        *_at_least("JAX: lowest of all", 1, _column(rows, "JAX / sknn")),
        *_at_least("PyTorch: lowest of all", 1.3, _column(rows, "PyTorch / sknn")),
        *_at_most(
            "products by BLAS alone: widths of 256 and more, highest",
            1.15,
            _column(rows, "sknn / BLAS", case=WIDE),
        ),
        *_at_most(
            "products by BLAS alone: width 100, highest",
            1.35,
            _column(rows, "sknn / BLAS", case=HUNDRED),
        ),
    ]


def _activations(results):
    rows = results.get("activations", [])
    return [
        *_beside_relu("tanh", 1.3, rows, results.get("limits", [])),
        *_beside_relu("logistic", 1.3, rows, results.get("limits", [])),
        *_at_most(
            "softmax and log loss: share of the epoch, highest",
            0.05,
            _column(rows, "share of the loss"),
        ),
    ]


def _predict(results):
    rows = [row for row in results.get("predict", []) if row["cores"] == "1"]
    counts = dict.fromkeys(row["rows"] for row in rows)
    lines = []
    for count in counts:
        what = "1 row" if count == "1" else f"{int(count):,} rows"
        asked = 3 if count == "1" else 4
        lines += _beside_sklearn(
            f"predict {what}: scikit-learn, lowest",
            asked,
            [row for row in rows if row["rows"] == count],
            _limits(results, "predict") if count == "20000" else {},
        )
        if count != "1":
            lines += _at_least(
                f"predict {what}: onnxruntime, lowest",
                1,
                _column(rows, "onnxruntime / sknn", rows=count),
            )
    memory = _column(rows, "sknn MiB")
    return lines + _line(
        "predict: MiB beyond the data and the result, highest",
        "constant, in blocks",
        max,
        [mib - 8 * int(row["rows"]) / 2**20 for mib, row in _with_memory(rows)]
        if memory
        else [],
        lambda mib: mib <= 16,
    )


def _with_memory(rows):
    return [(float(row["sknn MiB"]), row) for row in rows if row.get("sknn MiB")]


def _startup(results):
    rows = results.get("startup", [])
    cold = [row for row in rows if row["process"].endswith("first fit here")]
    warm = [row for row in rows if row["process"].endswith("compiled before")]
    return [
        *_at_most(
            "first fit with nothing compiled, s", 6, _column(cold, "first fit s")
        ),
        *_at_most(
            "import and first fit, beside scikit-learn's",
            1.25,
            _column(warm, "together / scikit-learn"),
        ),
        *_at_most(
            "import beyond scikit-learn's, s", 0.5, _column(warm, "import beyond s")
        ),
    ]


def _threads(results):
    rows = results.get("threads", [])
    gain = {row["what"]: float(row["times as fast"]) for row in rows}
    on_threads = [gain[k] for k in ("search on threads",) if k in gain]
    on_processes = [gain[k] for k in ("search on processes",) if k in gain]
    small = [value for what, value in gain.items() if what.startswith("small")]
    lines = _at_least("grid search on two threads", 1.8, on_threads)
    if on_threads and on_processes:
        lines += _at_least(
            "grid search: threads beside processes",
            1,
            [on_threads[0] / on_processes[0]],
        )
    for row in rows:
        if row["what"] == "wide fit":
            (line,) = _at_least("wide fit on two cores", 1.5, [gain["wide fit"]])
            if line.met != "yes" and row.get("line ns"):
                far = f"{float(row['line ns']):.0f} ns from one core to the other"
                line = line._replace(about=f"A cache line took {far}.")
            lines.append(line)
    # Never slower, but for what is within the noise of two processes.
    return lines + _at_least("small fits on two cores, lowest", 0.95, small)


def _ensembles(results):
    rows = results.get("ensembles", [])
    return [
        *_at_most(
            "eight networks beside one: longest", 8, _column(rows, "eight / one")
        ),
        *_at_least(
            "eight networks on two cores: lowest", 1.8, _column(rows, "times as fast")
        ),
    ]


def _rest(results):
    fits = [row for row in results.get("memory", []) if row["library"] == "sknn"]
    growing = [row for row in results.get("growth", []) if row["series"] == "rows"]
    per_row = _column(growing, "beside the first")
    return [
        *_at_most(
            "memory of a fit beside data and parameters",
            1.1,
            _column(fits, "beyond / (data + parameters)"),
        ),
        *_at_most(
            "time per row: highest beside lowest",
            1.2,
            [max(per_row) / min(per_row)] if per_row else [],
        ),
        *_at_least(
            "rows a second from blocks of a file, of those in memory: lowest",
            0.8,
            [
                float(row["of memory"])
                for row in results.get("streams", [])
                if row["data"] == "BatchSource.from_arrays(np.memmap)"
            ],
        ),
        *_at_least(
            "rows a second of two workers beside one: highest",
            1.7,
            _column(results.get("cluster", []), "two / one"),
            max,
        ),
    ]
