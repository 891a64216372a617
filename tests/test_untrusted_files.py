"""Files that are read run no code: not weights, not arrays, not settings, not archives, not tables."""

from __future__ import annotations

import ast
import io
import json
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from conftest import ROOT, competition_config, write_shop
from toy_models import killed_after, navec_config, toy_cards, toy_context, trainer

from goods.cards.table import load_cards
from goods.competitions import kazanexpress2023
from goods.config.strict_yaml import read_yaml
from goods.core.artifacts import read_npz
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.models.text.encoder import encoder_from_files, load_encoder
from goods.models.text.navec_model import NavecModel
from goods.prepare.stage import prepare

FOLDERS = ("src", "scripts", "benchmarks")
MODULES = {"pickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve", "runpy", "code", "codeop"}
CALLED = {"eval", "exec", "compile", "__import__"}
METHODS = {  # of whatever object
    *("extract", "extractall", "unpack_archive", "read_pickle", "to_pickle", "load_from_checkpoint"),
    *("spec_from_file_location", "exec_module", "getoutput", "getstatusoutput", "popen", "system"),
}
SETTINGS = {  # what a call must be told, as a constant
    "from_pretrained": ("trust_remote_code", False),
    "from_config": ("trust_remote_code", False),
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "fit(ckpt_path)": ("weights_only", True),
}
LOADS = {"torch.load", "np.load", "numpy.load"}
SAFE = "yaml.SafeLoader"


def faults(source: str) -> Iterator[str]:
    """What of a file's source may run code that a file holds, or a shell."""
    tree = ast.parse(source)
    safe = {SAFE} | {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and [ast.unparse(base) for base in node.bases] == [SAFE]
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            modules = []
        yield from (m for m in modules if m.partition(".")[0] in MODULES or m in LOADS | {"joblib.load"})
        if isinstance(node, ast.Call):
            yield from call_faults(node, safe)


def call_faults(call: ast.Call, safe: set[str]) -> Iterator[str]:
    name, told = ast.unparse(call.func), {keyword.arg: keyword.value for keyword in call.keywords}
    last = name.rpartition(".")[2]
    if name in CALLED or (last in METHODS and "." in name) or (last == "eval" and call.args):
        yield name
    if name.startswith(("torch.hub.", "torch.jit.load", "torch.package.", "joblib.load")):
        yield name
    if "shell" in told and ast.unparse(told["shell"]) != "False":
        yield f"{name} in a shell"
    if name in ("yaml.unsafe_load", "yaml.full_load") or name.startswith("yaml.load"):
        loaders = [ast.unparse(value) for value in (*call.args[1:], *told.values())]
        if name != "yaml.load" or len(loaders) != 1 or loaders[0] not in safe:
            yield f"{name} by no safe loader"
    kind = "fit(ckpt_path)" if last == "fit" and "ckpt_path" in told else name.replace("numpy", "np")
    key, wanted = SETTINGS.get(last, SETTINGS.get(kind, (None, None)))
    if key is not None:
        given = told.get(key)
        if not isinstance(given, ast.Constant) or given.value is not wanted:
            yield f"{name} without {key}={wanted}"


@pytest.mark.parametrize(
    "source",
    [
        *("import pickle", "from pickle import loads", "import shelve", "import marshal", "import dill as d"),
        *("eval(text)", "exec(text)", "compile(text, '', 'eval')", "__import__(name)", "frame.eval(text)"),
        *("np.load(path)", "np.load(path, allow_pickle=True)", "numpy.load(path)", "from numpy import load"),
        *("torch.load(path)", "torch.load(path, weights_only=False)", "torch.hub.load(name)"),
        *("AutoModel.from_pretrained(name)", "AutoModel.from_config(c, trust_remote_code=True)"),
        *("trainer.fit(net, ckpt_path=path)", "Net.load_from_checkpoint(path)", "pd.read_pickle(path)"),
        *("yaml.load(text)", "yaml.load(text, yaml.Loader)", "yaml.full_load(text)", "joblib.load(path)"),
        *("class L(yaml.Loader): pass\nyaml.load(text, L)", "yaml.load_all(text, yaml.SafeLoader)"),
        *("archive.extractall()", "archive.extract(name)", "shutil.unpack_archive(path)"),
        *("os.system(text)", "os.popen(text)", "subprocess.run(text, shell=True)", "import runpy"),
    ],
)
def test_the_scan_finds_what_runs_code(source):
    assert list(faults(source))


@pytest.mark.parametrize(
    "source",
    [
        *("net.eval()", "re.compile(text)", "json.loads(text)", "yaml.safe_load(text)", "model.fit(cards)"),
        *("class L(yaml.SafeLoader): pass\nyaml.load(text, L)", "from joblib import Parallel"),
    ],
)
def test_the_scan_lets_pass_what_does_not(source):
    assert not list(faults(source))


def test_no_source_file_runs_what_it_reads():
    found = [
        f"{file.relative_to(ROOT)}: {fault}"
        for folder in FOLDERS
        for file in sorted((ROOT / folder).rglob("*.py"))
        for fault in faults(file.read_text(encoding="utf-8"))
    ]
    assert found == []


CODE = """
from pathlib import Path
from transformers import {base}
Path({mark!r}).touch()
class Custom({base}): pass
"""


def folder_with_code(folder: Path, mark: Path, which: str) -> Path:
    """A weights folder whose config or tokenizer names a module of its own, which makes the file `mark`."""
    folder.mkdir()
    base = {"config": "PretrainedConfig", "model": "PreTrainedModel", "tokenizer": "PreTrainedTokenizerFast"}
    (folder / "custom.py").write_text(CODE.format(base=base[which], mark=str(mark)))
    auto = {
        "config": {"AutoConfig": "custom.Custom"},
        "model": {"AutoConfig": "custom.Custom", "AutoModel": "custom.Custom"},
        "tokenizer": {"AutoTokenizer": [None, "custom.Custom"]},
    }[which]
    config = {"model_type": "mine", "auto_map": auto}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text(json.dumps({"auto_map": auto}))
    return folder


@pytest.mark.parametrize("which", ["config", "model", "tokenizer"])
@pytest.mark.parametrize(
    "load", [lambda folder: load_encoder(folder, 32), lambda folder: encoder_from_files(Path(folder), False)]
)
def test_code_of_a_weights_folder_is_not_run_nor_asked_about(which, load, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 9))
    folder = folder_with_code(tmp_path / "weights", tmp_path / "executed", which)
    with pytest.raises((GoodsError, OSError, ValueError)):
        load(str(folder))
    assert not (tmp_path / "executed").exists() and not (tmp_path / "modules").exists()
    assert capfd.readouterr().out == ""


