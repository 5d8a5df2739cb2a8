"""How many records of each type are stored, as several pages say it."""

from sessiontree.store import Store
from sessiontree.store.spend import SpendQuery


def record_counts(store: Store, account: str) -> dict[str, int]:
    """The number of stored records by type; types without any are left out."""
    counts: dict[str, int] = {}
    for row in store.spend.table(account, SpendQuery(by=("record_type",))):
        (name,) = row.group
        if name is not None:
            counts[name] = counts.get(name, 0) + row.event_count
    return counts
