"""The web page in headless Chromium: sort, filter, open a paper, phone, dark, no net.

Needs `chromium`, `chromedriver` and `selenium` (extra `dev`); skipped without them.
"""

import json
import shutil

import pytest
from report_example import (
    METRIC,
    Example,
    effect_claim,
    value_claim,
    write_paper,
    write_png,
)

selenium = pytest.importorskip("selenium", reason="pip install 'cai-keras[dev]'")
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHROMEDRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and CHROMEDRIVER),
    reason="needs chromium and chromedriver: apt install chromium chromium-driver",
)

ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
LONG_WORD = "Donaudampfschifffahrtsgesellschaftskapitaen" * 3  # nowhere to break it
CURVE = "".join(
    f"{step},train/net/total,{3 / step}\n{step},validation/loss,{2 / step}\n"
    for step in range(1, 30)
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    service = webdriver.ChromeService(executable_path=CHROMEDRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(tmp_path_factory, make_record):
    """The page of three papers, measured at 9, 70.5 and 100; one claim is not run."""
    folder = tmp_path_factory.mktemp("page")
    long = value_claim(id=LONG_WORD, source=LONG_WORD)
    info = {
        "title": LONG_WORD, "authors": LONG_WORD, "year": 2015, "venue": LONG_WORD,
        "arxiv": None, "datasets": [LONG_WORD],
    }  # fmt: skip
    deviation = {"field": LONG_WORD, "paper": 1, "ours": LONG_WORD, "why": LONG_WORD}
    papers = [
        write_paper(folder, "alpha", claims=[value_claim(), effect_claim()]),
        write_paper(folder, "beta", claims=[long], paper=info, deviations=[deviation]),
        write_paper(folder, "gamma", claims=[value_claim(value=100.0)]),
    ]
    example = Example(folder / "runs", papers)

    def run(paper, value, **changes):
        metrics = {METRIC: value, f"test/{LONG_WORD}": 1.0}
        return make_record(metrics, paper=paper, **changes)

    trials = example.add(run("alpha", 9.0), CURVE).figures / "trials.png"
    write_png(trials, (1600, 400), "teal")
    write_png(example.output / "alpha/small/figures/glyphs/accuracies.png", (300, 200))
    example.add(run("alpha", 8.0, variant="plain", run_name="plain"), CURVE)
    changed = run("beta", 70.5, data=LONG_WORD, overrides=[f"model.{LONG_WORD}=1"])
    example.add(changed, CURVE)
    for seed in (0, 1):
        full = {"scale": "paper", "data": "cifar10", "stand_in": False}
        example.add(run("gamma", 100.0, seed=seed, **full))
    place = folder / "report.html"
    place.write_text(example.page(), encoding="utf-8")
    return place.as_uri()


@pytest.fixture
def page(browser, address):
    """The browser with a fresh page, as wide as a desk's."""
    _screen(browser, 1280, 900)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        browser.get_log(kind)  # reading empties it
    browser.get(address)
    return browser


def _screen(browser, width: int, height: int) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1}
    metrics["mobile"] = width < 600
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def _heading(page, text: str):
    headings = page.find_elements(By.CSS_SELECTOR, "#claims-table th")
    (found,) = [heading for heading in headings if heading.text.startswith(text)]
    return found


def _column(page, key: str) -> list[str]:
    """The texts of a column in the rows that are laid out, small print left out."""
    return page.execute_script(
        "return [...document.querySelectorAll('#claims-table tbody tr')]"
        "  .filter((row) => row.offsetParent !== null)"
        "  .map((row) => row.querySelector(`td.col-${arguments[0]}`))"
        "  .map((cell) => cell.innerText.split('\\n')[0].trim())",
        key,
    )


def _open(page, slug: str):
    card = page.find_element(By.CSS_SELECTOR, f'.card[data-paper="{slug}"]')
    card.find_element(By.TAG_NAME, "h3").click()
    return card


def test_a_heading_sorts_numbers_up_then_down_and_keeps_empty_cells_last(page):
    # As texts 100 would come before 70.5, and 9 after both. The effect of alpha has
    # one seed: 9 - 8.
    button = _heading(page, "Measured").find_element(By.TAG_NAME, "button")
    page.find_element(By.ID, "filter-text").send_keys("number")
    assert _column(page, "ours") == ["9.00", "100.00 ± 0.00"]
    page.find_element(By.ID, "filter-text").clear()
    page.find_element(By.ID, "filter-text").send_keys(Keys.SPACE)

    button.click()
    assert _column(page, "ours") == ["+1.00", "9.00", "70.50", "100.00 ± 0.00"]
    assert _heading(page, "Measured").get_attribute("aria-sort") == "ascending"

    button.click()
    assert _column(page, "ours") == ["100.00 ± 0.00", "70.50", "9.00", "+1.00"]
    assert _heading(page, "Measured").get_attribute("aria-sort") == "descending"
    assert _heading(page, "Claim").get_attribute("aria-sort") == "none"

    _heading(page, "Difference").find_element(By.TAG_NAME, "button").click()
    # 9 - 90, 70.5 - 90, 100 - 100; the effect has no difference.
    assert _column(page, "difference") == ["-81.00", "-19.50", "+0.00", ""]
    assert _heading(page, "Measured").get_attribute("aria-sort") == "none"


def test_a_heading_sorts_words_and_by_the_keyboard(page):
    button = _heading(page, "Verdict").find_element(By.TAG_NAME, "button")

    button.send_keys(Keys.ENTER)

    assert _column(page, "verdict") == [
        "inconclusive", "reduced protocol", "reduced protocol", "reproduced",
    ]  # fmt: skip


def test_words_filter_the_rows_and_the_counts_follow(page):
    search = page.find_element(By.ID, "filter-text")
    status = page.find_element(By.ID, "shown")
    assert status.text.startswith("4 of 4 rows")

    search.send_keys("NUMBER alpha")

    assert _column(page, "paper") == ["alpha"]
    assert status.text.startswith("1 of 4 rows")
    menu = Select(page.find_element(By.CSS_SELECTOR, "[data-facet=verdict]"))
    assert [option.text for option in menu.options] == [
        "all (1)", "reproduced (0)", "inconclusive (0)", "reduced protocol (1)",
    ]  # fmt: skip

    search.send_keys(" nowhere")

    assert _column(page, "paper") == []
    nothing = page.find_element(By.ID, "none-found")
    assert nothing.is_displayed()
    nothing.find_element(By.TAG_NAME, "button").click()
    WebDriverWait(page, 5).until(lambda _: len(_column(page, "paper")) == 4)


def test_menus_filter_by_verdict_and_by_paper_together(page):
    verdict = Select(page.find_element(By.CSS_SELECTOR, "[data-facet=verdict]"))
    paper = Select(page.find_element(By.CSS_SELECTOR, "[data-facet=paper]"))

    verdict.select_by_value("reduced protocol")
    assert _column(page, "paper") == ["alpha", "beta"]

    paper.select_by_value("beta")
    assert _column(page, "paper") == ["beta"]
    assert verdict.first_selected_option.text == "reduced protocol (1)"
    assert paper.first_selected_option.text == "beta (1)"


def test_a_count_at_a_glance_leads_to_its_rows(page):
    page.find_element(
        By.CSS_SELECTOR, '[data-pick-paper=alpha][data-pick-verdict="inconclusive"]'
    ).click()

    WebDriverWait(page, 5).until(lambda _: len(_column(page, "paper")) == 1)
    assert _column(page, "paper") == ["alpha"]
    assert _column(page, "verdict") == ["inconclusive"]


def test_of_very_many_rows_the_first_hundred_are_laid_out(
    browser, tmp_path, make_record
):
    claims = [value_claim(id=f"claim_{n}", value=float(n)) for n in range(120)]
    example = Example(tmp_path / "runs", [write_paper(tmp_path, claims=claims)])
    example.add(make_record({METRIC: 50.0}))
    place = tmp_path / "many.html"
    place.write_text(example.page(), encoding="utf-8")
    browser.get(place.as_uri())
    button = _heading(browser, "Published").find_element(By.TAG_NAME, "button")

    button.click()
    button.click()

    assert _column(browser, "published") == [str(n) for n in range(119, 19, -1)]
    more = browser.find_element(By.ID, "cut-off")
    assert more.text.startswith("The first 100 of 120 rows")
    more.find_element(By.TAG_NAME, "button").click()
    assert len(_column(browser, "published")) == 120
    assert not more.is_displayed()


def test_a_paper_opens_with_figures_curves_deviations_and_records(page):
    card = _open(page, "alpha")

    pictures = card.find_elements(By.CSS_SELECTOR, ".picture img")
    assert [picture.get_attribute("alt") for picture in pictures] == [
        "trials of alpha: method, seed 0, small scale on glyphs (stand-in)",
        "accuracies of alpha: all variants, small scale on glyphs (stand-in)",
    ]
    widths = [page.execute_script("return arguments[0].naturalWidth", p)
              for p in pictures]  # fmt: skip
    assert widths == [1200, 300]
    texts = [p.text for p in card.find_elements(By.CSS_SELECTOR, ".figure-text")]
    assert texts == [
        "trials What was asked, and the answers. Ours: the task",
        "accuracies Bars, one for each method. After Table 2",
    ]
    assert len(card.find_elements(By.CSS_SELECTOR, ".chart .series")) == 4
    assert "64k" in card.text
    assert page.current_url.endswith("#paper-alpha")

    card.find_element(By.TAG_NAME, "h3").click()
    assert not pictures[0].is_displayed()


def test_a_link_to_a_paper_opens_its_card(page, address):
    page.get("about:blank")
    page.get(f"{address}#paper-beta")

    bodies = page.find_elements(By.CSS_SELECTOR, ".card-body")
    assert [body.is_displayed() for body in bodies] == [False, True, False]

    page.find_element(By.LINK_TEXT, "The title of gamma").click()
    WebDriverWait(page, 5).until(lambda _: bodies[2].is_displayed())


def test_records_are_sorted_by_seed_as_numbers(page):
    card = _open(page, "gamma")
    seed = card.find_elements(By.CSS_SELECTOR, ".records th")[3]
    assert seed.text.startswith("Seed")
    button = seed.find_element(By.TAG_NAME, "button")

    button.click()
    button.click()

    cells = card.find_elements(By.CSS_SELECTOR, ".records td:nth-child(4)")
    assert [cell.text for cell in cells] == ["1", "0"]


def test_an_entry_of_the_legend_picks_its_line_out(page):
    card = _open(page, "alpha")
    entry = card.find_elements(By.CSS_SELECTOR, ".legend button")[1]

    entry.send_keys(Keys.ENTER)

    assert entry.get_attribute("aria-pressed") == "true"
    picked = card.find_elements(By.CSS_SELECTOR, ".series.is-picked")
    assert [line.get_attribute("data-line") for line in picked] == ["2", "2"]


def test_a_figure_is_enlarged_and_closed_by_keyboard(page):
    card = _open(page, "alpha")
    card.find_element(By.CSS_SELECTOR, ".picture button").send_keys(Keys.ENTER)
    dialog = page.find_element(By.TAG_NAME, "dialog")
    assert dialog.is_displayed()
    assert "trials of alpha" in dialog.text

    dialog.find_element(By.TAG_NAME, "button").send_keys(Keys.ESCAPE)
    assert not dialog.is_displayed()


def test_the_page_asks_for_nothing_and_complains_of_nothing(page, address):
    for slug in ("alpha", "beta", "gamma"):
        _open(page, slug)

    count = "return performance.getEntriesByType('resource').length"
    assert page.execute_script(count) == 0
    messages = [
        json.loads(entry["message"])["message"] for entry in page.get_log("performance")
    ]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert address in asked  # the log was on
    assert {url for url in asked if not url.startswith("data:")} == {address}
    assert page.get_log("browser") == []


def test_the_policy_stops_what_would_ask(page):
    page.execute_script(
        "const image = new Image(); image.src = 'http://127.0.0.1:9/a.png';"
        "document.body.append(image);"
    )

    (refusal,) = WebDriverWait(page, 5).until(lambda _: page.get_log("browser"))
    assert "Content Security Policy" in refusal["message"]


@pytest.mark.parametrize("width", [320, 375, 768, 1024, 1280])
def test_nothing_is_wider_than_the_screen(page, address, width):
    _screen(page, width, 800)
    page.get("about:blank")
    page.get(address)
    page.execute_script("for (const d of document.querySelectorAll('details'))"
                        "  d.open = true;")  # fmt: skip

    wide = page.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width
    # What is wider scrolls in a box of its own.
    boxes = page.find_elements(By.CSS_SELECTOR, ".records .scroll")
    measure = "return arguments[0].scrollWidth > arguments[0].clientWidth"
    assert any(page.execute_script(measure, box) for box in boxes)


def test_a_phone_shows_rows_as_cards_with_their_headings(page, address):
    _screen(page, 375, 800)
    page.get("about:blank")
    page.get(address)

    row = page.find_element(By.CSS_SELECTOR, "#claims-table tbody tr")
    label = "return getComputedStyle(arguments[0], '::before').content"
    cell = row.find_element(By.CSS_SELECTOR, ".col-published")
    assert page.execute_script(label, cell) == '"Published"'
    assert row.size["width"] <= 375
    _heading(page, "Measured").find_element(By.TAG_NAME, "button").click()
    assert _column(page, "claim")[0] == "effect"


def test_dark_and_light_follow_the_system(page):
    def lightness(scheme, selector, what):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        colour = page.find_element(By.CSS_SELECTOR, selector)
        numbers = colour.value_of_css_property(what).partition("(")[2].split(",")
        return sum(int(number.strip(" )")) for number in numbers[:3])

    assert lightness("light", "body", "background-color") > 600
    assert lightness("light", "body", "color") < 150
    assert lightness("dark", "body", "background-color") < 150
    assert lightness("dark", "body", "color") > 600


def test_without_scripts_everything_can_be_read(page, address):
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.get("about:blank")
        page.get(f"{address}#paper-alpha")

        assert len(_column(page, "claim")) == 4
        assert not page.find_element(By.ID, "filters").is_displayed()
        # The browser opens the card for its link.
        body = page.find_element(By.ID, "paper-alpha")
        assert body.is_displayed()
        assert body.find_element(By.CSS_SELECTOR, ".picture img").is_displayed()
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
