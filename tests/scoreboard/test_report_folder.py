"""The report as a folder, from real logs: what is in it, what it replaces, and what it leaves alone."""

import re
from pathlib import Path

import polars as pl
import pytest

from cordelia.contracts.errors import CordeliaError
from cordelia.scoreboard.models import Board
from cordelia.scoreboard.page.figures import FIGURES
from cordelia.scoreboard.page.write import Report, write_report
from cordelia.scoreboard.reading import read_frame

LOG = Path(__file__).parents[2] / "logs/examples/third-party-package.eval"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return write_report(read_frame([LOG]), tmp_path_factory.mktemp("reports") / "mine", "Mine <b>")


def test_the_folder_holds_page_figures_frame_and_transcripts(report: Report) -> None:
    folder = report.page.parent
    text = report.page.read_text(encoding="utf-8")
    assert "<h1>Mine &lt;b&gt;</h1>" in text
    assert report.size == report.page.stat().st_size < 3_000_000
    figures = sorted(each.name for each in (folder / "figures").iterdir())
    assert f"their_bed-0.1.0-dev-{next(iter(FIGURES))}.svg".replace("_", "-") in figures
    assert len(figures) == text.count('<a href="figures/')
    assert (folder / "viewer/logs" / LOG.name).read_bytes() == LOG.read_bytes()
    assert {each.name for each in folder.iterdir()} == {
        "index.html", "figures", "board.json", "frame.parquet", "frame.csv", "viewer",
    }  # fmt: skip


def test_the_frame_names_the_logs_beside_it(report: Report) -> None:
    frame = pl.read_parquet(report.page.parent / "frame.parquet")
    assert frame["log"].unique().to_list() == [f"viewer/logs/{LOG.name}"]
    assert (report.page.parent / frame["log"][0]).is_file()
    assert frame.height == pl.read_csv(report.page.parent / "frame.csv").height == 2


def test_the_numbers_are_those_of_the_page(report: Report) -> None:
    held = Board.model_validate_json((report.page.parent / "board.json").read_text(encoding="utf-8"))
    (group,), (shown,) = held.groups, report.board.groups
    assert (group.sets, group.differences) == (shown.sets, shown.differences)
    assert {link.log for cell in group.cells for link in cell.samples} == {f"viewer/logs/{LOG.name}"}


def test_no_folder_of_this_machine_is_in_it(report: Report) -> None:
    folder = report.page.parent
    for file in (report.page, folder / "viewer/index.html", folder / "frame.csv", folder / "board.json"):
        text = file.read_text(encoding="utf-8")
        assert str(LOG.parent) not in text, file
        assert str(folder) not in text and "/.logs-" not in text, file
    context = re.search(r'id="log_dir_context"[^>]*>([^<]*)<', (folder / "viewer/index.html").read_text())
    assert context is not None and context[1] == '{"log_dir": "logs"}'


def test_a_report_replaces_an_older_one_and_nothing_else(tmp_path: Path) -> None:
    reading = read_frame([LOG])
    out = tmp_path / "out"
    write_report(reading, out)
    (out / "figures/old.svg").write_text("old")
    second = write_report(reading, out, transcripts=False)
    assert "<h1>Audits of their_bed</h1>" in second.page.read_text(encoding="utf-8")
    assert not (out / "figures/old.svg").exists()
    assert not (out / "viewer").exists(), "transcripts that were left out are gone"
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "index.html").write_text("<h1>my homepage</h1>")
    with pytest.raises(CordeliaError, match=r"holds other things \(index.html\); name a new or empty one"):
        write_report(reading, theirs)
    assert [each.name for each in theirs.iterdir()] == ["index.html"]
    with pytest.raises(CordeliaError, match="is a file, and a report is a folder"):
        write_report(reading, theirs / "index.html")


def test_a_log_that_is_gone_is_named(tmp_path: Path) -> None:
    log = tmp_path / LOG.name
    log.write_bytes(LOG.read_bytes())
    reading = read_frame([log])
    log.unlink()
    with pytest.raises(CordeliaError, match=rf"The log .*{LOG.name} cannot be copied for its transcripts"):
        write_report(reading, tmp_path / "out")
