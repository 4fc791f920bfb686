"""States values in the form of the worklist page as a person does: python state_a_value.py URL SERIES INPUT VALUE ...

Opens the page of a series in Chromium, chooses INPUT by its value, types VALUE and presses the button, for one pair after the
other. Prints JSON: for each pair what the page says is not known, before and after, and what it says went wrong.
"""
import json
import sys

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

WAIT_SECONDS = 120
WAITING, JUDGING = "The findings are judged again; no analysis runs.", "Judging again …"


def main():
    url, series, pairs = sys.argv[1], sys.argv[2], sys.argv[3:]
    options = webdriver.ChromeOptions()
    for switch in ("--headless", "--no-sandbox", "--disable-gpu"):
        options.add_argument(switch)
    with webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver")) as browser:
        browser.get(f"{url}/#{series}")
        print(json.dumps([state(browser, *pair) for pair in zip(pairs[::2], pairs[1::2])]))


def state(browser, name, value):
    wait = WebDriverWait(browser, WAIT_SECONDS)
    form = wait.until(lambda b: b.find_element(By.CSS_SELECTOR, ".missing form"))
    before = not_known(browser)
    Select(form.find_element(By.CSS_SELECTOR, "select[aria-label='What']")).select_by_value(name)
    typed = form.find_element(By.TAG_NAME, "input")
    typed.clear()
    typed.send_keys(value)
    form.find_element(By.TAG_NAME, "button").click()
    # A taken value makes the form anew; a refused one stays in it with the reason beside.
    wait.until(lambda b: not_known(b) != before or said(b) not in (WAITING, JUDGING))
    after = not_known(browser)
    return {"before": before, "after": after, "problem": "" if after != before else said(browser)}


def not_known(browser):
    return browser.execute_script("const p = document.querySelector('.missing p'); return p ? p.textContent : ''")


def said(browser):
    return browser.execute_script(
        "const s = document.querySelector('.missing form [role=status]'); return s ? s.textContent : ''")


if __name__ == "__main__":
    main()
