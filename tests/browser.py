"""Drives a headless Chromium: opens pages, presses keys, reads pictures, errors and requests."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import pathlib
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import PIL.Image
import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # root cannot have one
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)


@contextlib.contextmanager
def chromium(profile: pathlib.Path) -> Iterator[webdriver.Chrome]:
    """Starts Chromium with an empty profile; skips the test if it is not installed."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("needs chromium and chromedriver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options, Service(driver)) as chrome:
        # As long as Chromium's own first page is open, it requests parts of the browser.
        chrome.get("about:blank")
        yield chrome


def look_like(
    chrome: webdriver.Chrome,
    *,
    width: int = 1280,
    scheme: str = "light",
    motion: str = "no-preference",
) -> None:
    """Sets the width of the window, and the colour scheme and motion that the user prefers."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": motion},
    ]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def errors(chrome: webdriver.Chrome) -> list[str]:
    """Returns the console's messages since the last call, warnings included."""
    return [entry["message"] for entry in chrome.get_log("browser")]


def requests(chrome: webdriver.Chrome) -> list[str]:
    """Returns the addresses that pages requested since the last call, except `data:` URLs."""
    found: list[str] = []
    for entry in chrome.get_log("performance"):
        message: dict[str, Any] = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            found.append(message["params"]["request"]["url"])
    return [url for url in found if not url.startswith("data:")]


def find(chrome: webdriver.Chrome, selector: str) -> WebElement:
    """Returns the first element that matches a CSS selector."""
    return chrome.find_element(By.CSS_SELECTOR, selector)


def until(chrome: webdriver.Chrome, condition: Callable[[webdriver.Chrome], Any]) -> Any:
    """Waits until a condition holds."""
    return WebDriverWait(chrome, 20, poll_frequency=0.02).until(condition)


def press(chrome: webdriver.Chrome, *keys: str) -> None:
    """Presses keys, wherever the focus is."""
    ActionChains(chrome).send_keys(*keys).perform()


def to_the_middle(chrome: webdriver.Chrome, selector: str) -> WebElement:
    """Scrolls an element to the middle of the window, and returns it."""
    found = find(chrome, selector)
    # The scroll event comes with the next frame, and hides what the pointer showed.
    chrome.execute_async_script(
        "arguments[0].scrollIntoView({block: 'center'});"
        "requestAnimationFrame(() => requestAnimationFrame(arguments[1]))",
        found,
    )
    return found


def image_at(url: str) -> PIL.Image.Image:
    """Returns the image in a `data:` URL."""
    return PIL.Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def drawn_on(chrome: webdriver.Chrome, selector: str) -> PIL.Image.Image:
    """Returns what a canvas shows."""
    script = "return arguments[0].toDataURL()"
    return image_at(chrome.execute_script(script, find(chrome, selector)))
