"""No statement is put together from text: values are parameters, and names go through psycopg2's `sql`.

The test follows what is given to `execute` and its kin to where it comes from: constants, `sql.SQL` of a constant,
names that stand for those, and parameters of our functions, whose callers are looked at in turn.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("fraud", "initdb", "convert", "train", "serve", "bench", "jenkins", "desk")
EXECUTING = {"execute", "executemany", "executescript", "exec_driver_sql", "copy_expert", "mogrify"}
COMPOSING = {"SQL", "Composed", "Identifier", "Literal"}

# SQLite's PRAGMA takes no parameters; what is put in is an integer of our own.
EXCEPTIONS = {("serve/idempotency/answers.py", "f'PRAGMA max_page_count = {max(1, self._max_bytes // page_bytes)}'")}
READS_FILES_OF_OURS = {"initdb/schema.py", "initdb/migrations/sql_file.py"}


Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """A module of ours."""

    name: str
    tree: ast.Module

    def functions(self) -> list[Function]:
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    def imports(self, name: str) -> bool:
        found = [node for node in ast.walk(self.tree) if isinstance(node, ast.ImportFrom)]
        return any(alias.name == name for node in found for alias in node.names)

    def function_around(self, node: ast.AST) -> Function | None:
        around = [function for function in self.functions() if node in set(ast.walk(function))]
        return min(around, key=lambda function: len(list(ast.walk(function))), default=None)


def read(root: Path = ROOT) -> dict[str, Source]:
    paths = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    names = [str(path.relative_to(root)) for path in paths]
    return {name: Source(name, ast.parse(path.read_text())) for name, path in zip(names, paths, strict=True)}


class Checker:
    """Looks through all modules."""

    def __init__(self, sources: dict[str, Source]) -> None:
        self._sources = sources

    def faults(self) -> list[tuple[str, str]]:
        found = []
        for source in self._sources.values():
            for call in (node for node in ast.walk(source.tree) if isinstance(node, ast.Call)):
                if not call.args:
                    continue
                name, given = _called(call), call.args[0]
                composes_unsafely = name == "SQL" and not _is_text(given)
                if composes_unsafely or (name in EXECUTING and not self._is_safe(source, given, call, ())):
                    found.append((source.name, ast.unparse(given)))
        return found

    def _is_safe(self, source: Source, value: ast.expr, place: ast.AST, seen: tuple[ast.AST, ...]) -> bool:
        if value in seen:
            return True
        seen = (*seen, value)
        match value:
            case ast.Constant(value=str()):
                return True
            case ast.IfExp(body=body, orelse=other):
                return self._is_safe(source, body, place, seen) and self._is_safe(source, other, place, seen)
            case ast.Call():
                return self._is_safe_call(source, value, place)
            case ast.Name(id=name):
                return self._is_safe_name(source, name, place, seen)
            case _:
                return False

    def _is_safe_call(self, source: Source, call: ast.Call, place: ast.AST) -> bool:
        match call.func:
            case ast.Attribute(value=base, attr="format"):
                return not _is_text(base) and self._is_composed(source, base, place)
            case ast.Attribute(attr="read_text"):
                return source.name in READS_FILES_OF_OURS
            case _:
                return _called(call) in COMPOSING

    def _is_composed(self, source: Source, value: ast.expr, place: ast.AST) -> bool:
        """Whether this is psycopg2's and no text of Python, of which `format` would make more text."""
        if isinstance(value, ast.Call):
            return _called(value) in COMPOSING
        if isinstance(value, ast.Name):
            given = _assigned(source.function_around(place), value.id) or _assigned(source.tree, value.id)
            if given:
                return all(self._is_composed(source, one, place) for one in given)
            function = source.function_around(place)
            annotation = function and next((one.annotation for one in function.args.args if one.arg == value.id), None)
            return annotation is not None and ast.unparse(annotation).startswith("sql.")
        return False

    def _is_safe_name(self, source: Source, name: str, place: ast.AST, seen: tuple[ast.AST, ...]) -> bool:
        function = source.function_around(place)
        for scope in (function, source.tree):
            given = _assigned(scope, name)
            if given:
                return all(self._is_safe(source, one, place, seen) for one in given)
            if scope is function and function is not None and (position := _position(function, name)) is not None:
                return function.name in EXECUTING or self._callers_are_safe(source, function, name, position, seen)
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ImportFrom) and name in {alias.asname or alias.name for alias in node.names}:
                other = self._sources.get(f"{str(node.module).replace('.', '/')}.py")
                return other is not None and self._is_safe_name(other, name, other.tree, seen)
        return False

    def _callers_are_safe(
        self, home: Source, function: Function, name: str, position: int, seen: tuple[ast.AST, ...]
    ) -> bool:
        is_method = function.args.args[0].arg == "self"
        for source in self._sources.values():
            reaches = source is home or source.imports(function.name) or is_method
            if not reaches or (source is not home and function.name.startswith("_")):
                continue
            for call in (node for node in ast.walk(source.tree) if isinstance(node, ast.Call)):
                if _called(call) != function.name or isinstance(call.func, ast.Attribute) != is_method:
                    continue
                given = [*call.args[position : position + 1], *(one.value for one in call.keywords if one.arg == name)]
                if any(not self._is_safe(source, one, call, seen) for one in given):
                    return False
        return True


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)


