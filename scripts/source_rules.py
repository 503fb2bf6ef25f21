"""The rules of this house about Python source that no linter knows: pure functions of one parsed file."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

FILE_LINES = 300
FUNCTION_LINES = 40
MIGRATIONS = "coordinator/migrations/versions/"  # a step of history is as long as what it did
PRODUCT = ("coordinator/", "interface_node/", "protocol/")
OWN_PACKAGES = ("coordinator", "interface_node", "protocol", "scripts")
NAMES_THAT_SAY_NOTHING = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"}

Found = Iterator[tuple[int, str]]


@dataclass(frozen=True)
class Source:
    """One Python file: its path from the root with forward slashes, its text, its tree and its imported names."""

    path: str
    text: str
    tree: ast.Module
    names: dict[str, str]

    def dotted(self, node: ast.expr) -> str:
        """The full name that an expression stands for, imports resolved: ``dt.now`` -> ``datetime.datetime.now``."""
        match node:
            case ast.Name(id=name):
                return self.names.get(name, name)
            case ast.Attribute(value=value, attr=attr):
                return f"{self.dotted(value)}.{attr}"
            case _:
                return "?"


def parse(path: str, text: str) -> Source:
    """Read one Python file; raises SyntaxError."""
    tree = ast.parse(text, path)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {a.asname: a.name for a in node.names if a.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return Source(path, text, tree, names)


@dataclass(frozen=True)
class Owner:
    """Names that only their owner files may use, under the given folders."""

    names: frozenset[str]
    under: tuple[str, ...]
    owners: tuple[str, ...]
    reason: str


OWNERS = (
    Owner(
        frozenset({"time.time", "time.time_ns"} | {f"datetime.datetime.{n}" for n in ("now", "utcnow", "today")})
        | {"datetime.date.today"},
        PRODUCT,
        ("coordinator/clock.py", "coordinator/ids.py", "interface_node/coordinator_client/clock.py"),
        "the wall clock is read in the clock files only; durations are time.monotonic",
    ),
    Owner(
        frozenset({"os.environ", "os.environb", "os.getenv", "os.putenv"}),
        PRODUCT,
        ("coordinator/settings", "interface_node/settings", "protocol/settings"),
        "the environment is read in the settings files only",
    ),
    Owner(
        frozenset({"uuid.uuid1", "uuid.uuid4", "uuid.uuid7", "os.urandom"})
        | {f"secrets.token_{n}" for n in ("bytes", "hex", "urlsafe")},
        ("coordinator/",),
        ("coordinator/ids.py", "coordinator/gateway/"),
        "ids and secrets are made in coordinator/ids.py and coordinator/gateway only",
    ),
)


def owned_names(source: Source) -> Found:
    """Clock, environment, ids: one owner each, also when imported under another name."""
    rules = [o for o in OWNERS if source.path.startswith(o.under) and not source.path.startswith(o.owners)]
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.Name, ast.Attribute)):
            name = source.dotted(node)
            yield from ((node.lineno, f"{name}: {rule.reason}") for rule in rules if name in rule.names)


def size(source: Source) -> Found:
    """Files of 300 lines, functions of 40, counted from ``def`` to the end without the docstring."""
    if source.path.startswith(MIGRATIONS):
        return
    count = len(source.text.splitlines())
    if count > FILE_LINES:
        yield FILE_LINES + 1, f"{count} lines; {FILE_LINES} are the maximum of a file"
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = function_lines(node)
            if length > FUNCTION_LINES:
                yield node.lineno, f"{node.name} has {length} lines; {FUNCTION_LINES} are the maximum of a function"


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from ``def`` to the end; explaining costs nothing, so the docstring does not count."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    match node.body[0]:
        case ast.Expr(value=ast.Constant(value=str())) as doc:
            return lines - ((doc.end_lineno or doc.lineno) - doc.lineno + 1)
        case _:
            return lines


def module_name(source: Source) -> Found:
    """A file is named for the thing inside."""
    for part in Path(source.path).with_suffix("").parts:
        if part in NAMES_THAT_SAY_NOTHING:
            yield 1, f"'{part}' names nothing; call it after the thing inside"


def commits(source: Source) -> Found:
    """One request or tick is one transaction, committed in one place."""
    if source.path.startswith("coordinator/") and source.path not in {
        "coordinator/store/database.py",
        "coordinator/store/work.py",
    }:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
                yield node.lineno, "only coordinator/store/database.py and work.py commit"


def state_assignments(source: Source) -> Found:
    """A state moves by a guarded UPDATE whose row count is the verdict."""
    if not source.path.startswith("coordinator/"):
        return
    for node in ast.walk(source.tree):
        match node:
            case ast.Attribute(attr="state", ctx=ast.Store()):
                yield node.lineno, "nobody assigns .state; a state moves by a guarded UPDATE"
            case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Constant(value="state"), *_]):
                yield node.lineno, "nobody assigns .state; a state moves by a guarded UPDATE"


ERROR_FILES = {
    "coordinator/errors/__init__.py": ("code",),
    "coordinator/errors/accounts.py": ("code",),
    "interface_node/errors.py": ("code", "error_class"),
}


def error_classes(source: Source) -> Found:
    """Every class that is raised fixes its own code (its HTTP status follows); nodes also say whose fault it is."""
    wanted = ERROR_FILES.get(source.path)
    if wanted is None:
        return
    classes = {n.name: n for n in source.tree.body if isinstance(n, ast.ClassDef)}
    parents = {
        name: [b.id for b in n.bases if isinstance(b, ast.Name) and b.id in classes] for name, n in classes.items()
    }
    groups = {parent for found in parents.values() for parent in found}
    for name in sorted(classes.keys() - groups):
        if any(isinstance(base, ast.Name) and base.id == "Exception" for base in classes[name].bases):
            continue
        inherited = {field for ancestor in ancestors(name, parents) for field in assigned(classes[ancestor])}
        own = assigned(classes[name])
        for field in wanted:
            if field not in own and (field == "code" or field not in inherited):
                yield classes[name].lineno, f"{name} fixes no {field}"


def ancestors(name: str, parents: dict[str, list[str]]) -> Iterator[str]:
    """The classes above, nearest first."""
    for parent in parents[name]:
        yield parent
        yield from ancestors(parent, parents)


def assigned(node: ast.ClassDef) -> set[str]:
    """The class attributes that get a value."""
    found: set[str] = set()
    for item in node.body:
        match item:
            case ast.Assign(targets=targets):
                found |= {t.id for t in targets if isinstance(t, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=field), value=value) if value is not None:
                found.add(field)
    return found


IGNORE = re.compile(r"#\s*(type:\s*ignore|mypy:\s*ignore)")
NOQA = re.compile(r"#\s*noqa\b", re.IGNORECASE)
REASONED_NOQA = re.compile(r"#\s*noqa:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*[\s:#(-]+\w\w", re.IGNORECASE)


def silenced(source: Source) -> Found:
    """A type error is mended, never ignored; a silenced lint rule says why: ``# noqa: S301 - our own file``."""
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type != tokenize.COMMENT:
            continue
        if IGNORE.search(token.string):
            yield token.start[0], "type errors are mended, not ignored"
        if NOQA.search(token.string) and not REASONED_NOQA.search(token.string):
            yield token.start[0], "a noqa names its rule and says why: '# noqa: S301 - our own file'"


