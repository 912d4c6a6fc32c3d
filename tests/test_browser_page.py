"""The page of the site that runs networks in the browser.

Its arithmetic is compared by node with scikit-learn's digits and with sknn. The page
itself is opened in a headless Chromium, where there are Chromium, npm and the extra
"docs": python -m pytest -m slow tests/test_browser_page.py
"""

import functools
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits

from sknn import MLPClassifier

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FOLDER = DOCS / "_static" / "browser"
NODE = shutil.which("node")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
PAGES = ("learn/browser", "pt/learn/browser")

with_node = pytest.mark.skipif(NODE is None, reason="needs node")


def answer_of(script):
    """Return what a program of JavaScript, run by node, prints as JSON."""
    command = [NODE, "--input-type=module", "--eval", script]
    result = subprocess.run(command, capture_output=True, text=True, cwd=FOLDER)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def module(name):
    """Return a module's text as an address, for node takes .js files for others."""
    text = (FOLDER / name).read_text("utf-8")
    return json.dumps("data:text/javascript," + "".join(map(escaped, text)))


def escaped(character):
    return f"%{ord(character):02x}" if ord(character) < 128 else character


@with_node
def test_steps_of_training_are_those_of_the_estimator():
    generator = np.random.default_rng(0)
    X = generator.uniform(-1, 1, (30, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    settings = dict(
        hidden_layer_sizes=(8,), activation="tanh", batch_size=30, random_state=1
    )
    first = MLPClassifier(
        **settings, learning_rate_init=1e-14, max_iter=1, tol=None
    ).fit(X, y)
    start = {
        "W1": first.coefs_[0].tolist(),
        "b1": first.intercepts_[0].tolist(),
        "W2": first.coefs_[1].ravel().tolist(),
        "b2": first.intercepts_[1].tolist(),
    }
    model = MLPClassifier(
        **settings, learning_rate_init=0.03, max_iter=200, tol=None
    ).fit(X, y)
    weights = answer_of(f"""
        const {{ Network }} = await import({module("training.js")});
        const network = new Network({json.dumps(start)});
        const points = {json.dumps(np.c_[X, y].tolist())};
        for (let i = 0; i < 200; i++) network.step(points, 0.03);
        console.log(JSON.stringify(Array.from(network.weights)));
    """)
    expected = [
        *(model.coefs_[0].ravel(), model.intercepts_[0]),
        *(model.coefs_[1].ravel(), model.intercepts_[1]),
    ]
    # The sums of a batch are rounded in another order.
    assert_allclose(weights, np.concatenate(expected), rtol=1e-6, atol=1e-8)


@with_node
def test_a_drawing_becomes_numbers_like_those_of_the_digits():
    ring = [[40 + 30 * np.cos(t), 99 + 50 * np.sin(t)] for t in np.linspace(0, 7, 60)]
    line = [[10, 10], [10, 90]]
    drawings = [[ring], [line], []]
    zero, one, empty = (
        np.reshape(list(numbers), (8, 8))
        for numbers in answer_of(f"""
            const {{ pixelsOf }} = await import({module("drawing.js")});
            const drawings = {json.dumps(drawings)};
            console.log(JSON.stringify(drawings.map((d) => Array.from(pixelsOf(d)))));
        """)
    )
    assert not empty.any()
    assert zero.max() <= 16
    assert not zero[3:5, 3:5].any()  # the hole
    assert zero[:, [0, 7]].sum() == 0  # as high as the picture, not as wide
    assert (one[:, 3:5] > 0).all()
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(FOLDER / "digits.onnx")
    X = np.reshape([zero, one], (2, 64)).astype(np.float32)
    assert session.run(["label"], {"X": X})[0].tolist() == [0, 1]


def test_the_committed_networks_are_what_the_page_says():
    runtime = pytest.importorskip("onnxruntime")
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    _, X, _, y = train_test_split(X, y, random_state=0)
    session = runtime.InferenceSession(FOLDER / "digits.onnx")
    label, _ = session.run(None, {"X": X.astype(np.float32)})
    accuracy = f"{np.mean(label == y):.3f}"
    assert len(y) == 450
    assert float(accuracy) > 0.97
    assert accuracy in (DOCS / "learn/browser.md").read_text("utf-8")
    portuguese = (DOCS / "pt/learn/browser.md").read_text("utf-8")
    assert accuracy.replace(".", ",") in portuguese
    start = json.loads((FOLDER / "plane.json").read_text("utf-8"))
    session = runtime.InferenceSession(FOLDER / "plane.onnx")
    feeds = {"X": np.array([[0.5, -0.5], [1, 0.2]], dtype=np.float32)}
    for i, name in zip(session.get_inputs()[1:], ("W1", "b1", "W2", "b2"), strict=True):
        feeds[i.name] = np.reshape(start[name], i.shape).astype(np.float32)
    assert start["inputs"] == list(feeds)
    _, probabilities = session.run(None, feeds)
    points = feeds["X"]
    hidden = np.tanh(points @ start["W1"] + start["b1"])
    expected = 1 / (1 + np.exp(-(hidden @ start["W2"] + start["b2"])))
    assert_allclose(probabilities[:, 1], expected, rtol=1e-4)


@pytest.mark.parametrize("page", PAGES)
def test_the_page_has_what_its_script_looks_for(page):
    text = (DOCS / f"{page}.md").read_text("utf-8")
    script = (FOLDER / "page.js").read_text("utf-8")
    wanted = set(re.findall(r'find\("([\w-]+)"\)', script))
    assert len(wanted) >= 9
    assert set(re.findall(r'id="([\w-]+)"', text)) == wanted
    assert 'name="plane-class"' in text


# In Chromium --------------------------------------------------------------------------

CHECK = """
<script type="module">
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
for (let i = 0; i < 1200 && !document.body.dataset.browser; i++) await sleep(50);
const canvas = document.getElementById("digit-canvas");
const box = canvas.getBoundingClientRect();
canvas.setPointerCapture = () => {};
const send = (kind, target, x, y) => target.dispatchEvent(new PointerEvent(kind, {
  clientX: target.getBoundingClientRect().left + x,
  clientY: target.getBoundingClientRect().top + y, pointerId: 1 }));
for (let i = 0; i <= 40; i++) {
  const t = (2 * Math.PI * i) / 40;
  const [x, y] = [140 + 60 * Math.sin(t), 140 - 100 * Math.cos(t)];
  send(i ? "pointermove" : "pointerdown", canvas, x, y);
}
send("pointerup", canvas, 140, 40);
await sleep(500);
const shown = [...document.querySelectorAll("#digit-bars output")];
const plane = document.getElementById("plane-canvas");
send("pointerdown", plane, 300, 300);
await sleep(3000);
const result = {
  state: document.body.dataset.browser,
  status: document.getElementById("browser-status").textContent,
  digits: shown.map((o) => parseInt(o.textContent)),
  plane: document.getElementById("plane-steps").textContent,
};
await fetch("/result", { method: "POST", body: JSON.stringify(result) });
</script>
"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the site, adds the check to its pages, and takes the result."""

    results: dict = {}  # noqa: RUF012
    done = threading.Event()

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if path.suffix != ".html" or not path.exists():
            return super().do_GET()
        page = path.read_text("utf-8").replace("</body>", CHECK + "</body>")
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page.encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Handler.results = json.loads(body)
        self.send_response(200)
        self.end_headers()
        Handler.done.set()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of a site that has the two pages alone."""
    pytest.importorskip("pydata_sphinx_theme")
    if CHROMIUM is None or shutil.which("npm") is None:
        pytest.skip("needs chromium and npm")
    source, target = (tmp_path_factory.mktemp(name) for name in ("source", "site"))
    for page in PAGES:
        (source / page).parent.mkdir(parents=True)
        shutil.copy(DOCS / f"{page}.md", source / f"{page}.md")
    for name in ("_static", "_ext", "browser"):
        shutil.copytree(DOCS / name, source / "docs" / name)
    (source / "index.md").write_text("# Pages\n")
    (source / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(DOCS / '_ext')!r})\n"
        "extensions = ['myst_parser', 'browser_runtime']\n"
        "html_theme = 'pydata_sphinx_theme'\n"
        "html_static_path = ['docs/_static']\nhtml_css_files = ['site.css']\n"
        "exclude_patterns = ['docs']\n"
    )
    command = [sys.executable, "-m", "sphinx", "-q", str(source), str(target)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return target


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_page_works_in_chromium(page, site, tmp_path):
    Handler.done.clear()
    handler = functools.partial(Handler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/{page}.html"
        command = [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu"),
            *("--no-first-run", "--disable-background-networking", "--disable-sync"),
            *("--disable-component-update", "--disable-quic", "--mute-audio"),
            *(f"--user-data-dir={tmp_path}", "--remote-debugging-port=0", address),
        ]
        browser = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            assert Handler.done.wait(240), "the page did not answer"
        finally:
            browser.terminate()
            browser.wait()
            server.shutdown()
    result = Handler.results
    assert result["state"] == "ready", result
    assert result["digits"][0] == max(result["digits"]) > 50, result  # a 0 was drawn
    assert 99 <= sum(result["digits"]) <= 101 + 9
    steps, _right, points = map(int, re.findall(r"\d+", result["plane"]))
    assert steps > 10
    assert points == 9  # eight at the beginning, and one
