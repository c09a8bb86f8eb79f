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
# A vector is read from one task (the *source*) and written into one prompt of another (the
# *target*). Choose block and strength, and see at once what the model now says, beside the same
# prompt without the vector, with demonstrations, and with a random direction of the same length.
#
# What one prompt does is an anecdote. Before you believe it, press *Accuracy on dev* and look at
# the random direction; before you publish it, use `cast-lens run`, which chooses on dev, reports on
# test, and searches its controls as widely as the method.

# %%
from cast_lens import load_lens, workbench
from cast_lens.diagnosis.try_one import Trial
from cast_lens.diagnosis.try_setting import Setting

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
Trial(lens).answers(setting).to_frame()

# %% [markdown]
# The page. Click a cell of the map or a block of the curve to choose it. Edit the prompt and press
# *Ask this prompt* to try your own. Each panel can show the command and the Python that give its
# numbers.

# %%
workbench(lens, setting=setting)
