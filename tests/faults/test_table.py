"""The table of faults is complete."""

from __future__ import annotations

from tests.faults import table
from tests.faults.help import HELP


def test_each_row_has_a_test_and_each_test_a_row():
    assert set(table.find_tests()) == set(table.ROWS)


def test_rows_are_numbered_without_a_gap():
    assert list(table.ROWS) == list(range(1, len(table.ROWS) + 1))


def test_page_has_a_line_for_each_row_with_its_tests():
    page = table.render()
    for number, (fault, outcome) in table.ROWS.items():
        assert f"| {number} | {fault} | {outcome} | " in page
    assert "`faults/test_inputs.py`: layout changes no bit; " in page


def test_help_comes_first_and_leads_to_rows_that_are_there():
    page = table.render()
    assert page.index("| what you see |") < page.index("| input or fault |")
    for rows in HELP.values():
        for symptom, _, remedy, numbers in rows:
            assert f"| {symptom} | " in page
            assert remedy.endswith(".")
            assert set(numbers) <= set(table.ROWS)


def test_no_two_tests_of_a_row_have_one_name():
    for row, files in table.find_tests().items():
        names = [name for names in files.values() for name in names]
        assert len(names) == len(set(names)), row
