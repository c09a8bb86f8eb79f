"""A real JupyterLab and a real browser, both gone when the tests end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
TOKEN = "only-this-test"
# a question about news would lie over the page
QUIET = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
START = 90  # seconds that a busy machine may take


@dataclass(frozen=True)
class Lab:
    url: str
    folder: Path

    def notebook(self, name: str) -> str:
        return f"{self.url}/lab/tree/{name}?token={TOKEN}"


@pytest.fixture(scope="session")
def browser_path() -> str:
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    return found


@pytest.fixture(scope="session")
def lab(browser_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on a free port, in a folder that holds the notebooks."""
    from cast_lens.cli.notebooks import notebooks
    from cast_lens.files import write_text

    root = tmp_path_factory.mktemp("lab")
    folder = root / "notebooks"
    notebooks(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = root / "settings" / "@jupyterlab" / "apputils-extension"
    write_text(quiet / "notification.jupyterlab-settings", json.dumps(QUIET))
    own = {f"JUPYTER_{n}_DIR": str(root / n.lower()) for n in ("CONFIG", "DATA", "RUNTIME")}
    words = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    words += [f"--port={port}", "--ip=127.0.0.1", f"--IdentityProvider.token={TOKEN}"]
    words += [f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
    with (root / "log").open("wb") as log:
        server = subprocess.Popen(
            words,
            stdout=log,
            stderr=log,
            env={**os.environ, **own, "JUPYTERLAB_SETTINGS_DIR": str(root / "settings")},
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/api/status?token={TOKEN}", server, root / "log")
            yield Lab(url, folder)
        finally:
            # the kernels are its children, in a group of its own
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.3)
        else:
            return
    pytest.fail(f"JupyterLab did not start: {log.read_text()[-2000:]}")


@pytest.fixture
def page(browser_path: str) -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is in the dev extra")
    with api.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=browser_path, headless=True, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1500, "height": 2300})
        opened.set_default_timeout(60_000)
        try:
            yield opened
        finally:
            browser.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots are kept: the folder SCREENSHOTS names, else pytest's own."""
    named = os.environ.get("SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
