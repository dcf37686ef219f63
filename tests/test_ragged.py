"""Runs of places of many owners."""

import torch

from dsomgnn.ragged import ragged


def test_every_owner_has_its_run_of_places_one_of_none_has_none():
    owner, place = ragged(torch.tensor([7, 0, 2]), torch.tensor([2, 0, 3]))
    assert owner.tolist() == [0, 0, 2, 2, 2]
    assert place.tolist() == [7, 8, 2, 3, 4]


def test_of_no_owners_there_is_nothing():
    nothing = torch.zeros(0, dtype=torch.long)
    assert [len(x) for x in ragged(nothing, nothing)] == [0, 0]
