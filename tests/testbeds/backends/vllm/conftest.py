"""What the tests of the vllm backend share."""

import sys
from pathlib import Path

# pytest's importlib mode leaves the folders of tests off the path
sys.path.insert(0, str(Path(__file__).parent))
