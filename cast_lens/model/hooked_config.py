"""Fields of a `HookedTransformerConfig` from a live Hugging Face model.

The library derives them from a list of names; a folder of one's own is not in it. Whatever an
architecture has and `HookedTransformer` lacks is refused here, because the library's weight
converters drop it silently.
"""

from __future__ import annotations

from typing import Any

from cast_lens.errors import ModelError

ACTIVATIONS = {"swish": "silu", "gelu_python": "gelu", "gelu_fast": "gelu_new"}


def hooked_fields(hf: Any) -> tuple[dict[str, Any], str]:
    """Config fields and the name of the library's weight converter.

    Raises:
        ModelError: when the architecture or one of its features has no equivalent.
    """
    architecture = type(hf).__name__
    builders = {
        "GPT2LMHeadModel": (_gpt2, "convert_gpt2_weights"),
        "GPTNeoXForCausalLM": (_neox, "convert_neox_weights"),
        "LlamaForCausalLM": (_llama, "convert_llama_weights"),
    }
    if architecture not in builders:
        raise ModelError(
            f"{architecture} is not one of {', '.join(builders)}, which HookedTransformer loads.",
            "Use the bridge backend.",
        )
    build, converter = builders[architecture]
    return build(hf.config), converter


def _need(condition: bool, feature: str) -> None:
    if not condition:
        raise ModelError(
            f"HookedTransformer has no equivalent of {feature}.", "Use the bridge backend."
        )


def _activation(name: str) -> str:
    return ACTIVATIONS.get(name, name)


def _gpt2(config: Any) -> dict[str, Any]:
    _need(not config.add_cross_attention, "cross-attention")
    return {
        "d_model": config.n_embd,
        "n_heads": config.n_head,
        "d_head": config.n_embd // config.n_head,
        "n_layers": config.n_layer,
        "d_mlp": config.n_inner or 4 * config.n_embd,
        "n_ctx": config.n_positions,
        "eps": config.layer_norm_epsilon,
        "act_fn": _activation(config.activation_function),
        "normalization_type": "LN",
        "positional_embedding_type": "standard",
        "use_attn_scale": bool(config.scale_attn_weights),
        "scale_attn_by_inverse_layer_idx": bool(config.scale_attn_by_inverse_layer_idx),
    }


def _neox(config: Any) -> dict[str, Any]:
    rope = config.rope_parameters
    _need(rope.get("rope_type", "default") == "default", f"rope type {rope.get('rope_type')!r}")
    _need(bool(config.attention_bias), "attention without bias")
    d_head = config.hidden_size // config.num_attention_heads
    return {
        "d_model": config.hidden_size,
        "n_heads": config.num_attention_heads,
        "d_head": d_head,
        "n_layers": config.num_hidden_layers,
        "d_mlp": config.intermediate_size,
        "n_ctx": config.max_position_embeddings,
        "eps": config.layer_norm_eps,
        "act_fn": _activation(config.hidden_act),
        "normalization_type": "LN",
        "positional_embedding_type": "rotary",
        "rotary_adjacent_pairs": False,
        "rotary_dim": int(d_head * rope.get("partial_rotary_factor", 1.0)),
        "rotary_base": float(rope["rope_theta"]),
        "parallel_attn_mlp": bool(config.use_parallel_residual),
    }


def _llama(config: Any) -> dict[str, Any]:
    _need(not config.mlp_bias, "MLP biases")
    _need(not config.attention_bias, "attention biases")
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    d_head = getattr(config, "head_dim", None) or config.hidden_size // heads
    return {
        "d_model": config.hidden_size,
        "n_heads": heads,
        # the converter writes plain keys only when this is unset
        "n_key_value_heads": None if heads == kv_heads else kv_heads,
        "d_head": d_head,
        "n_layers": config.num_hidden_layers,
        "d_mlp": config.intermediate_size,
        "n_ctx": config.max_position_embeddings,
        "eps": config.rms_norm_eps,
        "act_fn": _activation(config.hidden_act),
        "normalization_type": "RMS",
        "final_rms": True,
        "gated_mlp": True,
        "positional_embedding_type": "rotary",
        "rotary_adjacent_pairs": False,
        "rotary_dim": d_head,
        **_llama_rope(config.rope_parameters),
    }


def _llama_rope(rope: dict[str, Any]) -> dict[str, Any]:
    kind = rope.get("rope_type", "default")
    _need(kind in {"default", "llama3"}, f"rope type {kind!r}")
    fields: dict[str, Any] = {"rotary_base": float(rope["rope_theta"])}
    if kind == "llama3":
        fields |= {
            "use_NTK_by_parts_rope": True,
            "NTK_original_ctx_len": rope["original_max_position_embeddings"],
            "NTK_by_parts_low_freq_factor": rope["low_freq_factor"],
            "NTK_by_parts_high_freq_factor": rope["high_freq_factor"],
            "NTK_by_parts_factor": rope["factor"],
        }
    return fields
