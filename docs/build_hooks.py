"""What `make docs` does beside MkDocs' own: Mermaid without a CDN, and links that leave docs/ for the repository.

On a repository's page `../agents/minimal_agent.py` is a link to that file. The site has no repository beside it, so
each file that is linked so becomes a page of the site, with the file's text.
"""

from __future__ import annotations

import importlib.util
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "build" / "docs-assets"

MERMAID = "11.12.0"
MERMAID_FILES = {
    "package/dist/mermaid.min.js": (
        "mermaid.min.js",
        "07e37dfa97b337ccc85365d57eddf99b9706f09db3b59b260d0333b23b343c4b",
    ),
    "package/LICENSE": ("mermaid.LICENSE", "ec9fb67dcb25eccc416ed56e1aab819222c805a2a4bfe4cb19e7556bf2ffde80"),
}

_LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)")
_LANGUAGES = {
    ".py": "python",
    ".html": "html",
    ".toml": "toml",
    ".mjs": "js",
    ".js": "js",
    ".yml": "yaml",
    ".yaml": "yaml",
}

#: Path in the repository -> the site's page of it. Filled anew by every build.
_pages: dict[str, str] = {}


def on_config(config: Any) -> Any:
    """Fetch Mermaid from npm, by hash, unless it is there; put pages that mkdocs.yml does not name under "More"."""
    # The package has what fetches the demo page's livekit-client so; this is the same, for another package.
    spec = importlib.util.spec_from_file_location("fetch_mermaid", ROOT / "livekit_bithuman" / "demo" / "vendor.py")
    assert spec is not None
    assert spec.loader is not None
    vendor: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(vendor)
    vendor.PACKAGE, vendor.VERSION, vendor.FILES = "mermaid", MERMAID, MERMAID_FILES
    if not vendor.is_present(ASSETS):
        vendor.fetch(print, ASSETS)
    docs = Path(config.docs_dir)
    named = set(re.findall(r"[\w/-]+\.md", str(config.nav)))
    others = sorted(str(path.relative_to(docs)) for path in docs.rglob("*.md"))
    if unnamed := [page for page in others if page not in named]:
        config.nav.append({"More": unnamed})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add Mermaid, and a page for each file of the repository that a page links to."""
    _pages.clear()
    for name in ("mermaid.min.js", "mermaid.LICENSE"):
        files.append(File.generated(config, f"assets/{name}", abs_src_path=str(ASSETS / name)))
    linked = sorted({path for page in files.documentation_pages() for path in _links_out(page)})
    for path in linked:
        _pages[path] = f"source/{path}" if path.endswith(".md") else f"source/{path}.md"
    for path, page in _pages.items():
        files.append(File.generated(config, page, content=_source_page(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links to files of the repository into links to their pages here."""
    here = page.file.src_uri
    return _LINK.sub(lambda link: _rewritten(link, here), markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Load Mermaid where there is a diagram; the theme would take it from a CDN."""
    if 'class="mermaid"' not in output:
        return output
    script = posixpath.relpath("assets/mermaid.min.js", posixpath.dirname(page.file.dest_uri) or ".")
    return output.replace("</head>", f'<script src="{script}"></script></head>', 1)


def _links_out(page: File) -> list[str]:
    """The repository's files that a page of docs/ links to, by their path in the repository."""
    found = (_resolved(link["target"], page.src_uri) for link in _LINK.finditer(page.content_string))
    return [path for path in found if path and not path.startswith("docs/") and (ROOT / path).is_file()]


def _resolved(target: str, page: str) -> str:
    """A relative link's path in the repository; a folder's is its README. Empty if it leads out of it."""
    folder = (
        posixpath.dirname(page.removeprefix("source/"))
        if page.startswith("source/")
        else f"docs/{posixpath.dirname(page)}"
    )
    path = posixpath.normpath(posixpath.join(folder, target))
    if path.startswith(("..", "/")):
        return ""
    return f"{path}/README.md" if (ROOT / path / "README.md").is_file() else path


def _rewritten(link: re.Match[str], page: str) -> str:
    path = _resolved(link["target"], page)
    if path.startswith("docs/"):
        here = posixpath.relpath(path.removeprefix("docs/"), posixpath.dirname(page) or ".")
    elif path in _pages:
        here = posixpath.relpath(_pages[path], posixpath.dirname(page) or ".")
    else:
        return link[0] if not page.startswith("source/") else link["text"]
    return f"{link['image']}[{link['text']}]({here}{link['anchor'] or ''})"


def _source_page(path: str) -> str:
    text = (ROOT / path).read_text(encoding="utf-8")
    if not path.endswith(".md"):
        fence = "~~~~~~"
        text = f"# {path}\n\n{fence} {_LANGUAGES.get(Path(path).suffix, 'text')}\n{text}\n{fence}\n"
    return f"---\nsearch:\n  exclude: true\n---\n\n{text}"  # who searches wants what is written for readers