def _is_text(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _assigned(scope: ast.AST | None, name: str) -> list[ast.expr]:
    found = []
    for node in ast.walk(scope) if scope is not None else ():
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
            found += [node.value for target in targets if isinstance(target, ast.Name) and target.id == name]
    return found


def _position(function: Function, name: str) -> int | None:
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    if name not in names:
        return None
    return names.index(name) - (names[0] == "self")


def test_our_statements_are_constants_or_composed() -> None:
    assert set(Checker(read()).faults()) == EXCEPTIONS


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("cursor.execute(f'SELECT {x}')", id="an f-string"),
        pytest.param("cursor.execute('SELECT %s' % x)", id="percent"),
        pytest.param("cursor.execute('SELECT ' + x)", id="concatenation"),
        pytest.param("cursor.execute('SELECT {}'.format(x))", id="format"),
        pytest.param("cursor.execute(' '.join(x))", id="join"),
        pytest.param("query = 'SELECT {}'\ncursor.execute(query.format(x))", id="format of a name"),
        pytest.param("query = f'SELECT {x}'\ncursor.execute(query)", id="a name that stands for an f-string"),
        pytest.param("query = 'SELECT 1'\nquery += x\ncursor.execute(query)", id="text that is appended"),
        pytest.param("cursor.execute(sql.SQL(f'SELECT {x}'))", id="sql.SQL of an f-string"),
        pytest.param("cursor.execute(sql.SQL(x))", id="sql.SQL of a name"),
        pytest.param("cursor.copy_expert(x, file)", id="a name from nowhere"),
        pytest.param("def run(q):\n    cursor.execute(q)\nrun(f'SELECT {x}')", id="what a caller gives"),
        pytest.param("cursor.execute(Path(x).read_text())", id="a file"),
    ],
)
def test_unsafe_sql_is_found(tmp_path: Path, code: str) -> None:
    (tmp_path / "serve").mkdir()
    (tmp_path / "serve" / "bad.py").write_text(code)
    assert Checker(read(tmp_path)).faults()


@pytest.mark.parametrize(
    "code",
    [
        "cursor.execute('SELECT %s', (x,))",
        "QUERY = 'SELECT 1'\ncursor.execute(QUERY)",
        "cursor.execute(sql.SQL('SELECT {}').format(sql.Identifier(x)))",
        "cursor.execute('FULL' if x else 'NORMAL')",
        "def run(q):\n    cursor.execute(q)\nrun('SELECT 1')",
    ],
)
def test_composed_sql_passes(tmp_path: Path, code: str) -> None:
    (tmp_path / "serve").mkdir()
    (tmp_path / "serve" / "good.py").write_text(code)
    assert Checker(read(tmp_path)).faults() == []
