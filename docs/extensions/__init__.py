"""What the pages need beyond Sphinx: one file for each directive."""
