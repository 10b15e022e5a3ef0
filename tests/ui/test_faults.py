"""What a page says of an error that a reader can mend, and what it does afterwards."""

import errno

import pytest
from streamlit.testing.v1 import AppTest

from sslapp.store.errors import Damaged, Refused, Unknown
from sslapp.ui.common import faults
from sslapp.usecases.access import NotAllowed
from sslapp.usecases.images.incoming.sources import WrongFields


def raising(error: Exception):
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize("kind", [ValueError, Refused, Unknown, NotAllowed])
def test_a_readers_error_is_its_sentence(kind) -> None:
    assert faults.refusal(raising(kind("Choose another."))) == "Choose another."
    assert faults.of_fields(raising(kind("Choose another.")), "name") == {"name": "Choose another."}
    assert faults.refusal(lambda: None) == ""


def test_what_the_disk_refuses_is_a_sentence_with_file_and_mend(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SSLAPP_WORKSPACE", str(tmp_path))
    full = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "a.npy"))
    assert faults.refusal(raising(full)).startswith(f"The disk is full: {tmp_path}/a.npy")
    gone = FileNotFoundError(errno.ENOENT, "No such file", str(tmp_path / "b.npy"))
    assert faults.of_fields(raising(gone), "name")["name"].startswith(
        f"{tmp_path}/b.npy is missing."
    )
    assert faults.refusal(raising(Damaged("Restore it."))) == "Restore it."


def test_a_forms_faults_stay_at_their_fields() -> None:
    assert faults.of_fields(raising(WrongFields({"classes": "Twice."})), "name") == {
        "classes": "Twice."
    }
    assert faults.of_fields(lambda: None, "name") == {}


@pytest.mark.parametrize("kind", [KeyError, IndexError, RuntimeError, TypeError])
def test_a_fault_of_the_program_looks_like_one(kind) -> None:
    with pytest.raises(kind):
        faults.refusal(raising(kind("x")))


def whole_page() -> None:
    import streamlit as st

    from sslapp.store.errors import Unknown
    from sslapp.ui.common import faults

    with faults.page():
        st.write("begun")
        if st.session_state.get("bad"):
            raise Unknown("There is no *such* image.")
        st.write("done")


def test_what_no_part_of_a_page_says_is_said_in_the_end_with_a_way_out() -> None:
    page = AppTest.from_function(whole_page)
    page.session_state["bad"] = True
    page.run()
    assert not page.exception
    assert page.error[0].value == r"There is no \*such\* image\."
    page.button(key="faults-start-over").click().run()
    assert not page.error
    assert [each.value for each in page.markdown] == ["begun", "done"]


def part() -> None:
    import streamlit as st

    from sslapp.ui.common import faults

    state = st.session_state
    state["runs"] = state.get("runs", 0) + 1
    if state.get("mends"):
        state.pop("bad", None)
    faults.show_word()

    def draw() -> None:
        if state.get("bad"):
            raise ValueError("It is gone.")
        st.write("drawn")

    faults.fragment(draw, key="part")


@pytest.mark.parametrize("mends", [True, False])
def test_a_part_that_is_refused_has_the_page_run_again_once(mends) -> None:
    page = AppTest.from_function(part).run()
    runs = page.session_state["runs"]
    page.session_state["bad"] = True
    page.session_state["mends"] = False
    page.run()
    assert page.session_state["runs"] == runs + 2, "once more, and no more"
    assert [each.value for each in page.error] == [r"It is gone\."]
    page.session_state["mends"] = mends
    page.run()
    assert bool(page.error) is not mends
    assert [each.value for each in page.markdown] == (["drawn"] if mends else [])
