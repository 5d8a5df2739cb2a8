"""A verification in the form that the API and the command line answer: names and shapes here are a promise."""

from typing import Annotated

import msgspec
from msgspec import Meta

from sessiontree import money
from sessiontree.store.checks import Sums
from sessiontree.verifying import Verification, currencies
from sessiontree.wire import Amount, Currency


class EqualSums(msgspec.Struct, gc=False):
    """What the records of an account come to in one currency, added up from three places."""

    currency: Currency
    records: Amount
    sessions: Annotated[Amount, Meta(description="Total minus elsewhere, of every session.")]
    spend: Amount
    equal: bool


class UndeclaredRecords(msgspec.Struct, gc=False):
    """Records of a type that the catalogue does not have: they are in no sum."""

    record_type: str
    record_count: int


class DifferenceReport(msgspec.Struct, gc=False):
    """Something kept that contradicts another; of one event where it names one."""

    code: str
    message: str
    record_type: str | None
    id: str | None


class Proof(msgspec.Struct, gc=False):
    """Whether everything kept of an account agrees, with the sums to see it by.

    Without `sums` no moment was found at which every change was worked in; ask again later.
    """

    account: str
    holds: bool
    sums: list[EqualSums]
    record_count: int
    session_count: int
    compared_count: Annotated[int, Meta(description="Sessions that were computed afresh and compared.")]
    undeclared: list[UndeclaredRecords]
    difference_count: int
    differences: Annotated[list[DifferenceReport], Meta(description="The first 1,000.")]


class ProofAnswer(msgspec.Struct, gc=False):
    """The proof for one account."""

    data: Proof


def proof(found: Verification) -> Proof:
    """The answer about a verification."""
    sums = found.sums
    return Proof(
        account=found.account,
        holds=found.holds,
        sums=[] if sums is None else [_equal(sums, currency) for currency in currencies(sums)],
        record_count=0 if sums is None else sums.record_count,
        session_count=0 if sums is None else sums.session_count,
        compared_count=found.compared,
        undeclared=[] if sums is None else [UndeclaredRecords(*each) for each in sorted(sums.undeclared.items())],
        difference_count=found.difference_count,
        differences=[DifferenceReport(*each) for each in found.differences],
    )


def _equal(sums: Sums, currency: str) -> EqualSums:
    amounts = [each.get(currency, 0) for each in (sums.records, sums.sessions, sums.spend)]
    records, sessions, spend = (money.text(amount) for amount in amounts)
    return EqualSums(currency, records, sessions, spend, len(set(amounts)) == 1)
