"""Benchmarks are no part of the package: they are found beside it, whoever starts pytest and where."""

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.append(ROOT)
