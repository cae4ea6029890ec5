"""The catalog check: every organism that ships is certified, as it lies there, and stands apart from its base."""

import re

import pytest

from cordelia.testbeds.certificate.certificate import read_certificates
from cordelia.testbeds.certificate.check import refusals
from cordelia.testbeds.certificate.table import BEGIN, render_into
from cordelia.testbeds.find import CATALOG, read_testbed

BEDS = sorted(folder.name for folder in CATALOG.iterdir() if (folder / "testbed.yaml").is_file())
ANY_BASE = {"quirks"}
"""Testbeds whose organisms are prompts over the user's own chat model: what ships is certified on stand-ins alone."""
WANTS_A_BASE = r"no certificate on any base; make one: |on \S+: it does not stand apart from its base: "


@pytest.mark.parametrize("name", sorted(set(BEDS) - ANY_BASE))
def test_every_organism_is_fit_to_be_audited(name: str) -> None:
    refused = refusals(read_testbed(CATALOG / name))
    assert not refused, "\n".join(f"{name}/{organism}: {why}" for organism, why in refused.items())


@pytest.mark.parametrize("name", BEDS)
def test_the_readme_says_what_the_certificates_say(name: str) -> None:
    bed = read_testbed(CATALOG / name)
    text = (bed.folder / "README.md").read_text(encoding="utf-8")
    assert BEGIN in text, "the README has no place for the table of certificates"
    assert render_into(text, bed, read_certificates(bed)) == text, "run: cordelia certificate LOG"


@pytest.mark.parametrize("name", sorted(ANY_BASE))
def test_prompts_over_any_base_are_refused_for_their_base_alone(name: str) -> None:
    bed = read_testbed(CATALOG / name)
    assert not bed.spec.bases and not any(spec.adapter for spec in bed.organisms.values()), "it can be certified here"
    for organism, why in refusals(bed).items():
        assert re.match(WANTS_A_BASE, why), f"{name}/{organism}: {why}"
