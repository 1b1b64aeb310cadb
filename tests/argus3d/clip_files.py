"""A CLIP of random weights and the smallest sizes, in the places of a cache of models."""

import json
from pathlib import Path

import torch

REVISION = "0" * 40
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789,.'"
MERGES = ("c h", "ch a", "cha i", "chai r</w>")


def write_tokenizer(folder: Path) -> None:
    """Letters, and one word of more than one."""
    ends = [letter + "</w>" for letter in LETTERS]
    merged = [merge.replace(" ", "") for merge in MERGES]
    words = [*LETTERS, *ends, *merged, "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *MERGES]) + "\n")
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer", **special}))
    (folder / "special_tokens_map.json").write_text(json.dumps(special))


def write_clip_cache(cache: Path, as_pickle: bool = False) -> Path:
    """Lay out `cache` as huggingface_hub does; returns the folder of the snapshot."""
    from transformers import CLIPConfig, CLIPModel

    repository = cache / "models--openai--clip-vit-base-patch32"
    folder = repository / "snapshots" / REVISION
    folder.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(REVISION)
    write_tokenizer(folder)
    end = 2 * len(LETTERS) + len(MERGES) + 1
    small = {"intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {"hidden_size": 16, "vocab_size": end + 1, "max_position_embeddings": 77, "bos_token_id": end - 1}
    image = {"hidden_size": 24, "image_size": 32, "patch_size": 8}
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config=small | text | {"eos_token_id": end, "pad_token_id": end}, vision_config=small | image,
        projection_dim=12,
    )  # fmt: skip
    model = CLIPModel(config)
    model.save_pretrained(folder)
    if as_pickle:
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    return folder
