"""What people and nodes call themselves is printed as it is, brackets too."""

from rich.table import Table

from scripts import refusal


def test_brackets_are_no_markup_in_sentences_and_tables() -> None:
    table = Table("name")
    table.add_row("[/b] and [red]")
    for console in (refusal.console, refusal.errors):
        with console.capture() as printed:
            console.print(table)
            console.print("a [/b] b", soft_wrap=True)
        assert "[/b] and [red]" in printed.get()
        assert "a [/b] b" in printed.get()
