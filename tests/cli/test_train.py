import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from mnistcli.models import configure
from tests.conftest import Call, paper_of

KEYS = [
    "schema", "run", "arch", "dataset", "seed", "epochs", "best_epoch", "stopped_early", "train_seconds",
    "compile_seconds", "validation_accuracy", "test_accuracy", "test_loss", "parameters", "device",
]  # fmt: skip
SMALL = ("--arch", "linear", "--limit", "500", "--epochs", "2", "--no-plots")


def test_the_study_s_dense_network_reaches_its_accuracy_on_full_mnist(mnistcli: Call) -> None:
    outcome = mnistcli("train", "--arch", "dense", "--json", "--no-plots")
    assert outcome.code == 0
    assert outcome.json["test_accuracy"] > 0.978
    assert outcome.json["epochs"] <= 12
    assert outcome.json["parameters"] == 784 * 512 + 512 + 512 * 10 + 10


def test_train_json_has_the_contract_s_keys_in_order(mnistcli: Call) -> None:
    outcome = mnistcli("train", *SMALL, "--json")
    assert list(outcome.json) == KEYS
    assert outcome.json["run"] == "linear-001"
    assert outcome.json["epochs"] == 2


def test_a_run_s_folder_holds_what_the_contract_names(workspace: Path) -> None:
    folder = workspace / "runs" / "dense-001"
    assert {path.name for path in folder.iterdir()} == {
        "run.json", "metrics.jsonl", "model.safetensors", "model.onnx", "last.safetensors", "curves.png",
        "confusion.png", "test.safetensors", ".lock",
    }  # fmt: skip
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["config"]["arch"] == "dense"
    assert record["provenance"]["versions"]["jax"]
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 2
    for name in ("curves.png", "confusion.png"):
        assert paper_of(folder / name) == "#ffffff"


def test_the_last_checkpoint_holds_weights_and_the_optimizer_s_state(workspace: Path) -> None:
    tensors = load_file(workspace / "runs" / "dense-001" / "last.safetensors")
    params = {name.removeprefix("state.params.") for name in tensors if name.startswith("state.params.")}
    assert params == {"dense1.kernel", "dense1.bias", "output.kernel", "output.bias"}
    moments = [name for name in tensors if name.startswith("state.optimizer_state.")]
    assert {tensors[name].shape for name in moments} >= {(512, 784), (512,), (10, 512), (10,)}


def test_the_same_seed_gives_the_same_weights_to_the_bit_and_another_seed_others(mnistcli: Call) -> None:
    def weights(seed: int, name: str) -> dict[str, bytes]:
        flags = ("--arch", "dense", "--limit", "600", "--epochs", "2", "--no-plots", "--seed", seed, "--name", name)
        assert mnistcli("train", *flags).code == 0
        tensors = load_file(f"runs/{name}/model.safetensors")
        return {key: hashlib.sha256(tensor.tobytes()).digest() for key, tensor in tensors.items()}

    first, again, other = weights(3, "a"), weights(3, "b"), weights(4, "c")
    assert first == again
    assert all(first[key] != other[key] for key in first)


def test_names_are_numbered_and_never_reused(mnistcli: Call) -> None:
    names = [mnistcli("train", *SMALL, "--json").json["run"] for _ in range(2)]
    assert names == ["linear-001", "linear-002"]
    refused = mnistcli("train", *SMALL, "--name", "linear-002")
    assert refused.code == 2
    assert "already" in refused.err


def test_training_stops_early_only_where_patience_allows_it(mnistcli: Call) -> None:
    # With so high a rate training accuracy does not rise in every epoch.
    flags = ("--arch", "linear", "--limit", "64", "--epochs", "40", "--lr", "0.5", "--no-plots", "--json")
    assert mnistcli("train", *flags).json["stopped_early"]
    patient = mnistcli("train", *flags, "--patience", "0").json
    assert (patient["epochs"], patient["stopped_early"]) == (40, False)


def test_an_optimizer_named_alone_brings_its_own_learning_rate(mnistcli: Call) -> None:
    assert mnistcli("train", *SMALL, "--optimizer", "adam", "--name", "x").code == 0
    config = json.loads(Path("runs/x/run.json").read_text())["config"]
    assert (config["optimizer"], config["learning_rate"]) == ("adam", 0.001)


def test_the_cnn_s_rate_and_weight_decay_are_for_its_own_optimizer() -> None:
    def choice(**given: Any) -> tuple[float, float]:
        config = configure("cnn", **given)
        return config.hyper.learning_rate, config.hyper.weight_decay

    assert choice() == choice(optimizer="sgd") == (0.05, 5e-4)
    assert choice(optimizer="adam") == (0.001, 0)
    assert choice(learning_rate=0.01, weight_decay=0) == (0.01, 0)


def test_a_diverging_loss_is_told_and_its_run_is_failed(mnistcli: Call) -> None:
    outcome = mnistcli("train", *SMALL, "--arch", "dense", "--optimizer", "sgd", "--lr", "1e30", "--name", "wild")
    assert outcome.code == 1
    assert "epoch 1" in outcome.err
    assert "--lr" in outcome.err
    assert json.loads(Path("runs/wild/run.json").read_text())["status"] == "failed"
    assert not Path("runs/wild/model.safetensors").exists()


def test_weights_that_the_last_step_ruins_are_told_too(mnistcli: Call) -> None:
    outcome = mnistcli("train", "--arch", "linear", "--limit", "32", "--epochs", "1", "--lr", "1e38", "--name", "wild")
    assert outcome.code == 1
    assert "--lr" in outcome.err
    assert json.loads(Path("runs/wild/run.json").read_text())["status"] == "failed"


def test_a_batch_larger_than_the_data_is_the_data(mnistcli: Call) -> None:
    assert mnistcli("train", *SMALL, "--batch-size", 10**30).code == 0


def test_training_goes_on_where_nobody_reads_stderr(tmp_path: Path) -> None:
    command = f"{sys.executable} -m mnistcli train {' '.join(SMALL)} --json 2> >(true); wait"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=True, timeout=120)
    assert json.loads(done.stdout)["run"] == "linear-001"


def test_progress_is_a_line_an_epoch_without_a_terminal_and_quiet_silences_it(mnistcli: Call) -> None:
    assert sum(line.startswith("epoch ") for line in mnistcli("train", *SMALL).err.splitlines()) == 2
    assert mnistcli("train", *SMALL, "--quiet").err == ""
