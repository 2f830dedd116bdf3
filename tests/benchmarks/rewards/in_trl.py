"""Run by a Python that has TRL: two steps of a GRPOTrainer, rewarded by a Rewarder. Prints what it saw."""

import json
import sys
import tempfile
from typing import Any

from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer

from benchmarks.rewards.rewarder import Rewarder
from tests.benchmarks.rewards.conftest import DOUBLE, SUITE

WORDS = ["<pad>", "<eos>", "return", "2", "*", "n", "double", "def", "(", ")", ":", "x"]


def tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="x"))
    words.pre_tokenizer = Whitespace()  # type: ignore[assignment]
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>")


def train(*functions: Any) -> dict[str, Any]:
    """Take two steps with these reward functions; return their number, and the names of logged rewards."""
    words = tokenizer()
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(WORDS), pad_token_id=0, eos_token_id=1, **shape))
    rows = [
        {"prompt": DOUBLE.prompt, "task_id": "double"},
        {"prompt": "def x():\n", "task_id": "unknown"},
    ] * 2
    with tempfile.TemporaryDirectory() as folder:
        settings = GRPOConfig(
            output_dir=folder, max_steps=2, num_generations=2, per_device_train_batch_size=4, report_to=[],
            max_completion_length=8, use_cpu=True, save_strategy="no", disable_tqdm=True, bf16=False,
        )  # fmt: skip
        trainer = GRPOTrainer(
            model, reward_funcs=[*functions], args=settings, train_dataset=Dataset.from_list(rows),
            processing_class=words,
        )  # fmt: skip
        trainer.train()
    reward_names = [name for row in trainer.state.log_history for name in row if name.startswith("rewards/")]
    return {"steps": trainer.state.global_step, "named": reward_names}


def main() -> None:
    rewarder, steps = Rewarder(SUITE), list[Any]()

    def reward(prompts: list[str], completions: list[str], **columns: Any) -> list[float | None]:
        rewards = rewarder(prompts, completions, **columns)
        right_rewards = rewarder(prompts, ["    return 2 * n\n"] * len(prompts), **columns)
        steps.append({"rewards": rewards, "told": right_rewards, "columns": sorted(columns)})
        return right_rewards

    with rewarder:
        trained = train(rewarder, reward)
    json.dump({**trained, "seen": steps}, sys.stdout)


if __name__ == "__main__":
    main()
