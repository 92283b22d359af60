"""Where the documentation is, for what links to it."""

ADDRESS = "https://fastmix.readthedocs.io/en/latest"


class Documented:
    """Mixin of estimators whose HTML representation links to what is said of their class."""

    _doc_link_module = "fastmix"
    _doc_link_template = ADDRESS + "/reference/{estimator_name}.html"