def test_a_run_with_such_weights_ends_with_exit_code_2(tmp_path, monkeypatch, run_script, ws, shop):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 9))
    folder = folder_with_code(tmp_path / "weights", tmp_path / "executed", "tokenizer")
    config = ROOT / "configs" / "kazanexpress2023" / "transformer.yaml"
    code, out, err = run_script("train", config, "--work", ws.root, "--text-weights", folder)
    assert code == 2 and not (tmp_path / "executed").exists()
    assert out == "" and "not loaded from the folder" in err and "[y/N]" not in err


class Trap:
    """What unpickling it does: a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_a_pickled_array_is_refused_unexecuted(tmp_path):
    mark = tmp_path / "executed"
    np.savez(tmp_path / "objects.npz", a=np.array([Trap(mark)], dtype=object))
    (tmp_path / "plain.npz").write_bytes(pickle.dumps(Trap(mark)))
    for name in ("objects", "plain"):
        with pytest.raises(GoodsError, match=f"{name}.npz: damaged"):
            read_npz(tmp_path / f"{name}.npz")
    assert not mark.exists()


YAMLS = [
    "a: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [{mark}]]",
    "a: !!python/object/new:pathlib.Path [{mark}]",
    "a: !!python/name:os.system",
    "a: !!python/module:os",
    "a: 2001-99-99",
    "a: " + "[" * 2000,
]


@pytest.mark.parametrize("text", YAMLS)
def test_settings_that_name_python_objects_or_are_broken_are_refused(text, tmp_path, run_script):
    mark, path = tmp_path / "executed", tmp_path / "competition.yaml"
    path.write_text(text.format(mark=mark))
    with pytest.raises(GoodsError, match=r"competition\.yaml"):
        read_yaml(path)
    setting = "model.C=" + text.format(mark=mark).removeprefix("a: ")
    config = ROOT / "configs" / "demo" / "linear.yaml"
    code, out, err = run_script("train", config, "--work", tmp_path, "--set", setting)
    assert (code, out) == (2, "") and len(err.strip().splitlines()) == 1
    assert not mark.exists()


def test_an_extension_type_of_pickled_python_is_read_as_what_it_stores(tmp_path):
    mark, shop = tmp_path / "executed", write_shop(tmp_path / "shop", 24, 6)
    for name in ("train", "test"):
        table = pq.read_table(shop / f"{name}.parquet")
        evil = {
            b"ARROW:extension:name": b"arrow.py_extension_type",
            b"ARROW:extension:metadata": pickle.dumps(Trap(mark)),
        }
        fields = [f.with_metadata(evil) if f.name == "shop_title" else f for f in table.schema]
        pq.write_table(table.cast(pa.schema(fields)), shop / f"{name}.parquet")
    cards = kazanexpress2023.read(shop).cards
    assert cards.shop.str.startswith("Магазин").all() and not mark.exists()


def test_members_that_climb_out_of_a_zip_are_neither_written_nor_taken(tmp_path):
    shop = write_shop(tmp_path / "data" / "shop", 24, 6, photos=True)
    photo = (shop / "images/train/1000.jpg").read_bytes()
    for file in (shop / "images/train").iterdir():
        file.unlink()
    link = zipfile.ZipInfo("train/1003.jpg")
    link.external_attr = 0o120777 << 16
    (tmp_path / "data" / "1001.jpg").write_bytes(photo)
    with zipfile.ZipFile(shop / "images.zip", "w") as archive:
        for name in ("../1001.jpg", "/tmp/1002.jpg", "..\\1002.jpg", "C:/1002.jpg", "train/1000.jpg"):
            archive.writestr(name, photo)
        archive.writestr(link, "../../1001.jpg")
    before = sorted(tmp_path.rglob("*"))
    ws = Workspace(tmp_path / "work", "kazanexpress2023")
    prepare(ws, competition_config(), shop)
    cards = load_cards(ws)
    train = cards[cards.split == "train"].set_index("product_id").image.dropna()
    assert train.to_dict() == {1000: "images.zip::train/1000.jpg"}
    assert [p for p in sorted(tmp_path.rglob("*")) if ws.root not in (p, *p.parents)] == before


@pytest.mark.parametrize("ema", [None, 0.9])
def test_a_checkpoint_of_pickled_python_is_not_gone_on_from(ema, tmp_path, monkeypatch, capsys):
    """Nor one that is damaged: the training begins again, with the weights it would have had."""
    train, config, mark = (
        toy_cards(80),
        navec_config(trainer=trainer(epochs=2, ema=ema)),
        tmp_path / "executed",
    )

    def weights(left: Callable[[Path], object] | None) -> dict[str, torch.Tensor]:
        if left is not None:
            with killed_after(monkeypatch, 1), pytest.raises(KeyError):
                NavecModel(config, toy_context(tmp_path)).fit(train, None)
            (checkpoint,) = (tmp_path / "scratch").glob("*.ckpt")
            left(checkpoint)
        model = NavecModel(config, toy_context(tmp_path))
        model.fit(train, None)
        assert model.net is not None
        return model.net.state_dict()

    undisturbed = weights(None)
    for left in (
        lambda path: torch.save({"state_dict": Trap(mark)}, path),
        lambda path: path.write_bytes(pickle.dumps(Trap(mark))),
        lambda path: path.write_bytes(path.read_bytes()[:1000]),
        lambda path: torch.save({"state_dict": {}}, path),
    ):
        found = weights(left)
        assert all(torch.equal(found[name], value) for name, value in undisturbed.items())
        assert "begins again" in capsys.readouterr().err
    assert not mark.exists()
