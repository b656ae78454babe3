"""Write assets/figures/playground.png: the page as a headless Chromium shows it.

``python tests/screenshot.py`` needs the package playwright, and a Chromium on the path or its own.
"""

from page_browser import chromium
from playwright.sync_api import sync_playwright

from utils.support.files import write_bytes
from utils.support.paths import ASSETS

SIZE = {"width": 1200, "height": 980}


def main() -> None:
    with sync_playwright() as playwright:
        path = chromium(playwright)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto((ASSETS / "playground.html").as_uri())
        page.locator("#table button").last.click()
        page.locator("#gallery button").last.click()
        page.locator("canvas.maps").nth(3).hover(position={"x": 80, "y": 24})
        page.wait_for_timeout(1000)  # all networks answer
        page.evaluate("scrollTo(0, 0)")
        write_bytes(page.screenshot(type="png"), ASSETS / "figures" / "playground.png")
        browser.close()


if __name__ == "__main__":
    main()
