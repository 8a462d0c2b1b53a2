"""Whether items find room, in every order, in some or in none. Pure search; knows neither pods nor nodes.

An item goes into one of the rooms that it may enter, as long as every one of its needs is met by what is left there.
Whoever places the items takes them in any order, chooses any room with space, and never moves one again: that is how
Kubernetes' scheduler looks from outside, since its preferences change with its version and its ties fall at random.

Two questions are enough. *Is there a placing of all?* If not: never. *Can some item be locked out*, that is: can others
fill every room that it may enter? Every partial placing is one that some order leads to, so if no item can be locked
out, every order ends well, and if one can, some order doesn't.

Both searches leave out what is symmetric and what can't succeed any more, remember failures, and count their steps: one
that runs out of them says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

STEPS = 20_000
"""How many steps both searches may take together: below a second. A home in which apps name their nodes takes none."""

_DEEPEST = 200  # items to choose for in one search; each is a level of recursion

Amounts = tuple[int, ...]
"""How much of each resource, always in the same order."""


@dataclass(frozen=True)
class Item:
    """`needs` by resource; `rooms` are the indices of those that it may enter."""

    needs: Amounts
    rooms: frozenset[int]


@dataclass(frozen=True)
class LockedOut:
    """`item` finds no room once those in `before` are where it says (item to room)."""

    item: int
    before: dict[int, int]


@dataclass(frozen=True)
class Outcome:
    """The verdict and what shows it.

    `placing` (item to room) holds every item when one exists, else the fullest that was found. `locked_out` is one way
    that an order ends badly, when there is one.
    """

    verdict: Literal["always", "depends on order", "never", "undecided"]
    placing: dict[int, int]
    locked_out: LockedOut | None = None


class _OutOfStepsError(Exception):
    pass


class _Steps:
    def __init__(self, left: int) -> None:
        self._left = left

    def take(self) -> None:
        if self._left <= 0:
            raise _OutOfStepsError
        self._left -= 1


def judge(rooms: Sequence[Amounts], items: Sequence[Item], steps: int = STEPS) -> Outcome:
    """The verdict on `items` in `rooms`, in at most about `steps` steps."""
    left = _Steps(steps)
    search = _PlaceAll(rooms, items, left)
    try:
        all_placed: bool | None = search.run()
    except _OutOfStepsError:
        all_placed = None
    if all_placed is False:
        return Outcome("never", search.fullest)
    try:
        locked_out = _lock_out_any(rooms, items, left)
    except _OutOfStepsError:
        return Outcome("undecided", search.fullest)
    if locked_out is None:
        return Outcome("always", search.fullest)
    return Outcome("depends on order" if all_placed else "undecided", search.fullest, locked_out)


def fits(needs: Amounts, free: Sequence[int]) -> bool:
    """Whether `free` is enough for each of the needs. What isn't needed may be overdrawn."""
    return all(need <= there for need, there in zip(needs, free, strict=True) if need)


def _take(free: Sequence[int], needs: Amounts) -> tuple[int, ...]:
    return tuple(there - need for there, need in zip(free, needs, strict=True))


class _PlaceAll:
    """Looks for a placing of all items."""

    def __init__(self, rooms: Sequence[Amounts], items: Sequence[Item], steps: _Steps) -> None:
        self._rooms = rooms
        self._items = items
        self._steps = steps
        self._failed: set[tuple[int, int, tuple[Amounts, ...]]] = set()
        self.fullest: dict[int, int] = {}

    def run(self) -> bool:
        """Whether there is one. `fullest` is then that, else the fullest that was come across."""
        free = [tuple(room) for room in self._rooms]
        placed: dict[int, int] = {}
        everything = range(len(self._items))
        for index in everything:
            item = self._items[index]
            if len(item.rooms) == 1 and fits(item.needs, free[room := next(iter(item.rooms))]):
                free[room] = _take(free[room], item.needs)
                placed[index] = room
        # Those that may go to one room only have no other chance.
        settled = all(index in placed for index in everything if len(self._items[index].rooms) <= 1)
        open_ = [index for index in everything if len(self._items[index].rooms) > 1]
        # The pickiest and largest first: their failures come early. Equal ones side by side.
        open_.sort(key=lambda index: (len(self._items[index].rooms), *self._sort_key(index)))
        self._first_fit(open_, free, placed)
        if settled and len(self.fullest) == len(self._items):
            return True
        if not settled or self._exceeds_everything(open_, free):
            return False
        if len(open_) > _DEEPEST:
            raise _OutOfStepsError
        return self._search(open_, 0, 0, tuple(free), placed)

    def _sort_key(self, index: int) -> tuple[object, ...]:
        item = self._items[index]
        # The largest by its share of all there is of some resource.
        totals = [max(sum(room[r] for room in self._rooms), 1) for r in range(len(item.needs))]
        share = max((need / total for need, total in zip(item.needs, totals, strict=True)), default=0)
        return -share, item.needs, sorted(item.rooms)

    def _first_fit(self, open_: Sequence[int], free: Sequence[Amounts], placed: dict[int, int]) -> None:
        free, placed = list(free), dict(placed)
        for index in open_:
            item = self._items[index]
            for room in sorted(item.rooms):
                if fits(item.needs, free[room]):
                    free[room] = _take(free[room], item.needs)
                    placed[index] = room
                    break
        self.fullest = placed

    def _exceeds_everything(self, open_: Sequence[int], free: Sequence[Amounts]) -> bool:
        """Whether the open items together need more of a resource than all their rooms have."""
        wanted = [self._items[index] for index in open_]
        entered = sorted({room for item in wanted for room in item.rooms})
        return any(
            sum(item.needs[r] for item in wanted) > sum(max(free[room][r], 0) for room in entered)
            for r in range(len(wanted[0].needs) if wanted else 0)
        )

    def _search(
        self, open_: Sequence[int], at: int, first: int, free: tuple[Amounts, ...], placed: dict[int, int]
    ) -> bool:
        """Places `open_[at:]`. Of equal items, the later goes to no earlier room (`first`) than the one before."""
        if len(placed) > len(self.fullest):
            self.fullest = dict(placed)
        if at == len(open_):
            return True
        if (at, first, free) in self._failed:
            return False
        self._steps.take()
        item = self._items[open_[at]]
        equal_next = at + 1 < len(open_) and self._items[open_[at + 1]] == item
        for room in sorted(item.rooms):
            if room < first or not fits(item.needs, free[room]):
                continue
            after = (*free[:room], _take(free[room], item.needs), *free[room + 1 :])
            placed[open_[at]] = room
            if self._search(open_, at + 1, room if equal_next else 0, after, placed):
                return True
            del placed[open_[at]]
        self._failed.add((at, first, free))
        return False


