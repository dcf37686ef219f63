"""Recipes: where keys stand, what is refused and how it is said, and that a recipe is its own record."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli_w
from conftest import RECIPE

from dsomgnn.errors import RecipeError
from dsomgnn.recipe import all_keys, load_recipe, parse_recipe
from dsomgnn.toml_lines import line_of, line_table


def test_line_table_knows_tables_dotted_and_quoted_keys_and_comments():
    text = """\
seed = 1  # inline = comment
# gamma = 2
data.name = "x"
[teachers.text]  # a table
rank = 3
"batch" = 4
options = { dropout = 0.5 }
[teachers . "two words"]
  rank=5
[ "student" ]
rank = "a = b"
"""
    assert line_table(text) == {
        "seed": 1, "data.name": 3, "teachers.text": 4, "teachers.text.rank": 5, "teachers.text.batch": 6,
        "teachers.text.options": 7, "teachers.two words": 8, "teachers.two words.rank": 9, "student": 10,
        "student.rank": 11,
    }  # fmt: skip


def test_a_key_inside_a_value_is_placed_at_the_value_and_a_missing_one_at_its_table():
    origin = {"teachers.text": "r:4", "teachers.text.options": "r:7"}
    assert line_of("teachers.text.options.dropout", origin) == "r:7"
    assert line_of("teachers.text.rank", origin) == "r:4"
    assert line_of("student.rank", origin) is None


@pytest.fixture
def load(tmp_path: Path):
    def loaded(text: str, *changes: str):
        path = tmp_path / "r.toml"
        path.write_text(text)
        return load_recipe(path, changes)

    return loaded


def complaint(load, text: str, *changes: str) -> str:
    with pytest.raises(RecipeError) as error:
        load(text, *changes)
    return str(error.value)


def test_changes_are_a_list(tmp_path: Path):
    with pytest.raises(RecipeError, match=r'changes "seed=1": expected a list of them, \["seed=1"\]'):
        load_recipe(tmp_path / "r.toml", "seed=1")


HEAD = '[data]\nname = "tiny"\n'
REFUSED = {
    "misspelt key": ("[distill]\ngama = 1.0", 'r.toml:4: unknown key "distill.gama". Did you mean "gamma"?'),
    "key of another section": ("[student]\ngamma = 1.0", 'unknown key "student.gamma". Did you mean "distill.gamma"?'),
    "misspelt section": ("[studnet]\nrank = 3", 'r.toml:3: unknown key "studnet". Did you mean "student"?'),
    "misspelt key of a teacher": ("[teachers.x]\nrnak = 3", 'unknown key "teachers.x.rnak". Did you mean "rank"?'),
    "word for a number": ('[student]\nrank = "four"', "r.toml:4: student.rank = 'four'"),
    "fraction for a count": ("[student]\nrank = 2.5", "r.toml:4: student.rank = 2.5"),
    "number for a word": ("[rank]\nties = 3", "r.toml:4: rank.ties = 3"),
    "word not offered": ('[distill]\nneighbourhood = "near"', "'sampled', 'khop', 'answers'"),
    "zero temperature": ("[distill]\ntau = 0.0", "greater than 0"),
    "no batch": ("[student]\nbatch = 0", "greater than or equal to 1"),
    "not a number at all": ("[distill]\ngamma = nan", "r.toml:4: distill.gamma"),
    "modality without feature": (
        '[features.text]\nsource = "t"\n[teachers.x]\nmodalities = ["txt"]',
        'r.toml:6: teachers.x.modalities: no [features.txt]. Did you mean "text"?',
    ),
    "nothing to teach with": ("[teachers.x]\nstructure = false", "r.toml:3: teachers.x: has neither structure nor"),
    "misspelt policy": (
        '[distill]\npolicy = "reinfroce"\n[teachers.x]',
        'r.toml:4: distill.policy: unknown policy "reinfroce". Did you mean "reinforce"?',
    ),
    "policy of an unknown teacher": ('[teachers.x]\n[distill]\npolicy = "single:y"', 'Did you mean "single:x"?'),
    "begins as nobody": ('[teachers.xyz]\n[distill]\nbegin = "xyy"', "r.toml:5: distill.begin: no [teachers.xyy]. Did"),
    "begins as another kind": (
        '[teachers.x]\nscore = "distmult"\n[distill]\nbegin = "x"',
        'r.toml:6: distill.begin: "x" has another score than the student',
    ),
    "policy without teachers": ('[distill]\npolicy = "all"', '"all" needs at least one [teachers.NAME]'),
    "not TOML": ("[student\n", "r.toml:3: not valid TOML: Expected ']' at the end of a table declaration (column 9)"),
    "cut TOML": ('[student]\nrank = """a', "r.toml: not valid TOML: Unterminated string"),
}


