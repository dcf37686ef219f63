"""Run a recipe under several policies and seeds, rank every student, and print one table.

    python benchmarks/controls.py recipes/worldfacts.toml --seeds 3 --runs runs/controls --alone student.n3=0.05

Each line of the results file is one run: what was set, validation and test figures, seconds, commit. Runs that are in
the file already are skipped. Teachers are shared between runs of a seed wherever they would come out the same.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

VARIANTS = {
    "student alone": ["distill.policy=none"],
    "all teachers": ["distill.policy=all"],
    "agent": ["distill.policy=reinforce"],
    "agent, reward on train": ["distill.policy=reinforce", "agent.reward_on=train"],
    "agent, log-probability": ["distill.policy=reinforce", "agent.reward=log-probability"],
    "random sets": ["distill.policy=random"],
    "plain KL, all": ["distill.policy=all", "distill.neighbourhood=none"],
    "target only (DKD), all": ["distill.policy=all", "distill.neighbourhood=target"],
    "random neighbours, all": ["distill.policy=all", "distill.neighbourhood=random"],
}


def dsomgnn(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "dsomgnn", *words], capture_output=True, text=True)
    if done.returncode:
        print(f"dsomgnn {' '.join(words)}", file=sys.stderr)
        raise SystemExit(done.stderr)
    return done.stdout


def run_once(recipe: Path, variant: str, changes: list[str], seed: int, runs: Path) -> dict:
    run = runs / f"{recipe.stem}-{variant.replace(' ', '_').replace(',', '')}-{seed}"
    sets = [word for change in [*changes, f"seed={seed}"] for word in ("--set", change)]
    if not (run / "record.json").exists():
        for teachers in [*runs.glob(f"{recipe.stem}-*-{seed}"), None]:
            shared = ["--teachers", str(teachers)] if teachers else []
            try:
                dsomgnn("fit", str(recipe), "--run", str(run), *sets, *shared)
                break
            except SystemExit as error:
                if teachers is None or "error: --teachers" not in str(error):
                    raise
    elif not json.loads((run / "record.json").read_text())["finished"]:
        dsomgnn("fit", "--resume", str(run))
    record = json.loads((run / "record.json").read_text())
    ranks = json.loads(dsomgnn("rank", str(run), "--json", "-"))["models"]["student"]["both"]
    return {
        "recipe": recipe.name,
        "variant": variant,
        "set": changes,
        "seed": seed,
        "valid_mrr": record["phases"]["student"]["valid_mrr"],
        **{k: ranks[k] for k in ("mrr", "hits@1", "hits@10", "n")},
        "split": "test",
        "ties": "realistic",
        "modalities": sorted(record["modalities"]),
        "student_seconds": record["phases"]["student"]["seconds"],
        "commit": record["git_commit"],
        "recipe_sha256": record["recipe_sha256"],
    }


def table(rows: list[dict]) -> str:
    lines = ["| variant | seeds | valid MRR | test MRR | sd | Hits@1 | Hits@10 |", "|---|---|---|---|---|---|---|"]
    for variant in dict.fromkeys(row["variant"] for row in rows):
        own = [row for row in rows if row["variant"] == variant]
        mean = {k: statistics.mean(row[k] for row in own) for k in ("valid_mrr", "mrr", "hits@1", "hits@10")}
        sd = statistics.stdev([row["mrr"] for row in own]) if len(own) > 1 else float("nan")
        lines.append(
            f"| {variant} | {len(own)} | {mean['valid_mrr']:.4f} | {mean['mrr']:.4f} | {sd:.4f} "
            f"| {mean['hits@1']:.4f} | {mean['hits@10']:.4f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--alone", nargs="*", default=[], help="settings of the student alone, which is tuned apart")
    parser.add_argument("--out", type=Path, help="results file [default: benchmarks/results/<recipe>.jsonl]")
    options = parser.parse_args()
    out = options.out or Path(__file__).parent / "results" / f"{options.recipe.stem}.jsonl"
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    done = {(row["variant"], row["seed"], tuple(row["set"])) for row in rows}
    for seed in range(options.seeds):
        for variant in options.variants:
            changes = VARIANTS[variant] + (options.alone if variant == "student alone" else [])
            if (variant, seed, tuple(changes)) not in done:
                row = run_once(options.recipe, variant, changes, seed, options.runs)
                rows.append(row)
                with out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(f"{variant}, seed {seed}: valid {row['valid_mrr']:.4f} test {row['mrr']:.4f}", file=sys.stderr)
    print(table(rows))


if __name__ == "__main__":
    main()
