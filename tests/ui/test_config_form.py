"""The form on a made-up model with every kind of field, and on every method there is."""

from enum import StrEnum
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, model_validator
from streamlit.testing.v1 import AppTest

from sslapp.methods.registry import CARDS
from sslapp.training.configuration import Automatic
from sslapp.ui.train.fields import inputs_of
from sslapp.ui.train.form import grouped, validate
from sslapp.usecases.training.options import OptionType


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Every(BaseModel):
    """A field of every kind."""

    steps: Annotated[int, Automatic("by the images")] = Field(
        0, ge=0, le=1000, description="Steps."
    )
    rate: float = Field(0.06, gt=0, le=10, description="A *rate*.")
    decay: float = Field(5e-4, ge=0, le=1, description="Decay.")
    share: float = Field(0.9, gt=0, lt=1, description="Share.")
    even: int = Field(4, ge=2, multiple_of=2, description="Even.")
    above: int = Field(3, gt=1, lt=9, description="Above one.")
    limit: int | None = Field(None, ge=1, description="A limit, or none.")
    mode: Literal["fast", "slow"] = Field("fast", description="Mode.")
    colour: Colour = Field(Colour.RED, description="Colour.")
    mirror: bool = Field(False, description="Mirror.", json_schema_extra={"usual": True})
    note: str = Field("", max_length=5, description="Note.")
    tool: str = Field(
        "saw",
        pattern="^[a-z]+$",
        description="Tool.",
        json_schema_extra={"suggestions": ["saw", "axe"]},
    )

    @model_validator(mode="after")
    def _fits(self) -> "Every":
        if self.mode == "slow" and self.even > 6:
            raise ValueError("slow goes with at most 6")
        return self


def form() -> None:
    import streamlit as st
    from test_config_form import Every

    from sslapp.ui.train import form as config_form

    mirror = st.session_state.get("project-mirror", True)
    entered = config_form.show(
        Every, key="form", defaults={"mirror": mirror}, automatic=lambda values: {"steps": "500"}
    )
    st.session_state["result"] = (entered.changed, entered.errors)


@pytest.fixture
def page() -> AppTest:
    found = AppTest.from_function(form, default_timeout=30).run()
    assert not found.exception, found.exception
    return found


def result(page: AppTest) -> tuple[dict, dict]:
    assert not page.exception, page.exception
    return page.session_state["result"]


def field(name: str):
    (found,) = inputs_of(Every, [name], {})
    return found


def test_untouched_it_changes_nothing(page) -> None:
    assert result(page) == ({}, {})
    assert page.toggle(key="form-mirror").value is True  # the project's default
    assert not any(each.key.endswith("-reset") for each in page.button)


@pytest.mark.parametrize(
    ("name", "kind", "least", "most", "step"),
    [
        ("steps", OptionType.WHOLE, 0, 1000, 1),
        ("rate", OptionType.REAL, 0.0, 10.0, 0.01),
        ("decay", OptionType.REAL, 0.0, 1.0, 0.0001),
        ("share", OptionType.REAL, 0.0, 1.0, 0.05),
        ("even", OptionType.WHOLE, 2, None, 2),
        ("above", OptionType.WHOLE, 2, 8, 1),
        ("limit", OptionType.WHOLE, 1, None, 1),
        ("mode", OptionType.CHOICE, None, None, None),
        ("colour", OptionType.CHOICE, None, None, None),
        ("mirror", OptionType.SWITCH, None, None, None),
        ("note", OptionType.TEXT, None, None, None),
        ("tool", OptionType.TEXT, None, None, None),
    ],
)
def test_type_and_bounds_choose_the_input(name, kind, least, most, step) -> None:
    found = field(name)
    assert (found.option.type, found.least, found.most, found.step) == (kind, least, most, step)
    assert found.option.suggestions == (("saw", "axe") if name == "tool" else ())


def test_each_input_carries_its_description_default_and_bounds(page) -> None:
    assert page.number_input(key="form-rate").help == (
        r"A \*rate\*\. Default\: 0\.06\; more than 0 and at most 10\."
    )
    assert field("steps").about.startswith("Steps; automatic chooses by the images. Default: auto")
    assert page.toggle(key="form-mirror").help.endswith(r"Default\: on\.")


def test_zero_and_none_are_shown_as_what_they_mean(page) -> None:
    steps, limit = page.number_input(key="form-steps"), page.number_input(key="form-limit")
    assert (steps.value, steps.placeholder) == (None, "automatic: 500")
    assert (limit.value, limit.placeholder) == (None, "none")
    steps.set_value(20)
    limit.set_value(7).run()
    assert result(page) == ({"steps": 20, "limit": 7}, {})
    steps = page.number_input(key="form-steps")
    steps.set_value(None).run()  # emptied, it is automatic again
    assert result(page) == ({"limit": 7}, {})
    page.number_input(key="form-steps").set_value(0).run()
    assert result(page) == ({"limit": 7}, {})


def test_a_text_with_suggestions_takes_them_and_what_else_the_model_allows(page) -> None:
    assert page.selectbox(key="form-tool").options == ["saw", "axe"]
    page.selectbox(key="form-tool").select("axe").run()
    assert result(page) == ({"tool": "axe"}, {})
    for typed, errors in (("drill", []), ("No!", ["tool"])):
        other = AppTest.from_function(form, default_timeout=30)
        other.session_state["form-tool"] = typed  # what a browser sends for a typed text
        changed, found = result(other.run())
        assert (changed, list(found)) == ({"tool": typed}, errors)


