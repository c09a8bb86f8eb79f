"""Small models that need no download: random weights, four architectures, one tokenizer.

The tokenizer takes the listed words whole, with or without the space before them, and spells
everything else in bytes. So no text is unknown, decoding gives the text back, a line break is a
token of its own, and a text followed by ``" answer"`` keeps the tokens it had.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, get_args

import torch

from cast_lens.errors import ModelError
from cast_lens.model.lens import Backend, Lens
from cast_lens.model.load import lens_of

Shape = Literal["llama", "gpt2", "neox", "gemma2"]
SPECIALS = ("<pad>", "<s>", "</s>")
PAD, BOS, EOS = range(3)
PIECES = r" ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]|\s"
CHAT = (
    "{{ bos_token }}{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n"
    "{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)
SPOKEN = (
    "A B C D Q : . , ? ' / Definition Label Answer Name N the a an of to in is and or it not for "
    "with that this word question sentence text given following yes no true false positive "
    "negative neutral good bad big small red green blue one two three man woman house water "
    "cat dog sun city country name say says said"
)
WORDS = tuple(SPOKEN.split())
N_CTX = 1024
WIDTH = 32
SIZES = {
    "vocab_size": 0,
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": N_CTX,
}
SPREAD = 0.3  # of the weights; the libraries' 0.02 would leave the residual stream unmoved
JITTER = 0.2  # of biases and norms, which start at 0 and 1 and would not show an error


def tiny_tokenizer(words: Iterable[str] = WORDS) -> Any:
    """A fast tokenizer that knows some words and spells the rest in bytes.

    Ids 0, 1 and 2 are ``<pad>``, ``<s>`` (put before every text) and ``</s>``; it has a chat
    template that holds the ``<s>`` too.

    Args:
        words: runs of letters, or single marks, that are to be one token.

    Returns:
        A `transformers.PreTrainedTokenizerFast`.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    spelling = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    known = [spelling.pre_tokenize_str(w)[0][0] for word in words for w in (word, f" {word}")]
    entries = dict.fromkeys([*SPECIALS, *sorted(spelling.alphabet()), *known])
    vocabulary = {entry: i for i, entry in enumerate(entries)}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[], ignore_merges=True))
    pieces = pre_tokenizers.Split(Regex(PIECES), "isolated")
    inner.pre_tokenizer = pre_tokenizers.Sequence([pieces, spelling])
    inner.decoder = decoders.ByteLevel()
    inner.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", BOS)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",  # noqa: S106 - no password
        bos_token="<s>",  # noqa: S106
        eos_token="</s>",  # noqa: S106
        chat_template=CHAT,
    )


def _config(shape: Shape, vocabulary: int) -> Any:
    import transformers as hf

    specials = {"pad_token_id": PAD, "bos_token_id": BOS, "eos_token_id": EOS}
    common = SIZES | specials | {"vocab_size": vocabulary, "initializer_range": SPREAD}
    grouped = common | {"num_key_value_heads": 2}
    if shape == "llama":
        return hf.LlamaConfig(**grouped, tie_word_embeddings=False)
    if shape == "gemma2":
        return hf.Gemma2Config(
            **grouped,
            head_dim=8,
            query_pre_attn_scalar=12,
            sliding_window=6,
            attn_logit_softcapping=5.0,
            final_logit_softcapping=3.0,
        )
    if shape == "neox":
        rope = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
        return hf.GPTNeoXConfig(**common, use_parallel_residual=True, rope_parameters=rope)
    return hf.GPT2Config(
        vocab_size=vocabulary,
        n_embd=WIDTH,
        n_layer=3,
        n_head=4,
        n_positions=N_CTX,
        initializer_range=SPREAD,
        **specials,
    )


def tiny_model(shape: Shape, seed: int, *, vocabulary: int | None = None) -> Any:
    """A random Hugging Face model of 3 blocks and width 32, in float32.

    `llama` shares keys and values between heads; `neox` adds attention and MLP in parallel and
    rotates half of each head; `gemma2` caps its logits and attends through a sliding window;
    `gpt2` has learned positions. The caller's random state is untouched.

    Args:
        shape: the architecture.
        seed: the same seed gives the same weights.
        vocabulary: number of tokens; that of `tiny_tokenizer()` when None.

    Raises:
        ModelError: when the shape is not one of the four.
    """
    from transformers import AutoModelForCausalLM

    if shape not in get_args(Shape):
        raise ModelError(f"Shape {shape!r} is not one of {', '.join(get_args(Shape))}.")
    config = _config(shape, vocabulary or len(tiny_tokenizer()))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(JITTER * torch.randn_like(parameter))
    return model


def tiny_lens(shape: Shape = "llama", *, seed: int = 0, backend: Backend = "bridge") -> Lens:
    """A lens on a random model, made offline in well under a second; see `tiny_model`.

    Raises:
        ModelError: when the shape is unknown, or the backend does not take it.
    """
    tokenizer = tiny_tokenizer()
    hf = tiny_model(shape, seed, vocabulary=len(tokenizer))
    return lens_of(hf, tokenizer, name=f"tiny-{shape}", backend=backend)
