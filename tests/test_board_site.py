"""Submissions made elsewhere, what a board says, and sending one to a contest's site."""

import json
import os
import sys
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, competition_config, write_shop

from goods.cards.labels import Labels
from goods.config.loading import load_experiment
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.submit.elsewhere import compare
from goods.submit.ledger import rows_of
from goods.submit.stage import submit
from goods.train.stage import train

NAME = "kazanexpress2023"
SECRET = "0123456789abcdefNOBODY"
SENT = b64encode(f"nobody:{SECRET}".encode()).decode()  # in a request's header


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    competition, ws = competition_config(n_folds=5), Workspace(folder / "work", NAME)
    prepare(ws, competition, write_shop(folder / "shop", n_train=150, n_test=30))
    make_folds(ws, competition)
    train(ws, competition, load_experiment(ROOT / "configs" / NAME / "linear.yaml"))
    return ws, competition, submit(ws, competition, "linear", folder / "out")


@pytest.fixture
def call(trained, run_script):
    """scripts/submit.py on the finished run."""
    ws, _, result = trained

    def called(*options):
        return run_script("submit", NAME, "linear", "--work", ws.root, "--out", result.parents[1], *options)

    return called


def test_a_file_made_elsewhere_is_checked_in_either_format(trained, call, tmp_path):
    table = pd.read_parquet(trained[2])
    table.sample(frac=1, random_state=0).to_csv(tmp_path / "good.csv", index=False)
    code, out, _ = call("--check", tmp_path / "good.csv")
    assert code == 0
    assert "30 rows, as the contest takes them" in out
    wrong = {
        "lacking.csv": (table.iloc[1:], "not exactly those of the test cards"),
        "unknown.csv": (table.assign(predicted_category_id=99), "category 99"),
        "named.parquet": (table.rename(columns={"product_id": "id"}), "column 'product_id' is missing"),
        "empty.csv": (
            table.assign(predicted_category_id=[None, *table.predicted_category_id[1:]]),
            "predicted_category_id of row 0 is empty, expected a class such as ",
        ),
    }
    for name, (bad, message) in wrong.items():
        path = tmp_path / name
        bad.to_csv(path, index=False) if path.suffix == ".csv" else bad.to_parquet(path, index=False)
        code, _, err = call("--check", path)
        assert code == 2
        assert err.count("\n") == 1
        assert err.startswith(f"error: {path}: submission")
        assert message in err
    table.to_csv(tmp_path / "semicolons.csv", sep=";", index=False)
    table.head(0).to_csv(tmp_path / "rowless.csv", index=False)
    table.assign(product_id=[f"a{i}" for i in range(30)]).to_csv(tmp_path / "texts.csv", index=False)
    (tmp_path / "text.txt").write_text("a")
    (tmp_path / "nothing.csv").touch()
    os.mkfifo(tmp_path / "pipe.csv")
    refused = {
        "semicolons.csv": "its columns are divided by ';', expected ','",
        "rowless.csv": "holds no rows; give one for each of the 30 test rows",
        "texts.csv": "is str, expected int64; write the test cards' ids, which are whole numbers such as 5000",
        "text.txt": "expected .parquet or .csv",
        "none.csv": "no such file; name a .parquet or .csv",
        "pipe.csv": "a pipe or a device, which can be read but once; save what it gives as a .parquet or .csv file",
        "nothing.csv": "not readable (No columns to parse from file); write it again",
        "": "a folder, expected a .parquet or .csv file",
    }
    for name, message in refused.items():
        code, _, err = call("--check", tmp_path / name)
        assert code == 2 and err.count("\n") == 1 and err.startswith(f"error: {tmp_path / name}: ")
        assert message in err


def test_two_submissions_are_compared_by_the_tree_and_by_probability(trained, tmp_path):
    ws, competition, result = trained
    labels, table = Labels.load(ws), pd.read_parquet(result)
    of = {path: labels.ids[c] for c, path in enumerate(labels.nodes)}
    changed = table.predicted_category_id.to_numpy(np.int64).copy()
    changed[:3] = [11, 11, 11]
    a = table.assign(predicted_category_id=changed)
    changed = changed.copy()
    changed[:2] = [12, 21]  # a sibling, a class of another branch
    assert {11, 12, 21} <= set(of.values())
    b = a.assign(predicted_category_id=changed)
    a.to_csv(tmp_path / "a.csv", index=False)
    b.sample(frac=1, random_state=2).to_parquet(tmp_path / "b.parquet", index=False)
    (found,) = compare(ws, competition, "linear", tmp_path / "a.csv", tmp_path / "b.parquet")
    assert (found.cards, found.differ, found.same_parent, found.same_top) == (30, 2, 1, 0)
    said = Predictions.load(ws.run("linear").test).aligned(table.product_id.to_numpy())
    p = {c: said.proba_of(labels.ids.index(c)) for c in (11, 12, 21)}
    assert found.gain == pytest.approx(p[12][0] - p[11][0] + p[21][1] - p[11][1], abs=1e-6)
    assert "2 of 30 labels differ (6.7%): 1 within one parent" in str(found)


