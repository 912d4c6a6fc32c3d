"""The Markdown tables, from the rows of the CSV files."""

import statistics
from collections.abc import Iterable, Sequence

from benchmarks.cases import CASES
from benchmarks.cluster_estimate import EFFICIENCIES, LATENCY, estimates
from benchmarks.peers import PEERS, TRAINERS

# What `limits.py` times apart, and of what.
PARTS, REST = ("products", "activation", "Adam"), "the rest"
WORKS = {"epoch": "An epoch", "predict": "A prediction of 20,000 rows"}

ESTIMATE = f"""**An estimate, not a measurement.** What 16 and 64 machines of one core
would take, computed from the times above: the sum of P gradients over N machines takes
`2 (N - 1) (m + l) + P g + 8 P (N - 1) / (N b)` seconds, with m an exchange of nothing,
l = {1e6 * LATENCY:.0f} microseconds from one machine to another, g what a number adds
to a sum of two processes, and b the bandwidth in bytes a second. A batch is large
enough for a share e of the time to be spent on computing where it has
`N sum / row * e / (1 - e)` rows, with `row` the step of one worker by its rows."""


def markdown(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; what is empty is shown as a dash."""
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(
        "| " + " | ".join(cell or "-" for cell in row) + " |" for row in lines
    )


def number(text: str, digits: int = 3) -> str:
    """Return a number of the file with few digits; nothing stays nothing."""
    if not text:
        return ""
    value = float(text)
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def times(text: str) -> str:
    """Return a ratio, with two decimals where it is small."""
    return f"{float(text):.{2 if float(text) < 4 else 1}f}" if text else ""


def geometric_mean(rows: Sequence[dict], column: str) -> float | None:
    """Return the geometric mean of a column, over the rows that have it."""
    found = [float(row[column]) for row in rows if row.get(column)]
    return statistics.geometric_mean(found) if found else None


def cases() -> str:
    """Return what is measured."""
    return markdown(
        ["case", "rows x features, outputs", "hidden", "batch"],
        [
            [name, case.shape, ", ".join(map(str, case.hidden)), str(case.batch_size)]
            for name, case in CASES.items()
        ],
    )


def training(rows: list[dict]) -> str:
    """Return times, ratios and losses for each number of cores and activation."""
    parts = []
    for cores, activation in _groups(rows, "cores", "activation"):
        own = [r for r in rows if (r["cores"], r["activation"]) == (cores, activation)]
        lines = [float(row["line ns"]) for row in own if row.get("line ns")]
        about = _lines(lines) + _kernels(own, rows)
        parts += [
            f"### {activation}, {_cores(cores)}",
            f"Milliseconds an epoch, and ratios{about}:",
            _epochs(own),
            "Loss reached, on all rows, after as many epochs each:",
            _losses(own),
        ]
    return "\n\n".join(parts)


def _epochs(rows):
    libraries = [*TRAINERS, "BLAS"]
    ratios = [*(f"{peer} / sknn" for peer in PEERS), "sknn / BLAS"]
    lines = [
        [r["case"], r["dtype"], *(number(r[f"{name} ms"]) for name in libraries)]
        + [f"**{times(r[name])}**" if r[name] else "" for name in ratios]
        for r in rows
    ]
    means = [geometric_mean(rows, name) for name in ratios]
    lines.append(
        ["geometric mean", *[" "] * (1 + len(libraries))]
        + [f"**{times(str(mean))}**" if mean else "" for mean in means]
    )
    return markdown(["case", "dtype", *libraries, *ratios], lines)


def _losses(rows):
    return markdown(
        ["case", "dtype", "epochs", *TRAINERS],
        [
            [r["case"], r["dtype"], str(int(r["epochs"]) + 1)]
            + [
                f"{float(r[k]):.5f}" if r[k] else ""
                for k in map("{} loss".format, TRAINERS)
            ]
            for r in rows
        ],
    )


def predict(rows: list[dict]) -> str:
    """Return times and ratios of predictions for each number of cores."""
    libraries = ("sknn", "scikit-learn", "onnxruntime")
    parts = []
    for (cores,) in _groups(rows, "cores"):
        own = [row for row in rows if row["cores"] == cores]
        parts += [
            f"### Prediction, {_cores(cores)}",
            markdown(
                ["case", "dtype", "activation", "rows"]
                + [f"{name} ms" for name in libraries]
                + [f"{name} / sknn" for name in libraries[1:]],
                [
                    [r["case"], r["dtype"], r["activation"], f"{int(r['rows']):,}"]
                    + [number(r[f"{name} ms"]) for name in libraries]
                    + [times(r[f"{name} / sknn"]) for name in libraries[1:]]
                    for r in own
                ],
            ),
        ]
        big = [row for row in own if row.get("sknn MiB")]
        if big:
            parts += [
                "Peak memory beyond the data while so many rows are predicted, MiB:",
                markdown(
                    ["case", "dtype", "rows", *libraries],
                    [
                        [r["case"], r["dtype"], f"{int(r['rows']):,}"]
                        + [number(r.get(f"{name} MiB", "")) for name in libraries]
                        for r in big
                    ],
                ),
            ]
    return "\n\n".join(parts)


def export(rows: list[dict]) -> str:
    """Return the conversions and files, and the predictions of each number of rows."""
    names = ["case", "dtype"]
    columns = ["to_onnx ms", "onnx KiB", "pickle KiB", "skops KiB"]
    files = [
        [*(r[name] for name in names), *(number(r.get(c, "")) for c in columns)]
        for r in rows
    ]
    predictions = [
        [
            *(r[name] for name in names),
            f"{n:,}",
            number(r[f"sknn ms, {n} rows"]),
            number(r[f"onnxruntime ms, {n} rows"]),
            times(r[f"onnxruntime / sknn, {n} rows"]),
        ]
        for r in rows
        for n in (1, 100_000)
    ]
    libraries = ["sknn ms", "onnxruntime ms", "onnxruntime / sknn"]
    return (
        markdown([*names, *columns], files)
        + "\n\n"
        + markdown([*names, "rows", *libraries], predictions)
    )


def insight(rows: list[dict]) -> str:
    """Return attributions a second, and what callbacks cost."""
    return markdown(
        ["what", "value", "unit"],
        [[r["what"], number(r["value"]), r["unit"]] for r in rows],
    )


def activations(rows: list[dict]) -> str:
    """Return what activations and the loss cost."""
    columns = ("relu ms", "tanh ms", "logistic ms")
    return markdown(
        ["case", "dtype", *columns, "tanh / relu", "logistic / relu", "loss's share"],
        [
            [
                r["case"],
                r["dtype"],
                *(number(r[name]) for name in columns),
                times(r["tanh / relu"]),
                times(r["logistic / relu"]),
                f"{float(r['share of the loss']):.1%}"
                if r["share of the loss"]
                else "",
            ]
            for r in rows
        ],
    )


def limits(rows: list[dict]) -> str:
    """Return what each part takes alone, and what would be left without the rest."""
    parts = []
    for (work,) in _groups(rows, "work"):
        own = [row for row in rows if row["work"] == work]
        names = [name for name in PARTS if any(row[f"{name} ms"] for row in own)]
        parts += [
            f"### {WORKS[work]}",
            markdown(
                [
                    *("case", "dtype", "activation", "sknn ms", *names, REST),
                    *("scikit-learn ms", "scikit-learn / sknn", "limit"),
                    *("products, GFLOP/s", "of the peak"),
                ],
                [
                    [r["case"], r["dtype"], r["activation"], number(r["sknn ms"])]
                    + [number(r[f"{name} ms"]) for name in names]
                    + [f"{shares(r)[REST]:.0%}", number(r["scikit-learn ms"])]
                    + [f"**{times(r[k])}**" for k in ("scikit-learn / sknn", "limit")]
                    + [number(r["GFLOP/s"]), f"{float(r['of the peak']):.0%}"]
                    for r in own
                ],
            ),
        ]
    return "\n\n".join(parts)


def shares(row: dict) -> dict[str, float]:
    """Return what each part is of the whole time, and what is left of it."""
    whole = float(row["sknn ms"])
    found = {name: float(row[f"{name} ms"] or 0) / whole for name in PARTS}
    return {**found, REST: 1 - sum(found.values())}


def startup(rows: list[dict]) -> str:
    """Return what a new process pays."""
    seconds = ("import s", "first fit s", "together s", "import beyond s")
    return markdown(
        [
            "iris, 20 epochs",
            "import s",
            "first fit s",
            "together s",
            "import beyond scikit-learn's, s",
            "together / scikit-learn's",
        ],
        [
            [
                r["process"],
                *(f"{float(r[name]):.2f}" for name in seconds),
                times(r["together / scikit-learn"]),
            ]
            for r in rows
        ],
    )


def compiling(rows: list[dict]) -> str:
    """Return the seconds of each kernel and of all."""
    each = ", ".join(f"{r['kernel']} {float(r['seconds']):.2f}" for r in rows)
    total = sum(float(row["seconds"]) for row in rows)
    return f"{each}.\n\nTogether {total:.1f} seconds."


def threads(rows: list[dict]) -> str:
    """Return what the second core brings."""
    names = ["float32, relu", "one core s", "two cores s", "times as fast"]
    return markdown(
        [*names, "cache line, ns"],
        [
            [
                r["what"],
                number(r["one core s"]),
                number(r["two cores s"]),
                times(r["times as fast"]),
                number(r.get("line ns", "")),
            ]
            for r in rows
        ],
    )


def memory(rows: list[dict]) -> str:
    """Return what a fit takes beyond its data."""
    columns = ("data MiB", "parameters MiB", "beyond MiB")
    last = "beyond / (data + parameters)"
    return markdown(
        ["library", "rows", *columns, last],
        [
            [
                r["library"],
                f"{int(r['rows']):,}",
                *(number(r[name]) for name in columns),
                f"{float(r[last]):.3f}",
            ]
            for r in rows
        ],
    )


def growth(rows: list[dict]) -> str:
    """Return each series as a table."""
    parts = []
    for (series,) in _groups(rows, "series"):
        own = [row for row in rows if row["series"] == series]
        parts.append(
            markdown(
                [
                    series,
                    "ns per row and epoch",
                    "beside the first",
                    "BLAS, ns",
                    "sknn / BLAS",
                ],
                [
                    [
                        f"{int(r['value']):,}",
                        number(r["ns per row"]),
                        times(r["beside the first"]),
                        number(r["BLAS ns per row"]),
                        times(r["sknn / BLAS"]),
                    ]
                    for r in own
                ],
            )
        )
    return "\n\n".join(parts)


def ensembles(rows: list[dict]) -> str:
    """Return times of eight networks beside those of one, for each network."""
    names = ["hidden", "one network s", "eight s", "eight / one", "two cores s"]
    names += ["times as fast on two cores", "predictions, eight / one"]
    columns = ["one s", "eight s", "eight / one", "two cores s"]
    columns += ["times as fast", "predict eight / one"]
    lines = [[r["network"], *(number(r[column]) for column in columns)] for r in rows]
    return markdown(names, lines)


def streams(rows: list[dict]) -> str:
    """Return the rows a second of each way to read, for each network."""
    return markdown(
        ["hidden", "data", "rows a second", "of the rows in memory"],
        [
            [
                r["network"],
                r["data"],
                number(r["rows a second"]),
                times(r["of memory"]),
            ]
            for r in rows
        ],
    )


def cluster(rows: list[dict]) -> str:
    """Return sums, fits, and what these times say of more machines."""
    fits = [row for row in rows if row.get("parameters")]
    sums = [[r["what"], number(r["ms"])] for r in rows if not r.get("parameters")]
    parts = [markdown(["two processes", "ms"], sums)]
    if not fits:
        return parts[0]
    names = ["", "parameters", "batch", "ms a step, one worker", "one / local fit"]
    names += ["two / one, rows a second", "two apart / one"]
    names += ["ms a step beside computing, two workers"]
    lines = [
        [
            row["what"],
            number(row["parameters"], 6),
            row["batch"],
            number(row["ms"]),
            times(row["one / local"]),
            times(row["two / one"]),
            times(row["apart / one"]),
            number(row["ms beside"]),
        ]
        for row in fits
    ]
    parts.append(markdown(names, lines))
    parts.append(ESTIMATE)
    names = ["", "machines", "Gbit/s", "ms to sum, a step"]
    names += [f"batch for {share:.0%} of all time" for share in EFFICIENCIES]
    lines = [
        [
            row["what"],
            str(row["machines"]),
            str(row["gigabits"]),
            number(row["ms to sum"]),
            *(number(row[f"batch for {share}"]) for share in EFFICIENCIES),
        ]
        for row in estimates(rows)
    ]
    parts.append(markdown(names, lines))
    return "\n\n".join(parts)


def _groups(rows, *names):
    return dict.fromkeys(tuple(row[name] for name in names) for row in rows)


def _lines(nanoseconds):
    if not nanoseconds:
        return ""
    ends = dict.fromkeys(f"{end(nanoseconds):.0f}" for end in (min, max))
    return f" (a cache line took {' to '.join(ends)} ns from one core to the other)"


def _kernels(own, rows):
    """Name the kernels of some rows, where those of others are not the same."""
    if len({row["kernels"] for row in rows}) == 1:
        return ""
    return f" ({'; '.join(dict.fromkeys(row['kernels'] for row in own))})"


def _cores(cores):
    return "one core" if int(cores) == 1 else f"{cores} cores"
