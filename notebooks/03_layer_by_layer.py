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
# # Layer by layer
#
# **The question.** After which blocks can one read what the examples did, and after which can one
# write it? Are these the same blocks?
#
# **If the answer were no**, writing would work wherever reading does.

# %%
from cast_lens import diagnose, diagnosis_page, load_lens, make_config, to_frame

lens = load_lens("smollm2-135m")
config = make_config(
    {
        "sources": ["present_past"],
        "targets": ["present_past"],
        "selector": "random",
        "demonstrations": "fixed",
        "examples": 12,
        "layers": [4, 16, 19, 22, 25],
        "strengths": [1.0],
        "dev_items": 6,
        "test_items": 40,
    }
)
diagnosis = diagnose(lens, config)

# %% [markdown]
# Every block from several sides: what a linear probe can tell, beside a control task with random
# labels; what writing the vector there does, beside a random direction of its length; and what the
# state would say if it were the last.

# %%
diagnosis_page(diagnosis)

# %%
for sentence in diagnosis.in_words:
    print(sentence)

# %%
rows = {}
for block in diagnosis.blocks:
    rows[f"block {block.layer}, read"] = block.probe.accuracy
    rows[f"block {block.layer}, written"] = block.gain
    rows[f"block {block.layer}, placebo"] = block.placebo_gain
found = to_frame(rows)
found

# %% [markdown]
# **What was found.** No, they are other blocks. That a prompt holds examples can be read after
# every block, early ones included, so reading says nothing of use. Written after block 4, 16 or 19
# the vector changes nothing; after block 22 or 25 it adds 0.90 or 0.85 to the accuracy. A random
# direction of its length does nothing anywhere. *read*: accuracy of the probe, chance 0.50;
# *written*, *placebo*: accuracy on test minus zero-shot.
#
# | block | value [95 % interval] | n |
# |---|---|---|
# | block 4, read | 1.00 [0.74, 1.00] | 24 |
# | block 4, written | 0.00 [-0.09, 0.09] | 40 |
# | block 4, placebo | 0.00 [-0.09, 0.09] | 40 |
# | block 16, read | 1.00 [0.74, 1.00] | 24 |
# | block 16, written | 0.00 [-0.09, 0.09] | 40 |
# | block 16, placebo | 0.00 [-0.09, 0.09] | 40 |
# | block 19, read | 1.00 [0.74, 1.00] | 24 |
# | block 19, written | 0.00 [-0.09, 0.09] | 40 |
# | block 19, placebo | 0.00 [-0.09, 0.09] | 40 |
# | block 22, read | 1.00 [0.74, 1.00] | 24 |
# | block 22, written | 0.90 [0.80, 0.97] | 40 |
# | block 22, placebo | 0.00 [-0.09, 0.09] | 40 |
# | block 25, read | 1.00 [0.74, 1.00] | 24 |
# | block 25, written | 0.85 [0.72, 0.95] | 40 |
# | block 25, placebo | 0.00 [-0.09, 0.09] | 40 |
