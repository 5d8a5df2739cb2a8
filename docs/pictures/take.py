"""Take the pictures of the pages that README and docs show, from the demo data: `./run pictures`.

Needs the development environment and an installed Chromium.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
GUIDE_CALL = "/sessions/call-session/a1b2c3d4-5e6f-7a8b-9c0d-1e2f3a4b5c6d"
PICTURES = [  # name, path, width, height, colours
    ("sessions", "/sessions?sort=-total", 1440, 860, "light"),
    ("session", GUIDE_CALL + "?event=ai-voice-assistant/4c9063e0-1e4b-11f1-b789-0242ac120010", 1440, 860, "light"),
    ("session-dark", GUIDE_CALL, 1440, 860, "dark"),
    ("session-phone", GUIDE_CALL, 390, 1400, "light"),
    ("spend", "/spend", 1440, 860, "light"),
    ("catalogue", "/catalogue", 1440, 860, "light"),
]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")


@contextmanager
def demo() -> Iterator[str]:
    """The demo, served from a new store; its link that signs in."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sessiontree", "demo", "--port", "0"]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            yield next(line.split()[-1] for line in process.stdout if "/sign-in?once=" in line)
        finally:
            process.terminate()
            process.communicate()


def take(browser: Browser, link: str) -> None:
    """All pictures, each in a window of its own that shares the signed-in visitor's cookies."""
    visitor = browser.new_context()
    visitor.new_page().goto(link)
    address = link.partition("/sign-in")[0]
    for name, path, width, height, colours in PICTURES:
        page = visitor.new_page()
        page.emulate_media(color_scheme=colours)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": height})
        page.goto(address + path)
        page.screenshot(path=HERE / f"{name}.png")
        page.close()
        print(HERE / f"{name}.png")


def main() -> None:
    """Take them; says so in one line where there is no Chromium."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        sys.exit("There is no Chromium here: install one (Debian: apt install chromium).")
    with demo() as link, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        take(browser, link)
        browser.close()


if __name__ == "__main__":
    main()
