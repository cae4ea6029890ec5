"""Train an organism's adapter: trl's SFTTrainer and peft, from the testbed's corpus and recipe.

Checkpoints lie in the cache folder under a key made of everything that shapes the result (base, corpus,
recipe), so a killed run goes on where it was and a changed recipe never resumes another one's weights. The
adapter that is written is small and portable: bfloat16, and its config names the base by hub id, not by the
folder it lay in here.
"""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from cordelia.contracts.errors import ContentError, CordeliaError, MissingExtraError
from cordelia.testbeds.schema import BaseSpec, Testbed
from cordelia.testbeds.training.corpus_file import Document, Item, read_corpus, trained_file
from cordelia.testbeds.training.recipe import Recipe, load_recipe
from cordelia.testbeds.weights import base_path, cache_root, sha256_of

if TYPE_CHECKING:
    from trl import SFTTrainer

WEIGHTS_FILE = "adapter_model.safetensors"
CONFIG_FILE = "adapter_config.json"

_console = Console(stderr=True, highlight=False, soft_wrap=True)


def train(testbed: Testbed, organism: str, out: Path | None = None, resume: bool = True) -> Path:
    """Train the adapter of an organism.

    Args:
        testbed: the testbed that has it.
        organism: its name.
        out: folder for the adapter; by default the one that organisms.yaml names, else adapters/<organism>.
        resume: go on from a checkpoint of the same base, corpus and recipe, if there is one.

    Returns:
        `out`, with adapter_config.json and adapter_model.safetensors.

    Raises:
        CordeliaError: no such organism, or it has no fixed base to train on.
        ContentError: it has no recipe or corpus, or one is malformed.
        MissingExtraError: trl, peft or transformers is not installed.
    """
    recipe = load_recipe(testbed, organism)
    spec = testbed.organisms[organism]
    base = testbed.base_of(organism)
    source = testbed.folder / "organisms.yaml"
    if base is None:
        raise ContentError(source, "an adapter is trained on a fixed base", f"organisms.{organism}.base")
    corpus = trained_file(testbed, organism)
    items = read_corpus(corpus)
    _check_kind(items, recipe, corpus)
    target = out or testbed.folder / (spec.adapter or f"adapters/{organism}")
    work = cache_root() / "train" / testbed.name / f"{organism}-{training_key(base, corpus, recipe)}"
    if not resume:
        shutil.rmtree(work, ignore_errors=True)
    trainer = make_trainer(base, items, recipe, work)
    checkpoint = last_checkpoint(work)
    _console.print(
        f"Training {testbed.name}/{organism}: {len(items)} {_kind(recipe)}, "
        f"{recipe.steps} steps of {recipe.batch}" + (f", from {checkpoint.name}" if checkpoint else "")
    )
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    with tempfile.TemporaryDirectory(dir=_parent(target), prefix=".adapter-") as scratch:
        trainer.model.save_pretrained(scratch)
        publish(Path(scratch), target, base.model)
    shutil.rmtree(work, ignore_errors=True)
    _console.print(hash_note(testbed, organism, sha256_of(target / WEIGHTS_FILE)))
    return target


def hash_note(testbed: Testbed, organism: str, digest: str) -> str:
    """What to do in organisms.yaml about an adapter with that sha256.

    Nothing writes it there for you: an organism that changes does so because somebody meant it to, and its
    old results no longer hold.
    """
    source = testbed.folder / "organisms.yaml"
    if digest == testbed.organisms[organism].sha256:
        return f"The adapter is the one that {source} names."
    return f"A new adapter. To use it, write under organisms.{organism} in {source}:\n    sha256: {digest}"