def _lock_out_any(rooms: Sequence[Amounts], items: Sequence[Item], steps: _Steps) -> LockedOut | None:
    """A way in which some item is locked out, or None when there is none."""
    out_of_steps = False
    tried: set[Item] = set()
    for index, item in enumerate(items):
        if item in tried:
            continue
        tried.add(item)
        try:
            before = _LockOut(rooms, items, index, steps).run()
        except _OutOfStepsError:
            # Another item's answer may still be easy.
            out_of_steps = True
            continue
        if before is not None:
            return LockedOut(index, before)
    if out_of_steps:
        raise _OutOfStepsError
    return None


class _LockOut:
    """Looks for a placing of others that leaves one item no room to enter."""

    def __init__(self, rooms: Sequence[Amounts], items: Sequence[Item], target: int, steps: _Steps) -> None:
        self._rooms = rooms
        self._items = items
        self._needs = items[target].needs
        self._wanted = frozenset(items[target].rooms)
        self._steps = steps
        # Only who takes of what the item needs can be in its way.
        others = [
            index
            for index, item in enumerate(items)
            if index != target
            and item.rooms & self._wanted
            and any(mine and theirs for mine, theirs in zip(self._needs, item.needs, strict=True))
        ]
        # The largest first, equal ones side by side.
        self._others = sorted(others, key=lambda index: (-max(items[index].needs), *self._key(index)))
        self._failed: set[tuple[int, int, tuple[Amounts, ...]]] = set()

    def _key(self, index: int) -> tuple[Amounts, list[int]]:
        return self._items[index].needs, sorted(self._items[index].rooms & self._wanted)

    def run(self) -> dict[int, int] | None:
        """The placing of others (item to room), or None when nothing can lock the item out."""
        free = tuple(tuple(room) for room in self._rooms)
        still = frozenset(room for room in self._wanted if fits(self._needs, free[room]))
        if any(self._holds_everybody(room) for room in still):
            return None
        if len(self._others) > _DEEPEST:
            raise _OutOfStepsError
        placed: dict[int, int] = {}
        return placed if self._search(0, 0, free, still, placed) else None

    def _holds_everybody(self, room: int) -> bool:
        """Whether the item fits beside all others that may enter the room, so that it is safe there."""
        inside = [self._items[index].needs for index in self._others if room in self._items[index].rooms]
        return all(
            need + sum(needs[r] for needs in inside) <= self._rooms[room][r]
            for r, need in enumerate(self._needs)
            if need
        )

    def _search(
        self, at: int, first: int, free: tuple[Amounts, ...], still: frozenset[int], placed: dict[int, int]
    ) -> bool:
        """Fills the rooms in `still` with some of the others from `at` on."""
        if not still:
            return True
        if (at, first, free) in self._failed or not self._may_suffice(at, free, still):
            return False
        self._steps.take()
        index = self._others[at]
        key, item = self._key(index), self._items[index]
        equal_next = at + 1 < len(self._others) and self._key(self._others[at + 1]) == key
        for room in sorted(item.rooms & still):
            if room < first or not fits(item.needs, free[room]):
                continue
            after = (*free[:room], _take(free[room], item.needs), *free[room + 1 :])
            left = still if fits(self._needs, after[room]) else still - {room}
            placed[index] = room
            if self._search(at + 1, room if equal_next else 0, after, left, placed):
                return True
            del placed[index]
        # Or without this one; and then without its equals, which could do no more.
        following = at + 1
        while following < len(self._others) and self._key(self._others[following]) == key:
            following += 1
        if self._search(following, 0, free, still, placed):
            return True
        self._failed.add((at, first, free))
        return False

    def _may_suffice(self, at: int, free: tuple[Amounts, ...], still: frozenset[int]) -> bool:
        """Whether the others from `at` on could fill every room in `still`, if they could be cut into pieces.

        A room is full once what the item needs of one resource is missing there. Each of the others brings its room
        at most the largest part of such a lack that its needs make up; all rooms together lack one each.
        """
        lacks = {
            room: [free[room][r] - need + 1 if need else 0 for r, need in enumerate(self._needs)] for room in still
        }
        brought = 0.0
        for index in self._others[at:]:
            item = self._items[index]
            parts = [
                need / lack
                for room in item.rooms & still
                for need, lack in zip(item.needs, lacks[room], strict=True)
                if lack > 0
            ]
            brought += min(max(parts, default=0.0), 1.0)
            if brought >= len(still) - 1e-9:
                return True
        return False
