"""What commands print is what is there: nothing in a name is an instruction to the printer."""

import pytest
from rich.table import Table

from streams.cli.printing import printer


@pytest.mark.parametrize("name", ["spring[/]", "[brand] spring", "[bold]x[/bold]", "Bob [/] Sales", "[red]"])
def test_brackets_in_names_are_printed_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("campaign", title=name)
    table.add_row(name)
    printer().print(table)
    printer().print(f"{name} answered")
    assert capsys.readouterr().out.count(name) == 3