@pytest.mark.parametrize(("body", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_with_file_line_and_the_nearest_right_thing(load, body: str, words: str):
    assert words in complaint(load, HEAD + body)


def test_a_value_where_a_section_belongs_is_refused(load):
    assert "r.toml:1: student = 3" in complaint(load, "student = 3\n" + HEAD)


def test_every_error_is_told_at_once_each_with_its_line(load):
    told = complaint(load, HEAD + '[student]\nrnak = 3\nbatch = "x"\n[distill]\ntau = -1.0\n').splitlines()
    assert [line.split(": ")[0].rpartition(":")[2] for line in sorted(told)] == ["4", "5", "7"]


def test_a_missing_section_is_named(load):
    assert '"data" is missing' in complaint(load, "seed = 1\n")


CHANGES = {
    "misspelt": ("distill.gama=1", '--set distill.gama=1: unknown key "distill.gama". Did you mean "gamma"?'),
    "wrong type": ("distill.gamma=high", "--set distill.gamma=high: distill.gamma = 'high'"),
    "no equals sign": ("distill.gamma", "expected key=value"),
    "no key": ("=3", "expected key=value"),
    "below a value": ("data.name.x=1", "name is a value, not a section"),
}


@pytest.mark.parametrize(("change", "words"), CHANGES.values(), ids=CHANGES.keys())
def test_a_bad_change_is_quoted(load, change: str, words: str):
    assert words in complaint(load, RECIPE, change)


def test_changes_are_toml_values_or_bare_words_and_the_last_one_counts(load):
    recipe = load(
        RECIPE, "distill.gamma=0.5", "distill.gamma=2", "teachers.st.fanouts=[5, 2]", "data.name=wn18",
        "student.merge=false", 'distill.policy="all"',
    )  # fmt: skip
    assert recipe.distill.gamma == 2
    assert recipe.teachers["st"].fanouts == (5, 2)
    assert recipe.data.name == "wn18"
    assert recipe.student.merge is False
    assert recipe.distill.policy == "all"


def test_a_change_can_add_a_teacher(load):
    assert load(HEAD, "teachers.x.rank=7", "distill.policy=single:x").pool["x"].rank == 7


def test_the_pool_is_what_the_policy_needs(load):
    pools = {policy: list(load(RECIPE, f"distill.policy={policy}").pool) for policy in ("all", "single:st", "none")}
    assert pools == {"all": ["s", "st"], "single:st": ["st"], "none": []}


@pytest.mark.parametrize(
    ("changes", "share"),
    [([], 0.2), (["agent.reward_on=train"], 0), (["distill.policy=all"], 0), (["distill.policy=none"], 0)],
)
def test_triples_are_held_from_teachers_only_for_an_agent_rewarded_on_them(load, changes: list[str], share: float):
    assert load(RECIPE, *changes).reserve == share


def test_a_resolved_recipe_reads_back_as_itself(load):
    recipe = load(RECIPE)
    again = load(tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True)))
    assert again == recipe
    assert again.sha256() == recipe.sha256()


def test_the_digest_is_of_settings_not_of_their_writing(load):
    digest = load(RECIPE).sha256()
    assert load("# a comment\n" + RECIPE.replace("rows = 8", "rows=8\nlr = 0.001")).sha256() == digest
    assert load(RECIPE, "agent.rows=9").sha256() != digest


def test_every_key_that_is_listed_can_be_set(load):
    recipe = parse_recipe({"data": {"name": "x"}, "features": {"f": {"source": "y"}}, "teachers": {"t": {}}})
    for key in all_keys():
        value = recipe.model_dump()
        for part in key.replace("teachers.NAME", "teachers.t").replace("features.NAME", "features.f").split("."):
            value = value[part]


def test_a_recipe_cannot_be_changed_after_reading(load):
    with pytest.raises(ValueError, match="frozen"):
        load(RECIPE).distill.gamma = 2


def test_a_missing_recipe_offers_its_neighbour_and_a_folder_or_binary_is_no_recipe(tmp_path: Path):
    (tmp_path / "tiny.toml").write_text(RECIPE)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match=r"no such recipe\. Did you mean .*tiny\.toml"):
        load_recipe(tmp_path / "tinny.toml")
    for path in (tmp_path, tmp_path / "binary.toml"):
        with pytest.raises(RecipeError, match="cannot be read"):
            load_recipe(path)


UNSAFE = {
    "a teacher that would be taken for the student": "[teachers.student]",
    "a teacher that is no file name": '[teachers."a/b"]',
    "a feature that is no module name": '[features."a.b"]\nsource = "x"\n[teachers.x]\nmodalities = ["a.b"]',
    "a feature that would be taken for structure": (
        '[features.structure]\nsource = "x"\n[teachers.x]\nmodalities = ["structure"]'
    ),
    "layers without neighbours": '[teachers.x]\nencoder = "rgcn"\nfanouts = []',
    "an infinite weight": "[distill]\ngamma = inf\n[teachers.x]",
    "a negative fan-out": '[teachers.x]\nencoder = "rgcn"\nfanouts = [-5]',
}


@pytest.mark.parametrize("body", UNSAFE.values(), ids=UNSAFE.keys())
def test_what_cannot_work_is_refused_in_the_recipe(load, body: str):
    with pytest.raises(RecipeError):
        load(HEAD + body)
