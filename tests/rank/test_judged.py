"""Best answers and probabilities, against a softmax over each query's own competitors."""

from __future__ import annotations

import pytest
import torch

from dsomgnn.data.answers import Answers
from dsomgnn.rank.judged import judge

N, R, HEAT = 7, 2, 1.5


@pytest.mark.parametrize("budget", [1, 1 << 20])
def test_known_answers_take_no_part_and_the_right_one_does(budget):
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(N, 2 * R, N, generator=generator)
    known = torch.stack([torch.randint(n, (30,), generator=generator) for n in (N, R, N)], 1)
    triples = known[:8]
    found = judge(lambda q: table[q[:, 0], q[:, 1]], HEAT, triples, Answers.of(known, N, R), N, R, budget)
    facts = set(map(tuple, known.tolist()))
    for place, (h, r, t) in enumerate(triples.tolist()):
        tails = [e for e in range(N) if e == t or (h, r, e) not in facts]
        heads = [e for e in range(N) if e == h or (e, r, t) not in facts]
        for row, query, right, rivals in ((place, (h, r), t, tails), (place + 8, (t, r + R), h, heads)):
            p = torch.zeros(N)
            p[rivals] = (table[query][rivals] / HEAT).softmax(0)
            best = p.topk(3)
            assert found.best[row].tolist()[: len(rivals)] == best.indices.tolist()[: len(rivals)]
            assert torch.allclose(found.probability[row], best.values)
            assert found.right[row] == pytest.approx(p[right].item(), rel=1e-5)
            everyone = (table[query] / HEAT).softmax(0)
            assert found.first[row] == everyone.argmax()
            assert found.first_probability[row] == pytest.approx(everyone.max().item(), rel=1e-5)
            assert found.target[row] == right
