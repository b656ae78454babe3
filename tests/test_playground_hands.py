"""Every way into the page: finger, pen, keyboard, and a picture that is pasted or dropped."""

import base64

import numpy as np
import pytest
from page_browser import DRAWINGS, address, answer, draw, png

from utils import data


def points_on_pad(page, drawing):
    box = page.locator("#pad").bounding_box()
    return [
        [(box["x"] + x / 1024 * box["width"], box["y"] + y / 1024 * box["height"]) for x, y in one]
        for one in (stroke["points"] for stroke in drawing["strokes"])
    ]


def kinds_of_pointer(page):
    page.evaluate(
        "window.kinds = new Set();"
        "addEventListener('pointermove', (event) => kinds.add(event.pointerType), true)"
    )
    return lambda: page.evaluate("[...kinds]")


def touch(page, points):
    """One finger along ``points``, as the operating system reports it."""
    device = page.context.new_cdp_session(page)

    def send(kind, *fingers):
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(fingers)})

    send("touchStart", {"x": points[0][0], "y": points[0][1]})
    for x, y in points[1:]:
        send("touchMove", {"x": x, "y": y})
    send("touchEnd")
    page.wait_for_timeout(100)


@pytest.mark.parametrize("page", ["phone"], indirect=True)
def test_a_finger_draws_and_does_not_scroll(page):
    kinds = kinds_of_pointer(page)
    for stroke in points_on_pad(page, DRAWINGS[70]):
        touch(page, stroke)
    assert kinds() == ["touch"] and answer(page) == 7
    bars = page.locator("#bars").bounding_box()
    assert bars["y"] + bars["height"] <= 640  # below the drawing, in the same window
    assert page.evaluate("scrollY") == 0
    # Elsewhere the same finger scrolls.
    touch(page, [(180, 620 - 20 * step) for step in range(10)])
    page.wait_for_timeout(300)
    assert page.evaluate("scrollY") > 50


@pytest.mark.parametrize("page", ["phone"], indirect=True)
def test_a_finger_takes_a_unit_apart_in_the_same_window(page):
    draw(page, DRAWINGS[30]["strokes"])
    maps = page.locator(".row", has_text="max-pool").locator("canvas.maps")
    maps.evaluate("(picture) => picture.scrollIntoView({ block: 'center' })")
    maps.tap(position={"x": 20, "y": 20})
    page.wait_for_function("document.getElementById('unit').innerText.includes('largest value')")
    for part in ("#seen", "#unit b", ".told canvas"):
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 640


def test_a_pen_draws(page):
    kinds = kinds_of_pointer(page)
    device = page.context.new_cdp_session(page)

    def send(kind, x, y):
        buttons = {} if kind == "mouseReleased" else {"buttons": 1}
        button = {"button": "left", "pointerType": "pen", "clickCount": 1} | buttons
        device.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **button})

    for stroke in points_on_pad(page, DRAWINGS[40]):
        send("mousePressed", *stroke[0])
        for point in stroke[1:]:
            send("mouseMoved", *point)
        send("mouseReleased", *stroke[-1])
    assert "pen" in kinds() and answer(page) == 4


def pen_down(page, steps=0):
    """The keyboard's pen is set down and moved so many steps, and not lifted."""
    page.locator("#pad").focus()
    page.keyboard.press("Space")
    for _ in range(steps):
        page.keyboard.press("ArrowDown")


def test_the_keyboard_draws_and_presses_every_tool(page):
    pen_down(page, 20)
    page.keyboard.press("Space")
    assert answer(page) == 1
    page.keyboard.press("Control+z")
    assert answer(page) is None
    page.keyboard.press("Control+z")  # nothing is left to take back
    reached = []
    for _ in range(70):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    assert {"undo", "clear", "picture", "load"} <= set(reached)
    page.locator("#samples button").nth(4).focus()
    page.keyboard.press("Enter")
    assert answer(page) == 4
    page.locator("input[name=size]").focus()
    page.keyboard.press("Space")
    assert "o=011" in address(page)


def test_a_screen_reader_hears_of_a_stroke_once_its_pen_is_lifted(page):
    busy = "[...document.querySelectorAll('[aria-live]')].map((said) => said.ariaBusy === 'true')"
    pen_down(page)
    assert all(page.evaluate(busy))
    page.keyboard.press("Space")
    assert not any(page.evaluate(busy))
    page.keyboard.press("ArrowDown")
    assert not any(page.evaluate(busy)), "the pen is up"


def test_a_mouse_draws_where_the_keyboard_left_its_pen_down(page):
    pen_down(page)
    draw(page, DRAWINGS[70]["strokes"])
    assert answer(page) == 7


def test_undo_takes_back_a_stroke_that_is_not_finished(page):
    pen_down(page, 10)
    page.keyboard.press("Control+Shift+z")
    assert answer(page) == 1, "that is to do it again, not to undo it"
    page.keyboard.press("Control+z")
    for _ in range(10):
        page.keyboard.press("ArrowDown")
    assert answer(page) is None, "no ink that is not seen"


def test_undo_brings_back_what_was_cleared(page):
    draw(page, DRAWINGS[20]["strokes"])
    drawn = address(page)
    for button in ("#clear", "#samples button >> nth=3"):
        page.locator(button).click()
        assert address(page) != drawn
        page.locator("#undo").click()
        assert address(page) == drawn and answer(page) == 2


def picture_of_a_one():
    pixels = np.full((80, 80), 250, np.uint8)
    pixels[15:65, 38:44] = 20
    return base64.b64encode(png(pixels)).decode("ascii")


SEND = """([kind, text]) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const carried = new DataTransfer();
    carried.items.add(new File([bytes], "one.png", { type: "image/png" }));
    const options = { bubbles: true, cancelable: true };
    const event = kind === "paste"
        ? new ClipboardEvent(kind, { ...options, clipboardData: carried })
        : new DragEvent(kind, { ...options, dataTransfer: carried });
    document.body.dispatchEvent(event);
}"""


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_a_picture_is_pasted_and_dropped(page, kind):
    page.evaluate(SEND, [kind, picture_of_a_one()])
    page.wait_for_function("location.hash.includes('b=p')")
    assert answer(page) == 1
    page.reload()
    assert answer(page) == 1  # the address holds it


def test_drawings_leave_a_frame_that_may_save_no_file(browser, page_file, tmp_path):
    """Jupyter serves files so; the browser asks for nothing, ``route`` answers in its place."""
    page = browser.new_page()
    page.route(
        "http://notebook.test/",
        lambda route: route.fulfill(
            body=page_file.read_text(encoding="utf-8"),
            headers={
                "Content-Type": "text/html",
                "Content-Security-Policy": "sandbox allow-scripts",
            },
        ),
    )
    page.goto("http://notebook.test/")
    page.locator("#samples button").nth(3).click()
    page.locator("#labels button").nth(3).click()
    page.get_by_role("button", name="Show CSV").click()
    (tmp_path / "drawings.csv").write_text(page.locator("#text").input_value(), encoding="utf-8")
    page.close()
    images, labels = data.load_drawings(tmp_path / "drawings.csv")
    assert labels.tolist() == [3] and images.max() > 200
