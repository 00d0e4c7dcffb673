"""`python -m cardservice.cli` is `kentcard`."""

import sys

from cardservice.cli import main

sys.exit(main())
