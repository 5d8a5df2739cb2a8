"""The mark of a store that a copy is being made in: half of everything looks like a store with other sums.

The copy sets it before anything else, and takes it away when it has compared all. Nobody opens a store that has it.
"""

DELETE, EMPTY = "delete the file", "drop the database and create it anew"
SET = "insert into setting values ('copying', '1') on conflict (name) do nothing"
READ = "select 1 from setting where name = 'copying'"
END = "delete from setting where name = 'copying'"


def refusal(name: str, remedy: str) -> str:
    """Why a store with the mark is not opened, and what to do: for a file DELETE, for a database EMPTY."""
    return (
        f"{name} is half a copy, and its sums are wrong: unless a copy is still at work, {remedy} "
        "and run `sessiontree store copy` again"
    )
