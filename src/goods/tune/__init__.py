"""Optuna over an experiment: the study, what a trial maximises, the stage."""
