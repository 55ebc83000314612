"""The page of `make up` in a real browser: Chromium, headless, with its driver.

Where there is none these are skipped; with NEEDS_BROWSER set, as in CI, that is a failure.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.cloud.app import Cloud
from tests.cloud.fixtures import new_cloud
from tests.cloud.server import Server
from tests.patience import until
from tests.up import run, wiring
from tests.up.code import Code

EVENTS = Path(__file__).parents[2] / "events"
NARROW, WIDE = 400, 1600  # pixels
READABLE = 4.5  # contrast of text: https://www.w3.org/TR/WCAG22/#contrast-minimum

pytestmark = pytest.mark.enable_socket


def read(event: str) -> Any:
    """Return what an event file holds."""
    return json.loads((EVENTS / event).read_text(encoding="utf-8"))


class Page:
    """The page in the browser, which stays the one that was opened: it is never loaded again."""

    def __init__(self, driver: Chrome, cloud: Cloud) -> None:
        self.driver, self.cloud = driver, cloud
        driver.get(f"{cloud.world.endpoint}/_cloud/")
        driver.execute_script("window.opened = true")
        assert until(lambda: self.one("#body").get_property("value"))

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return str(
            self.driver.execute_script("return document.querySelector(arguments[0])?.textContent ?? ''", selector)
        )

    def shows(self, selector: str, text: str) -> bool:
        """Wait until a part has the text; the page has not been loaded again."""
        return until(lambda: text in self.text(selector)) and bool(self.driver.execute_script("return window.opened"))

    def focus(self, selector: str) -> None:
        """Go where somebody would get to with Tab."""
        self.driver.execute_script("document.querySelector(arguments[0]).focus()", selector)

    def instances(self) -> set[str]:
        return {instance["InstanceId"] for instance in self.cloud["ECS"].state()["instances"]}

    def send(self, event: str, body: str | None = None) -> bool:
        """Choose an event file, put other text in its place if some is given, send it, and wait until its way is at its end."""
        self.one(f'#file option[value="{event}"]').click()
        if body is not None:
            assert until(lambda: json.loads(str(self.one("#body").get_property("value"))) == read(event))
            self.driver.execute_script("document.querySelector('#body').value = arguments[0]", body)
        self.driver.execute_script("document.querySelector('#way').replaceChildren()")
        self.one("#send button[type=submit]").click()
        return self.shows("#way", "published") and until(self.one("#send button[type=submit]").is_enabled)

    def size(self, width: int, scheme: str = "light") -> None:
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def press(self, *keys: str) -> None:
        """Press keys wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Chromium without a window; skips, or fails with NEEDS_BROWSER, where it or its driver is missing."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not (browser and driver):
        missing = "Chromium or its driver is not installed: apt-get install chromium chromium-driver"
        (pytest.fail if os.environ.get("NEEDS_BROWSER") else pytest.skip)(missing)
    options = ChromeOptions()
    options.binary_location = browser
    for argument in (
        "--headless=new",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        *["--no-sandbox"] * (os.geteuid() == 0),
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    scratch = {"TMPDIR": str(tmp_path_factory.mktemp("chromium"))}  # where it leaves something behind
    with Chrome(options, Service(driver, env={**os.environ, **scratch})) as opened:
        yield opened


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """What `make up` serves, but that no trigger waits a second for a batch to grow."""
    cloud, made = new_cloud(), wiring.stack(**run.PARAMETERS)
    for trigger in ("RequestTrigger", "ReleaseTrigger"):
        options = made.document["Resources"][trigger]["Properties"]["TriggerConfig"]["runOptions"]
        options["batchWindow"]["TimeBasedWindow"] = 0
    run.fill(cloud)
    with Server(cloud):
        wiring.create(cloud, made, Code(tmp_path_factory.mktemp("code")).copy())
        run.subscribe(cloud)
        yield cloud


@pytest.fixture
def page(chromium: Chrome, served: Cloud) -> Iterator[Page]:
    """The page, opened; whatever a test does, the browser has nothing to complain about but what is said to be refused."""
    opened = Page(chromium, served)
    yield opened
    assert [line for line in chromium.get_log("browser") if "expected" not in line["message"]] == []


def test_an_event_is_sent_and_seen_on_its_way(page: Page) -> None:
    """Chosen, edited and sent, it is followed from the queue through the function to its result, without a reload."""
    edited = json.dumps({**read("manual/authorize.json"), "Name": "edited-here", "Port": 8555})
    assert page.send("manual/authorize.json", edited)
    assert all(word in page.text("#way") for word in ("queue vpc-access-requests", "by vpc-access", "authorized"))
    assert page.shows("#results", "edited-here")
    assert page.shows("#authorizations", "edited-here")
    assert page.shows("#calls", "CloudAPI.SetVpcAccess")


def test_the_world_is_changed_by_keyboard_alone(page: Page) -> None:
    """An instance is started, its authorization appears; it is deleted, and an hour later the authorization is gone."""
    known = page.instances()
    page.focus("#instances form.row input")
    page.press(Keys.TAB, Keys.TAB)
    page.press(Keys.ENTER)
    assert until(lambda: page.instances() - known)
    (its_id,) = page.instances() - known
    assert page.shows("#authorizations", f"team-a-{its_id}-8080")
    page.focus(f"[data-do=delete][data-of={its_id}]")
    page.press(Keys.ENTER)
    assert page.shows("[data-key=vpc-access-releases]", its_id)
    page.focus("[data-do=hour]")
    page.press(Keys.SPACE)
    assert page.shows("#results", "released")
    assert until(lambda: its_id not in page.text("#authorizations"))
    assert page.shows("#clock", "1 h ahead")


def test_hostile_events_are_on_the_page_and_harmless(page: Page) -> None:
    """Every hostile file is sent from the page; each is seen on its way, and nothing in it runs, loads or is an element."""
    count = "return document.querySelectorAll('script, img, iframe, style, base, svg').length"
    before = page.driver.execute_script(count)
    for path in sorted((EVENTS / "hostile").iterdir()):
        assert page.send(f"hostile/{path.name}"), path.name
    forged = "<img src=x onerror='window.broken = 1'><script>window.broken = 2</script>"
    assert page.send("manual/authorize.json", json.dumps({"Name": forged}))
    assert page.shows("#results", forged)
    assert page.driver.execute_script("return [window.broken ?? null, window.opened]") == [None, True]
    assert page.driver.execute_script(count) == before


def test_the_browser_runs_nothing_but_the_script_of_the_page(page: Page) -> None:
    """Were something to come in all the same: no script in the page, no handler, no style, no other place is let through."""
    page.driver.execute_script("""
        window.refused = [];
        document.addEventListener("securitypolicyviolation", (e) => window.refused.push(e.effectiveDirective));
        const put = (html) => document.body.append(document.createRange().createContextualFragment(html));
        put("<script>window.broken = 1</script>");
        put("<a id=handler onclick='window.broken = 2'>x</a>"); document.getElementById("handler").click();
        put("<p style='color: red'>x</p>");
        put("<img src='http://127.0.0.1:9/'>");
        fetch("http://127.0.0.1:9/").catch(() => 0);
    """)
    refused = {"script-src-elem", "script-src-attr", "style-src-attr", "img-src", "connect-src"}
    assert until(lambda: set(page.driver.execute_script("return window.refused")) == refused)
    assert page.driver.execute_script("return window.broken ?? null") is None
    page.driver.get_log("browser")  # which complains of each of them


def test_what_is_open_stays_open_while_the_page_lives(page: Page) -> None:
    """An opened row keeps its place, its state and the focus when others come above it and when it changes itself."""
    page.cloud["SMQ"].send("vpc-access-dead-letters", "the first")
    assert page.shows("#queues", "the first")
    summary = "[data-rows=queues] [data-key=vpc-access-dead-letters] summary"
    page.focus(summary)
    page.press(Keys.ENTER)
    page.cloud["SMQ"].send("vpc-access-dead-letters", "the second")
    assert page.shows("#queues", "the second")
    assert page.driver.execute_script("return document.querySelector(arguments[0]).parentElement.open", summary)


CONTRAST = """
const rgb = (text) => text.match(/[0-9.]+/g).map(Number);
const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const light = (color) => [0.2126, 0.7152, 0.0722].reduce((sum, share, i) => sum + share * linear(color[i] / 255), 0);
const back = (e) => {
  const color = e ? rgb(getComputedStyle(e).backgroundColor) : [255, 255, 255];
  return color[3] === 0 ? back(e.parentElement) : color;
};
const ratio = (e) => {
  const [most, least] = [rgb(getComputedStyle(e).color), back(e)].map(light).sort((x, y) => y - x);
  return (most + 0.05) / (least + 0.05);
};
return [...document.querySelectorAll("body *")]
  .filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
  .filter((e) => ratio(e) < arguments[0])
  .map((e) => `${ratio(e)} ${e.outerHTML.slice(0, 80)}`);
"""
OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
UNNAMED = """
return [...document.querySelectorAll("input, select, textarea")].filter((e) => !e.labels.length && !e.ariaLabel).length
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_it_can_be_read(page: Page, width: int, scheme: str) -> None:
    """At both widths and in both schemes nothing is wider than the page, every text has contrast, every field a name."""
    page.size(width, scheme)
    assert page.driver.execute_script(OVERFLOW) == 0
    assert page.driver.execute_script(CONTRAST, READABLE) == []
    assert page.driver.execute_script(UNNAMED) == 0


def test_a_stand_in_that_has_ended_is_told(chromium: Chrome) -> None:
    """When nobody answers any more the page says so, and what it showed stays."""
    cloud = new_cloud()
    run.fill(cloud)
    with Server(cloud):
        page = Page(chromium, cloud)
        assert page.shows("#state", "live")
    assert page.shows("#state", "it does not answer")
    assert "i-bp1example0001" in page.text("#instances")
    chromium.get_log("browser")  # which complains of each look


def test_what_cannot_be_done_is_told(page: Page) -> None:
    """A wrong document is refused with its reason, which goes with the next thing that can be done."""
    page.driver.execute_script("document.querySelector('#faults textarea').value = '[{}]'")
    page.one("#faults button[type=submit]").click()
    assert page.shows("#problem", "unknown operation")
    page.one("#faults [data-do=clear]").click()
    assert until(lambda: not page.one("#problem").is_displayed())
    page.driver.get_log("browser")  # the answer was 400
