"""Tests of a report's explorer in a real, headless Chromium: its arithmetic, and its controls."""

from __future__ import annotations

import functools

import numpy as np
import offline
import pytest
from browser import drawn_on, errors, find, look_like, requests, to_the_middle, until
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.support.ui import Select

from vanilla_gan.data.shape import ImageShape
from vanilla_gan.generator.generator import open_trained
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.report.report import write_report
from vanilla_gan.report.settings import ReportConfig


def explorer_page(out, inform=lambda line: None):
    return write_report(ReportConfig(source=str(out), explore=True), inform)


@pytest.fixture(scope="module")
def tiny_data(tmp_path_factory):
    """Returns a `--data_dir` of three classes of colour images of 5x7."""
    folder = tmp_path_factory.mktemp("colour")
    offline.write_data(folder, ImageShape(5, 7, 3), np.arange(5024) % 3, np.arange(7) % 3)
    return folder


@pytest.fixture(scope="module")
def explored(tmp_path_factory, tiny_data, offline_data_dir):
    """Returns a function from a system's name to a short run of it, made once, and its page."""
    settings = {
        "vanilla": {"data_dir": offline_data_dir},
        "layers": {"h_dim": (9, 8, 6), "D_dropout": 0.5, "z_dim": 5},
        "conditional": {"h_dim": 7, "spectral_norm": True, "ema": 0.5, "z_dim": 4},
        "wgan_gp": {"h_dim": 6, "z_dim": 3, "data_dir": offline_data_dir},
        "infogan": {"h_dim": 6, "z_dim": 3},
    }

    @functools.cache
    def of(system):
        given = {"data_dir": tiny_data, "iters": 3, "batch_size": 8, "seed": 3, **settings[system]}
        out = tmp_path_factory.mktemp(system) / "out"
        offline.train(out, system=system, **given)
        return out, explorer_page(out)

    return of


@pytest.fixture
def explore(chrome, explored):
    """Opens an explorer; checks afterwards that it requested nothing else and logged nothing."""
    opened = []

    def of(system, **looks):
        look_like(chrome, **looks)
        out, path = explored(system)
        requests(chrome)
        errors(chrome)
        chrome.get(path.as_uri())
        opened.append(path.as_uri())
        return out

    yield of
    assert requests(chrome) == opened
    assert errors(chrome) == []


@pytest.mark.parametrize(
    "system",
    [
        "vanilla",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("conditional", "layers", "wgan_gp", "infogan")
        ),
    ],
)
def test_the_page_computes_what_tensorflow_does(chrome, explore, system):
    """Images within 1e-5; a logit and its slopes, of any size, within 1e-5 of the largest."""
    out = explore(system)
    stream = np.random.RandomState(1)
    with open_trained(out) as trained:
        tensors, config = trained.tensors, trained.origin.config
        n = 4
        z = stream.uniform(-1, 1, (n, config.z_dim)).astype(np.float32)
        x = stream.uniform(-1, 1, (n, config.image_shape.size)).astype(np.float32)
        labels = np.arange(n) % config.num_classes
        feeds = {tensors.Z: z, tensors.X: x}
        if tensors.y is not None:
            feeds[tensors.y] = np.eye(config.num_classes, dtype=np.float32)[labels]
        with trained.session.graph.as_default():
            (slopes,) = tf.gradients(tensors.D_logit, tensors.X)
        images, logits, slopes = trained.session.run(
            [tensors.G_sample, tensors.D_logit, slopes], feeds
        )
    script = (
        "return arguments[0].map((z, k) => { const d = explorer.discriminate(arguments[1][k], "
        "arguments[2][k]); return [[...explorer.generate(z, arguments[2][k])], d.logit, "
        "[...d.gradient]] })"
    )
    found = chrome.execute_script(script, z.tolist(), x.tolist(), labels.tolist())
    np.testing.assert_allclose([each[0] for each in found], images, rtol=0, atol=1e-5)
    for got, expected in (([[each[1]] for each in found], logits), ([e[2] for e in found], slopes)):
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(
            got, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max())
        )
    is_critic = system == "wgan_gp"
    assert ("score" if is_critic else "% real") in find(chrome, "#verdict").text
    assert find(chrome, "#class").is_displayed() == (system in ("conditional", "infogan"))


def pixels_of(chrome, selector):
    return np.asarray(drawn_on(chrome, selector).convert("RGBA"))


