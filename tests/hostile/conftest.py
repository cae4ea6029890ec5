"""What the tests here share lies beside them; tests are imported by path, so it has to be put on the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
