# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own model and task
#
# **The question.** Does what the other notebooks show hold for a task of your own, on a model of
# your own? Here: from a verb to who does it (*teach*, *teacher*).
#
# **If the answer were no**, the vector would leave the task where the placebo leaves it.
#
# ## A task
# One folder: `task.toml` and three files of lines. Items of the three splits must differ.

# %%
import json
import tempfile
from pathlib import Path

from cast_lens import (
    Injection,
    check_task,
    few_shot,
    load_lens,
    mean_vector,
    named_model,
    placebo,
    proportion,
    read_residual,
    read_task,
    score_answers,
    to_frame,
    zero_shot,
)

CARD = """
name = "agent_noun"
language = "en"
instruction = "Name the person who does it."
format = "qa"
licence = "MIT"
provenance = "written for this notebook"
"""
VERBS = """
teach write drive sing paint bake farm hunt read build dance run swim win lead play speak think
travel fight report manage own make lose buy sell kill help clean ride work listen climb print
train box skate rob steal smoke drink dream design produce publish photograph explore
interpret employ consume bank golf surf hike jog
"""
DOUBLED = {"run": "runner", "swim": "swimmer", "win": "winner", "rob": "robber", "jog": "jogger"}


def noun_of(verb):
    return DOUBLED.get(verb, verb + ("r" if verb.endswith("e") else "er"))


verbs = VERBS.split()
splits = {"train": verbs[:24], "dev": verbs[24:30], "test": verbs[30:]}


def line(verb):
    return json.dumps({"id": f"agent-{verb}", "input": verb, "label": noun_of(verb)}) + "\n"


folder = Path(tempfile.mkdtemp()) / "agent_noun"
folder.mkdir()
(folder / "task.toml").write_text(CARD)
for split, some in splits.items():
    (folder / f"{split}.jsonl").write_text("".join(line(verb) for verb in some))

# %% [markdown]
# `cast-lens tasks check FOLDER` says the same, with file and line of each fault.

# %%
report = check_task(folder)
print(report.counts, *report.findings, "usable:", report.usable)
task = read_task(folder)
task

# %% [markdown]
# ## A model
# Any folder that Hugging Face can load; here the one that the default model was unpacked to. A hub
# id (`load_lens("Qwen/Qwen2.5-0.5B")`) or a file (`load_lens("model.gguf")`) goes in the same
# place, and so does a model that you already hold. `cast-lens doctor MODEL` checks that it is read,
# steered and scored as Hugging Face does.

# %%
load_lens("smollm2-135m")  # fetches it once
local = named_model("smollm2-135m").folder
lens = load_lens(local)
lens

# %% [markdown]
# ## The vector
# At block 22, where the default model's word tasks work. For a model of your own, let `cast-lens
# run` choose the block on dev.

# %%
shown, queries = task.train[:4], task.train[4:]
few = read_residual(lens, [few_shot(task, q, shown) for q in queries], layers=[22])
zero = read_residual(lens, [zero_shot(task, q) for q in queries], layers=[22])
v = mean_vector(few, zero, layer=22, recipe={"source": task.name})
variants = {
    "zero-shot": None,
    "vector": Injection(v),
    "placebo": Injection(placebo(v, seed=0)),
}
asked, right = [zero_shot(task, q) for q in task.test], [q.accept for q in task.test]
hits = score_answers(lens, asked, right, list(variants.values())).greedy
shares = {name: proportion(row) for name, row in zip(variants, hits, strict=True)}
prompts = [few_shot(task, q, shown) for q in task.test]
shares["in-context"] = proportion(score_answers(lens, prompts, right).greedy[0])
found = to_frame(shares)
found

# %% [markdown]
# **What was found.** Partly. The vector teaches the model something that its placebo does not, and
# less than the examples in the prompt do. The block was not chosen for this task, and with 26
# items the interval is wide: `cast-lens run` would search block and strength on dev.
#
# | arm | share right [95 % interval] | n |
# |---|---|---|
# | zero-shot | 0.00 [0.00, 0.13] | 26 |
# | vector | 0.27 [0.14, 0.46] | 26 |
# | placebo | 0.00 [0.00, 0.13] | 26 |
# | in-context | 0.69 [0.50, 0.83] | 26 |
