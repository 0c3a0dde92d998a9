"""Patterns of values in the organization file: `*` matches any characters, the others only themselves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

AttributePatterns = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class PatternRow:
    """A pattern of a rule `include` or `exclude`.

    Attributes:
        rule: `include.NAME` or `exclude.NAME`.
        excludes: whether a match leaves the record out; else a missing match does.
        position: of the pattern in its rule, from 1.
    """

    rule: str
    attribute: str
    excludes: bool
    position: int
    pattern: str

    @property
    def like_pattern(self) -> str:
        """The pattern for SQL's LIKE."""
        return like_pattern(self.pattern)


def like_pattern(pattern: str) -> str:
    r"""The pattern for SQL's LIKE with the escape character `\`."""
    for sign in ("\\", "%", "_"):
        pattern = pattern.replace(sign, f"\\{sign}")
    return pattern.replace("*", "%")


def pattern_rows(
    include: AttributePatterns | None, exclude: AttributePatterns | None
) -> Iterator[PatternRow]:
    """A row for each pattern of `include` and `exclude`."""
    for section, attributes in (("include", include or {}), ("exclude", exclude or {})):
        for attribute, patterns in attributes.items():
            for position, pattern in enumerate(patterns, start=1):
                rule = f"{section}.{attribute}"
                yield PatternRow(rule, attribute, section == "exclude", position, pattern)
