"""Open every page of the built documentation in Chromium: `nox -s docs-check`.

No page may write an error to the console, ask for anything that fails or comes from elsewhere, lead to
a place that is not there, or be wider than the screen of a phone; the search has to find the guides.
"""

import argparse
import os
import shutil
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = {"phone": 390, "desktop": 1280}  # CSS pixels
HEIGHTS = {"phone": 844, "desktop": 800}
AMONG = 5  # pages that a search finds first, among which a guide has to be
SEARCHES = {
    "large data": "how_to/large_data",
    "memory float32": "how_to/large_data",
    "partial_fit": "how_to/large_data",
    "number of clusters": "how_to/choosing",
    "bic silhouette": "how_to/choosing",
    "weights": "how_to/weights",
    "sample_weight": "how_to/weights",
    "save model": "how_to/saving",
    "pickle": "how_to/saving",
    "threads": "how_to/threads_and_forks",
    "joblib": "how_to/threads_and_forks",
    "first call": "how_to/first_call",
    "warmup container": "how_to/first_call",
    "migrate scikit-learn": "how_to/from_scikit_learn",
    "differences": "how_to/from_scikit_learn",
    "outlier": "how_to/mixtures",
    "outliers": "auto_examples/plot_outliers",
    "anomaly": "auto_examples/plot_outliers",
    "Parquet": "how_to/more_than_memory",
    "progress bar": "how_to/more_than_memory",
    "save": "how_to/saving",
    "breathing": "how_to/kmeans",
    "responsibilities": "tutorial/expectation_maximization",
    "add a covariance type": "design/extending",
    "GaussianMixture": "reference/GaussianMixture",
}
SOURCES = "source/"  # pages of code, which are many and all alike: one look at each


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *args):
        """Nothing."""


class Site:
    """The built pages in a browser, and what is wrong with them."""

    def __init__(self, folder, browser, address, shots):
        self.folder, self.address, self.shots = folder, address, shots
        self.wrong, self.links, self.ids = [], {}, {}
        self.name = ""  # of what is being looked at
        self.screens = {}
        for device, width in WIDTHS.items():
            size = {"width": width, "height": HEIGHTS[device]}
            self.screens[device] = browser.new_page(viewport=size)
            self._listen(self.screens[device])

    def look(self, name, device):
        """Open a page on a device."""
        page, self.name = self.screens[device], name
        page.goto(f"{self.address}/{name}", wait_until="load")
        width = page.evaluate("document.scrollingElement.scrollWidth")
        if width > WIDTHS[device]:
            self.wrong.append(f"{name}: {width} pixels wide on a {device}")
        broken = page.evaluate(
            "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
        )
        self.wrong += [f"{name}: no picture {source}" for source in broken]
        hrefs = "[...document.querySelectorAll('a[href]')].map(a => a.href)"
        self.links[name] = page.evaluate(hrefs)
        self.ids[name] = set(page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)"))
        if self.shots and not name.startswith(SOURCES):
            file = self.shots / f"{name.removesuffix('.html').replace('/', '-')}-{device}.png"
            page.screenshot(path=file, full_page=True)

    def _listen(self, page):
        def told(message):
            if message.type in ("error", "warning"):
                self.wrong.append(f"{self.name}: console: {message.text}")

        def asked(request):
            if not request.url.startswith((self.address, "data:", "blob:")):
                self.wrong.append(f"{self.name}: asks for {request.url}")

        def answered(response):
            if response.status >= 400:
                self.wrong.append(f"{self.name}: {response.status} for {response.url}")

        page.on("console", told)
        page.on("pageerror", lambda error: self.wrong.append(f"{self.name}: script: {error}"))
        page.on("request", asked)
        page.on("response", answered)

    def follow(self):
        """See whether every link within the site leads somewhere."""
        for name, links in self.links.items():
            for link in sorted(set(links)):
                if not link.startswith(self.address):
                    continue
                whole, mark = urldefrag(link)
                target = unquote(urlsplit(whole).path).lstrip("/") or "index.html"
                if not (self.folder / target).exists():
                    self.wrong.append(f"{name}: leads to {target}, which is not there")
                elif mark and target in self.ids and unquote(mark) not in self.ids[target]:
                    self.wrong.append(f"{name}: leads to {target}#{mark}, which is not there")

    def search(self, words, wanted):
        """See whether a search finds a page among its first results."""
        page, self.name = self.screens["desktop"], f"search for {words!r}"
        page.goto(f"{self.address}/search.html?q={words.replace(' ', '+')}")
        page.wait_for_selector("#search-results p.search-summary", timeout=20_000)
        page.wait_for_function(
            "!/Searching|Preparing/.test(document.querySelector('#search-results').innerText)"
        )
        page.wait_for_timeout(300)
        found = page.evaluate(
            "[...document.querySelectorAll('#search-results ul.search li > a')].map(a => a.href)"
        )
        links = (urlsplit(link).path.strip("/").removesuffix(".html") for link in found)
        places = list(dict.fromkeys(links))[:AMONG]  # the methods of that name are one page
        if wanted not in places:
            self.wrong.append(f"search for {words!r}: {places}, but not {wanted}")


def check(folder, executable, shots):
    """What is wrong with the site in a folder, as lines."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pages = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    pages = [name for name in pages if not name.startswith(("_static/", "benchmarks/"))]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        site = Site(folder, browser, f"http://127.0.0.1:{server.server_address[1]}", shots)
        for name in pages:
            for device in ("desktop",) if name.startswith(SOURCES) else WIDTHS:
                site.look(name, device)
        site.follow()
        for words, wanted in SEARCHES.items():
            site.search(words, wanted)
        browser.close()
    server.shutdown()
    print(f"{len(pages)} pages, {len(SEARCHES)} searches, {len(site.wrong)} complaints")
    return site.wrong


def main(words=None):
    """Check the site, and end with status 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/_build/html"))
    parser.add_argument("--shots", type=Path, help="folder for a picture of every page")
    told = parser.parse_args(words)
    executable = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        raise SystemExit("no Chromium was found: install it, or name it in the variable CHROMIUM")
    if not (told.folder / "index.html").exists():
        raise SystemExit(f"{told.folder} has no site: run nox -s docs first")
    if told.shots:
        told.shots.mkdir(parents=True, exist_ok=True)
    wrong = check(told.folder.resolve(), executable, told.shots)
    print("\n".join(dict.fromkeys(wrong)))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
