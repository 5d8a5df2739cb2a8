"""Record types such as an operator might add, chosen for what the shipped catalogue cannot show.

Spans under spans; a circle of two types (question, answer); a type with three parent types, two of them virtual, that
is in a circle with another through later links, and expects that one below it (task, plan); an own virtual type whose
records may say a parent (case); three ways to one parent (score).
"""

from pathlib import Path

OPERATOR_TYPES = ("span", "question", "answer", "task", "plan", "case", "score")

SPAN = """
[[parents]]
record_type = "span"
description = "The span that started this one."
via = [["parent_span_id", "id"]]

[[parents]]
record_type = "call-session"
description = "The call during which a first span ran."
via = [["session_id", "telnyx_session_id"]]
"""

QUESTION = """
[[parents]]
record_type = "answer"
description = "The answer that led to this question."
via = [["answer_id", "id"]]
"""

ANSWER = """
[[parents]]
record_type = "question"
description = "The question that is answered."
via = [["question_id", "id"]]
"""

TASK = """
[[parents]]
record_type = "call-session"
description = "The call in which the task came up."
via = [["session_id", "telnyx_session_id"]]

[[parents]]
record_type = "plan"
description = "The plan that the task is part of."
via = [["plan_id", "id"]]

[[parents]]
record_type = "case"
description = "The case that the task is worked on for."
via = [["case_id", "case_id"]]
"""

PLAN = """
[[parents]]
record_type = "conference"
description = "The conference that agreed on the plan."
via = [["conference_id", "id"]]

[[parents]]
record_type = "task"
description = "The task of making this plan."
via = [["task_id", "id"]]
"""

CASE = """
[[parents]]
record_type = "call-session"
description = "The call that opened the case."
via = [["session_id", "telnyx_session_id"]]
"""

SCORE = """
[[parents]]
record_type = "call-control"
description = "The leg that was listened to."
via = [["control_id", "id"], ["leg_id", "telnyx_leg_id"], ["session_id", "telnyx_session_id"]]
"""

STARTED = 'start = ["started_at"]\nfinish = ["finished_at"]'
CREATED = 'start = ["created_at"]'
PRICED = 'cost = ["cost"]\ncurrency = "currency"'


def write_operator_types(folder: Path) -> None:
    """Write one file per type into the folder, as `catalog_files.load` reads them."""
    write(folder, "span", STARTED, PRICED, "parent_span_id session_id", SPAN)
    write(folder, "question", CREATED, PRICED, "answer_id", QUESTION)
    write(folder, "answer", CREATED, PRICED, "question_id", ANSWER)
    task = PRICED + '\nexpects = { plan = "cost" }'
    write(folder, "task", STARTED, task, "session_id plan_id case_id", TASK)
    write(folder, "plan", CREATED, PRICED, "conference_id task_id", PLAN)
    write(folder, "case", STARTED, "virtual = true", "session_id opened_by", CASE, id_field="case_id")
    score = PRICED + '\ndefault_currency = "EUR"'
    write(folder, "score", CREATED, score, "control_id leg_id session_id", SCORE)


def write(folder: Path, name: str, times: str, costs: str, others: str, parents: str, *, id_field: str = "id") -> None:
    kinds = {
        **dict.fromkeys([id_field, *others.split(), "note"], "string"),
        **dict.fromkeys([field for field in ("started_at", "finished_at", "created_at") if field in times], "time"),
        **({"cost": "amount", "currency": "string"} if "cost = " in costs else {}),
    }
    fields = "\n".join(f'{field} = "{kind}"' for field, kind in kinds.items())
    head = f"""\
category = "Own"
description = "A {name}, as an operator might declare it."
product = "own-{name}"
event = "{name}"
id = "{id_field}"
{times}
{costs}
"""
    (folder / f"{name}.toml").write_text(f"{head}{parents}\n[fields]\n{fields}\n", encoding="utf-8")
