"""Package layout: the top-level folders are sub-packages of `cordelia`.

pyproject.toml cannot say "this folder, and whatever is nested in it, under that name": an explicit package list drops
nested packages without a word, so they are found here.
"""

from setuptools import find_packages, setup

FOLDERS = ("tasks", "solvers", "scorers", "testbeds", "scoreboard")


def packages_of(folder: str) -> list[str]:
    """The package of a top-level folder and all packages nested in it, under the `cordelia.` prefix."""
    return [f"cordelia.{folder}", *(f"cordelia.{folder}.{nested}" for nested in find_packages(folder))]


setup(
    package_dir={"": "src", **{f"cordelia.{folder}": folder for folder in FOLDERS}},
    packages=[*find_packages("src"), *(name for folder in FOLDERS for name in packages_of(folder))],
    include_package_data=False,
    package_data={
        "cordelia": ["py.typed", "**/*.md", "**/*.yaml"],
        "cordelia.solvers": ["**/*.md", "**/*.yaml"],
        "cordelia.scorers": ["**/*.md", "**/*.yaml"],
        "cordelia.scoreboard": ["**/*.html", "**/*.txt", "**/*.css", "**/*.js"],
        "cordelia.testbeds": ["**/*.md", "**/*.html", "**/*.yaml", "**/*.json", "**/*.jsonl", "**/*.safetensors"],
    },
)
