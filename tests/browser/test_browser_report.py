"""The report as a person meets it: in a real browser, by day and by night, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from scripts.chromium import Browser, Page

PHONE, DESK = 360, 1180
REPORTS = ("whole", "failing")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

OVERFLOW = """(() => {
  const root = document.documentElement, wide = [];
  for (const each of document.body.querySelectorAll("*")) {
    const box = each.getBoundingClientRect();
    if (box.width && (box.right > root.clientWidth + 0.5 || box.left < -0.5)) wide.push(each.outerHTML.slice(0, 90));
  }
  return {over: root.scrollWidth - root.clientWidth, wide: wide.slice(0, 5)};
})()"""

# Contrast as WCAG 2.1 defines it ("relative luminance", "contrast ratio"), of each element that has text of its own
# with the colours behind it laid over one another.
CONTRAST = """(() => {
  const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return [n[0], n[1], n[2], n[3] ?? 1]; };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const behind = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const low = []; let seen = 0;
  for (const each of document.body.querySelectorAll("*")) {
    const own = [...each.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !each.getClientRects().length) continue;
    seen += 1;
    const back = behind(each), front = over(parse(getComputedStyle(each).color), back);
    const [high, deep] = [light(front), light(back)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (deep + 0.05);
    if (ratio < 4.5) low.push(ratio.toFixed(2) + " " + each.outerHTML.slice(0, 90));
  }
  return {seen, low};
})()"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new page."""
    with browser.page() as opened:
        yield opened


def show(page: Page, path: Path, *, width: int = DESK, scheme: Literal["light", "dark"] = "light") -> None:
    """Open a report with everything in it unfolded."""
    page.look(width=width, scheme=scheme)
    page.open(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")


def measured(page: Page, script: str) -> dict[str, Any]:
    """What a script of this module finds in the page."""
    found = page.evaluate(script)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", REPORTS)
def test_it_renders_in_silence_and_asks_for_nothing_else(page: Page, pages: dict[str, Path], name: str) -> None:
    """Verdict, map and tables are drawn; no error in the console; the file itself is the only request."""
    show(page, pages[name])
    assert (
        page.evaluate("document.querySelector('h1').innerText")
        == {
            "whole": "Every link holds",
            "failing": "A link doesn't hold",
        }[name]
    )
    visible = "[...document.querySelectorAll('.wire, .ca, .leaf, table')].every(each => each.offsetHeight > 10)"
    assert page.evaluate(visible) is True
    assert page.evaluate("document.querySelectorAll('.wire').length") == 5
    assert page.evaluate("document.querySelectorAll('.leaf').length") >= 8
    assert page.complaints() == []
    assert page.requests() == [pages[name].as_uri()]


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("width", [PHONE, 800, DESK])
def test_nothing_overflows(page: Page, pages: dict[str, Path], name: str, width: int) -> None:
    """Neither the page nor any element of it is wider than the screen, down to a phone's."""
    show(page, pages[name], width=width)
    assert measured(page, OVERFLOW) == {"over": 0, "wide": []}


def test_the_failing_case_is_above_all_that_hold(page: Page, pages: dict[str, Path]) -> None:
    """Its link comes first and is open already, its row first in it, and the way to mend it stands beside the map."""
    page.look(width=DESK)
    page.open(pages["failing"].as_uri())
    shown = "[...document.querySelectorAll('details')].map(each => [each.className.trim(), each.open])"
    links = page.evaluate(shown)
    assert links[0] == ["card failed", True]
    assert ["card", True] not in links
    assert page.evaluate("document.querySelector('tbody tr').className") == "failed"
    assert page.evaluate("document.querySelector('.todo h3').innerText") == "What to mend first"
    assert page.evaluate("document.querySelector('.wire.failed b').innerText.includes('upstream')") is True


def test_day_and_night_differ(page: Page, pages: dict[str, Path]) -> None:
    """The device's preference decides: dark text on light, or light on dark."""
    colours = []
    for scheme in SCHEMES:
        show(page, pages["whole"], scheme=scheme)
        style = "getComputedStyle(document.body)"
        colours.append(page.evaluate(f"[{style}.backgroundColor, {style}.color]"))
    (day, ink), (night, chalk) = colours
    assert sum(_rgb(day)) > 3 * 200 > 3 * 60 > sum(_rgb(night))
    assert sum(_rgb(ink)) < sum(_rgb(chalk))


def _rgb(text: str) -> list[int]:
    return [int(part) for part in text.removeprefix("rgb(").removesuffix(")").split(",")]


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_can_be_read(page: Page, pages: dict[str, Path], name: str, scheme: Literal["light", "dark"]) -> None:
    """Every text has a contrast of at least 4.5 to 1 with what is behind it (WCAG 2.1, 1.4.3)."""
    show(page, pages[name], scheme=scheme)
    found = measured(page, CONTRAST)
    assert found["seen"] > 200
    assert found["low"] == []


def test_the_checks_notice(page: Page, tmp_path: Path) -> None:
    """A page that overflows, whispers, complains and calls out fails each of them."""
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<!doctype html><meta name=viewport content='width=device-width'><body style='background:#fff'>"
        "<p style='width:500px'>wide</p><p style='color:#999'>pale</p><img src='gone.png'>"
        "<script>console.error('oh'); throw new Error('no')</script>"
    )
    show(page, bad, width=PHONE)
    overflow = measured(page, OVERFLOW)
    assert overflow["over"] > 0
    assert overflow["wide"][0].startswith("<p")
    assert len(measured(page, CONTRAST)["low"]) == 1
    assert len(page.complaints()) >= 2
    assert len(page.requests()) == 2