def test_every_network_is_offered_and_any_of_timm_can_be_typed() -> None:
    for name in ("fixmatch", "layermatch", "supervised"):
        (network,) = inputs_of(CARDS[name].options, ["network"], {})
        for known in (*network.option.suggestions, "timm:convnext_atto"):
            assert validate(CARDS[name].options, {"network": known}) == {}
        refused = validate(CARDS[name].options, {"network": "../resnet18"})
        assert refused["network"].startswith('"../resnet18" is no network; use small-cnn')


def test_changes_are_counted_and_taken_back_one_by_one_and_all(page) -> None:
    page.selectbox(key="form-mode").select("slow")
    page.selectbox(key="form-colour").select(Colour.BLUE)
    page.text_input(key="form-note").input("hi")
    page.toggle(key="form-mirror").set_value(False).run()
    changed = {"mode": "slow", "colour": Colour.BLUE, "note": "hi", "mirror": False}
    assert result(page) == (changed, {})
    assert any(each.value == "4 changed:" for each in page.caption)
    assert page.button(key="form-mode-reset").label == "Mode slow"
    page.button(key="form-mode-reset").click().run()
    assert "mode" not in result(page)[0]
    assert page.selectbox(key="form-mode").value == "fast"
    page.button(key="form-reset-all").click().run()
    assert result(page) == ({}, {})
    assert page.toggle(key="form-mirror").value is True


def project_says(page: AppTest, mirror: bool) -> bool:
    """Draw the form after the project's default has changed; return what the switch shows."""
    page.session_state["project-mirror"] = mirror
    page.run()
    return page.toggle(key="form-mirror").value


def test_what_nobody_touched_follows_the_project(page) -> None:
    page.selectbox(key="form-mode").select("slow").run()
    assert project_says(page, False) is False
    assert result(page) == ({"mode": "slow"}, {})
    assert project_says(page, True) is True
    assert result(page) == ({"mode": "slow"}, {})


def test_what_was_set_by_hand_stays(page) -> None:
    page.toggle(key="form-mirror").set_value(False).run()
    assert result(page) == ({"mirror": False}, {})
    assert project_says(page, False) is False
    assert result(page) == ({}, {}), "the project says so too now"
    assert project_says(page, True) is False
    assert result(page) == ({"mirror": False}, {})
    page.button(key="form-mirror-reset").click().run()
    assert project_says(page, False) is False, "taken back, it follows again"
    assert result(page) == ({}, {})


def test_what_was_set_by_hand_to_the_default_stays_too(page) -> None:
    page.toggle(key="form-mirror").set_value(False).run()
    page.toggle(key="form-mirror").set_value(True).run()
    assert project_says(page, False) is True
    assert result(page) == ({"mirror": True}, {})


def test_a_refused_value_is_said_at_its_field_by_the_model_itself(page) -> None:
    page.number_input(key="form-share").set_value(1.0).run()
    assert result(page)[1] == {"share": "Input should be less than 1."}
    assert any("Input should be less than 1" in each.value for each in page.caption)


def test_an_error_of_the_whole_is_said_too(page) -> None:
    page.selectbox(key="form-mode").select("slow")
    page.number_input(key="form-even").set_value(8).run()
    assert result(page)[1] == {"": "Slow goes with at most 6."}
    assert any("Slow goes with at most 6" in each.value for each in page.caption)


def test_a_value_that_no_input_would_send_is_refused_all_the_same() -> None:
    assert validate(Every, {"steps": -5}) == {
        "steps": "Input should be greater than or equal to 0."
    }
    assert list(validate(Every, {"mode": "other", "note": "too long"})) == ["note", "mode"]


def test_the_usual_options_come_first_and_the_rest_is_folded(page) -> None:
    usual, rest = grouped(inputs_of(Every, None, {}))
    assert [each.name for each in usual] == ["mirror"]
    assert len(rest) == 11
    (fold,) = page.expander
    assert fold.label == "11 more options"
    page.number_input(key="form-even").set_value(6).run()
    assert page.expander[0].label == "11 more options · 1 changed"
    few = inputs_of(Every, ["rate", "decay", "share"], {})
    assert grouped(few) == (few, [])


def test_a_type_without_an_input_is_named() -> None:
    class Odd(BaseModel):
        path: list[int] = []

    with pytest.raises(TypeError, match=r"Odd\.path: there is no input"):
        inputs_of(Odd, None, {})


@pytest.mark.parametrize("name", list(CARDS))
def test_every_method_has_a_form_whose_defaults_change_nothing(name) -> None:
    card = CARDS[name]
    for gear in card.gears:
        options = inputs_of(card.options, card.effective(gear), {})
        assert bool(options) == bool(card.options.model_fields)
        for each in options:
            assert each.value(each.shown_default) == each.default
            assert "0 chooses" not in each.about
            assert validate(card.options, {each.name: each.default}) == {}
            if each.option.type in (OptionType.WHOLE, OptionType.REAL):
                assert each.least is None or each.default >= each.least
                assert each.most is None or each.default <= each.most


def test_options_without_effect_in_a_gear_are_left_out() -> None:
    supervised = CARDS["supervised"]
    pixels, features = (supervised.effective(gear) for gear in supervised.gears)
    assert "penalty" not in pixels and "steps" in pixels
    assert features == ("penalty",)
