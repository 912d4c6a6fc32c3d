"""Print the versions that the tests of a CI job ran with, as a table in Markdown.

python .ci/versions.py "newest versions" >> "$GITHUB_STEP_SUMMARY"
"""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ["sknn", "scikit-learn", "numba", "llvmlite", "numpy", "scipy", "joblib"]
OTHERS = ["pandas", "polars", "onnx", "onnxruntime", "skops", "torch", "keras"]
OTHERS += ["optuna", "mlflow", "shap", "captum", "distributed"]


def main() -> None:
    """Print a table of two rows: the packages, and their versions."""
    found = {"Python": platform.python_version(), "system": platform.system()}
    for package in PACKAGES + OTHERS:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    title = sys.argv[1] if len(sys.argv) > 1 else "versions"
    print(f"### Tested together: {title}\n")
    for row in (found, ["---"] * len(found), found.values()):
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
