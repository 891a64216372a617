"""AutoGluon, LightAutoML or napkinXC on cards' texts, in an environment of its own: it imports nothing of ours.

reads:  FOLDER/train.parquet (texts, target: a class number), FOLDER/test.parquet (texts)
writes: --out: said.parquet (a class number per test row); its last line on stdout is JSON: seconds of the fit and of
        the answers, what was fitted

Time limit and threads are given to a peer by its own options (napkinXC knows no limit), the metric where it takes one;
else they are at their defaults: AutoGluon makes n-grams of texts, LightAutoML TF-IDF. None loads weights.

    PEER/bin/python benchmarks/foreign.py autogluon FOLDER --seconds 900 --threads 2 --out OUT
"""

import argparse
import json
import logging
import os
import time
from pathlib import Path

import pandas as pd

TARGET = "target"


class AutoGluon:
    """Boosted trees, forests, neighbours and what else is installed, joined by weights found on a tenth."""

    def __init__(self, args):
        self.args, self.predictor = args, None

    def fit(self, train):
        from autogluon.tabular import TabularPredictor

        place = str(self.args.out / "models")
        self.predictor = TabularPredictor(
            TARGET, "multiclass", eval_metric="f1_weighted", path=place, verbosity=2
        )
        self.predictor.fit(
            train,
            time_limit=self.args.seconds,
            presets=self.args.preset,
            num_cpus=self.args.threads,
            num_gpus=0,
        )

    def classes(self, cards):
        return self.predictor.predict(cards).to_numpy()

    def told(self):
        board = self.predictor.leaderboard(silent=True)
        return board.set_index("model").score_val.round(4).to_dict()


class LightAutoML:
    """A linear model on TF-IDF of all texts, LightGBM on what it makes of the other columns, blended."""

    def __init__(self, args):
        self.args, self.automl, self.names = args, None, []

    def fit(self, train):
        # its extra `nlp` asks for packages that only embeddings need
        os.environ.setdefault("DOCUMENTATION_ENV", "1")
        from lightautoml.automl.presets.text_presets import TabularNLPAutoML
        from lightautoml.tasks import Task

        texts = [name for name in train if name != TARGET]
        train = train[train.groupby(TARGET)[TARGET].transform("size") > 1]  # it refuses classes of one card
        self.automl = TabularNLPAutoML(
            task=Task("multiclass"),
            timeout=self.args.seconds,
            cpu_limit=self.args.threads,
            general_params={"use_algos": [["linear_l2", "lgb"]], "nested_cv": False},
            selection_params={"mode": 0},  # it fails where all columns are texts
            text_params={"lang": "ru", "bert_model": None},
            linear_pipeline_params={"text_features": "tfidf"},
            gbm_pipeline_params={"text_features": "tfidf"},
        )
        self.automl.fit_predict(train, roles={"target": TARGET, "text": texts}, verbose=2)

    def classes(self, cards):
        import numpy as np

        best, numbers = self.automl.predict(cards).data.argmax(1), self.automl.reader.class_mapping
        return best if numbers is None else np.array(sorted(numbers, key=numbers.get))[best]

    def told(self):
        return {"blend": self.automl.create_model_str_desc()}


class NapkinXC:
    """A probabilistic label tree over TF-IDF of title and shop: words 1-2, characters 2-5."""

    def __init__(self, args):
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import make_union

        common = {"sublinear_tf": True, "min_df": 2, "max_features": 250_000}
        self.vectors = make_union(
            TfidfVectorizer(ngram_range=(1, 2), **common),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **common),
        )
        self.args, self.model = args, None

    def fit(self, train):
        from napkinxc.models import PLT

        self.model = PLT(str(self.args.out / "models"), seed=0, threads=self.args.threads, verbose=0)
        self.model.fit(self.vectors.fit_transform(self.lines(train)), train[TARGET].tolist())

    def classes(self, cards):
        said = self.model.predict(self.vectors.transform(self.lines(cards)), top_k=1)
        return [best for (best,) in said]

    def told(self):
        return {}

    @staticmethod
    def lines(cards):
        return (cards.title + " " + cards.shop).str.lower().tolist()


PEERS = {"autogluon": AutoGluon, "lightautoml": LightAutoML, "napkinxc": NapkinXC}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--preset", default="medium_quality", help="of AutoGluon")
    parser.add_argument("--cards", type=int, help="only so many of the train cards (to try it out)")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    args.out.mkdir(parents=True, exist_ok=True)
    train, test = (pd.read_parquet(args.folder / f"{split}.parquet") for split in ("train", "test"))
    if args.cards:
        train = train.sample(args.cards, random_state=0).reset_index(drop=True)
    model, started = PEERS[args.peer](args), time.perf_counter()
    model.fit(train)
    fitted = time.perf_counter()
    said = model.classes(test)
    asked = time.perf_counter()
    pd.DataFrame({TARGET: said}).to_parquet(args.out / "said.parquet")
    print(json.dumps({"fit": fitted - started, "predict": asked - fitted, "models": model.told()}))


if __name__ == "__main__":
    main()
