"""What was typed and not sent, on disk: as it was typed, private, by owner and purpose."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine.home import Home
from ampsm_engine.unsent_texts import TypedText, UnsentText, delete_all


@given(text=st.text(st.characters()), base=st.text(), owner=st.text(), purpose=st.text(st.characters()))
def test_a_text_comes_back_as_it_was_typed(tmp_path_factory, text, base, owner, purpose) -> None:  # type: ignore[no-untyped-def]
    home = Home(tmp_path_factory.mktemp("home"), Path("unused"))
    place = UnsentText(home, owner, purpose)
    place.write("before")
    place.write(text, base)
    other = UnsentText(home, owner, f"{purpose} else")
    other.write("other")
    assert place.read() == TypedText(text, base)
    assert place.path.stat().st_mode & 0o777 == 0o600
    assert home.unsent.stat().st_mode & 0o777 == 0o700
    assert home.unsent in place.path.parents
    place.drop()
    assert (place.read(), other.read()) == (None, TypedText("other", ""))
    delete_all(home, owner)
    assert other.read() is None


def test_what_cannot_be_read_is_no_text(tmp_path: Path) -> None:
    place = UnsentText(Home(tmp_path, tmp_path / "db"), "s1", "message")
    place.write("x")
    for content in (b"", b"[]", b'{"text": 1}', b"\xff"):
        place.path.write_bytes(content)
        assert place.read() is None
