"""Installs somebody else's package (tests/plugins/their_package) and audits with it, as they would.

Their testbed, tool, auditor and backend are found by their entry points alone. `make examples` keeps the log as
logs/examples/third-party-package.eval; the tests run the same commands and look into the log. Needs no key, weights or
network.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "tests/plugins/their_package"
KEPT = ROOT / "logs/examples/third-party-package.eval"
THEIRS = (
    "-T", "testbed=their_bed",
    "-T", "tools=their_auditing/their_tool",
    "-T", "backend=their_backend",
    "-T", "affordances=chat",
    "--solver", "their_auditing/their_auditor",
    "--model", "none",
)  # fmt: skip


def install(folder: Path) -> dict[str, str]:
    """Install the package under `folder`; returns the environment in which Python finds it.

    Raises:
        CalledProcessError: pip failed.
    """
    # setuptools builds where the sources are: in a copy, so that nothing is left in this tree
    source = shutil.copytree(PACKAGE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    # inspect takes a package for an installed one when it stands in a folder of this name
    site = folder / "site-packages"
    subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index",
            "--no-deps", "--no-build-isolation", "--target", str(site), str(source),
        ],
        check=True,
    )  # fmt: skip
    return environment(site)


def environment(*paths: Path) -> dict[str, str]:
    """This process's environment, with `paths` for Python to find packages in and none of inspect's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INSPECT_")}
    found = [str(path) for path in paths] + [path for path in [os.environ.get("PYTHONPATH")] if path]
    return kept | {"PYTHONPATH": os.pathsep.join(found), "INSPECT_DISPLAY": "plain"}


def audit(folder: Path, env: dict[str, str], *options: str) -> Path:
    """Run `inspect eval cordelia/audit` in `folder`; returns its log.

    Raises:
        RuntimeError: the command failed; with everything that it said.
    """
    logs = folder / "logs"
    before = set(logs.glob("*.eval"))
    done = subprocess.run(
        [sys.executable, "-m", "inspect_ai", "eval", "cordelia/audit", *options, "--log-dir", str(logs)],
        cwd=folder,
        env=env,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(f"inspect eval ended with {done.returncode}:\n{done.stdout}")
    [log] = set(logs.glob("*.eval")) - before
    return log


def main() -> None:
    """Put a new log in place of the kept one."""
    with tempfile.TemporaryDirectory() as place:
        env = install(Path(place))
        (neutral := Path(place) / "neutral").mkdir()
        shutil.copy(audit(neutral, env, *THEIRS), KEPT)


if __name__ == "__main__":
    main()
