"""A real Chromium on the page, with a file for its camera."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.streaming.caller import LIMIT

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
ANY_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def chromium() -> str | None:
    """Path of an installed Chromium."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def wait_for(page: Page, condition: str, seconds: float = LIMIT) -> None:
    """Waits until a JavaScript expression holds; Playwright's own way needs eval, which the page forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        if time.monotonic() > end:
            raise TimeoutError(f"{condition} did not come true; the page says {page.evaluate('mien.stats()')}")
        time.sleep(0.03)


@contextlib.contextmanager
def browsing(url: str | None, camera: Path | None = None, flags: tuple[str, ...] = ANY_CAMERA) -> Iterator[Page]:
    """A page on `url` (or an empty one) that fails its test where the page's code throws."""
    if camera is not None:
        flags = (*flags, f"--use-file-for-fake-video-capture={camera}")
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*FLAGS, *flags], timeout=1000 * LIMIT)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(1000 * LIMIT)
        page.on("pageerror", lambda error: errors.append(str(error)))
        try:
            if url is not None:
                page.goto(url)
            yield page
        finally:
            browser.close()
    if errors:
        raise AssertionError(f"the page threw: {errors}")
