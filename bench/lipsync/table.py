"""What a run found: sections of rows, printed as tables and written as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: A figure, a word, or nothing because it does not apply.
Cell = float | int | str | None


@dataclass(frozen=True)
class Column:
    """Of a section."""

    key: str  # in JSON
    label: str  # as printed
    form: str = ".3f"  # of its figures


@dataclass
class Section:
    """One table."""

    key: str
    title: str
    columns: Sequence[Column]
    rows: list[Mapping[str, Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """As printed: words on the left, figures on the right."""
        lines = [[column.label for column in self.columns]]
        lines += [[_printed(row.get(column.key), column.form) for column in self.columns] for row in self.rows]
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.columns))]
        worded = [any(isinstance(row.get(column.key), str) for row in self.rows) for column in self.columns]
        aligned = [
            "  ".join(
                text.ljust(width) if left else text.rjust(width)
                for text, width, left in zip(line, widths, worded, strict=True)
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self.title, *(f"  {line}" for line in aligned), *(f"  {note}" for note in self.notes)])


def _printed(cell: Cell, form: str) -> str:
    if cell is None or cell != cell:
        return "-"
    return cell if isinstance(cell, str) else format(cell, form)


@dataclass
class Report:
    """Everything that one run found."""

    facts: dict[str, str] = field(default_factory=dict)  # the machine, versions, what was read
    sections: list[Section] = field(default_factory=list)

    def text(self) -> str:
        """All the tables."""
        head = "\n".join(f"{name}: {fact}" for name, fact in self.facts.items())
        return "\n\n".join([head, *(section.text() for section in self.sections)])

    def json(self) -> str:
        """One line; what does not apply is null."""
        sections = {section.key: {"rows": [_plain(row) for row in section.rows]} for section in self.sections}
        return json.dumps({"facts": self.facts, "sections": sections}, allow_nan=False)


def _plain(row: Mapping[str, Cell]) -> dict[str, Cell]:
    return {key: None if cell != cell else cell for key, cell in row.items()}
