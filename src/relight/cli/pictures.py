"""Pictures of a mail by Chromium, where it is installed; it is kept from every network."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from relight.cli.output import note

#: Widths of the pictures (px): a desktop's reading pane, a phone.
WIDTHS = (600, 390)
#: Height of a picture (px); mails are longer than wide.
PICTURE_HEIGHT = 1400
#: Narrowest window in which every Chromium lays a page out (px).
WINDOW_MIN = 500
#: Seconds that Chromium may take.
PICTURE_SECONDS = 60
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """Return the path of a Chromium, or None."""
    return next((found for name in _BROWSERS if (found := shutil.which(name))), None)


def take_pictures(page: Path) -> Iterator[Path]:
    """Yield pictures of a page, where Chromium is installed."""
    browser = find_browser()
    if browser is None:
        note("No Chromium here, so no pictures.")
        return
    for width in WIDTHS:
        picture = page.with_name(f"{page.stem}-{width}.png")
        # No page is laid out in a window narrower than WINDOW_MIN: a phone's width is a frame, the picture its part.
        frame = page if width >= WINDOW_MIN else _framed(page, width)
        try:
            taken = _take_picture(browser, frame, picture, width)
        finally:
            if frame is not page:
                frame.unlink(missing_ok=True)
        if not taken:
            note("Chromium did not answer, so there is no picture.")
            return
        yield picture


def _framed(page: Path, width: int) -> Path:
    """Write a page that shows another one at a width, and return it."""
    frame = page.with_name(f".{page.stem}-{width}.frame.html")
    style = f'width="{width}" height="{PICTURE_HEIGHT}" style="border:0"'
    frame.write_text(f'<!DOCTYPE html><body style="margin:0"><iframe src="{page.name}" {style}>', encoding="utf-8")
    return frame


def _take_picture(browser: str, page: Path, picture: Path, width: int) -> bool:
    arguments = [
        "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-extensions",
        "--host-resolver-rules=MAP * ~NOTFOUND", f"--window-size={width},{PICTURE_HEIGHT}",
        f"--screenshot={picture.absolute()}", page.absolute().as_uri(),
    ]  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603 - a browser found on the PATH, on our own file
            [browser, *arguments], capture_output=True, timeout=PICTURE_SECONDS, check=False
        )
    except (subprocess.TimeoutExpired, OSError):
        return False
    return done.returncode == 0 and picture.is_file()
