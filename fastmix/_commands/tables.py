"""Tables as plain text and in Markdown."""

from collections.abc import Iterable, Sequence

Row = Sequence[str]


def plain(head: Row, rows: Iterable[Row]) -> str:
    """Columns, the first of them to the left."""
    table = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    )


def markdown(head: Row, rows: Iterable[Row]) -> str:
    """The same in Markdown."""
    rule = ("---", *["---:"] * (len(head) - 1))
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *rows))


def byte_size(size: float) -> str:
    """A number of bytes in words, as 8.3 MB."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
