"""A file of queries in, a file of answers out: in blocks, so that memory does not grow with the file."""

from __future__ import annotations

from pathlib import Path

from dsomgnn.asked import check_answers, check_answers_file
from dsomgnn.counter import Counter
from dsomgnn.errors import RecipeError
from dsomgnn.predict.answers_file import answers_file, answers_table
from dsomgnn.predict.best import top
from dsomgnn.predict.loaded import Loaded
from dsomgnn.predict.queries_file import count_lines, read_queries

BLOCK = 1 << 16  # queries at a time
ANSWERS = 1 << 20  # answers at a time


def predict_file(model: Loaded, source: str | Path, target: str | Path, k: int = 10, new: bool = False) -> int:
    """Answer a file of queries (see `read_queries`) into a .parquet or .tsv file; the number of queries.

    Memory does not grow with the file. Raises DataError with file:line, RecipeError for k below 1 and where `target` is
    of another kind or cannot be written.
    """
    source, target = Path(source), Path(target)
    check_answers(k)
    check_answers_file(target)
    if target.exists() and source.exists() and target.samefile(source):
        raise RecipeError(f"--out {target}: is the file of queries itself")
    hide, done = model.need_facts().answers if new else None, 0
    lines, size = count_lines(source), max(1, min(BLOCK, ANSWERS // k))
    with Counter(f"queries of {source.name}") as count, answers_file(target) as out:
        for line, queries in read_queries(source, model.entity, model.relation, size):
            out.write_table(answers_table(model, line, queries, top(model.scorer, queries, k, hide)))
            done += len(line)
            count(done, max(lines, done))
    return done
