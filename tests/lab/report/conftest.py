"""Made-up runs in the place of the recorded ones."""

import numpy as np
import pandas as pd
import pytest

from utils.experiments import catalogue
from utils.lab.runs import results
from utils.lab.timing import benchmark


@pytest.fixture
def runs(monkeypatch):
    """Test accuracies to be changed, ``{recipe: {seed: [one an epoch]}}``; 99.1 to 99.5 at last."""
    accuracies = {
        name: {seed: [99.0] * 4 + [99.1 + 0.1 * seed] for seed in range(5)}
        for name in catalogue.EXPERIMENTS
    }

    def frame(names=None):
        rows = [
            {"recipe": name, "seed": seed, "epoch": at, "test_accuracy": accuracy}
            for name in names or accuracies
            for seed, run in accuracies[name].items()
            for at, accuracy in enumerate(run, 1)
        ]
        known = {"lr": 0.1, "train_loss": 0.1, "test_loss": 0.02}
        known |= {"train_accuracy": 98.5, "train_accuracy_clean": 98.9}
        return pd.DataFrame(rows).assign(**known)

    def scores(name):
        """The first images are wrong, as many as the last accuracy says."""
        wrong = {seed: round(100 * (100 - run[-1])) for seed, run in accuracies[name].items()}
        rows = {seed: np.arange(10_000) >= many for seed, many in wrong.items()}
        return pd.DataFrame.from_dict(rows, orient="index")

    monkeypatch.setattr(results, "frame", frame)
    monkeypatch.setattr(results, "scores", scores)
    monkeypatch.setattr(benchmark, "seconds_of", lambda recipe: recipe.batch_size / 10)
    return accuracies


@pytest.fixture
def wrong(monkeypatch):
    """Wrong answers to be changed, ``{recipe: {seed: [(image, label, prediction)]}}``."""
    answers = {}

    def mistakes(names):
        rows = [
            {"seed": seed, "indices": at, "labels": label, "predictions": taken}
            for seed, found in answers[names[0]].items()
            for at, label, taken in found
        ]
        return pd.DataFrame(rows).assign(probabilities=0.9, true_probabilities=0.1)

    monkeypatch.setattr(results, "mistakes", mistakes)
    return answers
