"""RDF: facts, names, texts and numbers of a graph, the same in every syntax; refusals with their line."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pytest

from dsomgnn.data.formats.rdf import read_facts
from dsomgnn.data.formats.rdf_literals import local_name, read_literals
from dsomgnn.data.formats.source import read_source
from dsomgnn.data.triples import load_dataset
from dsomgnn.errors import DataError
from dsomgnn.importing import import_dataset

ox = pytest.importorskip("pyoxigraph", reason="pip install 'dsomgnn[rdf]'")

EX = "http://ex.org/"
FILMS = """\
@prefix ex: <http://ex.org/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
ex:Alien ex:director ex:Ridley_Scott ;
    rdfs:comment "Eine Crew"@de, "A crew meets\\n\\ta creature."@en ;
    rdfs:label "Alien"@en, "Alien – Das unheimliche Wesen"@de ;
    ex:minutes 117 ; ex:score "8.5"^^xsd:decimal ; ex:released "1979-05-25"^^xsd:date ; ex:year "-0044"^^xsd:gYear ;
    ex:width "1.85"^^<http://ex.org/ratio> ; ex:colour true ; ex:budget "INF"^^xsd:double .
ex:Aliens ex:director ex:James_Cameron ; ex:sequel_of ex:Alien ; rdfs:label "Aliens, die Rückkehr"@de .
ex:Avatar ex:director ex:James_Cameron ; ex:note "untagged"@fr, "none" .
ex:Blade_Runner ex:director ex:Ridley_Scott ; ex:cast [ ex:actor ex:Harrison_Ford ] .
ex:director rdfs:label "directed by" .
ex:unknown rdfs:label "in no fact" .
"""
FACTS = [
    ("Alien", "director", "Ridley_Scott"),
    ("Aliens", "director", "James_Cameron"),
    ("Aliens", "sequel_of", "Alien"),
    ("Avatar", "director", "James_Cameron"),
    ("Blade_Runner", "director", "Ridley_Scott"),
]
SPLIT = [0.6, 0.2, 0.2]


def write_splits(folder: Path, ending: str, line: str = f"<{EX}{{}}> <{EX}{{}}> <{EX}{{}}> .") -> None:
    for split, facts in (("train", FACTS[:3]), ("valid", FACTS[3:4]), ("test", FACTS[4:])):
        (folder / f"{split}.{ending}").write_text("".join(line.format(*fact) + "\n" for fact in facts))


@pytest.fixture
def films(tmp_path: Path) -> Path:
    (tmp_path / "films.ttl").write_text(FILMS, encoding="utf-8")
    return tmp_path / "films.ttl"


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_facts_are_what_stands_between_two_named_resources(films: Path):
    columns, nameless = read_facts(films)
    assert list(zip(*columns, strict=True)) == [tuple(EX + word for word in fact) for fact in FACTS]
    assert nameless == 2  # to the cast, and from it


def test_literals_are_names_texts_and_numbers_of_known_resources(films: Path):
    said = read_literals([films], {EX + word for word in ("Alien", "Aliens", "Avatar", "director")})
    assert said.names == {EX + "Alien": "Alien", EX + "Aliens": "Aliens, die Rückkehr", EX + "director": "directed by"}
    assert said.texts == {
        EX + "Alien": "Alien. A crew meets a creature",
        EX + "Aliens": "Aliens, die Rückkehr",
        EX + "Avatar": "none",
        EX + "director": "directed by",
    }
    assert said.numbers == [
        [EX + "Alien", *pair]
        for pair in (("minutes", "117"), ("score", "8.5"), ("released", "1979"), ("year", "-0044"), ("width", "1.85"))
    ]
    assert said.other == 2  # a truth value, and what is not finite


@pytest.mark.parametrize("ending", ["nt", "nq", "trig", "n3", "rdf", "owl", "jsonld", "nt.gz", "ttl.gz"])
def test_every_syntax_gives_the_same_folder(ending: str, films: Path, tmp_path: Path):
    kind = ox.RdfFormat.from_extension(ending.removesuffix(".gz").replace("owl", "rdf"))
    written = ox.serialize((quad.triple for quad in ox.parse(path=str(films))), format=kind)
    other = tmp_path / f"other.{ending}"
    other.write_bytes(gzip.compress(written) if ending.endswith(".gz") else written)
    import_dataset(films, tmp_path / "a", split=SPLIT)
    import_dataset(other, tmp_path / "b", split=SPLIT)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == [
        "entities.tsv", "numeric.tsv", "relations.tsv", "test.txt", "text.tsv", "train.txt", "valid.txt"
    ]  # fmt: skip
    for name in names:
        assert lines(tmp_path / "a" / name) == lines(tmp_path / "b" / name), name


def test_the_folder_has_readable_names(films: Path, tmp_path: Path):
    import_dataset(films, tmp_path / "dst", split=SPLIT)
    assert lines(tmp_path / "dst/entities.tsv") == [
        f"{EX}Alien\tAlien",
        f"{EX}Aliens\tAliens, die Rückkehr",
        f"{EX}Avatar\tAvatar",
        f"{EX}Blade_Runner\tBlade_Runner",
        f"{EX}James_Cameron\tJames_Cameron",
        f"{EX}Ridley_Scott\tRidley_Scott",
    ]
    assert lines(tmp_path / "dst/relations.tsv") == [f"{EX}director\tdirected by", f"{EX}sequel_of\tsequel_of"]
    splits = [line for split in ("train", "valid", "test") for line in lines(tmp_path / f"dst/{split}.txt")]
    assert sorted(splits) == ["\t".join(EX + word for word in fact) for fact in FACTS]


def test_a_folder_of_splits_takes_literals_of_all_its_files(tmp_path: Path, call):
    (tmp_path / "src").mkdir()
    write_splits(tmp_path / "src", "nt")
    (tmp_path / "src/labels.ttl").write_text(
        f'<{EX}Alien> <http://x.org/name> "The film" . <{EX}Alien> <{EX}minutes> 117 .'
    )
    result = call("data", "import", tmp_path / "src", tmp_path / "dst")
    assert result.code == 0
    assert "text     src: 1 of 6" in result.out
    assert "not read" not in result.out
    assert lines(tmp_path / "dst/text.tsv") == [f"{EX}Alien\tThe film"]
    assert lines(tmp_path / "dst/numeric.tsv") == [f"{EX}Alien\tminutes\t117"]
    assert len(lines(tmp_path / "dst/train.txt")) == 3


def test_the_command_tells_what_it_left_out(films: Path, tmp_path: Path, call):
    result = call("data", "import", films, tmp_path / "dst", "--split", "0.6,0.2,0.2")
    assert result.code == 0
    assert "films.ttl: statements left out, as a node has no whole IRI: 2" in result.out
    assert "literals left out, as neither texts nor numbers: 2" in result.out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<http://a> <http://b> <http://c> .\n<http://a> <http://b> .\n", r"x\.nt:2: \w+"),
        ('<http://a> <http://b> "only words" .\n', r"x\.nt: no statement between two resources"),
        ("", r"x\.nt: no statement between two resources"),
    ],
)
def test_what_is_not_well_formed_is_refused_with_its_line(text: str, message: str, tmp_path: Path):
    (tmp_path / "x.nt").write_text(text)
    with pytest.raises(DataError, match=message):
        import_dataset(tmp_path / "x.nt", tmp_path / "dst", split=SPLIT)
    assert not (tmp_path / "dst").exists()


def test_iris_that_are_no_identifiers_are_left_out_and_names_hold_no_blanks_that_tables_end_at(tmp_path: Path):
    """Percent signs, an empty or relative IRI, blanks in one: what is written is read as it was."""
    good = [("http://e/x%0Ay", "http://e/p%09q", "http://e/z%20"), ("http://e/z%20", "http://e/p%09q", "http://e/x")]
    good += [(f"http://e/{i}", "http://e/p%09q", f"http://e/{t}") for i in range(8) for t in ("x", "z%20")]
    bad = [
        "<a> <http://e/p> <http://e/x>",
        "<> <http://e/p> <http://e/x>",
        "<http://e/x\\u0009y> <http://e/p> <http://e/x>",
    ]
    text = "".join(f"<{h}> <{r}> <{t}> .\n" for h, r, t in good) + "".join(f"{line} .\n" for line in bad)
    text += "".join(
        f"<{h}> <http://e/weight%09kg> {i} .\n<{h}> <http://x/weight%09kg> {i} .\n" for i, (h, _, _) in enumerate(good)
    )
    (tmp_path / "x.ttl").write_bytes(b"\xef\xbb\xbf" + text.encode())
    found = import_dataset(tmp_path / "x.ttl", tmp_path / "dst", split=SPLIT)
    assert found.source.notes == ("x.ttl: statements left out, as a node has no whole IRI: 3",)
    data = load_dataset(tmp_path / "dst")
    assert set(data.entities.ids) == {word for h, _, t in good for word in (h, t)}
    assert data.entities.names[data.entities.index["http://e/x%0Ay"]] == "x y"
    assert data.relations.names == ("p q",)
    rows = [line.split("\t") for line in lines(tmp_path / "dst/numeric.tsv")]
    assert {row[1] for row in rows} == {"weight kg", "http://x/weight%09kg"}
    assert len(rows) == 2 * len(good)


def test_rdf_beside_triples_of_another_kind_is_not_read(tmp_path: Path, call):
    (tmp_path / "src").mkdir()
    write_splits(tmp_path / "src", "txt", "{}\t{}\t{}")
    (tmp_path / "src/ontology.owl").write_text("Ontology(<http://ex.org/>)")
    (tmp_path / "src/train.nt").write_text("")
    (tmp_path / "src/valid.nt").write_text("")
    (tmp_path / "src/test.nt").write_text("")
    reply = call("data", "import", tmp_path / "src", tmp_path / "dst")
    assert (reply.code, "train.txt, valid.txt, test.txt" in reply.out) == (0, True)
    assert "not read ontology.owl" in reply.out


def test_splits_in_n3_are_found(tmp_path: Path):
    write_splits(tmp_path, "n3")
    assert list(read_source(tmp_path).files) == ["train", "valid", "test"]


@pytest.mark.parametrize(("word", "number"), [("2001", 1), ("9" * 400, 0), ("2001-02-30Z", 1), ("20a1", 0)])
def test_a_year_is_a_number_that_is_finite(word: str, number: int, tmp_path: Path):
    (tmp_path / "x.ttl").write_text(f'<{EX}a> <{EX}p> "{word}"^^<http://www.w3.org/2001/XMLSchema#gYear> .')
    said = read_literals([tmp_path / "x.ttl"], {EX + "a"})
    assert (len(said.numbers), said.other) == (number, 1 - number)


def test_a_literal_that_does_not_end_is_refused(tmp_path: Path):
    (tmp_path / "x.ttl").write_text(f'<{EX}a> <{EX}p> <{EX}b> . <{EX}a> <{EX}q> """' + "word " * (4 << 20))
    with pytest.raises(DataError, match=r"x\.ttl.*\(read as Turtle\)"):
        read_facts(tmp_path / "x.ttl")


