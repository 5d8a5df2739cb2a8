"""What an export comes to: rows, sessions, and the sum in each currency, checked against the trees it was made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sessiontree.money import Totals
from sessiontree.placement import Node
from sessiontree.tree import Tree


@dataclass(slots=True)
class Tally:
    """Counts what has been written so far. `sums` are over the events' own costs, per currency.

    `changed`: sessions changed while they were being exported, so that an event may be in it twice, or not at all.
    """

    sessions: int = 0
    rows: int = 0
    changed: bool = False
    sums: Totals = field(default_factory=dict)
    _of_tree: Totals = field(default_factory=dict)

    def row(self, node: Node) -> None:
        """Count an event that is written."""
        self.rows += 1
        record = node.record
        if record is not None and record.cost is not None and record.currency is not None:
            self._of_tree[record.currency] = self._of_tree.get(record.currency, 0) + record.cost

    def session(self, tree: Tree, *, visitors: bool) -> None:
        """Count a tree whose rows have been written: they come to its total (without visitors, less elsewhere)."""
        elsewhere = {} if visitors else tree.root.away_totals
        expected = {code: amount - elsewhere.get(code, 0) for code, amount in tree.root.totals.items()}
        assert _without_zeros(self._of_tree) == _without_zeros(expected), "an export adds up to its sessions"
        for code, amount in self._of_tree.items():
            self.sums[code] = self.sums.get(code, 0) + amount
        self._of_tree = {}
        self.sessions += 1


def _without_zeros(totals: Mapping[str, int]) -> Totals:
    return {code: amount for code, amount in totals.items() if amount}
