"""``python -m skvas``, where the command ``skvas`` is not on the path."""

import sys

from skvas.cli import main

sys.exit(main())
