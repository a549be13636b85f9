"""Tests of a report in a real, headless Chromium: slider, keys, curves, looks, requests."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
from browser import (
    drawn_on,
    errors,
    find,
    image_at,
    look_like,
    press,
    requests,
    to_the_middle,
    until,
)
from reports import report_of, thousand_pictures
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select
from small_run import make_run, write_quality

from vanilla_gan.report.page import page

CURVES = ("#d-loss .u-over", "#g-loss .u-over")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Returns a run with five pictures, two evaluations, and a report with three frames."""
    folder = make_run(tmp_path_factory.mktemp("report") / "run")
    first = {"frechet": 12.5, "frechet_real": 3.25, "recall": None}
    second = {"frechet": 11, "recall": 1}
    write_quality(
        folder,
        {"iteration": 0, "n": 9, "figures": first},
        {"iteration": 2000, "n": 9, "figures": second},
    )
    frames = [np.full((337, 330, 3), 60 * k, np.uint8) for k in range(3)]
    (folder / "report.html").write_bytes(page(report_of(folder, frames=frames)))
    return folder


@pytest.fixture
def opened(chrome, run):
    """Opens the report; afterwards checks that it requested nothing else and logged no errors."""
    look_like(chrome)
    url = (run / "report.html").as_uri()
    requests(chrome)
    errors(chrome)
    chrome.get(url)
    # The previous test may have left the pointer anywhere.
    ActionChains(chrome).move_to_element(find(chrome, "h1")).perform()
    yield chrome
    assert requests(chrome) == [url]
    assert errors(chrome) == []


def shown(chrome, selector="#picture"):
    """Returns a picture once it is fully drawn: grey pixels, as many as its file has."""
    script = "const d = arguments[0].dataset; return d.wanted === d.drawn"
    until(chrome, lambda _: chrome.execute_script(script, find(chrome, selector)))
    image = drawn_on(chrome, selector)
    return np.asarray(image.convert("L").resize((330, 337), PIL.Image.Resampling.BOX), int)


def which_file(chrome, run, selector="#picture"):
    """Returns the picture file that a canvas shows; checks that no other one is close to it."""
    pixels = shown(chrome, selector)
    distances = {
        path.name: np.abs(np.asarray(PIL.Image.open(path).convert("L"), int) - pixels).mean()
        for path in run.glob("0*.png")
    }
    nearest, second = sorted(distances, key=distances.get)[:2]
    assert distances[nearest] < 6 < 20 < distances[second], distances
    return nearest


def ranges(chrome):
    """Returns the first and the last iteration that each curve shows."""
    scales = "report.charts.map((u) => [u.scales.x.min, u.scales.x.max])"
    return chrome.execute_script(f"return {scales}")


def at(chrome, selector, iteration):
    """Returns a curve's element, and the offset of an iteration from its middle in pixels."""
    over = to_the_middle(chrome, selector)
    low, high = ranges(chrome)[0]
    width = over.size["width"]
    return over, round((iteration - low) / (high - low) * width - width / 2)


def point_at(chrome, selector, iteration):
    ActionChains(chrome).move_to_element_with_offset(*at(chrome, selector, iteration), 0).perform()


def test_it_opens_with_the_newest_picture(opened, run):
    assert which_file(opened, run) == "004.png"
    assert find(opened, "h1").text == "vanilla on mnist"
    label = find(opened, "#picture").get_attribute("aria-label")
    assert label.startswith("16 samples of this run at iteration 4,000; Ink 0.500 above ")
    assert find(opened, "#now").text.startswith("Iteration 4,000\nD loss 0.0002499, G loss 6")


@pytest.mark.parametrize(
    ("width", "height", "drawn"),
    [(330, 337, [660, 674]), (4269, 4373, [3952, 4048]), (795, 20497, [635, 16383])],
)
def test_a_large_picture_is_drawn_as_large_as_every_browser_can(opened, width, height, drawn):
    """4x4 images of 512 px, and ten of each of 256 classes: at most 16.7 million pixels."""
    script = (
        "Object.assign(report.data.pictures.layout, {width: arguments[1], height: arguments[2]});"
        "report.draw(arguments[0], 0); return [arguments[0].width, arguments[0].height]"
    )
    assert opened.execute_script(script, find(opened, "#tip canvas"), width, height) == drawn


