"""Models of this release, kept for the next ones: `python tests/keep_models.py` writes them.

They go to tests/data/models/<version>, with the answers that they gave, which later releases have
to give as well. What is there already is left alone: a model is kept as its own release wrote it.
"""

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent / "data" / "models"
METHODS = ("predict", "transform", "predict_proba", "score_samples")


def rows(n=60):
    """Rows in three clusters, and some between them."""
    random = np.random.RandomState(5)
    X = (
        random.normal(size=(n, 2))
        + np.array([[0.0, 0.0], [8.0, 1.0], [3.0, 9.0]])[np.arange(n) % 3]
    )
    return X.round(3)


def new_rows():
    """Rows that no model has seen."""
    return np.array([[0.5, -1.0], [7.0, 2.5], [4.0, 4.0], [3.0, 11.0], [-40.0, 60.0]])


def models(X):
    """One model of every class, by the name of its file."""
    import fastmix

    return {
        "KMeans": fastmix.KMeans(3, random_state=0).fit(X),
        "MiniBatchKMeans": fastmix.MiniBatchKMeans(3, batch_size=20, random_state=0)
        .partial_fit(X[:30])
        .partial_fit(X[30:]),
        "BisectingKMeans": fastmix.BisectingKMeans(5, random_state=0).fit(X.astype(np.float32)),
        "GaussianMixture": fastmix.GaussianMixture(3, means_init=X[:3], random_state=0).fit(X),
        "MiniBatchGaussianMixture": fastmix.MiniBatchGaussianMixture(
            2, means_init=X[:2], random_state=0
        )
        .partial_fit(X[:30])
        .partial_fit(X[30:]),
        "BayesianGaussianMixture": fastmix.BayesianGaussianMixture(
            n_components=4, covariance_type="tied", tol=0.1, random_state=0
        ).fit(X),
    }


def answers(model, X):
    """What a model says of rows, as lists."""
    found = {name: getattr(model, name)(X).tolist() for name in METHODS if hasattr(model, name)}
    return found | {"score": model.score(X)}


def main():
    """Write the models of this version and their answers; say where."""
    import fastmix

    folder = HERE / fastmix.__version__
    if folder.exists():
        sys.exit(f"{folder} is there already: delete it if its version was never released")
    folder.mkdir(parents=True)
    kept = {}
    for name, model in models(rows()).items():
        model.save(folder / f"{name}.fastmix")
        kept[name] = answers(model, new_rows())
    with open(folder / "answers.json", "w", encoding="utf-8", newline="\n") as file:
        json.dump(kept, file, indent=1)
        file.write("\n")
    print(folder)


if __name__ == "__main__":
    main()
