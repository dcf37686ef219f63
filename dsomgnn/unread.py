"""What a recipe says and a run will not read, because of something else that it says."""

from __future__ import annotations

from collections.abc import Iterator

from dsomgnn.settings import Recipe

WALKED = {"hops", "walks"}
UNREAD = {  # settings of [distill], by neighbourhood
    "none": {"alpha", "beta", "binary", *WALKED},
    "target": WALKED,
    "answers": WALKED,
    "khop": {"walks"},
}


def unread(recipe: Recipe) -> Iterator[str]:
    """A line for each setting that changes nothing. Of another policy none is told: controls change the policy."""
    distill, agent = recipe.distill, recipe.agent
    read = {modality for teacher in recipe.teachers.values() for modality in teacher.modalities}
    for name in recipe.features:
        if name not in read:
            yield f"features.{name} changes nothing: no teacher has it in its modalities = [...]"
    if recipe.pool:
        for name in sorted(UNREAD.get(distill.neighbourhood, set()) & distill.model_fields_set):
            yield f'distill.{name} changes nothing with distill.neighbourhood = "{distill.neighbourhood}"'
    if distill.policy == "reinforce" and agent.reward == "log-probability" and "credit" in agent.model_fields_set:
        yield 'agent.credit changes nothing with agent.reward = "log-probability"'
    for name, teacher in recipe.pool.items():
        fields, beside = teacher.model_fields_set, teacher.fusion == "blocks" and teacher.modalities
        if teacher.encoder == "lookup" and "fanouts" in fields:
            yield f'teachers.{name}.fanouts changes nothing with encoder = "lookup"'
        if not beside and "modality_rank" in fields:
            yield f'teachers.{name}.modality_rank changes nothing: it is of modalities in fusion = "blocks"'
