"""What a vector belongs to: model, tokenizer, template and dtype."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from cast_lens.errors import PromptError
from cast_lens.model.lens import Lens
from cast_lens.prompts.prompt import Prompt, Template


class Identity(BaseModel):
    """Where states were read; a vector made of them is at home only there.

    Attributes:
        model: the name the user gave; shown, never compared.
        model_fingerprint, tokenizer_fingerprint: see `Lens`.
        template: `plain` or `chat`.
        dtype: floating type of the model's weights, for example `float32`.
        d_model: width of the residual stream.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    model_fingerprint: str
    tokenizer_fingerprint: str
    template: Template
    dtype: str
    d_model: int

    def differences(self, other: Identity) -> list[str]:
        """The compared fields that differ, each as ``field: mine, theirs``."""
        compared = ("model_fingerprint", "tokenizer_fingerprint", "template", "dtype", "d_model")
        return [
            f"{name}: {getattr(self, name)}, {getattr(other, name)}"
            for name in compared
            if getattr(self, name) != getattr(other, name)
        ]


def identity_of(lens: Lens, template: Template) -> Identity:
    """Identity of states read from `lens` under a template."""
    return Identity(
        model=lens.name,
        model_fingerprint=lens.fingerprint,
        tokenizer_fingerprint=lens.tokenizer_fingerprint,
        template=template,
        dtype=str(lens.dtype).removeprefix("torch."),
        d_model=lens.d_model,
    )


def template_of(prompts: Iterable[Prompt]) -> Template:
    """The one template all prompts share.

    Raises:
        PromptError: when there is no prompt or templates are mixed.
    """
    templates = {prompt.template for prompt in prompts}
    if len(templates) != 1:
        raise PromptError(
            f"Expected prompts of one template, got {sorted(templates) or 'no prompt'}."
        )
    return templates.pop()
