"""The YAML list of expressions."""

from __future__ import annotations

from pathlib import Path

import pytest

from offline.joker.bank.expressions import MOST, DistilledExpression, check_list, load_expressions, shipped
from offline.joker.world.looks import words
from runtime.contract.drive import INDEX
from runtime.errors import BadInput


def written(folder: Path, text: str) -> Path:
    path = folder / "list.yaml"
    path.write_text(text)
    return path


def test_a_list_is_read_in_order(tmp_path: Path) -> None:
    one, two = load_expressions(written(tmp_path, """
expressions:
  - {name: Tongue  out, prompt: a tongue, coefficients: {jawOpen: 1}, drive: tongueOut, hold: 3}
  - {name: smile, prompt: a smile}
"""))  # fmt: skip
    assert (one.slug, one.drive, one.hold) == ("tongue-out", "tongueOut", 3.0)
    assert one.vector[INDEX["jawOpen"]] == 1 and one.vector.sum() == 1
    assert (two.slug, two.drive, two.hold) == ("smile", None, 2.0) and not two.vector.any()
    assert DistilledExpression.from_dict(one.as_dict()) == one


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("expresions: []", "unknown key 'expresions'; did you mean 'expressions'?"),
        ("expressions: []", "empty"),
        ("[1, 2]", "must be a mapping"),
        ("expressions: [{name: a, promt: b}]", "'promt'; did you mean 'prompt'?"),
        ("expressions: [{name: a}]", "needs the text 'prompt'"),
        ("expressions: [7]", "an expression is a mapping"),
        ("expressions: [{name: a, prompt: b, coefficients: {jawOpn: 1}}]", "'jawOpn'; did you mean 'jawOpen'?"),
        (
            "expressions: [{name: a, prompt: b, coefficients: {jawOpen: 1.5}}]",
            "'jawOpen' of 'a' must be a number",
        ),
        (
            "expressions: [{name: a, prompt: b, coefficients: {jawOpen: .nan}}]",
            "'jawOpen' of 'a' must be a number",
        ),
        ("expressions: [{name: a, prompt: b, coefficients: {jawOpen: yes}}]", "must be a number from 0 to 1"),
        ("expressions: [{name: a, prompt: b, coefficients: jawOpen}]", "such as {jawOpen: 0.5}"),
        ("expressions: [{name: a, prompt: b, drive: tonguOut}]", "did you mean 'tongueOut'?"),
        ("expressions: [{name: a, prompt: b, hold: 0}]", "'hold' of 'a' must be"),
        ("expressions: [{name: a, prompt: ' '}]", "1 to 300 characters"),
        ("expressions: [{name: ../a, prompt: b}]", "'../a' is no name"),
        ("expressions: [{name: a b, prompt: b}, {name: A-b, prompt: b}]", "the name 'a-b' comes twice"),
        ("expressions: [{name: a, prompt: b, drive: jawOpen}, {name: c, prompt: b, drive: jawOpen}]", "comes twice"),
        ("expressions: [", "not valid YAML"),
    ],
)
def test_what_is_wrong_is_named_with_the_file(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadInput) as refused:
        load_expressions(written(tmp_path, text))
    assert says in str(refused.value) and "list.yaml" in str(refused.value)


def test_no_file_no_text_and_too_long(tmp_path: Path) -> None:
    for data, says in ((b"\xff\xfe\x00", "not UTF-8"), (b" " * 100_000, "64 KiB")):
        (tmp_path / "list.yaml").write_bytes(data)
        with pytest.raises(BadInput, match=says):
            load_expressions(tmp_path / "list.yaml")
    with pytest.raises(BadInput, match="cannot read"):
        load_expressions(tmp_path / "none.yaml")


def test_a_bank_has_room_for_sixteen_beside_the_neutral_one() -> None:
    many = [DistilledExpression(f"e{n}", "p") for n in range(MOST)]
    check_list([DistilledExpression("neutral", "p"), *many])
    with pytest.raises(BadInput, match="17 expressions are too many"):
        check_list([*many, DistilledExpression("one more", "p")])


def test_the_shipped_lists() -> None:
    extremes, alone = shipped("extremes"), shipped("alone")
    assert len(extremes) >= 10 and extremes[0].name == "tongue out" and extremes[0].drive == "tongueOut"
    assert alone[0].name == "neutral" and not alone[0].vector.any() and len(alone) == MOST + 1


def test_the_shipped_prompts_are_sentences_that_the_studios_prior_was_taught() -> None:
    known = set(words())
    for expression in (*shipped("extremes"), *shipped("alone")):
        assert set(expression.prompt.split()) <= known, expression.name
