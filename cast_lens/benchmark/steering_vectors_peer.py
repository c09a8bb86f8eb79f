"""Extraction by the library steering-vectors, run by the Python of its own environment.

It needs transformers 4, cast_lens needs 5. This file imports nothing of cast_lens: it reads a job
from standard input and writes ``{"seconds": [...], "versions": {...}}`` to standard output.
"""

import json
import sys
import time
from importlib.metadata import version


def main() -> None:
    """Run the job."""
    import torch
    from steering_vectors import train_steering_vector
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    job = json.load(sys.stdin)
    torch.set_num_threads(job["threads"])
    # a folder written by transformers 5 names a class that 4 does not know
    tokenizer = PreTrainedTokenizerFast.from_pretrained(job["model"])
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    tokenizer.padding_side = "left"
    model = AutoModelForCausalLM.from_pretrained(job["model"], torch_dtype=torch.float32).eval()
    pairs = list(zip(job["few"], job["zero"], strict=True))
    seconds = []
    for _ in range(job["repeats"]):
        start = time.perf_counter()
        train_steering_vector(model, tokenizer, pairs, batch_size=job["batch"], show_progress=False)
        seconds.append(time.perf_counter() - start)
    packages = ("steering-vectors", "transformers", "torch")
    json.dump({"seconds": seconds, "versions": {p: version(p) for p in packages}}, sys.stdout)


if __name__ == "__main__":
    main()