def test_iris_as_dumps_have_them_are_taken(tmp_path: Path):
    (tmp_path / "x.nt").write_text('<http://a> <http://b> <http://c/"d"> .\n')
    assert read_facts(tmp_path / "x.nt")[0] == (["http://a"], ["http://b"], ['http://c/"d"'])


def test_a_cut_gz_is_refused(films: Path, tmp_path: Path):
    (tmp_path / "x.ttl.gz").write_bytes(gzip.compress(films.read_bytes())[:-20])
    with pytest.raises(DataError, match=r"x\.ttl\.gz: cannot be read"):
        read_facts(tmp_path / "x.ttl.gz")


def test_without_the_package_the_extra_is_named(films: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyoxigraph", None)
    with pytest.raises(DataError, match=r"films\.ttl: RDF; to read it: pip install 'dsomgnn\[rdf\]'"):
        read_facts(films)


@pytest.mark.parametrize(
    ("iri", "name"),
    [
        ("http://dbpedia.org/resource/New_York", "New_York"),
        ("http://www.w3.org/2000/01/rdf-schema#label", "label"),
        ("http://ex.org/list/", "list"),
        ("urn:isbn:12", "12"),
        ("http://ex.org/Z%C3%BCrich", "Zürich"),
    ],
)
def test_local_names(iri: str, name: str):
    assert local_name(iri) == name
