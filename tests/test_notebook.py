"""Notebooks are stored without outputs, name what there is, and run from any folder of a clone."""

from __future__ import annotations

import ast
import shutil
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import MagicMock

import matplotlib.pyplot as plt
import nbformat
import pytest
from conftest import ROOT, competition_config
from ipykernel.kernelspec import write_kernel_spec
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from test_extensions import block

from goods.core.workspace import Workspace
from goods.demo.generator import generate
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EDA = ROOT / "notebooks" / "01-eda.ipynb"
FOLDERS = {  # what a notebook writes below the work folder, and texts that its outputs hold
    "02-first-submission": ("first-submission", ["demo stack: weighted_f1", "5 of 5 as in the submission"]),
    "03-error-analysis": (
        "error-analysis",
        ["suspected labels", "errors among its children", "score starts"],
    ),
    "04-your-own-model": ("own-model", ["right by bayes alone", "with bayes"]),
    "05-your-own-contest": ("own-contest", ["metric: weighted_f1", "stationery stack: macro_f1", "on test"]),
}
# the same run comes first in them
FIRST, GO_ON = "02-first-submission", ("03-error-analysis", "04-your-own-model")
PATIENCE = (
    1_200  # seconds for a kernel's start or a cell, of which a minute is needed where no other job runs
)
LARGEST = 300_000  # characters of a notebook with its outputs


def executed(place: Path, work: Path, path: Path = EDA, folder: Path = EDA.parent) -> nbformat.NotebookNode:
    """A stored notebook run on a work folder, in a kernel of this interpreter that keeps its files in `place`."""
    write_kernel_spec(place / "jupyter" / "kernels" / "python3")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "JUPYTER_PATH": place / "jupyter",
            "JUPYTER_RUNTIME_DIR": place / "runtime",
            "IPYTHONDIR": place / "ipython",
            "GOODS_COMPETITION": "demo",
            "GOODS_WORK": work,
        }.items():
            patch.setenv(name, str(value))
        patch.delenv("MPLBACKEND", raising=False)
        notebook = nbformat.read(path, as_version=4)
        where = {"metadata": {"path": str(folder)}}
        patience = {"timeout": PATIENCE, "startup_timeout": PATIENCE}
        return NotebookClient(notebook, kernel_name="python3", resources=where, **patience).execute()


@pytest.fixture
def execute(tmp_path):
    return partial(executed, tmp_path)


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> tuple[set[Path], Path, nbformat.NotebookNode]:
    """The clone's files before the notebook whose run others begin with too, its work folder, and what it became."""
    place, before = tmp_path_factory.mktemp("first"), files_of_the_clone()
    path = EDA.with_name(f"{FIRST}.ipynb")
    return before, place / "work", executed(place, place / "work", path, ROOT / "docs")


def outputs_of(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def sources(path: Path) -> list[str]:
    """Python of a notebook's code cells, with magics as the calls that they stand for."""
    cells = nbformat.read(path, as_version=4).cells
    return [TransformerManager().transform_cell(c.source) for c in cells if c.cell_type == "code"]


def names_of_goods(tree: ast.Module) -> list[str]:
    """Dotted names of this package that are imported or that follow its name."""
    found, known = [], {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] == "goods"]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "goods":
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            of = "goods" if node.value.id == "goods" else known.get(node.value.id)
            found += [f"{of}.{node.attr}"] if of and not node.attr.startswith("__") else []
    return [*found, *known.values()]


def exists(dotted: str) -> bool:
    """Whether a module, or an attribute of a module or of what it holds, is there."""
    parts = dotted.split(".")
    end = next(n for n in range(len(parts), 0, -1) if is_module(".".join(parts[:n])))
    found = import_module(".".join(parts[:end]))
    for name in parts[end:]:
        if not hasattr(found, name):
            return name in getattr(found, "__dataclass_fields__", {})
        found = getattr(found, name)
    return True


def is_module(dotted: str) -> bool:
    try:
        return find_spec(dotted) is not None
    except ModuleNotFoundError:
        return False


def files_of_the_clone() -> set[Path]:
    folders = ("notebooks", "configs", "docs", "src", "scripts", "submissions")
    found = {file for name in folders for file in (ROOT / name).rglob("*") if "__pycache__" not in file.parts}
    work = ROOT / "work"  # where a program of another test has its temporary files meanwhile
    found |= {path for path in work.glob("*") if path.name != "tmp"}
    shown = {path for path in ROOT.iterdir() if path.name[0] != "."}  # others keep their caches there
    return found | shown - {work}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_stored_notebook_has_no_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert outputs_of(notebook) == []
    assert all(c.execution_count is None for c in notebook.cells if c.cell_type == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_are_python_and_name_what_the_package_has(path):
    tree = ast.parse("\n".join(sources(path)))
    named = names_of_goods(tree)
    assert named and [name for name in named if not exists(name)] == []


def test_the_first_look_finds_the_work_folder_of_the_clone_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GOODS_WORK", raising=False)
    monkeypatch.setenv("GOODS_COMPETITION", "nowhere")
    begins = sources(EDA)[0]
    with (
        plt.rc_context(),
        pytest.raises(SystemExit, match=f"^{ROOT / 'work' / 'nowhere'}/.+ is missing: run"),
    ):
        exec(begins, {"get_ipython": MagicMock})


def test_a_name_that_is_not_there_is_found():
    code = (
        "import goods\nfrom goods import cli\nfrom goods.stack import stages\ngoods.walk(cli.ROOMS, cli.ROOT)"
    )
    missing = [name for name in names_of_goods(ast.parse(code)) if not exists(name)]
    assert missing == ["goods.walk", "goods.cli.ROOMS", "goods.stack.stages"]


def test_every_notebook_is_listed_and_has_a_test():
    page = (ROOT / "docs" / "howto.md").read_text(encoding="utf-8")
    assert all(f"notebooks/{path.name}" in page for path in NOTEBOOKS)
    assert [path.stem for path in NOTEBOOKS if path != EDA] == list(FOLDERS)


def test_the_notebook_writes_the_family_that_the_page_shows():
    cells = nbformat.read(ROOT / "notebooks" / "04-your-own-model.ipynb", as_version=4).cells
    written = [c.source.partition("\n")[2] for c in cells if c.source.startswith("%%writefile")]
    assert written == [block("docs/own-model.md", "# Your own model").rstrip("\n")]


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path != EDA], ids=lambda path: path.stem)
def test_a_notebook_runs_from_any_folder_and_writes_below_its_own(path, tmp_path, execute, first):
    own, told = FOLDERS[path.stem]
    if path.stem == FIRST:
        before, work, notebook = first
    else:
        before, work = files_of_the_clone(), tmp_path / "work"
        if path.stem in GO_ON:
            shutil.copytree(first[1] / "notebooks" / FOLDERS[FIRST][0], work / "notebooks" / own)
        notebook = execute(work, path, ROOT / "docs")
    assert [folder.name for folder in work.iterdir()] == ["notebooks"]
    assert [folder.name for folder in (work / "notebooks").iterdir()] == [own]
    assert files_of_the_clone() == before
    text = nbformat.writes(notebook)
    assert len(text) < LARGEST
    assert not [o for o in outputs_of(notebook) if o.output_type == "error"]
    assert "Warning" not in "".join(o.text for o in outputs_of(notebook) if o.get("name") == "stderr")
    outputs = "".join(map(str, outputs_of(notebook)))
    assert [words for words in told if words not in outputs] == []


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
