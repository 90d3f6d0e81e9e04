"""A browser before the page of a service that runs."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from running_service import Running

from renzheng.datasets import demo
from renzheng.verification.verifier import Verifier

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
_WAIT = 20_000  # ms, for a machine that has other things to do

# Makes files in the page, as a person's drag or paste would bring them.
_TRANSFER = """
(files) => {
  const transfer = new DataTransfer();
  for (const {name, type, content} of files) {
    const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
    transfer.items.add(new File([bytes], name, {type}));
  }
  return transfer;
}
"""


@dataclass
class Desk:
    """The page, and what happens on it."""

    page: Page
    url: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def side(self, name: str) -> Any:
        return self.page.locator(f"#{name}")

    def choose(self, side: str, path: Path) -> None:
        self.side(side).locator("input[type=file]").set_input_files(path)

    def drop(self, selector: str, *paths: Path, event: str = "drop") -> None:
        transfer = self.page.evaluate_handle(_TRANSFER, [_told(path) for path in paths])
        self.page.dispatch_event(selector, event, {"dataTransfer": transfer})

    def paste(self, *paths: Path) -> None:
        self.page.evaluate(
            f"""(files) => (document.activeElement ?? document.body).dispatchEvent(
              new ClipboardEvent("paste",
                {{clipboardData: ({_TRANSFER})(files), bubbles: true, cancelable: true}}))""",
            [_told(path) for path in paths],
        )

    def compare(self, reference: Path, probe: Path) -> dict[str, Any]:
        """Choose both pictures; the answer, once it is shown."""
        with self.page.expect_response("**/v1/verify", timeout=_WAIT) as response:
            self.choose("reference", reference)
            self.choose("probe", probe)
        self.page.locator("#details").wait_for()
        answer: dict[str, Any] = response.value.json()
        return answer

    def expect_verdict(self, state: str) -> None:
        self.page.locator(f"#verdict[data-state={state}]").wait_for()


def _told(path: Path) -> dict[str, str]:
    kinds = {".png": "image/png", ".jpg": "image/jpeg", ".txt": "text/plain"}
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return {"name": path.name, "type": kinds.get(path.suffix, ""), "content": content}


# Not longer than a module: as long as it runs, no other test could run an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    driver = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip(f"needs a browser: none of {', '.join(_NAMES)} is on the PATH")
    driver.expect.set_options(timeout=_WAIT)
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *_CAMERA])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def verifier() -> Verifier:
    return Verifier()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory, verifier: Verifier) -> tuple[Path, Path]:
    """A specimen card and the public-domain portrait on it."""
    pytest.importorskip("skimage", reason="needs scikit-image's public-domain portrait")
    return demo.write_pictures(verifier, tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    """No picture."""
    path = tmp_path / "letter.txt"
    path.write_text("Dear server,\n", "utf-8")
    return path


@contextmanager
def _desk(
    browser: Browser, service: Running, *, script: str | None = None, **how: Any
) -> Iterator[Desk]:
    """A page, which may speak to no other host and have nothing to complain of."""
    how = {"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **how}
    with browser.new_context(**how) as context:
        context.set_default_timeout(_WAIT)
        if script is not None:
            context.add_init_script(script)
        desk = Desk(context.new_page(), service.url)
        page = desk.page
        page.on("request", lambda request: desk.requests.append(request.url))
        page.on("pageerror", lambda error: desk.errors.append(str(error)))
        page.on("console", lambda said: _complaints(desk, said))
        page.goto(f"{service.url}/")
        page.locator("#headline:not(:empty)").wait_for()
        yield desk
    own = urlsplit(desk.url)
    for at in map(urlsplit, desk.requests):
        local = at.scheme in ("data", "blob")
        assert local or (at.scheme, at.netloc) == (own.scheme, own.netloc)
    assert desk.errors == []


def _complaints(desk: Desk, said: ConsoleMessage) -> None:
    if said.type in ("error", "warning"):
        desk.errors.append(said.text)


@pytest.fixture
def open_desk(browser: Browser) -> Iterator[Callable[..., Desk]]:
    """Opens pages."""
    with ExitStack() as stack:
        yield lambda service, **how: stack.enter_context(_desk(browser, service, **how))


@pytest.fixture
def desk(open_desk: Callable[..., Desk], service: Running) -> Desk:
    return open_desk(service)


@pytest.fixture(scope="module")
def answered(
    browser: Browser, service: Running, pictures: tuple[Path, Path]
) -> Iterator[tuple[Desk, dict[str, Any]]]:
    """A page with its answer, for tests that only look."""
    with _desk(browser, service) as desk:
        yield desk, desk.compare(*pictures)
