"""onnxruntime-web, copied from npm into the built site for the pages that need it.

``docs/browser/package.json`` names its version. npm installs it below ``build/``, once.
Without npm the site is built all the same, and the page says what is missing.
"""

import shutil
import subprocess
from pathlib import Path

from sphinx.util import logging

DOCS = Path(__file__).parents[1]
INSTALLED = DOCS.parent / "build" / "browser"
PACKAGE = INSTALLED / "node_modules" / "onnxruntime-web"
# The smallest build: WebAssembly alone, without WebGL and WebGPU.
FILES = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
LICENCE = """onnxruntime-web {version}, https://github.com/microsoft/onnxruntime
Copyright (c) Microsoft Corporation. Released under the MIT License:
https://github.com/microsoft/onnxruntime/blob/main/LICENSE
"""
PAGES = {"learn/browser", "pt/learn/browser"}
_log = logging.getLogger(__name__)


def install():
    """Install the package below build/, where that was not done before."""
    locked = (DOCS / "browser" / "package-lock.json").read_bytes()
    done = INSTALLED / "package-lock.json"
    if PACKAGE.exists() and done.exists() and done.read_bytes() == locked:
        return True
    npm = shutil.which("npm")
    if npm is None:
        return False
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(DOCS / "browser" / name, INSTALLED)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    result = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True)
    if result.returncode:
        _log.info("npm ci failed:\n%s", result.stderr)
    return not result.returncode


def copy(app, error):
    """Copy the files into the folder of static files of a site that is built."""
    if error is not None or app.builder.name != "html":
        return
    if not install():
        _log.info("The networks of learn/browser do not run: npm is not there.")
        return
    target = Path(app.outdir) / "_static" / "onnxruntime-web"
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(PACKAGE / "dist" / name, target)
    lines = (DOCS / "browser" / "package.json").read_text("utf-8")
    version = lines.partition('"onnxruntime-web": "')[2].partition('"')[0]
    (target / "LICENSE.txt").write_text(LICENCE.format(version=version), "utf-8")


def add_files(app, page, template, context, doctree):
    """Load the style and the script on the pages that run networks, and only there."""
    if page in PAGES:
        app.add_css_file("browser/page.css")
        app.add_js_file("browser/page.js", type="module")


def setup(app):
    """Register the extension."""
    app.connect("html-page-context", add_files)
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
