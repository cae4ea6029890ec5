"""The query language: what is meant is found, and what cannot be meant is refused with what to write."""

import sqlite3

import pytest
from corpora_toys import store
from hypothesis import given, settings
from hypothesis import strategies as st

from cordelia.testbeds.corpora.query import read_query
from cordelia.testbeds.corpora.search import Store
from cordelia.testbeds.corpora.terms import QueryError

TEXTS = [
    "A wool coat for the winter",
    "A coat, and under it some wool",
    "A silk scarf",
    "Wool: don't wash it hot. C++ and user@example.org",
    "Or not, and NEAR the café at 10:30",
    "Woollen coats are warm",
]
SIGNS = [*list('"(),*:^-+{} 5;'), "''", "--", "\\"]
OPERATORS = ["AND", "OR", "NOT", "AND NOT ", "NEAR(", "NEAR", "|", " -", "“", "~", "!", "/"]
PIECES = [*SIGNS, *OPERATORS, "wool", "coat ", "é", "日本", "text:"]


@pytest.fixture(scope="module")
def found_in(tmp_path_factory: pytest.TempPathFactory) -> Store:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("query")
        patch.setenv("CORDELIA_CACHE", str(folder / "cache"))
        return store(folder, [{"text": text} for text in TEXTS])


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("wool", {1, 2, 4}),
        ("WOOL", {1, 2, 4}),
        ("wool coat", {1, 2}),
        ("wool AND coat", {1, 2}),
        ('"wool coat"', {1}),
        ("wool* coat*", {1, 2, 6}),
        ('"coat for"*', {1}),
        ("coat OR silk", {1, 2, 3}),
        ("coat OR silk scarf", {1, 2, 3}),
        ("(coat OR silk) wool", {1, 2}),
        ("wool NOT coat", {4}),
        ("wool NOT (coat OR wash)", set()),
        ("coat wool NOT winter", {1, 2} - {1}),
        ("NEAR(wool coat, 0)", {1}),
        ("NEAR(coat wool, 4)", {1, 2}),
        ("NEAR( coat wool )", {1, 2}),
        ("NEAR/4(coat wool)", {1, 2}),
        ('NEAR("some wool" coat)', {2}),
        ("cafe", {5}),
        ("don't", {4}),
        ("C++", {4}),
        ("user@example.org", {4}),
        ('"or" "not" "near"', {5}),
        ("or not", {5}),
        ('"10:30"', {5}),
        ("it's-nowhere", set()),
        ("“wool coat”", {1}),
        ("„wool coat”", {1}),
        ("«wool coat»*", {1}),
        ("wool AND NOT coat", {4}),
        ("coat wool AND NOT winter", {2}),
        ("wool -coat", {4}),
        ("wool –coat", {4}),
        ("-coat wool", {4}),
        ("-coat AND wool", {4}),
        ('wool -"wool coat"', {2, 4}),
        ("coat -(winter OR woollen)", {2}),
        ("wool -coat -wash", set()),
        ("scarf OR wool -coat", {3, 4}),
        ("(-coat wool)", {4}),
        ("coat|silk", {1, 2, 3}),
        ("coat | silk", {1, 2, 3}),
        ("wool||silk coat", {1, 2}),
        ("wool -winter|wash", {2}),
        ('"wool coat"|scarf', {1, 3}),
        ("wool-coat", {1}),
        ("+wool +coat", {1, 2}),
        ("!wool", {1, 2, 4}),
        ("^wool", {1, 2, 4}),
        ("wool+coat", {1}),
    ],
)
def test_what_a_query_means(query: str, numbers: set[int], found_in: Store) -> None:
    assert {hit.document.number for hit in found_in.search(query).hits} == numbers


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "This query is empty. Write words"),
        (" \n ", "This query is empty"),
        ('wool "coat', "A quote is opened and not closed: '\"coat'. Close it"),
        ('"', "A quote is opened and not closed"),
        ("x" * 1_001, "This query has 1,001 characters; at most 1,000"),
        ("a " * 100, "more than 64 words"),
        ("AND", "A word or a phrase is missing before AND"),
        ("OR NOT", "A word or a phrase is missing before OR"),
        ("wool AND", "A word or a phrase is missing at the end"),
        ("wool AND OR coat", "missing before OR"),
        ("NOT wool", "missing before NOT. AND, OR and NOT stand between words: coat NOT wool. "),
        ("text: wool", "'text:' looks like a filter by column, and documents have none"),
        ("10:30", "in quotes"),
        ("wool + coat", "'+' has no letter and no digit"),
        ("text:wool", '"text:wool", in quotes'),
        ("{text number}:wool", "looks like a filter by column"),
        ("(wool", "A '(' is opened and not closed"),
        ("wool)", "There is a ')' too many."),
        ("()", "missing before )"),
        ("(" * 50 + "wool" + ")" * 50, "Parentheses nest more than 12 deep"),
        ("wool, coat", "A comma stands alone"),
        ("NEAR", "NEAR takes words in parentheses"),
        ("NEAR(wool)", "NEAR takes two or more words"),
        ("NEAR(wool OR coat)", "NEAR takes two or more words"),
        ("NEAR(wool coat, far)", "After the comma NEAR takes a number"),
        ("NEAR(wool coat", "NEAR takes two or more words"),
        ("NEAR(wool -coat)", "NEAR takes two or more words"),
        ("wool NEAR/5 coat", "NEAR takes words in parentheses: NEAR(wool coat, 10)"),
        ("wool near/5 coat", "NEAR takes words in parentheses: NEAR(wool coat, 10)"),
        ("wool NEAR coat", "NEAR takes words in parentheses"),
        ('"wool coat"~5', "For words near each other write NEAR(wool coat, 5)"),
        ("-wool", "This only leaves documents out. Write too what they must have: coat -wool."),
        ("-wool -coat", "This only leaves documents out"),
        ("silk OR -wool", "This only leaves documents out"),
        ("wool NOT -coat", "missing before -"),
        ("wool|", "A word or a phrase is missing at the end"),
        ("|wool", "A word or a phrase is missing before |"),
        ("wool - coat", "'-' has no letter and no digit"),
        ("wool && coat", "Only words are searched; signs between them are read over. Leave it out."),
        ("w*l", "Only beginnings can be searched: wool*"),
        ("*wool", "In '*wool' a * stands before the end"),
        ("“wool coat", "A quote is opened and not closed"),
        ("!!!", "'!!!' has no letter and no digit"),
        ('wool "…"', "has no letter and no digit"),
        ("*", "has no letter and no digit"),
        ("🙂", "has no letter and no digit"),
        ("wool\0coat", "control characters"),
        ("wool \ud800", "control characters"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(query: str, says: str) -> None:
    with pytest.raises(QueryError) as caught:
        read_query(query)
    assert says in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("query", "notes"),
    [
        ("wool coat", []),
        ('wool OR coat NOT "or" -silk', []),
        ("wool don't well-known user@example.org U.S. what? wow!", []),
        ("wool or coat", ["'or' was read as a word; for the operator write OR."]),
        ("And so and not", ["'And' was", "'and' was", "'not' was read as a word; for the operator write NOT."]),
        ("near(wool coat)", ["'near' was read as a word; write NEAR(wool coat, 10)."]),
        ("near the coast", []),
        ("+wool", ["'+wool' was read as the word wool. All words must be there anyway."]),
        ("!wool", ["'!wool' was read as the word wool. To leave documents out write -word."]),
        ("^wool*", ["'^wool*' was read as the word wool*. Where a word stands in a document cannot be asked."]),
        ("wool~", ["'wool~' was read as the word wool."]),
        ("C++", ["'C++' was read as the word C."]),
        ("wool+coat and/or", ["'wool+coat' was read as the phrase \"wool coat\".", "'and/or' was read as the phrase"]),
        ("w?ol", ["'w?ol' was read as the phrase \"w ol\"."]),
        ('"wool"-coat --silk', ["'-coat' was read as the word coat.", "'--silk' was read as the word silk."]),
        ('"wool * coat"', ["in 'wool * coat' the * was read over: inside quotes it stands for nothing."]),
        ("'wool coat'", ["single quotes were read over; a phrase stands in double ones"]),
        ("‘wool coat’", ["single quotes were read over"]),
        ("'tis wool", []),
        ("#wool #wool", ["'#wool' was read as the word wool."]),
        (f"+{'w' * 900}", ["…' was read as the word " + "w" * 80 + "…. All"]),
    ],
)
def test_what_could_have_meant_something_else_is_noted(query: str, notes: list[str]) -> None:
    told = read_query(query).notes
    assert len(told) == len(notes)
    for note, says in zip(told, notes, strict=True):
        assert says in note


@settings(max_examples=400, derandomize=True, deadline=None, database=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=30))
def test_sqlite_understands_whatever_is_not_refused(found_in: Store, query: str) -> None:
    try:
        match = read_query(query).match
    except QueryError:
        return
    try:
        assert found_in.search(query).count >= 0
    except sqlite3.Error as error:
        raise AssertionError(f"{query!r} became {match!r}: {error}") from error
