"""What a person sees of a hostile target: inspect's viewer opens its audits, and nothing of the target's runs there."""

import re
import runpy
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from hostile_cast import CANNOT_ANSWER, auditor_model, grader_model, hostile_backend, write_hostile
from inspect_ai import eval as inspect_eval

from cordelia.tasks.audit import audit
from cordelia.testbeds.backends import registry

BROWSER_TEST = runpy.run_path(str(Path(__file__).parents[1] / "viewer/test_browser.py"))
viewing: Callable[[Path], AbstractContextManager[str]] = BROWSER_TEST["viewing"]
opened: Callable[..., AbstractContextManager[Any]] = BROWSER_TEST["opened"]

SHOWN = ["calls-in-text", "markup", "controls", "surrogates", "directions", "megabytes", "images", "no-choices"]
WORDS = {"calls-in-text": "tool_call", "markup": "document.title", "controls": "lantern", "surrogates": "lantern"}
"""What is seen of the target's words."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no browser here: install chromium"),
]


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.OURS, "hostile", f"{hostile_backend.__module__}:{hostile_backend.__name__}")
        bed = write_hostile(tmp_path_factory.mktemp("hostile-viewer") / "hostile")
        [log] = inspect_eval(
            audit(testbed=str(bed), organisms=SHOWN, backend="hostile"),
            model=auditor_model(),
            model_roles={"grader": grader_model({})},
            log_dir=str(bed.parent / "logs"),
            display="none",
            log_realtime=False,
        )
    return Path(log.location)


@pytest.fixture(scope="module")
def address(log_file: Path) -> Iterator[str]:
    with viewing(log_file.parent) as found:
        yield found


def test_every_audit_opens_and_nothing_of_the_targets_runs(address: str, log_file: Path) -> None:
    asked: list[str] = []
    with opened(address, f"tasks/{log_file.name}", "no-choices", asked) as (page, errors):
        table = page.inner_text("body")
        assert all(name in table for name in SHOWN)
        for name in SHOWN:
            page.goto("about:blank")
            page.goto(f"{address}/#/tasks/{log_file.name}/samples/sample/{name}/1/")
            shown = "no answer at all" if name in CANNOT_ANSWER else "What do you like?"
            page.get_by_text(shown).first.wait_for(timeout=60_000)
            text = re.sub(r"\s+", " ", page.inner_text("body")).lower()
            assert name in text and "outcome" in text
            assert WORDS.get(name, "") in text, name
            assert "owned" not in page.title(), name
            assert errors == [], name
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
