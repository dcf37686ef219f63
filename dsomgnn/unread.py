"""What a recipe says and a run will not read, because of something else that it says."""

from __future__ import annotations

from collections.abc import Iterator

from dsomgnn.settings import Recipe, TeacherRecipe

NO_DIM = ("numeric", "histogram")  # encoders whose columns are what they are
WALKED = {"hops", "walks"}
UNREAD = {  # settings of [distill], by neighbourhood
    "none": {"alpha", "beta", "binary", *WALKED},
    "target": WALKED,
    "answers": WALKED,
    "khop": {"walks"},
}


def unread(recipe: Recipe) -> Iterator[str]:
    """Lines for settings that change nothing. Of another policy none is told: controls change the policy."""
    yield from _of_features(recipe)
    yield from _of_distillation(recipe)
    for name, teacher in recipe.pool.items():
        yield from (f"teachers.{name}.{line}" for line in _of_teacher(teacher))
    if "lr_dense" in recipe.student.model_fields_set:
        yield "student.lr_dense changes nothing: a student has tables alone, which lr moves"


def _of_features(recipe: Recipe) -> Iterator[str]:
    read = {modality for teacher in recipe.teachers.values() for modality in teacher.modalities}
    for name, feature in recipe.features.items():
        if name not in read:
            yield f"features.{name} changes nothing: no teacher has it in its modalities = [...]"
        for key, readers in (("ids", feature.encoder == "array"), ("dim", feature.encoder not in NO_DIM)):
            if key in feature.model_fields_set and not readers:
                yield f'features.{name}.{key} changes nothing with encoder = "{feature.encoder}"'


def _of_distillation(recipe: Recipe) -> Iterator[str]:
    distill, agent = recipe.distill, recipe.agent
    if recipe.pool:
        for name in sorted(UNREAD.get(distill.neighbourhood, set()) & distill.model_fields_set):
            yield f'distill.{name} changes nothing with distill.neighbourhood = "{distill.neighbourhood}"'
    if distill.policy != "reinforce":
        return
    if agent.reward == "log-probability" and "credit" in agent.model_fields_set:
        yield 'agent.credit changes nothing with agent.reward = "log-probability"'
    if agent.reward_on != "reserve" and "reserve" in agent.model_fields_set:
        yield f'agent.reserve changes nothing with agent.reward_on = "{agent.reward_on}"'


def _of_teacher(teacher: TeacherRecipe) -> Iterator[str]:
    fields, beside = teacher.model_fields_set, teacher.fusion == "blocks" and teacher.modalities
    if teacher.encoder == "lookup" and "fanouts" in fields:
        yield 'fanouts changes nothing with encoder = "lookup"'
    if not beside and "modality_rank" in fields:
        yield 'modality_rank changes nothing: it is of modalities in fusion = "blocks"'
    if not teacher.structure and teacher.structure_dropout:
        yield "structure_dropout changes nothing with structure = false"
