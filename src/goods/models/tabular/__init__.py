"""Numbers and categories beside the text: CatBoost, any scikit-learn estimator, and what other tools predicted."""