def test_a_board_s_score_is_noted_and_nothing_is_submitted(trained, call):
    result = trained[2]
    before = result.stat().st_mtime_ns
    code, out, _ = call("--public", 0.8902)
    assert code == 0
    assert "public=0.8902" in out
    row = rows_of(result.parents[1] / "leaderboard.csv").iloc[-1]
    assert row.public == 0.8902
    assert call("--private", 0.5, "--submission", row.file_hash[:6])[0] == 0
    assert rows_of(result.parents[1] / "leaderboard.csv").private.iloc[-1] == 0.5
    assert result.stat().st_mtime_ns == before
    assert call("--public", 0.5, "--submission", "zz")[0] == 2


class Site(BaseHTTPRequestHandler):
    """What the client asks of the contest's site: where to upload to, the upload, and the submission."""

    status, asked = 200, []

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path.rpartition("/")[2], asked))
        if self.path.endswith("StartSubmissionUpload"):
            self.answer({"token": "t0ken", "createUrl": f"http://localhost:{self.server.server_port}/upload"})
        else:
            self.answer({"message": "Successfully submitted", "ref": 1})

    def do_PUT(self):
        self.asked.append(("upload", self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.answer({})

    def answer(self, said):
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def site(monkeypatch, tmp_path):
    """A contest's site on this machine, and an account's credentials in the environment."""
    for name, value in {
        "KAGGLE_CONFIG_DIR": str(tmp_path / "config"),
        "KAGGLE_USERNAME": "nobody",
        "KAGGLE_KEY": SECRET,
        "VERBOSE": "1",
    }.items():
        monkeypatch.setenv(name, value)
    environment = pytest.importorskip("kagglesdk.kaggle_env", reason="the package kaggle is not installed")
    server = HTTPServer(("localhost", 0), Site)
    address = f"http://localhost:{server.server_port}"
    monkeypatch.setitem(environment._env_to_endpoint, environment.KaggleEnv.PROD, address)
    monkeypatch.setattr(Site, "asked", [])
    monkeypatch.setattr(Site, "status", 200)
    Thread(target=server.serve_forever, daemon=True).start()
    yield Site
    server.shutdown()
    server.server_close()


def test_a_submission_is_sent_to_the_contest_s_site(trained, call, site):
    code, out, err = call("--kaggle", "shop-2023", "-m", "linear alone")
    assert code == 0, err
    assert out.splitlines()[-1] == "Successfully submitted"
    assert not any(told in out + err for told in (SECRET, SENT, "Authorization"))
    names = [name for name, _ in site.asked]
    assert names == ["StartSubmissionUpload", "upload", "CreateSubmission"]
    assert site.asked[0][1]["fileName"] == "submission.csv"
    assert site.asked[1][1] == pd.read_parquet(trained[2]).to_csv(index=False)
    assert site.asked[2][1]["competitionName"] == "shop-2023"
    assert site.asked[2][1]["submissionDescription"] == "linear alone"


@pytest.mark.parametrize(
    ("status", "message"), [(403, "accept the contest's rules"), (401, "credentials are not taken")]
)
def test_a_site_that_refuses_is_told_in_one_line_without_credentials(
    call, site, monkeypatch, status, message
):
    monkeypatch.setattr(site, "status", status)
    code, out, err = call("--kaggle", "shop-2023")
    assert code == 2
    last = err.splitlines()[-1]
    assert last.startswith("error: --kaggle shop-2023: not sent, status")
    assert message in last
    assert not any(told in out + err for told in (SECRET, SENT, "Authorization"))


def test_without_the_package_nothing_is_submitted_and_one_line_says_what_to_do(
    trained, run_script, tmp_path, monkeypatch
):
    for name in [name for name in sys.modules if name.partition(".")[0] == "kaggle"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "kaggle", None)
    options = ("--work", trained[0].root, "--out", tmp_path / "out", "--kaggle", "shop-2023")
    code, _, err = run_script("submit", NAME, "linear", *options)
    assert code == 2
    assert err.count("\n") == 1
    assert "the package kaggle is not installed" in err
    assert not (tmp_path / "out" / NAME).exists()


def test_pairs_have_no_classes_to_compare():
    from goods.competitions.submission import PairScores

    with pytest.raises(GoodsError, match="say no classes"):
        PairScores(("a", "b"), "t").classes(pd.DataFrame(), "t", Labels([], [], []))
