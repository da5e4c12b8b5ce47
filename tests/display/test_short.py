import matplotlib as mpl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvas.display._short import GAP, LONGEST_NAME, no_formulas, show_names


def test_long_names_lose_their_middle():
    names = [f"Patient 012, {'a' * 40}, {side}" for side in ("left", "right")]
    short = show_names(names)
    assert max(map(len, short)) <= LONGEST_NAME
    assert short[0].startswith(f"Patient 012,{GAP}")
    assert short[0].endswith("left")
    marked = show_names([names[0] + " (reference)"], mark=" (reference)")
    assert marked == [short[0] + " (reference)"]
    assert show_names(["short"]) == ["short"]


@pytest.mark.parametrize(
    ("name", "differ"),
    [
        ("2024 session, camera {}, of the upper shelf", ["left", "right"]),
        ("study of walks, person {}, second recording of all", range(8, 12)),
        ("the one who takes the {} out of the top drawer", ["cup", "lid"]),
        ("{}" + "-" * 90 + "{}" + "-" * 90, ["ab", "cd"]),
    ],
)
def test_names_that_differ_in_their_middle_keep_what_differs(name, differ):
    names = [name.replace("{}", str(part)) for part in differ]
    short = show_names(names)
    assert len({*short}) == len(names)
    assert max(map(len, short)) <= LONGEST_NAME
    for shown, part in zip(short, differ, strict=True):
        assert str(part) in shown


def test_names_that_differ_in_two_places_keep_both():
    pairs = [(person, side) for person in ("01", "02") for side in ("left", "right")]
    names = [
        f"shoulder exercises of person {person} at home, {side} arm, camera of the door"
        for person, side in pairs
    ]
    short = show_names(names)
    assert max(map(len, short)) <= LONGEST_NAME + len("right")
    for shown, (person, side) in zip(short, pairs, strict=True):
        assert person in shown
        assert side in shown


def test_names_with_long_parts_of_their_own_stay_different():
    names = ["q" * 13 + "w" * 30 + "e" * 13, "q" * 13 + "r" * 30 + "e" * 13]
    assert len({*show_names(names)}) == 2


@given(
    st.lists(st.text("ab ", min_size=25, max_size=45), min_size=1, max_size=6),
    st.lists(st.text("abc", min_size=1, max_size=40), min_size=1, max_size=6),
)
def test_different_names_stay_different(words, ends):
    names = [f"{word}x{end}" for word in words for end in ends]
    lines = {" ".join(name.split()) for name in names}
    assert len({*show_names(names)}) == len(lines)


def test_names_stand_on_one_line():
    assert show_names(["pour\nthe  milk\t"]) == ["pour the milk"]


def test_names_mean_nothing_to_tex():
    assert no_formulas(["cost_$5"]) == [r"cost_\$5"]
    with mpl.rc_context({"text.usetex": True}):
        assert no_formulas(["a_b", "50 %", "$5 & up"]) == [
            r"a\_b",
            r"50 \%",
            r"\$5 \& up",
        ]
