"""Make the pictures of docs/use/courses.md: python docs/images/courses/make.py.

Runs every example; where it would show its figure, the figure is saved.
"""

import runpy
from pathlib import Path

import matplotlib.pyplot as plt

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"


def make_picture(example):
    """Run an example and save its figure under its name."""
    print(f"\n{example.stem}:")
    plt.switch_backend("Agg")
    plt.show = lambda: plt.savefig(HERE / f"{example.stem}.png", dpi=80)
    runpy.run_path(str(example))
    plt.close("all")


if __name__ == "__main__":
    for path in sorted(EXAMPLES.glob("*.py")):
        if "# Keras: " in path.read_text("utf-8") and path.stem != "decision_boundary":
            make_picture(path)
