"""The notebook of the examples, run from the first cell to the last."""

import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("matplotlib_inline")

from sknn._site import SITE

NOTEBOOK = Path(__file__).parents[1] / "examples/notebook.ipynb"


@pytest.mark.filterwarnings("ignore")  # of Jupyter
def test_the_notebook_shows_what_it_promises(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    kinds = [
        {kind for output in cell for kind in getattr(output, "data", {})}
        for cell in outputs
    ]
    assert "text/html" in kinds[1]
    html = outputs[1][-1].data["text/html"]
    assert SITE in html
    assert "Parameters that scikit-learn does not have" in html
    assert 'aria-label="4 inputs, 6 relu, 4 relu, 3 softmax"' in html
    assert "hidden 1: dense, relu" in outputs[2][0].text
    for cell in kinds[4:7]:
        assert "image/png" in cell


def test_the_notebook_holds_no_output():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        assert not getattr(cell, "outputs", [])
