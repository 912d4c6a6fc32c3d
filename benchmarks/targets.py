"""What the project asks of its speed, what was measured, and whether it is met."""

from benchmarks import tables
from benchmarks.cases import CASES

WIDE = [name for name, case in CASES.items() if min(case.hidden) >= 256]
HUNDRED = [name for name, case in CASES.items() if case.hidden == (100,)]


def targets(results: dict[str, list[dict]]) -> list[tuple[str, str, str, str]]:
    """Return (what, asked, measured, met) of each target whose rows are there."""
    found: list[tuple[str, str, str, str]] = []
    for part in (_training, _activations, _predict, _startup, _threads, _rest):
        found += part({name: rows or [] for name, rows in results.items()})
    return found


def table(results: dict[str, list[dict]]) -> str:
    """Return the targets as Markdown."""
    return tables.markdown(["target", "asked", "measured", "met"], targets(results))


def _at_least(what, asked, values, summary=min):
    return _line(what, f"at least {asked:g}", summary, values, lambda x: x >= asked)


def _at_most(what, asked, values, summary=max):
    return _line(what, f"at most {asked:g}", summary, values, lambda x: x <= asked)


def _line(what, asked, summary, values, is_met):
    """Return a line, or none where nothing was measured."""
    if not values:
        return []
    value = summary(values)
    return [(what, asked, f"{value:.3g}", "yes" if is_met(value) else "**no**")]


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
    ratio = "scikit-learn / sknn"
    at_32 = [name for name, case in CASES.items() if case.batch_size == 32]
    return [
        *_at_least("scikit-learn: geometric mean", 8, _column(rows, ratio), _mean),
        *_at_least(
            "scikit-learn: batch 32, lowest", 25, _column(rows, ratio, case=at_32)
        ),
        *_at_least(
            "scikit-learn: widest, lowest", 2.2, _column(rows, ratio, case="very wide")
        ),
        *_at_least("scikit-learn: text, lowest", 3, _column(rows, ratio, case="text")),
        *_at_least("scikit-learn: lowest of all", 1, _column(rows, ratio)),
        *_at_least("JAX: geometric mean", 1.7, _column(rows, "JAX / sknn"), _mean),
        *_at_least("JAX: lowest of all", 1, _column(rows, "JAX / sknn")),
        *_at_least("PyTorch: lowest of all", 1.3, _column(rows, "PyTorch / sknn")),
        *_at_most(
            "floor: widths of 256 and more, highest",
            1.15,
            _column(rows, "sknn / floor", case=WIDE),
        ),
        *_at_most(
            "floor: width 100, highest",
            1.35,
            _column(rows, "sknn / floor", case=HUNDRED),
        ),
    ]


def _activations(results):
    rows = results.get("activations", [])
    return [
        *_at_most("tanh beside relu, highest", 1.3, _column(rows, "tanh / relu")),
        *_at_most(
            "logistic beside relu, highest", 1.3, _column(rows, "logistic / relu")
        ),
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
        lines += _at_least(
            f"predict {what}: scikit-learn, lowest",
            asked,
            _column(rows, "scikit-learn / sknn", rows=count),
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
    wide = [gain[k] for k in ("wide fit",) if k in gain]
    lines += _at_least("wide fit on two cores", 1.5, wide)
    # Never slower, but for what is within the noise of two processes.
    return lines + _at_least("small fits on two cores, lowest", 0.95, small)


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
    ]
