"""An installed Chromium, for what only a browser can tell. Where there is none, one line says what is left out."""

import os
import shutil

import click

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--disable-background-networking", "--disable-component-update", "--disable-quic", "--disable-sync")
_PAINT = """new Promise(found => new PerformanceObserver(list => found(list.getEntries()[0].startTime))
    .observe({type: "paint", buffered: true}))"""


def first_paints(address: str, key: str, path: str, *, times: int) -> list[float]:
    """Milliseconds from asking for a page to its first paint, each in a browser that has nothing cached.

    Empty where no Chromium is installed.
    """
    program = next((found for found in map(shutil.which, NAMES) if found), None)
    if program is None:
        click.echo(f"  left out, because no Chromium is installed: first paint of {path}")
        return []
    from playwright.sync_api import sync_playwright

    taken = []
    with sync_playwright() as playwright:
        flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        for _ in range(times):
            context = browser.new_context(viewport={"width": 1440, "height": 860})
            page = context.new_page()
            context.request.post(f"{address}/sign-in", form={"key": key})
            page.goto(address + path)
            taken.append(float(page.evaluate(_PAINT)))
            context.close()
        browser.close()
    return taken
