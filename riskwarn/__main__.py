"""``python -m riskwarn`` is the command line."""

import sys

from riskwarn.cli import main

sys.exit(main())
