"""What fitted models say of rows: labels, distances, probabilities, likelihoods."""

from fastmix.engine.covariances import COVARIANCES

from . import Warm, kmeans, mixture, problem


class KMeans(Warm):
    """Labels of all rows, and their distances to all centers."""

    gated = ("time_predict", "time_transform")
    params = ["50000 x 2, k=10", "20000 x 16, k=64", "5000 x 64, k=64"]
    param_names = ["shape"]

    def setup(self, shape):
        self.X, start = problem(shape)
        self.model = kmeans.model(start, n_threads=1).fit(self.X)
        self.time_predict(shape)
        self.time_transform(shape)

    def time_predict(self, shape):
        self.model.predict(self.X)

    def time_transform(self, shape):
        self.model.transform(self.X)


class Mixture(Warm):
    """Labels, responsibilities and log-likelihoods of all rows."""

    gated = ("time_predict_proba",)
    params = list(COVARIANCES)
    param_names = ["covariance_type"]

    def setup(self, covariance_type):
        self.X, means = problem("10000 x 8, k=32")
        self.model = mixture.model(means, covariance_type).fit(self.X)
        self.time_predict(covariance_type)
        self.time_predict_proba(covariance_type)
        self.time_score_samples(covariance_type)

    def time_predict(self, covariance_type):
        self.model.predict(self.X)

    def time_predict_proba(self, covariance_type):
        self.model.predict_proba(self.X)

    def time_score_samples(self, covariance_type):
        self.model.score_samples(self.X)
