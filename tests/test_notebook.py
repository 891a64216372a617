import nbformat
import pytest
from conftest import ROOT, competition_config
from ipykernel.kernelspec import write_kernel_spec
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from goods.core.workspace import Workspace
from goods.demo.generator import generate
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare

EDA = ROOT / "notebooks" / "01-eda.ipynb"


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Run the stored notebook on a work folder, always in a kernel of this interpreter."""
    write_kernel_spec(tmp_path / "jupyter" / "kernels" / "python3")
    for name, value in {
        "JUPYTER_PATH": tmp_path / "jupyter",
        "JUPYTER_RUNTIME_DIR": tmp_path / "runtime",
        "IPYTHONDIR": tmp_path / "ipython",
        "GOODS_COMPETITION": "demo",
    }.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("MPLBACKEND", raising=False)

    def on(work):
        monkeypatch.setenv("GOODS_WORK", str(work))
        notebook = nbformat.read(EDA, as_version=4)
        where = {"metadata": {"path": str(EDA.parent)}}
        return NotebookClient(notebook, kernel_name="python3", timeout=300, resources=where).execute()

    return on


def outputs_of(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_the_stored_notebook_has_no_outputs():
    notebook = nbformat.read(EDA, as_version=4)
    nbformat.validate(notebook)
    assert outputs_of(notebook) == []
    assert all(c.execution_count is None for c in notebook.cells if c.cell_type == "code")


@pytest.mark.slow
def test_the_notebook_runs_on_a_prepared_demo_and_stays_light(tmp_path, execute):
    competition = competition_config(name="demo", reader="demo")
    generate(tmp_path / "raw", rows=700, classes=60, seed=1)
    ws = Workspace(tmp_path / "work", "demo")
    prepare(ws, competition, tmp_path / "raw")
    make_folds(ws, competition)
    notebook = execute(tmp_path / "work")
    outputs = outputs_of(notebook)
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    pictures = [o.data["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == 5
    assert len(nbformat.writes(notebook)) < 1_500_000
    printed = "".join(o.text for o in outputs if o.output_type == "stream")
    assert "demo: 700 train and 140 test cards, 60 classes" in printed


def test_without_a_workspace_the_notebook_says_how_to_make_one(tmp_path, execute):
    with pytest.raises(CellExecutionError, match=r"run `bash scripts/run_all\.sh demo` first"):
        execute(tmp_path / "empty")
