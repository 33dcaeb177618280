"""Two mappings are compared key by key."""

from artpipe.config.differences import list_differences


def test_differences_are_told_by_dotted_key_with_both_values():
    """What is equal is not told; what came or went is None on one side; a mapping against a value counts as a whole."""
    old = {"a": {"b": 1, "c": 2}, "gone": {"x": 1}, "same": [1], "whole": {"y": 1}}
    new = {"a": {"b": 1, "c": 3, "d": 4}, "same": [1], "whole": 5}
    assert list(list_differences(old, new)) == [
        ("a.c", 2, 3),
        ("a.d", None, 4),
        ("gone", {"x": 1}, None),
        ("whole", {"y": 1}, 5),
    ]
    assert list(list_differences(1, 2, "code")) == [("code", 1, 2)]
    assert list(list_differences({}, {}, "code")) == []
