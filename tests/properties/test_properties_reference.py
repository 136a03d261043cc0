"""Reference tables are read or refused with the place of the mistake."""

from __future__ import annotations

import json

import pytest

from autune.errors import FormatError
from autune.properties import read_reference


def test_the_gold_table():
    table = read_reference("builtin:gold")
    assert table["C11"].value == 152.7
    assert table["C11"].unit == "GPa"
    assert table["C11"].uncertainty == 2.0
    assert "stress-strain" in table["C11"].definition
    assert table["surface_energy_111"].unit == "J/m^2"
    assert "bcc_fcc_energy_difference" in table


def test_a_table_of_ones_own(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"properties": {"C44": {"value": 3, "unit": "GPa"}}}))
    table = read_reference(path)
    assert (table["C44"].value, table["C44"].uncertainty) == (3.0, 0.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{\n'", "line 2: expected JSON"),
        ("[]", "expected .*properties"),
        ("{}", "expected .*properties"),
        ('{"properties": {"C11": 3}}', r'properties.C11: must be \{"value"'),
        (
            '{"properties": {"C11": {"value": %s, "unit": "GPa"}}}' % ("9" * 5000),
            "C11.value.*finite",
        ),
        ('{"properties": {"C11": {"value": 1, "unit": "GPa"}, "C11": {}}}', "C11 appears 2 times"),
        ("[" * 100_000, "nested too deeply"),
        ('{"properties": {"C11": {"unit": "GPa"}}}', "properties.C11.value: is required"),
        ('{"properties": {"C11": {"value": "3", "unit": "GPa"}}}', "C11.value.*found '3'"),
        ('{"properties": {"C11": {"value": true, "unit": "GPa"}}}', "C11.value"),
        ('{"properties": {"C11": {"value": NaN, "unit": "GPa"}}}', "C11.value"),
        ('{"properties": {"C11": {"value": 0, "unit": "GPa"}}}', "must not be 0"),
        ('{"properties": {"C11": {"value": 3, "unit": "eV"}}}', "expected GPa, found 'eV'"),
        ('{"properties": {"C11": {"value": 3, "unit": "GPa", "error": 1}}}', "C11.error"),
        (
            '{"properties": {"C11": {"value": 3, "unit": "GPa", "uncertainty": -1}}}',
            "uncertainty.*greater",
        ),
    ],
)
def test_mistakes_in_a_table(tmp_path, text, message):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=message) as caught:
        read_reference(path)
    assert str(path) in str(caught.value)


def test_missing_tables(tmp_path):
    with pytest.raises(FormatError, match="cannot be read: no such file"):
        read_reference(tmp_path / "none.json")
    with pytest.raises(FormatError, match="builtin:gold"):
        read_reference("builtin:silver")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="expected text in UTF-8"):
        read_reference(tmp_path / "binary")
