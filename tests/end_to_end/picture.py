"""Takes the README's picture: `python -m tests.end_to_end.picture docs/page.png`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.end_to_end.browsing import browsing, wait_for
from tests.end_to_end.process import server_process

PROMPT = "smile and raise your brows for 4 seconds"


def main(target: Path) -> None:
    """The page on the demo avatar, half-way through a prompt."""
    with server_process() as server, browsing(server.url) as page:
        wait_for(page, "mien.stats().state === 'live'")
        page.fill("#prompt", PROMPT)
        page.press("#prompt", "Enter")
        wait_for(page, "mien.stats().source === 'prompt'")
        time.sleep(1.5)
        page.screenshot(path=str(target))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
