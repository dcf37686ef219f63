"""Tables for a paper: escaped, the best figure in bold."""

from __future__ import annotations

import pytest

from dsomgnn.rank.paper import latex, markdown


def figures(mrr: float, mr: float) -> dict:
    return {"both": {"mrr": mrr, "mr": mr, "hits@1": 0.1, "hits@3": mrr, "hits@10": 0.5, "n": 1234}}


@pytest.fixture
def result() -> dict:
    models = {"student": figures(0.4, 20.0), "teacher:a_b": figures(0.3, 10.0)}
    return {"split": "test", "ties": "realistic", "drop": {"text": 0.5}, "models": models}


def test_markdown_is_a_table_with_the_best_in_bold(result):
    lines = markdown(result, "a|b").splitlines()
    assert lines[0] == r"a\|b, test split, 1,234 queries, filtered, ties realistic, text removed for 50%"
    assert lines[2:] == [
        "| model | MRR | MR | Hits@1 | Hits@3 | Hits@10 |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| student | **0.4000** | 20.0 | **0.1000** | **0.4000** | **0.5000** |",
        r"| teacher:a\_b | 0.3000 | **10.0** | **0.1000** | 0.3000 | **0.5000** |",
    ]


def test_latex_uses_booktabs_and_escapes_names(result):
    text = latex(result, "50%_&{x}")
    assert (
        r"\caption{50\%\_\&\{x\}, test split, 1,234 queries, filtered, ties realistic, text removed for 50\%.}" in text
    )
    assert r"teacher:a\_b & 0.3000 & \textbf{10.0} & \textbf{0.1000} & 0.3000 & \textbf{0.5000} \\" in text
    order = [
        text.index(rule) for rule in (r"\toprule", "Model &", r"\midrule", "student", r"\bottomrule", r"\end{table}")
    ]
    assert order == sorted(order)


def test_one_model_alone_is_not_the_best_of_any(result):
    del result["models"]["teacher:a_b"]
    assert "**" not in markdown(result, "x")
    assert "textbf" not in latex(result, "x")
