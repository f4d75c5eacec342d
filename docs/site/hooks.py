"""Pages of the site that lie outside of docs, and the links to them.

A page may link to any file of the repository. The site has a page for each of these files: documents as they are,
programs as code.
"""

import functools
import json
import os
import pathlib
import re
from collections.abc import Iterator

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = pathlib.Path(__file__).parents[2]
DOCUMENTS = ["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md"]
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)(?=[)#])")
LANGUAGES = {".py": "python", ".cc": "cpp", ".h": "cpp"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the documents, and what they and the pages in docs link to."""
    pages = [ROOT / "docs" / file.src_uri for file in files.documentation_pages()]
    pages += [ROOT / name for name in DOCUMENTS]
    linked = {target for page in pages for target in targets(page)}
    for path in sorted({*linked, *pages}):
        if path.suffix == ".ipynb":
            files.remove(files.get_file_from_path(path.relative_to(ROOT / "docs").as_posix()))
        elif files.get_file_from_path(site_path(path)):
            continue
        if path.suffix in (".md", ".png"):
            files.append(File.generated(config, site_path(path), abs_src_path=str(path)))
        else:
            files.append(File.generated(config, site_path(path), content=listing(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Makes links between files of the repository links between pages of the site."""
    here = repository_path(page.file.src_uri)
    folder = pathlib.PurePosixPath(page.file.src_uri).parent

    def replaced(match: re.Match) -> str:
        target = find(here, match[1])
        return os.path.relpath(site_path(target), folder) if target else match[0]

    return LINK.sub(replaced, markdown)


def targets(page: pathlib.Path) -> Iterator[pathlib.Path]:
    """The files and folders of the repository that a page links to."""
    for match in LINK.finditer(page.read_text()):
        if target := find(page, match[1]):
            yield target


def find(page: pathlib.Path, link: str) -> pathlib.Path | None:
    """The file or folder that a link leads to; None if there is none."""
    path = pathlib.Path(os.path.normpath(page.parent / link))
    return path if path.exists() else None


@functools.cache
def repository_path(uri: str) -> pathlib.Path:
    """The file of a page of the site."""
    own = ROOT / "docs" / uri
    return own if own.exists() else ROOT / uri


def site_path(path: pathlib.Path) -> str:
    """The page of a file or a folder."""
    if path == ROOT / "README.md":
        return "index.md"
    if (ROOT / "docs") in path.parents:
        name = path.relative_to(ROOT / "docs").as_posix()
        return name.replace(".ipynb", ".md")
    name = path.relative_to(ROOT).as_posix()
    if path.is_dir():
        return f"{name}/README.md" if (path / "README.md").exists() else f"{name}/index.md"
    return name if path.suffix in (".md", ".png") else f"{name}.md"


def notebook(book: dict) -> str:
    """The cells of a notebook as a page, with the text that they print and the pictures that they draw."""
    parts = []
    for cell in book["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", []):
            shown = output.get("data", {})
            text = "".join(output.get("text", shown.get("text/plain", "")))
            if "image/png" in shown:
                parts.append(f"![picture](data:image/png;base64,{''.join(shown['image/png']).replace(chr(10), '')})")
            elif text:
                parts.append(f"```text\n{text.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def listing(path: pathlib.Path) -> str:
    """A page for a program, or for a folder without a page of its own."""
    name = path.relative_to(ROOT).as_posix()
    if path.suffix == ".ipynb":
        return notebook(json.loads(path.read_text()))
    if path.is_dir():
        parts = "".join(f"- `{part.name}`\n" for part in sorted(path.iterdir()) if not part.name.startswith((".", "_")))
        return f"# `{name}`\n\n{parts}"
    return f"# `{name}`\n\n```{LANGUAGES.get(path.suffix, '')}\n{path.read_text()}```\n"
