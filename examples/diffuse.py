"""Teach a toy diffusion model what a yellow disc and a blue square are, then let `diffuse` make films of words.

Needs `pip install 'melies[diffusion]'`; without it the example only notes that. No model comes along, so one is made
here: a small Stable Diffusion for pictures of 32×32, whose text encoder, autoencoder and network know nothing but
coloured shapes. With a folder as argument it is taught for longer (a quarter of an hour), and the handbook's picture is
made.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from _sample import OUT

import melies
from melies.effects.diffuse import Diffuse as Anew
from melies.generators.diffuse import Diffuse

SIDE = 32
COLOURS = {"red": (220, 40, 30), "green": (40, 170, 60), "blue": (40, 70, 220), "yellow": (240, 210, 40)}
SHAPES = ("disc", "square", "cross")


def drawn(random: np.random.Generator) -> tuple[np.ndarray, str]:
    """A picture of a shape, -1…1, and its words."""
    colour, shape = random.choice(list(COLOURS)), random.choice(SHAPES)
    image = np.full((SIDE * 4, SIDE * 4, 3), random.integers(200, 240), np.uint8)
    (x, y), r = random.integers(44, 84, 2).tolist(), int(random.integers(26, 40))
    if shape == "disc":
        cv2.circle(image, (x, y), r, COLOURS[colour], -1, cv2.LINE_AA)
    elif shape == "square":
        cv2.rectangle(image, (x - r, y - r), (x + r, y + r), COLOURS[colour], -1)
    else:
        cv2.rectangle(image, (x - r, y - r // 3), (x + r, y + r // 3), COLOURS[colour], -1)
        cv2.rectangle(image, (x - r // 3, y - r), (x + r // 3, y + r), COLOURS[colour], -1)
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32).transpose(2, 0, 1) / 127.5 - 1, f"a {colour} {shape}"


def teach(folder: Path, steps: int) -> Path:
    """Train the model and write it as Diffusers does; an autoencoder first, then what removes noise."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    random = np.random.default_rng(0)
    words = ["<pad>", "a", *COLOURS, *SHAPES]
    tokens = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<pad>"))
    tokens.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokens, pad_token="<pad>", unk_token="<pad>", model_max_length=4
    )
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(words),
            hidden_size=32,
            intermediate_size=64,
            num_attention_heads=2,
            num_hidden_layers=1,
            max_position_embeddings=4,
            bos_token_id=1,
            eos_token_id=0,
        )
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 16, 32),
        norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        sample_size=SIDE,
    )
    unet = UNet2DConditionModel(
        sample_size=SIDE // 4,
        block_out_channels=(32, 64),
        norm_num_groups=8,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=4,
    )

    pictures, said = zip(*(drawn(random) for _ in range(1024)), strict=True)
    pictures = torch.from_numpy(np.stack(pictures))
    optimiser = torch.optim.AdamW(vae.parameters(), 3e-3)
    for _ in range(max(1, steps // 4)):
        batch = pictures[torch.randint(0, 1024, (16,))]
        spread = vae.encode(batch).latent_dist
        loss = (vae.decode(spread.sample()).sample - batch).abs().mean() + 1e-5 * spread.kl().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        latents = torch.cat([vae.encode(batch).latent_dist.mean for batch in pictures.split(64)])
        vae.register_to_config(scaling_factor=float(1 / latents.std()))
        latents *= vae.config.scaling_factor
    print(f"the autoencoder is {loss.item():.3f} off", flush=True)

    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear", beta_end=0.012, beta_start=0.00085, clip_sample=False, steps_offset=1
    )
    numbers = tokenizer([*said, ""], padding="max_length", return_tensors="pt").input_ids
    optimiser = torch.optim.AdamW([*unet.parameters(), *text.parameters()], 1e-3)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, 5e-5)
    for step in range(steps):
        which = torch.randint(0, 1024, (32,))
        words = torch.where(torch.rand(32) < 0.1, 1024, which)  # now and then without words, for guidance
        noise, time = torch.randn_like(latents[which]), torch.randint(0, 1000, (32,))
        found = unet(scheduler.add_noise(latents[which], noise, time), time, text(numbers[words])[0]).sample
        loss = (found - noise).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rate.step()
        if step % 250 == 0:
            print(f"step {step} of {steps}: {loss.item():.3f}", flush=True)
    StableDiffusionPipeline(
        vae, text, tokenizer, unet, scheduler, None, None, requires_safety_checker=False
    ).save_pretrained(folder)
    return folder


def main() -> None:
    """Write two short films to `out/`, or a picture of them to the folder named."""
    gallery = len(sys.argv) > 1
    folder = Path(sys.argv[1]) if gallery else OUT
    folder.mkdir(parents=True, exist_ok=True)
    if find_spec("diffusers") is None:
        (folder / "diffuse.txt").write_text("Diffusion models need more: pip install 'melies[diffusion]'\n")
        print((folder / "diffuse.txt").read_text(), end="")
        return
    model = OUT / "shapes"
    if not (model / "model_index.json").exists():
        teach(model, 2500 if gallery else 20)
    asked = {"model": model, "steps": 25 if gallery else 4, "guidance": 4}
    length = 16 if gallery else 4
    prompt = f"0: a yellow disc | {length - 1}: a blue square"
    walk = melies.Clip(Diffuse(**asked, prompt=prompt, size="128x128", fps=8, duration=length / 8, pace=4, seed=3))
    anew = walk.apply(Anew(**asked, prompt="a yellow cross", strength=0.7))
    if not gallery:
        walk.save(folder / "walk.mp4", overwrite=True)
        anew.save(folder / "anew.mp4", overwrite=True)
        return
    rows = [np.hstack([frame.image for frame in clip.frames()][::3]) for clip in (walk, anew)]
    cv2.imwrite(str(folder / "diffuse.jpg"), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