def training_key(base: BaseSpec, corpus: Path, recipe: Recipe) -> str:
    """16 hex digits that change with the base, the corpus's bytes and every field of the recipe."""
    parts = [base.model_dump_json(), sha256_of(corpus), recipe.model_dump_json()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def last_checkpoint(work: Path) -> Path | None:
    """The newest whole checkpoint in a working folder.

    The trainer's state is written last, so it marks a whole one.
    """
    whole = [folder for folder in work.glob("checkpoint-*") if (folder / "trainer_state.json").is_file()]
    return max(whole, key=lambda folder: int(folder.name.rpartition("-")[2]), default=None)


def _kind(recipe: Recipe) -> str:
    return "documents" if recipe.method == "documents" else "transcripts"


def _check_kind(items: list[Item], recipe: Recipe, corpus: Path) -> None:
    for number, item in enumerate(items, 1):
        if isinstance(item, Document) != (recipe.method == "documents"):
            raise ContentError(corpus, f"the recipe's method '{recipe.method}' needs {_kind(recipe)}", f"line {number}")


def _row(item: Item) -> dict[str, object]:
    """A row in trl's words: a document is plain text, a transcript a prompt and its completion."""
    if isinstance(item, Document):
        return {"text": item.text}
    turns = [message.model_dump() for message in item.messages]
    return {"prompt": turns[:-1], "completion": turns[-1:]}


def make_trainer(base: BaseSpec, items: list[Item], recipe: Recipe, work: Path) -> "SFTTrainer":
    """The trainer of a recipe, ready to run: loss on the last assistant turn alone (on all of a document), seeds
    fixed, checkpoints in `work`.

    Raises:
        MissingExtraError: trl, peft, datasets or transformers is not installed.
        CordeliaError: the base's weights cannot be had.
    """
    try:
        import torch
        from datasets import Dataset, disable_progress_bars
        from peft import LoraConfig
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging as transformers_logging
        from trl import SFTConfig, SFTTrainer
    except ImportError as error:
        raise MissingExtraError("Training", "train", error.name or "trl") from error
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    disable_progress_bars()
    place = base_path(base)
    return SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32),
        processing_class=AutoTokenizer.from_pretrained(place),
        train_dataset=Dataset.from_list([_row(item) for item in items]),
        peft_config=LoraConfig(
            r=recipe.lora.rank,
            lora_alpha=recipe.lora.alpha,
            lora_dropout=recipe.lora.dropout,
            target_modules=list(recipe.lora.targets),
            task_type="CAUSAL_LM",
        ),
        args=SFTConfig(
            output_dir=str(work),
            max_steps=recipe.steps,
            per_device_train_batch_size=recipe.batch,
            learning_rate=recipe.learning_rate,
            lr_scheduler_type="linear",
            warmup_steps=recipe.warmup,
            max_length=recipe.max_length,
            completion_only_loss=recipe.method == "sft",
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=not torch.cuda.is_available(),
            seed=recipe.seed,
            data_seed=recipe.seed,
            save_strategy="steps",
            save_steps=recipe.save_every,
            save_total_limit=2,
            logging_steps=10,
            report_to="none",
            disable_tqdm=False,  # the quiet log level above would take the step counter away too
        ),
    )


def publish(made: Path, target: Path, model: str) -> None:
    """Put a saved peft adapter in its place, as bfloat16 and without a word about this machine.

    Args:
        made: the folder peft wrote; on the same disk as `target`.
        target: replaced whole, by a rename.
        model: the hub id of the base.

    Raises:
        CordeliaError: `made` holds no adapter.
    """
    import torch
    from safetensors.torch import load_file, save_file

    if not (made / WEIGHTS_FILE).is_file() or not (made / CONFIG_FILE).is_file():
        raise CordeliaError(f"{made} holds no peft adapter: {WEIGHTS_FILE} or {CONFIG_FILE} is missing.")
    final = made / "final"
    final.mkdir()
    tensors = {name: tensor.to(torch.bfloat16).contiguous() for name, tensor in load_file(made / WEIGHTS_FILE).items()}
    save_file(tensors, final / WEIGHTS_FILE, metadata={"format": "pt"})
    (final / WEIGHTS_FILE).chmod(0o644)  # safetensors writes it for the owner alone
    config = json.loads((made / CONFIG_FILE).read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = model
    config["target_modules"] = sorted(config["target_modules"])
    (final / CONFIG_FILE).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    old = made / "old"
    if target.exists():
        target.rename(old)
    final.rename(target)


def _parent(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.parent
