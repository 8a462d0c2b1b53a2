"""The search behind the fit agrees with trying everything, and says so when it gave up."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from home.fit import placing
from home.fit.placing import Item

ROOMS = 3

rooms = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=ROOMS).map(tuple)
items = st.lists(
    st.builds(
        Item,
        needs=st.tuples(st.integers(0, 4), st.integers(0, 4)),
        rooms=st.frozensets(st.integers(0, ROOMS - 1), max_size=ROOMS),
    ),
    max_size=6,
)


def brute_force(rooms: tuple[tuple[int, ...], ...], items: list[Item]) -> str:
    """Every order of placing, every room with space at each step."""

    @cache
    def endings(waiting: frozenset[int], free: tuple[tuple[int, ...], ...]) -> frozenset[bool]:
        """Whether all that wait are placed in the end: in each order, since one without room only waits on."""
        found: set[bool] = set()
        for index in waiting:
            for room in items[index].rooms:
                if placing.fits(items[index].needs, free[room]):
                    left = tuple(there - need for there, need in zip(free[room], items[index].needs, strict=True))
                    found |= endings(waiting - {index}, (*free[:room], left, *free[room + 1 :]))
        # When nobody can be placed any more, that is the end.
        return frozenset(found or {not waiting})

    ends = endings(frozenset(range(len(items))), rooms)
    return {frozenset({True}): "always", frozenset({False}): "never"}.get(ends, "depends on order")


def in_rooms_that_exist(rooms: tuple[tuple[int, ...], ...], items: list[Item]) -> list[Item]:
    return [Item(item.needs, frozenset(room for room in item.rooms if room < len(rooms))) for item in items]


def is_possible(rooms: tuple[tuple[int, ...], ...], items: list[Item], where: dict[int, int]) -> bool:
    used = [[sum(items[i].needs[r] for i, at in where.items() if at == room) for r in (0, 1)] for room in range(ROOMS)]
    return all(room in items[i].rooms for i, room in where.items()) and all(
        used[room][r] <= rooms[room][r] for room in range(len(rooms)) for r in (0, 1)
    )


@settings(max_examples=300, deadline=None)
@given(rooms, items)
def test_the_verdict_is_that_of_trying_every_order(rooms: tuple[tuple[int, ...], ...], items: list[Item]) -> None:
    wanted = in_rooms_that_exist(rooms, items)
    outcome = placing.judge(rooms, wanted)
    assert outcome.verdict == brute_force(rooms, wanted)
    assert is_possible(rooms, wanted, outcome.placing)
    assert (len(outcome.placing) == len(wanted)) == (outcome.verdict != "never")


@settings(max_examples=300, deadline=None)
@given(rooms, items)
def test_what_is_locked_out_has_no_room_left(rooms: tuple[tuple[int, ...], ...], items: list[Item]) -> None:
    wanted = in_rooms_that_exist(rooms, items)
    out = placing.judge(rooms, wanted).locked_out
    if out is not None:
        assert out.item not in out.before
        assert is_possible(rooms, wanted, out.before)
        assert not any(is_possible(rooms, wanted, out.before | {out.item: room}) for room in wanted[out.item].rooms)


@settings(max_examples=200, deadline=None)
@given(rooms, items, st.integers(0, 12))
def test_a_search_that_is_cut_short_is_undecided_or_right(
    rooms: tuple[tuple[int, ...], ...], items: list[Item], steps: int
) -> None:
    wanted = in_rooms_that_exist(rooms, items)
    assert placing.judge(rooms, wanted, steps).verdict in ("undecided", brute_force(rooms, wanted))


def test_many_equal_items_are_not_tried_one_by_one() -> None:
    everywhere = frozenset(range(4))
    equal = [Item((3,), everywhere) for _ in range(40)]
    assert placing.judge([(30,)] * 4, equal).verdict == "always"
    assert placing.judge([(29,)] * 4, equal).verdict == "never"
    assert placing.judge([(30,)] * 4, [*equal, Item((1,), everywhere)]).verdict == "never"


def test_more_items_than_can_be_searched_are_undecided_and_not_an_error() -> None:
    everywhere = frozenset({0, 1})
    mixed = [Item((2 + at % 7,), everywhere) for at in range(1000)]
    assert placing.judge([(2600,), (2600,)], mixed).verdict == "undecided"


def test_what_is_not_needed_may_be_used_up() -> None:
    full, free_rider = Item((4, 1), frozenset({0})), Item((0, 1), frozenset({0}))
    assert placing.judge([(4, 2)], [full, free_rider]).verdict == "always"
