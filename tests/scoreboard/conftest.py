"""What the tests of the scoreboard share."""

import sys
from pathlib import Path

# tests are imported by path (importlib mode), so what they share has to be put on the path
sys.path.insert(0, str(Path(__file__).parent))
