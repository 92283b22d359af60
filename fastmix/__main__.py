"""`python -m fastmix`."""

import sys

from fastmix._cli import main

sys.exit(main())
