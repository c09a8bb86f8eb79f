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
# # The workbench
#
# **The question.** What does *this* vector do to *this* prompt, at this block and strength? A
# vector is read from one task (the *source*) and written into one prompt of another (the
# *target*).
#
# **If the answer were nothing**, the steered numbers would stay with those of the plain prompt, or
# move no further than with a random direction of the same length.

# %%
from cast_lens import Setting, Trial, load_lens, to_frame, workbench

lens = load_lens("smollm2-135m")

# %% [markdown]
# Everything on the page is a plain call. `selector="cast"` is the method's own choice of examples;
# it needs a small sentence encoder, fetched once. `random` needs nothing.

# %%
setting = Setting(
    source="product_company",
    target="landmark_country",
    layer=26,
    strength=2.0,
    examples=24,
    selector="random",
    item="landmark_country-mount-etna",
)
trial = Trial(lens)
trial.answers(setting)

# %% [markdown]
# What one prompt does is an anecdote. On the task's dev items (the button *Accuracy on dev*):

# %%
found = to_frame(trial.dev_accuracy(setting).arms)
found

# %% [markdown]
# The page. Click a cell of the map or a block of the curve to choose it. Edit the prompt and press
# *Ask this prompt* to try your own. Each panel can show the command and the Python that give its
# numbers.

# %%
workbench(lens, setting=setting)

# %% [markdown]
# **What was found.** At this site nothing that 20 dev items could tell from zero-shot: 0.35 with
# the vector, 0.40 without, and demonstrations of the target do no better. Whatever this one prompt
# shows, it does not speak for the task. Before you publish anything found here, use `cast-lens
# run`, which chooses on dev, reports on test, and searches its controls as widely as the method.
#
# | arm | share right on dev [95 % interval] | n |
# |---|---|---|
# | zero-shot | 0.40 [0.22, 0.61] | 20 |
# | few-shot | 0.40 [0.22, 0.61] | 20 |
# | steered | 0.35 [0.18, 0.57] | 20 |
# | random direction | 0.30 [0.15, 0.52] | 20 |
