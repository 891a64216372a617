"""Probes on embeddings whose worth is known beforehand."""

from __future__ import annotations

import base64

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, competition_config, write_shop

from goods.cards.labels import Labels
from goods.config.loading import load_experiment
from goods.core.workspace import Workspace
from goods.models.embedding import Embedding, Encoded, named_cards
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.report.maps import map_of
from goods.report.probes import clusters, knn_probe, linear_probe, out_of_fold, together, zero_shot

LABELS = Labels([1, 2, 3], [("Дом", "Ножи"), ("Дом", "Кружки"), ("Чай",)], [("10", "1"), ("10", "2"), ("3",)])


def separated(n=150, spread=0.1, seed=0):
    rng = np.random.default_rng(seed)
    target = np.arange(n) % 3
    return (np.eye(3, 8)[target] + rng.normal(0, spread, (n, 8))).astype("f4"), target, np.arange(n) // 3 % 5


@pytest.mark.parametrize("probe", [knn_probe, linear_probe])
def test_a_probe_finds_what_is_there_and_nothing_where_there_is_nothing(probe):
    vectors, target, fold = separated()
    assert (probe(vectors, target, fold) == target).mean() > 0.98
    noise = np.random.default_rng(1).normal(size=vectors.shape).astype("f4")
    assert (probe(noise, target, fold) == target).mean() < 0.5


def test_a_fold_is_predicted_by_the_others_alone():
    seen = []

    class Spy:
        def fit(self, vectors, target):
            seen.append(set(vectors[:, 0].astype(int)))

        def predict(self, vectors):
            assert not seen[-1] & set(vectors[:, 0].astype(int))
            return np.zeros(len(vectors), int)

    out_of_fold(np.arange(20, dtype="f4")[:, None], np.arange(20) % 2, np.arange(20) % 4, Spy)
    assert [len(s) for s in seen] == [15] * 4


def test_zero_shot_takes_the_nearest_name():
    vectors, target, _ = separated()
    assert (zero_shot(Embedding("e", "title", vectors, np.eye(3, 8, dtype="f4") * 7)) == target).mean() > 0.98
    assert zero_shot(Embedding("e", "title", vectors)) is None
    names = named_cards(LABELS)
    assert names.title.tolist() == ["Ножи Дом", "Кружки Дом", "Чай"]
    assert (names.description == "").all() and names.image.isna().all()


def test_clusters_of_separated_classes():
    vectors, target, _ = separated()
    titles = pd.Series([f"вид {t}" for t in "абв" for _ in range(50)])
    order = np.argsort(target, kind="stable")
    found = clusters(vectors[order], target[order], titles, seed=0)
    assert found["KMeans AMI"] == pytest.approx(1)
    assert found["V-measure"] == pytest.approx(1)
    assert found["like titles together"] == pytest.approx(1)
    assert found["silhouette"] > 0.5
    assert found["HDBSCAN AMI"] > 0.8
    noise = clusters(np.random.default_rng(0).normal(size=(150, 8)).astype("f4"), target, titles, seed=0)
    assert noise["KMeans AMI"] < 0.2


def test_pairs_of_like_titles_by_hand():
    titles = pd.Series(["чай 1", "чай 2", "Чай", "нож", "", ""])
    # of the three pairs of чай one is in a cluster; empty titles are no pair
    assert together(titles, np.array([0, 0, 1, 1, 2, 2])) == pytest.approx(1 / 3)
    assert np.isnan(together(titles[3:5], np.array([0, 0])))


def test_only_the_named_fields_are_left():
    cards = pd.DataFrame(
        {"title": ["a"], "description": ["b"], "attributes": ["c"], "shop": ["d"], "image": ["x.jpg"]}
    )
    row = Encoded(cards, cards, cards).only("description").iloc[0]
    assert (row.title, row.description, row.attributes, row.shop, row.image) == ("", "b", "", "", None)


@pytest.mark.slow
def test_the_report_of_a_small_shop(tmp_path, run_script):
    competition, ws = competition_config(), Workspace(tmp_path / "work", "kazanexpress2023")
    prepare(ws, competition, write_shop(tmp_path / "shop", photos=True))
    make_folds(ws, competition)
    code, out, err = run_script(
        "probe",
        "kazanexpress2023",
        "navec",
        "image-frozen",
        "--no-maps",
        "--work",
        ws.root,
        "--out",
        tmp_path / "out",
    )
    assert code == 0, err
    assert "| navec words: title " in out and "| image-frozen " in out
    assert (tmp_path / "out/kazanexpress2023/probe.md").read_text(encoding="utf-8") in out + "\n"
    html = (tmp_path / "out/kazanexpress2023/probe.html").read_text(encoding="utf-8")
    assert "<img" not in html and html.count("<table>") == 2
    code, _, err = run_script("probe", "kazanexpress2023", "linear", "--work", ws.root)
    assert code == 2 and "a probe takes frozen encoders" in err


@pytest.mark.slow
def test_a_map_is_a_picture_and_the_same_every_time():
    vectors, target, _ = separated()
    first, again = (map_of(vectors, target, LABELS, "toy", seed=0) for _ in range(2))
    assert base64.b64decode(first).startswith(b"\x89PNG")
    assert first == again


def test_the_documented_default_exists():
    for competition in ("kazanexpress2023", "wildberries"):
        for name in ("navec", "image-frozen", "clip", "coca"):
            assert load_experiment(ROOT / "configs" / competition / f"{name}.yaml").name == name
