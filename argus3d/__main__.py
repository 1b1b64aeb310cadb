"""`python -m argus3d`, which is what `torchrun -m argus3d` starts."""

import sys

from argus3d.cli import main

sys.exit(main())