def patches(source: Source) -> Found:
    """Tests give our code other collaborators; they never patch it."""
    if not source.path.startswith("tests/"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.Name, ast.Attribute)) and source.dotted(node) in {"unittest.mock.patch", "mock.patch"}:
            yield node.lineno, "mock.patch is not used here; pass the collaborator in"
        if isinstance(node, ast.Call) and source.dotted(node.func).endswith(
            ("monkeypatch.setattr", "monkeypatch.delattr")
        ):
            target = node.args[0] if node.args else node.func
            name = str(target.value) if isinstance(target, ast.Constant) else source.dotted(target)
            if name.split(".")[0] in OWN_PACKAGES:
                yield node.lineno, f"{name} is our own code; pass the collaborator in instead of patching"


ASSERTING = re.compile(r"(^|\.)(assert_\w+|raises|warns|fail|run_state_machine_as_test)$")


def assertions(source: Source) -> Found:
    """A test without an assertion proves nothing."""
    if not source.path.startswith("tests/"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_"):
            inside = list(ast.walk(node))
            calls = (source.dotted(n.func) for n in inside if isinstance(n, ast.Call))
            if not any(isinstance(n, ast.Assert) for n in inside) and not any(map(ASSERTING.search, calls)):
                yield node.lineno, f"{node.name} asserts nothing"


SOURCE_RULES: tuple[Callable[[Source], Found], ...] = (
    size, module_name, owned_names, commits, state_assignments, error_classes, silenced, patches, assertions,
)  # fmt: skip


def source_findings(path: str, text: str) -> Found:
    """All the findings in one Python file: line and sentence."""
    try:
        source = parse(path, text)
    except SyntaxError as error:
        yield error.lineno or 1, f"not Python: {error.msg}"
        return
    for rule in SOURCE_RULES:
        yield from rule(source)
