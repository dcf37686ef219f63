"""Ranks that a model gave to queries, read from a file of any tool.

ranks.parquet, as `dsomgnn rank` writes it, or TSV and CSV with a header (a name in .tsv or .csv, perhaps .gz):

    head, relation, tail    identifiers, as in the data set
    side                    "head" or "tail": what was asked for
    rank                    filtered, 1 is best; or optimistic, realistic and pessimistic, where the tool knows ties
    model, split            optional: what the row is of, where a file holds several
    slices, teachers        optional, Parquet only: lists of words
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from dsomgnn.errors import DataError, nearest

QUERY = ["side", "head", "relation", "tail"]
TIES = ("optimistic", "realistic", "pessimistic")
PARQUET = ".parquet"
SEPARATORS = {".tsv": "\t", ".csv": ","}


@dataclass(frozen=True)
class Ranked:
    """One model's ranks of one split's queries.

    `frame`: the TIES by query (side, head, relation, tail, and the how-manieth of its like), sorted; `slices`: the
    words of each query, None where the file has none. `data`: sha256 of the data set, `ties` and `seed` of the
    recipe, and a digest of its other settings, where they are known.
    """

    name: str
    frame: pd.DataFrame
    slices: pd.Series | None = None
    data: str | None = None
    ties: str | None = None
    seed: int | None = None
    settings: str | None = None


def is_rank_file(path: Path) -> bool:
    return path.is_file() or _kind(path) in (PARQUET, *SEPARATORS)


def _kind(path: Path) -> str:
    return path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix


def read_ranks(file: Path, split: str, model: str | None) -> Ranked:
    """The ranks of a file; of the model named, or of its only one. Raises DataError with file:line where it can."""
    if not file.is_file():
        beside = [str(path) for path in file.parent.glob(f"*{file.suffix}")] if file.parent.is_dir() else []
        raise DataError(f"{file}: no such file.{nearest(str(file), beside)}")
    table = read_table(file)
    found, about = ranked(str(file), table, split, model), metadata(table)
    return replace(found, data=about.get("sha256"), ties=about.get("ties"))


def metadata(table: pa.Table) -> dict[str, str]:
    """What a file says of itself: run, dataset, sha256, recipe_sha256, ties, in a file of dsomgnn's."""
    known = (table.schema.metadata or {}).items()
    return {key.decode(errors="replace"): value.decode(errors="replace") for key, value in known}


def ranked(name: str, table: pa.Table, split: str, model: str | None) -> Ranked:
    """The rows of a table that are of a split and a model. Raises DataError."""
    columns = table.column_names
    missing = [column for column in QUERY if column not in columns]
    if missing or not ({"rank", *TIES} & set(columns)):
        lacks = ", ".join(missing or ["rank"])
        raise DataError(f"{name}: lacks the column {lacks}. Needed: {', '.join(QUERY)}, and rank or {', '.join(TIES)}")
    kept = [column for column in (*QUERY, "rank", *TIES, "model", "split", "slices") if column in columns]
    frame = table.select(kept).to_pandas()
    frame = _only(name, frame, "split", split)
    frame = _only(name, frame, "model", _model_of(frame, model))
    _refuse_bad_cells(name, frame)
    _add_readings(frame)
    frame["nth"] = frame.groupby(QUERY, sort=False).cumcount()
    frame = frame.set_index([*QUERY, "nth"]).sort_index()
    return Ranked(name, frame[list(TIES)].astype("float64"), frame.get("slices"))


def _add_readings(frame: pd.DataFrame) -> None:
    """Of ties that a file does not tell of: the mean of the two others, or else the one that it tells."""
    told = next(column for column in ("rank", "realistic", "pessimistic", "optimistic") if column in frame)
    if told == "pessimistic" and "optimistic" in frame:
        frame["realistic"] = (frame["optimistic"] + frame["pessimistic"]) / 2
    for ties in TIES:
        if ties not in frame:
            frame[ties] = frame[told]


def read_table(file: Path) -> pa.Table:
    kind = _kind(file)
    try:
        if kind == PARQUET:
            return pq.read_table(file)
        if kind in SEPARATORS:
            words = {column: pa.string() for column in (*QUERY, "model", "split")}
            types = pcsv.ConvertOptions(column_types={**words, **dict.fromkeys(("rank", *TIES), pa.float64())})
            parse = pcsv.ParseOptions(delimiter=SEPARATORS[kind], quote_char='"' if kind == ".csv" else False)
            return pcsv.read_csv(file, parse_options=parse, convert_options=types)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file}: cannot be read: {str(error).splitlines()[0]}") from None
    raise DataError(f"{file}: not a run, and not a file of ranks in .parquet, .tsv or .csv")


def _model_of(frame: pd.DataFrame, model: str | None) -> str | None:
    """The model that is meant where none is named: the only one, else the student."""
    if model is None and "model" in frame:
        found = frame["model"].unique()
        return found[0] if len(found) == 1 else "student"
    return model


def _only(name: str, frame: pd.DataFrame, column: str, value: str | None) -> pd.DataFrame:
    if value is None or column not in frame:
        return frame
    rows = frame[frame[column] == value]
    if rows.empty:
        held = sorted(frame[column].dropna().unique())
        raise DataError(f"{name}: holds no ranks of the {column} {value}.{nearest(value, held)}")
    return rows


def _refuse_bad_cells(name: str, frame: pd.DataFrame) -> None:
    """Raises DataError that names the first row whose side or rank cannot be."""
    bad = ~frame["side"].isin(["head", "tail"])
    for column in {"rank", *TIES} & set(frame):
        bad |= ~(frame[column] >= 1)
    if bad.any():
        row = frame[bad].iloc[0]
        cells = ", ".join(f"{column} {row[column]}" for column in frame if column not in ("slices", "model", "split"))
        raise DataError(f'{name}:{bad.idxmax() + 2}: side is "head" or "tail", and ranks begin at 1: {cells}')
