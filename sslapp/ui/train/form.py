"""A form for the options of any method, drawn from the fields of its pydantic model.

A field's type and bounds choose the widget, its description is the help, and the model itself is
the judge of what was entered; a new method brings its model and nothing here changes.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from pydantic import BaseModel, ValidationError

from sslapp.ui.common import followed, plain
from sslapp.ui.train.fields import Input, inputs_of
from sslapp.usecases.training.options import OptionType

FEW = 6
"""So many options need no fold; of more, the usual ones or the first four are shown at once."""

UNMARKED = 4
CELL = 210


@dataclass(frozen=True)
class Entered:
    """What a reader chose.

    Attributes:
        changed: option -> value, only where it differs from the default.
        errors: option -> why its value is refused; "" names an error of the whole.
    """

    changed: dict[str, Any]
    errors: dict[str, str]


def show(
    model: type[BaseModel],
    *,
    key: str,
    names: Collection[str] | None = None,
    defaults: Mapping[str, Any] | None = None,
    automatic: Callable[[Mapping[str, Any]], Mapping[str, str]] = lambda values: {},
) -> Entered:
    """Draw the form and return what was entered.

    Args:
        model: every field has a default and a description.
        key: of this form; what was entered under it stays for the session.
        names: the fields to draw; default: all.
        defaults: project-wide defaults that replace the model's. When one changes, the form follows
            where the reader set nothing by hand.
        automatic: from what differs from the defaults, option -> what "automatic" comes to with it,
            to be shown.
    """
    inputs = inputs_of(model, names, defaults or {})
    for each in inputs:
        followed.follow(_key(key, each), each.shown_default)
    values = {each.name: each.value(st.session_state[_key(key, each)]) for each in inputs}
    changed = {each.name: values[each.name] for each in inputs if each.is_changed(values)}
    errors = validate(model, {**(defaults or {}), **changed})
    usual, rest = grouped(inputs)
    comes_to = automatic({**(defaults or {}), **changed})
    _changes(key, inputs, changed)
    _fields(key, usual, errors, comes_to)
    if rest:
        inside = sum(each.name in changed for each in rest)
        note = f" · {inside} changed" if inside else ""
        with st.expander(f"{len(rest)} more options{note}", key=f"{key}-more"):
            _fields(key, rest, errors, comes_to)
    if "" in errors:
        st.caption(f":red[{plain.markdown(errors[''])}]")
    return Entered(changed, errors)


def validate(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, str]:
    """Option -> why the model refuses its value; {} when all is well, "" for the whole."""
    try:
        model(**values)
    except ValidationError as error:
        return {
            str(each["loc"][0]) if each["loc"] else "": _sentence(each["msg"])
            for each in reversed(error.errors())
        }
    return {}


def grouped(inputs: Sequence[Input]) -> tuple[list[Input], list[Input]]:
    """The options to show at once, and those to fold away; both in the model's order."""
    if len(inputs) <= FEW:
        return list(inputs), []
    usual = [each for each in inputs if each.option.usual] or list(inputs[:UNMARKED])
    return usual, [each for each in inputs if each not in usual]


def _sentence(message: str) -> str:
    text = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _key(form: str, field: Input) -> str:
    return f"{form}-{field.name}"


def _changes(form: str, inputs: Sequence[Input], changed: Mapping[str, Any]) -> None:
    """The list of what differs from the defaults; a click takes one back, or all."""
    if not changed:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.caption(f"{len(changed)} changed:", width="content")
        for each in inputs:
            if each.name in changed:
                st.button(
                    f"{each.title} {plain.markdown(each.in_words(changed[each.name]))}",
                    key=f"{_key(form, each)}-reset",
                    icon=":material/undo:",
                    help=f"Back to {plain.markdown(each.in_words(each.default))}",
                    on_click=_reset,
                    args=(form, [each]),
                )
        if len(changed) > 1:
            st.button(
                "Reset all",
                key=f"{form}-reset-all",
                type="tertiary",
                on_click=_reset,
                args=(form, list(inputs)),
            )


def _reset(form: str, inputs: Sequence[Input]) -> None:
    for each in inputs:
        followed.let_go(_key(form, each), each.shown_default)


def _fields(
    form: str,
    inputs: Sequence[Input],
    errors: Mapping[str, str],
    automatic: Mapping[str, str],
) -> None:
    with st.grid("auto", min_column_width=CELL) as grid:
        for each in inputs:
            with grid.cell():
                _widget(_key(form, each), each, automatic.get(each.name, ""))
                if each.name in errors:
                    st.caption(f":red[{plain.markdown(errors[each.name])}]")


def _widget(key: str, field: Input, automatic: str) -> None:
    about = plain.markdown(field.about)
    kept: dict[str, Any] = {
        "key": key,
        "help": about,
        "persist_state": "session",
        "on_change": followed.touch,
        "args": (key,),
    }
    option, title = field.option, field.title
    match option.type:
        case OptionType.SWITCH:
            st.space("small")  # level with the inputs beside it, which have their label above
            st.toggle(title, **kept)
        case OptionType.CHOICE:
            st.selectbox(title, option.choices, format_func=str, **kept)
        case OptionType.TEXT if option.suggestions:
            st.selectbox(title, option.suggestions, accept_new_options=True, **kept)
        case OptionType.TEXT:
            st.text_input(title, max_chars=option.longest, **kept)
        case OptionType.WHOLE | OptionType.REAL:
            kept |= {"min_value": field.least, "max_value": field.most, "step": field.step}
            if field.empty:
                placeholder = f"{field.empty}: {automatic}" if automatic else field.empty
                kept |= {"value": None, "placeholder": placeholder}
            shown_as = "%d" if option.type is OptionType.WHOLE else "%g"
            st.number_input(title, format=shown_as, **kept)
