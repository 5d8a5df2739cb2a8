"""How much each run measures: the sizes of stores, the numbers of requests and records."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Sizes are records stored, multiples of `data.WINDOW`; the counts are for one repeat of a measurement."""

    trees_size: int
    trees_count: int
    http_sizes: tuple[int, ...]
    http_count: int
    one_client_count: int
    bulk_empty: int
    bulk_full: int
    bulk_full_size: int
    posts_count: int
    file_bytes: int
    growth_sizes: tuple[int, ...]
    growth_count: int
    sessions_count: int
    pages_count: int
    large_events: int
    repeats: int

    def sizes(self, groups: tuple[str, ...]) -> list[int]:
        """The stores that these groups read, smallest first."""
        needed = {
            "trees": (self.trees_size,),
            "http": self.http_sizes,
            "ingest": (self.bulk_full_size,),
            "sizes": self.growth_sizes,
            "spend": (self.trees_size,),
            "lists": (self.trees_size,),
            "sessions": (),
            "pages": (self.trees_size,),
        }
        return sorted({size for group in groups for size in needed[group]})


DEFAULT = Plan(
    trees_size=1_000_000,
    trees_count=4_000,
    http_sizes=(20_000, 400_000),
    http_count=15_000,
    one_client_count=4_000,
    bulk_empty=120_000,
    bulk_full=60_000,
    bulk_full_size=1_000_000,
    posts_count=6_000,
    file_bytes=200_000_000,
    growth_sizes=(10_000, 100_000, 1_000_000),
    growth_count=20_000,
    sessions_count=60_000,
    pages_count=200,
    large_events=10_000,
    repeats=3,
)

QUICK = Plan(
    trees_size=20_000,
    trees_count=1_000,
    http_sizes=(20_000,),
    http_count=10_000,
    one_client_count=1_000,
    bulk_empty=20_000,
    bulk_full=20_000,
    bulk_full_size=20_000,
    posts_count=2_000,
    file_bytes=20_000_000,
    growth_sizes=(2_000, 20_000),
    growth_count=4_000,
    sessions_count=12_000,
    pages_count=50,
    large_events=2_000,
    repeats=1,
)
FULL_FILE_BYTES = 1_000_000_000
