"""The direction of imports: edge never knows training, training knows only the contract, and nothing goes round."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = {
    *("alphabet", "card", "preprocess", "records", "errors", "runtime"),
    *("reader", "detector", "candidates", "looks", "geometry"),
}
SCENE = {name.stem for name in (ROOT / "edge").glob("demo*.py")}
"""The demo scene may be drawn for training frames."""
VOTING = {"alignment", "countries", "pipeline", "poll", "tracker", "vote"}
"""What `JUDGES` run: the device's own tracking and voting, not a copy of it."""
JUDGES = {"passes", "vote_bench", "vote_curves", "vote_outcomes"}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path, top_level_only: bool = False) -> Iterator[str]:
    """Full names of the modules that a file imports; with `top_level_only` those that run when it is imported."""
    tree = _tree(path)
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            module = node.module or ""
            yield module
            yield from (
                f"{module}.{alias.name}" for alias in node.names if (ROOT / module / f"{alias.name}.py").is_file()
            )


def test_edge_never_imports_training() -> None:
    wrong = [
        (path.name, name)
        for path in (ROOT / "edge").rglob("*.py")
        for name in imports(path)
        if name.split(".")[0] in {"training", "tests"}
    ]
    assert not wrong


def test_training_imports_only_the_contract_of_edge() -> None:
    allowed = {f"edge.{name}" for name in CONTRACT | SCENE} | {"edge"}
    wrong = [
        (path.name, name)
        for path in (ROOT / "training").rglob("*.py")
        for name in imports(path)
        if name.split(".")[0] == "edge"
        and name not in allowed | ({f"edge.{name}" for name in VOTING} if path.stem in JUDGES else set())
    ]
    assert not wrong


def test_the_device_imports_only_what_it_depends_on() -> None:
    """The modules that pip installs for the device, and on a Raspberry Pi what comes from apt."""
    from sys import stdlib_module_names

    device = {"ai_edge_litert", "cv2", "numpy", "simplejpeg", "starlette", "uvicorn", "edge"}
    board = {"picamera2", "libcamera", "tflite_runtime"}
    wrong = {
        (path.name, name)
        for path in (ROOT / "edge").rglob("*.py")
        for name in imports(path)
        if name.split(".")[0] not in {*stdlib_module_names, *device, *board}
    }
    assert not wrong


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {
        f"{package}.{path.stem}": set(imports(path, top_level_only=True))
        for package in ("edge", "training")
        for path in (ROOT / package).glob("*.py")
    }
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " → ".join((*way[way.index(name) :], name))
        if name in graph and name not in done:
            for other in graph[name]:
                visit(other, (*way, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_folders_that_would_hide_other_packages_are_not_packages() -> None:
    assert not (ROOT / "models" / "__init__.py").exists()
    assert not list((ROOT / "tests").rglob("__init__.py"))
