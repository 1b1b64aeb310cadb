"""Names of what is asked for in words: safe as files, whatever the words."""

from hypothesis import given
from hypothesis import strategies as st

from argus3d.samples import slug
from argus3d.wanted import by_words, like_classes


def test_words_as_names() -> None:
    assert slug("A low, round table!") == "a-low-round-table"
    assert slug("Küchen_Stuhl (grün)") == "küchen-stuhl-grün"
    assert slug("椅子") == "椅子"
    assert slug("../../etc/passwd") == "etc-passwd"
    assert slug("🪑 !") == ""


@given(st.text(max_size=200))
def test_any_words_are_safe(words: str) -> None:
    name = slug(words)
    assert len(name.encode()) <= 60 and not name.startswith(("-", ".")) and not name.endswith("-")
    assert not set(name) & set('/\\:*?"<>|. \n\0')


@given(st.text(min_size=1, max_size=50), st.integers(1, 20))
def test_ids_are_apart_and_never_empty(words: str, count: int) -> None:
    ids = [request.id for request in by_words(None, words, None, count).requests]
    assert len(set(ids)) == count and all(len(name) > len("-0000") for name in ids)


def test_a_class_alone_keeps_the_ids_that_it_always_had() -> None:
    wanted = by_words("Dining Table", None, None, 2)
    assert [request.id for request in wanted.requests] == ["Dining Table-0000", "Dining Table-0001"]
    assert wanted.settings == {} and wanted.files == {}
    assert like_classes([]).kinds == () and list(like_classes([]).requests) == []
