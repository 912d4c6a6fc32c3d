"""What a user asks first, answered from the rows of the CSV files."""

from benchmarks import tables
from benchmarks.peers import PEERS

Results = dict[str, list[dict]]


def speed(results: Results) -> str:
    """Return questions about time with their answers."""
    lines = []
    one_core = [r for r in results["training"] if r["cores"] == "1"]
    for peer in PEERS:
        lines += _ratios(f"An epoch, beside {peer}", one_core, f"{peer} / sknn")
    alone = [row for row in results["predict"] if row["cores"] == "1"]
    for count, what in (("1", "one row"), ("20000", "20,000 rows")):
        rows = [row for row in alone if row["rows"] == count]
        for peer in ("scikit-learn", "onnxruntime"):
            title = f"`predict` of {what}, beside {peer}"
            lines += _ratios(title, rows, f"{peer} / sknn")
    lines += [
        [f"A new process: import and first fit, {row['process']}", f"{_short(row)} s"]
        for row in results["startup"]
    ]
    lines += [
        [f"Two cores beside one: {row['what']}", _times(row["times as fast"])]
        for row in results["threads"]
    ]
    return tables.markdown(["what", "how fast"], lines)


def memory(results: Results) -> str:
    """Return questions about memory and large data with their answers."""
    lines = []
    for row in results["memory"]:
        size = f"{int(row['rows']):,} rows, {tables.number(row['data MiB'])} MiB"
        beyond = f"{tables.number(row['beyond MiB'])} MiB"
        lines.append([f"A fit of {size}: beyond the data, {row['library']}", beyond])
    growing = [row for row in results["growth"] if row["series"] == "rows"]
    if growing:
        least, most = (f"{int(growing[k]['value']):,}" for k in (0, -1))
        grown = [float(row["beside the first"]) for row in growing]
        what = f"Time per row from {least} rows to {most}: the longest beside the first"
        lines.append([what, _times(max(grown))])
    read = [row for row in results["streams"] if row["data"] != "in memory"]
    title = "Rows a second that are read in each epoch, of those in memory"
    lines += _ratios(title, read, "of memory")
    title = "Rows a second of two workers of a cluster, beside one"
    lines += _ratios(title, results["cluster"], "two / one")
    return tables.markdown(["what", "how much"], lines)


def _ratios(title, rows, column):
    """Return a line: the geometric mean of ratios, and their range."""
    found = sorted(float(row[column]) for row in rows if row.get(column))
    if not found:
        return []
    mean = tables.geometric_mean(rows, column)
    many = f", from {tables.times(str(found[0]))} to {tables.times(str(found[-1]))}"
    many += f" ({len(found)} cases)"
    return [[title, f"{_times(mean)} as fast{many if len(found) > 1 else ''}"]]


def _times(value):
    return f"**{tables.times(str(value))} times**"


def _short(row):
    return tables.number(row["together s"])
