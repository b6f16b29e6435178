"""Start many runs at once in one folder: each must come to an end of its own, under a name of its own.

    python -m tests.starts [N]

prints how many of N processes (50) ended well, and how many distinct, finished runs there are.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from mnistcli.runs import load_model

ARGUMENTS = ("train", "--arch", "linear", "--limit", "100", "--epochs", "1", "--no-plots", "-q")


def start_at_once(folder: Path, n: int) -> tuple[int, set[str]]:
    """Return how many of n processes ended well, and the names of the finished runs, whose weights were read."""
    command = [sys.executable, "-m", "mnistcli", *ARGUMENTS]
    processes = [subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) for _ in range(n)]
    well = sum(process.wait() == 0 for process in processes)
    records = [json.loads(path.read_text()) for path in folder.glob("runs/*/run.json")]
    finished = {record["run"] for record in records if record["status"] == "finished"}
    for name in finished:
        load_model(folder / "runs" / name / "model.safetensors")
    return well, finished


if __name__ == "__main__":
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with tempfile.TemporaryDirectory() as name:
        well, finished = start_at_once(Path(name), n)
    print(f"{well} of {n} processes ended well; {len(finished)} distinct, finished runs")
    sys.exit(not well == len(finished) == n)
