"""The plan of the walkthrough: all works hang, none over another, none in a door."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artpipe.numerics.hanging_plan import DOOR_WIDTH, ROOM_WIDTH, WALL_THICKNESS, PlannedWork, plan_rooms

WORKS = st.lists(st.builds(PlannedWork, st.floats(0.3, 4), st.booleans()), max_size=40)
COLLECTIONS = st.lists(st.lists(WORKS, min_size=1, max_size=4), min_size=1, max_size=3)


def along(place):
    """Return where a place's middle is along its wall."""
    return place.x if place.facing == 1 else place.z


def spans(place):
    """Return the edges of what hangs: along the wall, and up."""
    width, height = place.width / 2 + place.border, place.height / 2 + place.border
    return (along(place) - width, along(place) + width), (place.y - height, place.y + height)


def overlap(first, second):
    return first[0] < second[1] - 1e-3 and second[0] < first[1] - 1e-3


@given(COLLECTIONS)
@settings(max_examples=60, deadline=None)
def test_every_work_hangs_once_and_none_over_another(collections):
    """In rooms of one collection each, with every model's panel; on the wall, above the floor, in no door."""
    rooms = plan_rooms(collections)
    counts = [[len(works) for works in models] for models in collections]
    numbers = sorted(place.number for room in rooms for place in room.works)
    assert numbers == list(range(sum(map(sum, counts))))
    panels = sorted(place.number for room in rooms for place in room.panels)
    assert panels == list(range(sum(map(len, counts))))
    for room in rooms:
        places = [*room.works, *room.panels]
        for place in places:
            (left, right), (bottom, top) = spans(place)
            assert bottom > 0.3
            assert top < 2.75
            if place.facing == 1:
                assert left > -ROOM_WIDTH / 2
                assert right < ROOM_WIDTH / 2
                assert room.is_last or right < -DOOR_WIDTH / 2 or left > DOOR_WIDTH / 2
                assert place.z == pytest.approx(room.start - room.length, abs=1e-3)
            else:
                assert room.start - room.length < left
                assert right < room.start
        for first, second in combinations(places, 2):
            if first.facing == second.facing:
                (across, up), (other_across, other_up) = spans(first), spans(second)
                assert not (overlap(across, other_across) and overlap(up, other_up))


def test_rooms_stand_in_a_row():
    """Each begins where the one before ends and its wall; only the last has no door."""
    works = [PlannedWork(1.0)] * 60
    rooms = plan_rooms([[works, works], [works]])
    for before, after in pairwise(rooms):
        assert after.start == pytest.approx(before.start - before.length - WALL_THICKNESS)
    assert [room.is_last for room in rooms] == [False] * (len(rooms) - 1) + [True]
    assert [room.collection for room in rooms] == sorted(room.collection for room in rooms)


def test_nothing_hangs_in_no_room():
    """Without a model there is no room."""
    assert plan_rooms([]) == plan_rooms([[]]) == []


def test_a_picture_keeps_its_proportions():
    """Each as it is wide and high, the first of a model larger than the others."""
    (room,) = plan_rooms([[[PlannedWork(2.0), *[PlannedWork(0.5)] * 6]]])
    ratios = {place.number: place.width / place.height for place in room.works}
    assert ratios[0] == pytest.approx(2.0, rel=0.01)
    assert all(ratios[number] == pytest.approx(0.5, rel=0.01) for number in range(1, 7))
    areas = {place.number: place.width * place.height for place in room.works}
    assert areas[0] > 3 * max(areas[number] for number in range(1, 7))
