"""Classes of one train card and of none."""

from __future__ import annotations

import json

import numpy as np
import optuna
import pandas as pd
import pytest
from conftest import ROOT, competition_config, write_shop
from stacks import STACK, train_base
from studies import SMALL
from table_contests import CSV, config_of, prepared, write_csv

from goods.cards.labels import Labels
from goods.config.loading import load_experiment
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.stack.level import make_level
from goods.stack.stage import stack
from goods.train.stage import train
from goods.tune.objectives import Objective

CONFIGS = ROOT / "configs" / "kazanexpress2023"
NAMES = """Самовары Гитары Палатки Аквариумы Термометры Скакалки Пианино Бинокли Глобусы Верстаки Удочки Гантели
Фонари Микроскопы Барабаны Коляски Зонты Велосипеды Гамаки Штативы Компасы Мольберты Пазлы Качели Батуты Шахматы
Карнизы Лестницы Насосы Паяльники Матрасы Шторы Рюкзаки Телескопы Скрипки Флейты Сёдла Ласты Клюшки Коньки"""
RARE = {id_: (f"Редкое->{name}", name.lower()) for id_, name in enumerate(NAMES.split(), 41)}
BY_SHOP = list(RARE)[-16:]  # given away by their shop, whose only goods they are; of all but the last two the
BY_SHOP_ALONE = BY_SHOP[-2:]  # shop sells four more
BY_NAME = list(RARE)[:-16]
NEVER = {  # leaves of the tree with test cards and no train card
    id_: (f"Редкое->{name}", name.lower())
    for id_, name in enumerate(["Арфы", "Веера", "Лупы", "Кегли", "Рогатки", "Подковы"], 91)
}


def shop_with_rare_classes(folder):
    """The small shop, and 46 small classes with a test card each, most with a single train card, six with none.

    What is known by name shares only the category's name, in another form, with its train card, and its shop sells
    all kinds; what is known by shop shares nothing else.
    """
    shop = write_shop(folder, n_train=300, n_test=30)
    train, test = pd.read_parquet(shop / "train.parquet"), pd.read_parquet(shop / "test.parquet")
    rows, numbers = {"train": [], "test": []}, iter(range(10_000))
    for leaf, (path, word) in (RARE | NEVER).items():
        by_shop = leaf in BY_SHOP
        extra = 4 if by_shop and leaf not in BY_SHOP_ALONE else 0
        for split, base in [
            ("train", 9000),
            ("test", 9500),
            *[("train", 9600 + 100 * i) for i in range(extra)],
        ]:
            named = word if split == "train" else word[:-1]
            fields = {"title": f"{'товар' if by_shop else named} номер{next(numbers)}", "description": ""}
            row = train.iloc[0].to_dict()
            row |= {"product_id": base + leaf, "category_id": leaf, "category_name": f"Все категории->{path}"}
            row |= {"text_fields": json.dumps(fields), "shop_title": f"Лавка {leaf if by_shop else 0}"}
            if split == "test" or leaf in RARE:
                rows[split].append(row)
    pd.concat([train, pd.DataFrame(rows["train"])]).to_parquet(shop / "train.parquet", index=False)
    extra_test = pd.DataFrame(rows["test"])[test.columns]
    pd.concat([test, extra_test]).to_parquet(shop / "test.parquet", index=False)
    tree = (shop / "categories_tree.csv").read_text() + "40,Редкое,1\n"
    tree += "".join(f"{leaf},{path.split('->')[1]},40\n" for leaf, (path, _) in (RARE | NEVER).items())
    (shop / "categories_tree.csv").write_text(tree)
    return shop


@pytest.mark.slow
def test_a_class_with_one_train_card_is_predicted_where_its_name_or_shop_gives_it_away(tmp_path):
    competition = competition_config()
    ws = Workspace(tmp_path / "work", "kazanexpress2023")
    prepare(ws, competition, shop_with_rare_classes(tmp_path / "shop"))
    make_folds(ws, competition)
    train_base(ws, competition)
    config = load_experiment(CONFIGS / "stack.yaml", [STACK[0], "model.methods=[catboost]"])
    stack(ws, competition, config)
    labels, test = Labels.load(ws), Predictions.load(ws.run("stack").test)
    assert labels.n_classes == 6 + len(RARE) + len(NEVER)  # no class is dropped
    predicted = dict(zip(test.product_id.tolist(), test.classes[:, 0].tolist(), strict=True))
    right = {leaf: labels.ids[predicted[9500 + leaf]] == leaf for leaf in RARE | NEVER}
    assert np.mean([right[leaf] for leaf in NEVER]) >= 0.5
    assert np.mean([right[leaf] for leaf in BY_NAME]) >= 0.8
    assert all(right[leaf] for leaf in BY_SHOP_ALONE)
    # out of fold no base model knows the class of a single card: its name alone speaks for it
    level = make_level(ws, competition, config)
    rare = np.flatnonzero(level.train.product_id.isin([9000 + leaf for leaf in BY_NAME]))
    entries = np.isin(level.table.card, rare) & (level.table.cls == level.target[level.table.card])
    assert entries.sum() == len(rare)  # all are candidates
    assert level.table.named["category name"][entries].all()
    oof = Predictions.load(ws.run("stack").oof)
    assert (oof.classes[rare, 0] == level.target[rare]).mean() >= 0.8


def test_a_fold_that_has_the_only_card_of_one_of_two_classes_is_told_by_training_and_study(tmp_path):
    cards = {"id": list(range(9)), "name": [f"кружка {i}" for i in range(9)], "kind": ["a"] * 8 + ["b"]}
    data = write_csv(tmp_path / "raw", cards, {"id": [90], "name": ["кружка"]})
    section = {"files": CSV, "id": "id", "title": "name", "target": "kind"}
    _, ws = prepared(tmp_path, data, section)
    competition = config_of(section)
    make_folds(ws, competition)
    folds = pd.read_parquet(ws.folds)
    k = int(folds.fold[folds.product_id == 8].iloc[0])
    told = rf"fold {k} is of a single class \(6 rows\): the rarest class has 1 of 9 train rows; give more rows of it"
    config = load_experiment(CONFIGS / "linear.yaml", SMALL)
    with pytest.raises(GoodsError, match=told):
        train(ws, competition, config, folds=[k])
    study = config.model_copy(update={"tune": config.tune.model_copy(update={"folds": (k,)})})
    with pytest.raises(GoodsError, match=told):
        Objective(ws, competition, study)(optuna.trial.FixedTrial({"C": 1.0}))
