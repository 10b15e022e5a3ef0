"""Lines that must not be in the program, found in its source: `python tests/gates.py`.

Each gate stands for a way in which a program of this kind was broken before (see the table of
attacks in the design's specifications): pickles that run code, markup made of typed names, caches
that answer from a sample of their argument, addresses of other machines.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
WHERE = ("app.py", "pages", "sslapp", "models")

RUNS_CODE = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
READS_PICKLES = {"read_pickle", "to_pickle", "load_pickle", "jsonpickle"}
GOES_OUT = {"requests", "httpx", "httpx2", "aiohttp", "urllib3", "urllib.request", "http.client"}
GOES_OUT_BY_NAME = {"urlopen", "urlretrieve", "load_state_dict_from_url", "download_url_to_file"}
CACHES = {"cache_data", "cache_resource"}
HASHED_WHOLE = {"int", "str", "float", "bool", "int | None", "str | None", "tuple[int, ...]"}
"""Types of which Streamlit's caches hash every bit; of a large array or frame it is a sample."""

LAUNCHER = "app.py"
"""The one script that import-linter cannot see, because it lies in no folder."""

QUERIES_IN = ("sslapp/store/", "sslapp/jobs/queue.py", "sslapp/jobs/history.py")
"""Where tables are queried; a query is written once, and no other module knows a table."""
SQL_TYPES = {"Connection", "Engine", "Row", "RowMapping", "URL", "make_url"}
"""What else may be had from sqlalchemy: what a transaction, a row and an address are."""

SEALED = {"workspace", "reader", "project", "membership", "label_class", "image_set"}
SEALED |= {"snapshot", "round_", "embedding", "view_set", "metadata_column"}
"""Tables whose rows carry a seal: a plain statement would leave one that does not fit."""

IN_BROWSER = (
    (
        re.compile(r"\.(?:inner|outer)HTML\s*(?!\s*=\s*(?:\"\"|''|``)\s*(?:;|$))"),
        'makes markup of text. Use textContent, or innerHTML = "" to clear.',
    ),
    (re.compile(r"insertAdjacentHTML|document\.write|createContextualFragment"), "makes markup."),
    (re.compile(r"\beval\s*\(|\bnew\s+Function\s*\("), "runs text as code."),
    (
        re.compile(r"(?:\bfrom|\bimport|\bimport\s*\()\s*[\"'](?:https?:)?//"),
        "imports code from another machine.",
    ),
    (
        re.compile(r"(?:url\(\s*[\"']?|@import\s+[\"']|\bsrc\s*=\s*[\"'])(?:https?:)?//"),
        "loads something from another machine.",
    ),
)


def faults(root: Path = ROOT) -> list[str]:
    """One line "file:line: what is wrong" for each forbidden line below a folder."""
    found = []
    for path in _files(root):
        text = path.read_text(encoding="utf-8")
        check = _python if path.suffix == ".py" else _browser
        name = path.relative_to(root).as_posix()
        wrong = list(check(text))
        if path.suffix == ".py" and not name.startswith(QUERIES_IN):
            wrong += _queries(text)
        if name == LAUNCHER:
            wrong += _launched(text)
        found += [f"{name}:{line}: {message}" for line, message in sorted(wrong)]
    return found


def _files(root: Path) -> Iterator[Path]:
    for where in WHERE:
        start = root / where
        for path in [start] if start.is_file() else sorted(start.rglob("*")):
            if path.suffix in (".py", ".js", ".css", ".html", ".svg"):
                yield path