def test_the_slider_shows_every_picture(opened, run):
    slider = find(opened, "#slider")
    found = []
    for _ in range(5):
        found.append(which_file(opened, run))
        slider.send_keys(Keys.ARROW_LEFT)
    assert found == [f"{number:03d}.png" for number in (4, 3, 2, 1, 0)]
    assert slider.get_attribute("aria-valuetext") == "iteration 0, picture 1 of 5"
    assert "iteration 0;" in find(opened, "#picture").get_attribute("aria-label")
    slider.send_keys(Keys.END)
    assert which_file(opened, run) == "004.png"
    slider.send_keys(Keys.HOME)
    assert which_file(opened, run) == "000.png"


def test_a_pointer_moves_the_slider(opened, run):
    slider = find(opened, "#slider")
    ActionChains(opened).move_to_element(slider).click().perform()
    assert which_file(opened, run) == "002.png"


def test_arrows_work_from_anywhere_but_leave_the_page_its_own_keys(opened, run):
    press(opened, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert which_file(opened, run) == "002.png"
    press(opened, Keys.HOME, Keys.ARROW_DOWN)
    assert which_file(opened, run) == "002.png"
    find(opened, "#speed").send_keys(Keys.ARROW_DOWN)
    assert which_file(opened, run) == "002.png"
    assert Select(find(opened, "#speed")).first_selected_option.text == "4 a second"


@pytest.mark.parametrize("by", ["button", "key"])
def test_play_goes_on_to_the_end_and_stops(opened, by):
    Select(find(opened, "#speed")).select_by_value("80")
    find(opened, "#slider").send_keys(Keys.HOME)
    play = find(opened, "#play")
    opened.execute_script(
        "window.seen = []; new MutationObserver(() => seen.push(document.getElementById('picture')"
        ".ariaLabel.match(/iteration ([\\d,]+)/)[1])).observe(document.getElementById('picture'),"
        "{attributeFilter: ['aria-label']})"
    )
    play.click() if by == "button" else press(opened, Keys.SPACE)
    assert play.text == "Stop"
    assert find(opened, "#now").get_attribute("aria-live") == "off"
    until(opened, lambda _: play.text == "Play")
    assert opened.execute_script("return seen") == ["1,000", "2,000", "3,000", "4,000"]
    assert find(opened, "#now").get_attribute("aria-live") == "polite"


def test_the_space_bar_stops_too(opened):
    find(opened, "#slider").send_keys(Keys.HOME, Keys.SPACE)
    assert find(opened, "#play").text == "Stop"
    press(opened, Keys.SPACE)
    assert find(opened, "#play").text == "Play"


def test_the_published_frame_of_the_same_iteration_appears(opened):
    assert find(opened, "#no-published").is_displayed()
    slider, image = find(opened, "#slider"), find(opened, "#published")
    slider.send_keys(Keys.HOME, Keys.ARROW_RIGHT)
    assert image.get_attribute("alt") == "16 samples of the published run at iteration 1,000"
    assert not find(opened, "#no-published").is_displayed()
    pixels = np.asarray(image_at(image.get_attribute("src")))
    assert pixels.shape == (337, 330)
    assert (pixels == 60).all()


def test_statistics_are_judged_if_runs_are_recorded(opened):
    verdicts = [each.text for each in opened.find_elements(By.CSS_SELECTOR, ".verdict")]
    # Uniform noise does not look like digits after 4,000 iterations.
    assert [verdict.split()[0] for verdict in verdicts] == ["above"] * 4
    assert find(opened, ".gauge i").is_displayed()


@pytest.mark.parametrize("selector", CURVES)
def test_a_curve_shows_the_picture_under_the_pointer(opened, run, selector):
    assert not find(opened, "#tip").is_displayed()
    point_at(opened, selector, 2600)
    assert find(opened, "#tip p").text.splitlines() == [
        "iteration 2,600",
        "D loss 0.0003845",
        "G loss 4.6",
        "picture of iteration 2,000",
    ]
    assert which_file(opened, run, "#tip canvas") == "002.png"
    point_at(opened, selector, 1000)
    assert which_file(opened, run, "#tip canvas") == "001.png"
    ActionChains(opened).click().perform()
    assert which_file(opened, run) == "001.png"
    ActionChains(opened).move_to_element(find(opened, "h2")).perform()
    assert not find(opened, "#tip").is_displayed()


def test_a_value_off_the_axis_is_not_called_unrecorded(opened):
    opened.execute_script("report.data.losses.d_loss.raw.fill(null)")
    point_at(opened, CURVES[0], 2600)
    assert find(opened, "#tip p").text.splitlines()[1:3] == ["D loss 0 or not finite", "G loss 4.6"]


def test_all_labels_of_an_axis_differ(opened):
    """Zoomed in to twenty iterations from 1,000 on, they differ only in their last digits."""
    opened.execute_script("report.charts[0].setScale('x', {min: 1000, max: 1020})")
    script = "const u = report.charts[0]; return u.axes[0]._values.filter((text) => text)"
    labels = opened.execute_script(script)
    assert len(labels) > 2
    assert len(set(labels)) == len(labels)


def test_dragging_zooms_both_curves_and_a_double_click_ends_it(opened):
    assert ranges(opened) == [[0, 4000]] * 2
    over, first = at(opened, CURVES[1], 1000)
    _, last = at(opened, CURVES[1], 3000)
    chain = ActionChains(opened).move_to_element_with_offset(over, first, 0).click_and_hold()
    chain.move_by_offset(last - first, 0).release().perform()
    for low, high in ranges(opened):
        assert (low, high) == (pytest.approx(1000, abs=20), pytest.approx(3000, abs=20))
    assert find(opened, "#slider").get_attribute("value") == "4"
    ActionChains(opened).double_click(over).perform()
    assert ranges(opened) == [[0, 4000]] * 2


def test_buttons_zoom_around_the_picture(opened):
    find(opened, "#slider").send_keys(Keys.HOME, Keys.ARROW_RIGHT)
    find(opened, "#zoom-in").send_keys(Keys.ENTER)
    assert ranges(opened) == [[0, 2000]] * 2
    find(opened, "#zoom-in").send_keys(Keys.ENTER)
    assert ranges(opened) == [[500, 1500]] * 2
    find(opened, "#zoom-out").send_keys(Keys.ENTER)
    assert ranges(opened) == [[0, 2000]] * 2
    find(opened, "#zoom-in").send_keys(Keys.ENTER)
    find(opened, "#zoom-all").send_keys(Keys.ENTER)
    assert ranges(opened) == [[0, 4000]] * 2


def test_curves_are_drawn_for_losses_and_for_quality(opened):
    for selector in ("#d-loss", "#g-loss", "[data-figure=frechet]", "[data-figure=recall]"):
        script = (
            "const c = arguments[0].querySelector('canvas'); const p = c.getContext('2d')"
            ".getImageData(0, 0, c.width, c.height).data; return new Set(new Uint32Array(p.buffer))"
            ".size"
        )
        assert opened.execute_script(script, find(opened, selector)) > 20
        assert find(opened, selector).get_attribute("aria-label")


def test_a_share_has_an_axis_from_0_to_1(opened):
    """Recall has only the value 1; an axis that follows the values would be different."""
    script = "return report.small.map((u) => [u.root.parentElement.dataset.figure, u.scales.y])"
    scales = {name: (y["min"], y["max"]) for name, y in opened.execute_script(script)}
    assert scales["recall"] == (0, 1)
    assert scales["frechet"][1] > 12


@pytest.mark.slow
def test_a_page_that_is_written_again_follows_the_run(chrome, run, tmp_path):
    """It reloads itself, but not while the reader looks at an older picture."""
    look_like(chrome)
    path = tmp_path / "report.html"
    first = report_of(run)._replace(reload_s=1)
    path.write_bytes(page(first))
    chrome.get(path.as_uri())
    slider = find(chrome, "#slider")
    slider.send_keys(Keys.ARROW_LEFT)
    chrome.execute_script("document.activeElement.blur(); window.isOld = true")
    path.write_bytes(page(first._replace(reload_s=0)))
    ticks = "let n = 0; const end = arguments[0]; setInterval(() => { if (++n === 3) end(); }, 500)"
    chrome.execute_async_script(ticks)
    assert chrome.execute_script("return window.isOld")
    press(chrome, Keys.ARROW_RIGHT)
    until(chrome, lambda _: not chrome.execute_script("return window.isOld"))
    assert errors(chrome) == []


def test_the_numbers_are_in_a_table(opened):
    details = find(opened, "section[aria-labelledby=numbers-title] details")
    details.find_element(By.TAG_NAME, "summary").click()
    rows = [row.text.split() for row in details.find_elements(By.CSS_SELECTOR, "tbody tr")]
    assert [row[:4] for row in rows[:2]] == [
        ["000.png", "0", "1", "2"],
        ["001.png", "1,000", "0.000999", "3"],
    ]
    assert len(rows) == 5


def luminance(colour):
    """Returns the relative luminance of `rgb(r, g, b)` as WCAG 2 defines it."""
    channels = np.array([float(part) for part in colour[4:-1].split(",")[:3]]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_the_light_and_in_the_dark(opened, scheme):
    look_like(opened, scheme=scheme)
    style = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    page_is = luminance(opened.execute_script(style, "body", "backgroundColor"))
    assert (page_is > 0.5) == (scheme == "light")
    for selector in ("body", ".hint", "figcaption", "h3.d", "h3.g", "thead th", "td.text"):
        text_is = luminance(opened.execute_script(style, selector, "color"))
        contrast = (max(page_is, text_is) + 0.05) / (min(page_is, text_is) + 0.05)
        assert contrast >= 4.5, selector


def test_curves_follow_the_scheme(opened):
    script = "return document.querySelector('#d-loss canvas').toDataURL()"
    light = opened.execute_script(script)
    look_like(opened, scheme="dark")
    until(opened, lambda _: opened.execute_script(script) != light)


@pytest.mark.parametrize(
    "width", [320, *(pytest.param(width, marks=pytest.mark.slow) for width in (390, 768))]
)
def test_nothing_sticks_out_of_a_narrow_window(opened, width):
    look_like(opened, width=width)
    opened.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    # Curves are resized only in the window's resize event.
    widest = "return [document.documentElement.scrollWidth, innerWidth]"
    until(opened, lambda _: opened.execute_script(widest) == [width, width])
    sizes = (
        "return [...document.querySelectorAll('button, select, input')].map((e) => e.offsetHeight)"
    )
    assert min(opened.execute_script(sizes)) >= 32
    # A flag is not wrapped after its dashes.
    lines = "return [...document.querySelectorAll('.flag')].map((e) => e.getClientRects().length)"
    assert set(opened.execute_script(lines)) == {1}


def test_reduced_motion_leaves_only_the_slow_speed(opened):
    look_like(opened, motion="reduce")
    script = "return [...document.querySelectorAll('#speed option')].map((o) => o.disabled)"
    until(opened, lambda _: opened.execute_script(script) == [False, True, True])
    look_like(opened)
    until(opened, lambda _: opened.execute_script(script) == [False, False, False])


def test_a_request_would_be_refused(opened):
    script = (
        "fetch('http://127.0.0.1:9/').then(() => arguments[0]('sent'), () => arguments[0]('no'))"
    )
    assert opened.execute_async_script(script) == "no"
    messages = errors(opened)
    assert messages
    assert all("Content Security Policy" in message for message in messages)


@pytest.mark.slow
def test_a_thousand_pictures(chrome, tmp_path):
    look_like(chrome)
    path = tmp_path / "report.html"
    path.write_bytes(page(thousand_pictures(tmp_path)))
    chrome.get(path.as_uri())
    shown(chrome)
    slider = find(chrome, "#slider")
    assert slider.get_attribute("aria-valuetext") == "iteration 999,000, picture 1,000 of 1,000"
    slider.send_keys(Keys.HOME)
    shown(chrome)
    assert slider.get_attribute("aria-valuetext") == "iteration 0, picture 1 of 1,000"
    assert errors(chrome) == []
    ready = "return performance.getEntriesByType('navigation')[0].loadEventEnd"
    print(f"\n{path.stat().st_size / 1e6:.1f} MB opened in {chrome.execute_script(ready):.0f} ms")
