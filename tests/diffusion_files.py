"""Tiny diffusion models with random weights, as Diffusers writes them; making them needs PyTorch and Diffusers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

KINDS = ("still", "large", "animated", "wan")
WORDS = ("a", "red", "boat", "wave", "night")


def write(kind: str, folder: Path) -> Path:
    """Write a model of one of `KINDS` and return its folder."""
    import torch

    torch.manual_seed(0)
    {"still": _still, "large": _large, "animated": _animated, "wan": _wan}[kind]().save_pretrained(folder)
    return folder


def write_adapter(folder: Path) -> Path:
    """Write a motion adapter that fits the still model."""
    _adapter().save_pretrained(folder)
    return folder


def _tokenizer(kind: str = "clip") -> Any:
    """Knows every letter; made of a file written on the spot."""
    import tempfile

    from transformers import CLIPTokenizer, PreTrainedTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyz,."
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    numbers = {word: number for number, word in enumerate(words)}
    with tempfile.TemporaryDirectory() as folder:
        if kind == "clip":
            vocabulary, merges = Path(folder, "vocab.json"), Path(folder, "merges.txt")
            vocabulary.write_text(json.dumps(numbers))
            merges.write_text("#version: 0.2\n")
            return CLIPTokenizer(str(vocabulary), str(merges), model_max_length=16)
        from tokenizers import Tokenizer, models, pre_tokenizers

        known = {"<pad>": 0, "<unk>": 1, **{word: number + 2 for number, word in enumerate(WORDS)}}
        tokens = Tokenizer(models.WordLevel(known, unk_token="<unk>"))
        tokens.pre_tokenizer = pre_tokenizers.Whitespace()
        return PreTrainedTokenizerFast(tokenizer_object=tokens, pad_token="<pad>", unk_token="<unk>")


def _vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        sample_size=64,
    )


def _reader(projection: int | None = None) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=16,
        num_attention_heads=2,
        num_hidden_layers=2,
        max_position_embeddings=16,
        projection_dim=projection or 16,
        bos_token_id=56,
        eos_token_id=57,
    )
    return CLIPTextModelWithProjection(config) if projection else CLIPTextModel(config)


def _unet(**more: Any) -> Any:
    from diffusers import UNet2DConditionModel

    usual = {"down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"), "cross_attention_dim": 16}
    return UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        sample_size=32,
        norm_num_groups=4,
        attention_head_dim=4,
        **{**usual, "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"), **more},
    )


def _scheduler() -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, steps_offset=1)


def _shared() -> dict[str, Any]:
    return {"vae": _vae(), "text_encoder": _reader(), "tokenizer": _tokenizer(), "unet": _unet()}


def _still() -> Any:
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline(
        **_shared(),
        scheduler=_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _large() -> Any:
    from diffusers import StableDiffusionXLPipeline

    # What it is told about sizes, 6 numbers of 8 each, and the pooled text make up the projected input.
    unet = _unet(
        cross_attention_dim=32,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=64,
        transformer_layers_per_block=1,
    )
    return StableDiffusionXLPipeline(
        **{**_shared(), "unet": unet},
        text_encoder_2=_reader(16),
        tokenizer_2=_tokenizer(),
        scheduler=_scheduler(),
    )


def _adapter() -> Any:
    from diffusers import MotionAdapter

    return MotionAdapter(
        block_out_channels=(8, 16),
        motion_layers_per_block=1,
        motion_norm_num_groups=2,
        motion_num_attention_heads=2,
        motion_max_seq_length=16,
        use_motion_mid_block=False,
    )


def _animated() -> Any:
    from diffusers import AnimateDiffPipeline

    return AnimateDiffPipeline(**_shared(), motion_adapter=_adapter(), scheduler=_scheduler())


def _wan() -> Any:
    from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel
    from transformers import UMT5Config, UMT5EncoderModel

    text = UMT5EncoderModel(
        UMT5Config(vocab_size=16, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, feed_forward_proj="relu")
    )
    transformer = WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=16,
        out_channels=16,
        text_dim=16,
        freq_dim=32,
        ffn_dim=32,
        num_layers=1,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
    )
    vae = AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
    scheduler = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    return WanPipeline(
        tokenizer=_tokenizer("words"), text_encoder=text, vae=vae, scheduler=scheduler, transformer=transformer
    )