def _browser(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, message in IN_BROWSER:
            if pattern.search(line):
                yield number, message


def _python(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                for each in names:
                    yield from _imported(node.lineno, each.name)
            case ast.ImportFrom(module=module, names=names) if module is not None:
                for each in names:
                    yield from _imported(node.lineno, f"{module}.{each.name}")
            case ast.Attribute() | ast.Name():
                yield from _named(node)
            case ast.Call():
                yield from _called(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _cached(node)
            case ast.Constant(value=str(value)) if "<script" in value.lower():
                for _, message in _browser(value):
                    yield node.lineno, message


def _queries(text: str) -> Iterator[tuple[int, str]]:
    mend = "Queries are written in sslapp/store."
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                modules = [each.name for each in names]
                asked = any(each.partition(".")[0] == "sqlalchemy" for each in modules)
            case ast.ImportFrom(module=str(module), names=names):
                others = {each.name for each in names} - SQL_TYPES
                asked = module.partition(".")[0] == "sqlalchemy" and bool(others)
            case ast.Attribute(attr=name):
                asked = name == "exec_driver_sql"
            case _:
                continue
        if asked:
            yield node.lineno, f"{ast.unparse(node)} queries the database here. {mend}"


def _launched(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                modules = [each.name for each in names]
            case ast.ImportFrom(module=str(module), names=names):
                modules = [f"{module}.{each.name}" for each in names]
            case _:
                continue
        for each in modules:
            if each.startswith("sslapp") and not each.startswith("sslapp.web."):
                yield node.lineno, f"{each}: the launcher imports from sslapp.web alone."


def _imported(line: int, module: str) -> Iterator[tuple[int, str]]:
    parts = module.split(".")
    roots = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
    if roots & RUNS_CODE or parts[-1] in READS_PICKLES:
        yield line, f"{module} reads files that run code. Use JSON, .npy or safetensors."
    if roots & GOES_OUT or parts[-1] in GOES_OUT_BY_NAME:
        yield line, f"{module} fetches from addresses. Nothing here is imported by URL."
    if "streamlit.components.v1" in roots:
        yield line, "components.v1 is the old kind of component. Use st.components.v2."


def _named(node: ast.Attribute | ast.Name) -> Iterator[tuple[int, str]]:
    name = ast.unparse(node)
    last = name.rpartition(".")[2]
    if name.endswith("components.v1"):
        yield node.lineno, "components.v1 is the old kind of component. Use st.components.v2."
    if last in READS_PICKLES:
        yield node.lineno, f"{last} reads files that run code. Use JSON, .npy or safetensors."
    if last in GOES_OUT_BY_NAME or name.endswith("torch.hub"):
        yield node.lineno, f"{last} fetches from addresses. Nothing here is imported by URL."


def _called(node: ast.Call) -> Iterator[tuple[int, str]]:
    function = ast.unparse(node.func)
    given = {each.arg: ast.unparse(each.value) for each in node.keywords}
    writes = re.fullmatch(r"(?:\w+\.)*?(\w+)\.(?:insert|update)", function)
    about = {writes[1]} if writes else set()
    if function in ("insert", "update"):
        about = {ast.unparse(each) for each in node.args[:1]}
    if about & SEALED:
        yield node.lineno, "a sealed table is written by store.integrity alone."
    for name in ("unsafe_allow_html", "unsafe_allow_javascript"):
        if name in given:
            yield node.lineno, f"{name} lets a typed name become markup."
    if given.get("allow_pickle", "False") != "False":
        yield node.lineno, "allow_pickle reads files that run code."
    safe = given.get("weights_only") == "True" or function.endswith("safetensors.torch.load")
    if function.endswith("torch.load") and not safe:
        yield node.lineno, "torch.load runs code without weights_only=True."


def _cached(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[int, str]]:
    marks = {}
    for each in function.decorator_list:
        called = each.func if isinstance(each, ast.Call) else each
        marks[ast.unparse(called).rpartition(".")[2]] = ast.unparse(each)
    for cache in marks.keys() & CACHES:
        if "max_entries" not in marks[cache]:
            yield function.lineno, f"{function.name} is cached without bound. Set max_entries."
        for each in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs):
            kind = ast.unparse(each.annotation) if each.annotation else "no type"
            if not each.arg.startswith("_") and kind not in HASHED_WHOLE:
                yield (
                    function.lineno,
                    f"{function.name} is cached by {each.arg} ({kind}). Take ids and revisions: "
                    "of a large array the cache compares a sample.",
                )
        given = ast.unparse(function.returns) if function.returns else "Figure"
        if "Figure" in given:
            yield (
                function.lineno,
                f"{function.name} returns a cached figure or does not say what it returns. Cache "
                "the arrays: a figure comes out of the cache as another chart.",
            )


if __name__ == "__main__":
    lines = faults()
    print("\n".join(lines) or "No forbidden line.")
    sys.exit(bool(lines))
