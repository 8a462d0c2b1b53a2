"""Pictures of the API's home page, as the browser shows it: docs/pictures/api-light.png and api-dark.png, 1280 wide.

    PYTHONPATH=services/api .venv/bin/python -m tests.real.api_pictures

Made anew whenever the page looks different; the home that it shows is made up.
"""

from __future__ import annotations

import base64
from pathlib import Path

from brain.overview import Part
from brain.verdict import Verdict
from tests.real.browser import browser
from tests.real.page_server import served
from tests.services.api.homes import ALERTS, HEALTHY_TILES, home, tile

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
WIDTH = 1280

SHOWN = home(
    tile("immich", "Photos", Verdict.DEGRADED, "1,204 photos have waited for thumbnails for an hour."),
    *HEALTHY_TILES[1:],
    alerts=Part(items=ALERTS.items[1:2], age=10),
)


def pictures(folder: Path = FOLDER) -> tuple[Path, Path]:
    """Takes both, and says where they are: from the top to where the map of who reaches what ends."""
    light, dark = folder / "api-light.png", folder / "api-dark.png"
    with served() as site, browser() as tab:
        site.overview = SHOWN
        for path in (light, dark):
            tab.open(f"{site.address}/", width=WIDTH, dark=path == dark)
            tab.wait_for("document.querySelector('#live').textContent")
            height = tab.ask("Math.ceil(document.querySelector('#exposure').getBoundingClientRect().bottom) + 40")
            clip = {"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": 1}
            shot = tab.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
            path.write_bytes(base64.b64decode(shot["data"]))
    return light, dark


if __name__ == "__main__":
    pictures()
