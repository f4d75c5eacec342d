"""The documentation as a site: it builds without a warning, and a browser shows it without an error.

Pictures of the main pages, wide and narrow, light and dark, go to the folder that JANS_SITE_PICTURES names.
"""

import contextlib
import functools
import http.server
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator

import pytest
from places import ROOT

pytest.importorskip("mkdocs", reason="the package mkdocs is not installed")
webdriver = pytest.importorskip("selenium.webdriver", reason="the package selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
PAGES = ["index", "install", "choose", "tutorial", "rans", "models", "gallery", "design", "reference/index"]
PAGES += [
    "notebooks/bits_back_with_flax",
    "reference/rans",
    "reference/models",
    "reference/codecs",
    "examples/index",
    "examples/mnist.py",
]
SIZES = {"wide": (1400, 1000), "narrow": (400, 900)}
FLAGS = ["headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"]
FLAGS += ["disable-component-update", "disable-sync"]
WIDER = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
BROKEN = "return [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"


@contextlib.contextmanager
def served(folder: pathlib.Path) -> Iterator[str]:
    """The address of a server of this folder."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextlib.contextmanager
def opened(scheme: str) -> Iterator:
    """A browser that prefers a colour scheme."""
    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        for flag in [*FLAGS, f"user-data-dir={profile}"]:
            options.add_argument(f"--{flag}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.binary_location = CHROMIUM
        browser = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        yield browser
        browser.quit()


def faults_of(browser) -> list[str]:
    """What is wrong with the page that the browser shows."""
    found = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    found += [f"the picture {source} is missing" for source in browser.execute_script(BROKEN)]
    wider = browser.execute_script(WIDER)
    return found + [f"the page is {wider} pixels wider than the screen"] * (wider > 0)


def hits(browser, address: str, words: str) -> list[str]:
    """The titles that the site's search finds."""
    browser.get(address)
    box = browser.find_element(By.CSS_SELECTOR, "input.md-search__input")
    browser.execute_script("arguments[0].focus()", box)
    box.send_keys(words)
    selector = "ol.md-search-result__list h1, ol.md-search-result__list h2"
    WebDriverWait(browser, 20).until(lambda _: browser.find_elements(By.CSS_SELECTOR, selector))
    return [title.get_attribute("textContent") for title in browser.find_elements(By.CSS_SELECTOR, selector)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-P", "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "JAX_PLATFORMS": "cpu"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_every_page_is_there(site):
    for path in (ROOT / "docs").rglob("*.md"):
        assert (site / path.relative_to(ROOT / "docs").with_suffix(".html")).exists(), path
    for name in PAGES:
        assert (site / f"{name}.html").exists(), name


def test_the_reference_has_every_public_name(site):
    import jans

    shown = "".join(page.read_text() for page in (site / "reference").glob("*.html"))
    for module in (jans, jans.rans, jans.range_coder, jans.chain, jans.tans, jans.huffman, jans.models, jans.quantize):
        for name in module.__all__:
            if callable(getattr(module, name)):
                assert f'id="{public_name(module)}.{name}"' in shown, f"{module.__name__}.{name}"


def public_name(module):
    return "jans" if module.__name__ == "jans" else f"jans.{module.__name__.rpartition('.')[2]}"


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="Chromium and its driver are not installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_pages(site, scheme, tmp_path):
    pictures = pathlib.Path(os.environ.get("JANS_SITE_PICTURES", tmp_path))
    pictures.mkdir(parents=True, exist_ok=True)
    with served(site) as address, opened(scheme) as browser:
        for (size, (width, height)), page in ((s, p) for s in SIZES.items() for p in PAGES):
            browser.set_window_size(width, height)
            browser.get(f"{address}/{page}.html")
            browser.save_screenshot(str(pictures / f"{page.replace('/', '-')}-{size}-{scheme}.png"))
            assert not faults_of(browser), f"{page}, {size}"


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="Chromium and its driver are not installed")
@pytest.mark.parametrize(("words", "title"), [("bits back", "Bits-back coding"), ("range coder", "The range coder")])
def test_a_search_finds_pages(site, words, title):
    with served(site) as address, opened("light") as browser:
        assert any(title in found for found in hits(browser, f"{address}/index.html", words))