def test_dragging_and_sliders_move_through_the_latent_space(chrome, explore):
    explore("vanilla")
    middle = pixels_of(chrome, "#sample")
    # The image shown is the generator's for the mean of the four corners.
    script = (
        "const corners = [0, 1, 2, 3].map((k) => [...explorer.noise(k)]); const z = corners[0].map("
        "(_, k) => corners.reduce((sum, corner) => sum + corner[k] / 4, 0)); "
        "return [...explorer.generate(z, 0)]"
    )
    grey = np.rint(255 * np.clip(chrome.execute_script(script), 0, 1)).reshape(28, 28)
    np.testing.assert_array_equal(middle[..., 0], grey)
    to_the_middle(chrome, "#map")
    chain = ActionChains(chrome).move_to_element(find(chrome, "#map")).click_and_hold()
    chain.move_by_offset(40, -30).release().perform()
    size = find(chrome, "#map").size["width"]
    at = [float(find(chrome, f"#{name}").get_attribute("value")) for name in ("across", "down")]
    assert at == pytest.approx([0.5 + 40 / size, 0.5 - 30 / size], abs=0.02)
    assert (pixels_of(chrome, "#sample") != middle).any()
    find(chrome, "#across").send_keys(Keys.END)
    find(chrome, "#down").send_keys(Keys.HOME)
    corner = pixels_of(chrome, "#sample")
    find(chrome, "#walk").click()
    assert find(chrome, "#sample-verdict").get_attribute("aria-live") == "off"
    until(chrome, lambda _: find(chrome, "#walk").text == "Walk from A to B")
    assert find(chrome, "#sample-verdict").get_attribute("aria-live") == "polite"
    np.testing.assert_array_equal(pixels_of(chrome, "#sample"), corner)
    # These keys act only on the explorer: the newest picture is still shown.
    assert find(chrome, "#slider").get_attribute("value") == find(chrome, "#slider").get_attribute(
        "max"
    )
    map_before = pixels_of(chrome, "#map")
    find(chrome, "#corners").send_keys(Keys.ENTER)
    assert (pixels_of(chrome, "#map") != map_before).any()


@pytest.mark.parametrize(
    "by", ["mouse", *(pytest.param(by, marks=pytest.mark.slow) for by in ("finger", "keys"))]
)
def test_a_digit_is_drawn_and_judged(chrome, explore, by):
    explore("vanilla", width=390 if by == "finger" else 1280)
    paper, before = find(chrome, "#drawing"), find(chrome, "#verdict").text
    wanted = pixels_of(chrome, "#wanted")
    assert pixels_of(chrome, "#drawing")[..., :3].max() == 0
    to_the_middle(chrome, "#drawing")
    if by == "mouse":
        chain = ActionChains(chrome).move_to_element(paper).click_and_hold()
        chain.move_by_offset(0, 60).release().perform()
    elif by == "finger":
        box = chrome.execute_script(
            "const b = arguments[0].getBoundingClientRect(); return [b.left + b.width / 2, "
            "b.top + b.height / 2]",
            paper,
        )
        for kind, down in (("touchStart", 0), ("touchMove", 40), ("touchEnd", None)):
            points = [] if down is None else [{"x": box[0], "y": box[1] + down}]
            event = {"type": kind, "touchPoints": points}
            chrome.execute_cdp_cmd("Input.dispatchTouchEvent", event)
    else:
        paper.send_keys(Keys.SPACE, Keys.SHIFT, *[Keys.ARROW_DOWN] * 7)
    drawn = pixels_of(chrome, "#drawing")[..., 0]
    rows, columns = np.nonzero(drawn > 200)
    assert rows.min() in (12, 13, 14)
    assert rows.max() > 18
    assert set(columns) <= {12, 13, 14, 15}
    assert find(chrome, "#verdict").text != before
    assert (pixels_of(chrome, "#wanted") != wanted).any()
    find(chrome, "#copy").click()
    np.testing.assert_array_equal(pixels_of(chrome, "#drawing"), pixels_of(chrome, "#sample"))
    find(chrome, "#clear").click()
    assert find(chrome, "#verdict").text == before


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_explorer_fits_its_window(chrome, explore, width):
    explore("conditional", width=width)
    script = "return [document.documentElement.scrollWidth, innerWidth]"
    until(chrome, lambda _: chrome.execute_script(script) == [width, width])
    first = pixels_of(chrome, "#sample")
    Select(find(chrome, "#class")).select_by_index(2)
    assert (pixels_of(chrome, "#sample") != first).any()
    assert pixels_of(chrome, "#sample").shape == (5, 7, 4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "channels", "sizes"), [("conv", 1, {}), ("goodfellow2014", 3, {"h_dim": 4})]
)
def test_other_systems_say_why_there_is_no_explorer(tmp_path, system, channels, sizes):
    offline.write_data(tmp_path, ImageShape(4, 8, channels), np.arange(5024) % 3, np.arange(7))
    given = {"system": system, "iters": 1, "batch_size": 8, "z_dim": 3}
    offline.train(tmp_path / "out", tmp_path, **given, **sizes)
    lines = []
    text = explorer_page(tmp_path / "out", lines.append).read_text()
    assert "The explorer is for fully connected systems" in lines[0]
    assert lines[0].removeprefix("warning: ") in text
    assert "explore-data" not in text


def test_the_page_of_the_published_networks_is_small(explored):
    assert explored("vanilla")[1].stat().st_size < 3e6
