"""Links from page to page lead to files and headings that are there; the settings that pages name exist."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"\]\(([^()\s]+)\)")
_FILES = ("json", "key", "py")
"""What follows the point in names of files that look like settings."""
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What a heading is linked as: small letters, no signs, hyphens for spaces."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            dead.append(target)
    assert not dead


def test_every_page_is_linked_from_the_first() -> None:
    linked = {(ROOT / target.partition("#")[0]).resolve() for target in LINK.findall((ROOT / "README.md").read_text())}
    assert [page.name for page in PAGES if page.parent.name == "docs" and page not in linked] == []


def test_the_design_names_every_module_of_the_device_and_no_other() -> None:
    """In the table of the interfaces; `demo_*.py` names all that begin so."""
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w*]+\.py)`", design.partition("## The interfaces")[2].partition("\n## ")[0])
    modules = [path.name for path in (ROOT / "edge").glob("*.py") if path.name != "__init__.py"]
    assert [module for module in modules if not any(fnmatch(module, name) for name in named)] == []
    assert [name for name in named if not any(fnmatch(module, name) for module in modules)] == []


def test_settings_that_pages_name_exist() -> None:
    """`section.key` in code quotes must be a key of the configuration, if `section` is one of its sections."""
    from dataclasses import fields

    from edge.config import Config

    config = Config()
    keys = {section.name: {key.name for key in fields(getattr(config, section.name))} for section in fields(config)}
    unknown = [
        f"{page.name}: {section}.{key}"
        for page in PAGES
        for section, key in re.findall(r"`([a-z]+)\.([a-z_]+)[`\s=]", page.read_text(encoding="utf-8"))
        if section in keys and key not in keys[section] and key not in _FILES
    ]
    assert not unknown
