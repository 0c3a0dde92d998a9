"""The limits that keep every room small: modules in a folder, lines of a module, lines of a function."""

import ast
import re
import tomllib
from collections import Counter
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "opensense_okta"
MODULES = sorted(PACKAGE.rglob("*.py"))

FOLDER_LIMIT, SIMULATOR_LIMIT = 14, 16  # modules, without __init__.py
MODULE_LIMIT = 400  # lines
FUNCTION_LIMIT = 60  # lines

NOT_IMPORTED = {
    "faker": "imported by name, one locale at a time",
    "tzdata": "time zones for machines that have none; read by zoneinfo",
}


STORAGE = PACKAGE / "storage"
OUTSIDE_STORAGE = [
    path
    for path in MODULES
    if STORAGE not in path.parents and PACKAGE / "simulator" not in path.parents
]
PATHS_IN_THE_LAKE = re.compile(r"scratch\s*/|(?:resolved|snapshot)\([^)]*\)\.folder")
WRITES_FILES = {
    "orchestration/locks/files.py": "the locks are files of this machine",
    "publishing/exports/delivery.py": "exports may go into any folder",
    "web/audit.py": "the audit log is a file of this machine's home",
    "web/passwords.py": "the password file is the operator's",
    "directories/segments.py": "the pages of a read are joined in a folder of this machine",
    "directories/read.py": "the pages of an open read are files of this machine",
}


def _name(module: Path) -> str:
    return module.relative_to(PACKAGE).as_posix()


def test_a_folder_has_few_modules() -> None:
    modules = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    too_full = {
        str(folder.relative_to(REPOSITORY)): count
        for folder, count in modules.items()
        if count > (SIMULATOR_LIMIT if "simulator" in folder.parts else FOLDER_LIMIT)
    }
    assert too_full == {}


def test_a_module_is_short() -> None:
    lines = {str(path.relative_to(REPOSITORY)): _line_count(path) for path in MODULES}
    assert {name: count for name, count in lines.items() if count > MODULE_LIMIT} == {}


def test_a_function_fits_a_screen() -> None:
    too_long = [
        f"{path.relative_to(REPOSITORY)}: {node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= FUNCTION_LIMIT
    ]
    assert too_long == []


def test_the_root_holds_the_entry_point_and_folders_only() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "definitions.py"}


@pytest.mark.parametrize(
    "statement", sorted(PACKAGE.rglob("*.sql")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_an_sql_file_is_named_by_a_module(statement: Path) -> None:
    assert any(re.fullmatch(pattern, statement.name) for pattern in _statement_patterns())


@pytest.mark.parametrize("module", OUTSIDE_STORAGE, ids=_name)
def test_a_file_of_the_lake_is_reached_by_its_name(module: Path) -> None:
    text = module.read_text()
    assert PATHS_IN_THE_LAKE.findall(text) == []
    assert ("storage.files import" in text) == (_name(module) in WRITES_FILES)


def test_every_dependency_is_imported() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    required = [*project["dependencies"], *_extra(project, "simulate")]
    declared = {_distribution(requirement) for requirement in required}
    imported = {module for path in MODULES for module in _imported_modules(path)}
    provided = packages_distributions()
    used = {_normal(name) for module in imported for name in provided.get(module, ())}
    assert declared - used == NOT_IMPORTED.keys()


@cache
def _statement_patterns() -> frozenset[str]:
    """Every text of a module that ends in `.sql`; what an f-string inserts may be anything."""
    texts = (node for path in MODULES for node in ast.walk(ast.parse(path.read_text())))
    patterns = set()
    for node in texts:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            patterns.add(re.escape(node.value))
        elif isinstance(node, ast.JoinedStr):
            patterns.add(
                "".join(
                    re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+"
                    for part in node.values
                )
            )
    return frozenset(pattern for pattern in patterns if pattern.endswith(r"\.sql"))


def _extra(project: dict[str, dict[str, list[str]]], name: str) -> list[str]:
    return project["optional-dependencies"].get(name, [])


def _imported_modules(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def _distribution(requirement: str) -> str:
    name = requirement
    for sign in "[<>=~;! ":
        name = name.partition(sign)[0]
    return _normal(name)


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _line_count(path: Path) -> int:
    return len(path.read_text().splitlines())
