"""The project's certificate: the statement, what it rests on, a bound for each class."""

import streamlit as st

from sslapp.ui.common import plain
from sslapp.usecases.auditing.certificate import Certificate
from sslapp.words import at_least, count


def show(found: Certificate) -> None:
    """Draw the certificate."""
    if not found.labels:
        st.caption("There are no labels to certify yet.")
        return
    st.markdown(
        f"Of **{count(found.labels, 'label')}** at least **{at_least(found.precision)}** are "
        f"what these readers would say blind, with {at_least(1 - found.alpha)} confidence."
    )
    st.caption(plain.markdown(" ".join(_derivation(found))))
    st.dataframe(
        [
            {
                "Class": each.name,
                "Labels": each.labels,
                "Given blind": each.blind,
                "Wrong at most": each.wrong,
                "Right at least": at_least(each.precision),
            }
            for each in found.classes
        ],
        hide_index=True,
        width="stretch",
        height="content",
    )
    st.caption("All bounds of classes hold together. Those that could hide most errors come first.")
    for each in found.readers:
        st.caption(plain.markdown(_agreement(each.reader, each.repeated, each.same)))


def _derivation(found: Certificate) -> list[str]:
    said = [f"{found.blind:,} were given singly and blind."]
    for lot in found.lots:
        said.append(
            f"Audit {lot.audit} of {lot.images:,}: {count(lot.looks, 'look')}, "
            f"{count(lot.mended, 'error')} found and mended."
        )
    if found.lots:
        said.append(f"At most {count(found.most, 'error')} when frozen.")
    if found.changed:
        said.append(f"{found.changed:,} changed since and count as wrong.")
    if found.uncovered:
        said.append(f"{count(found.uncovered, 'label')} in no audit: each may be wrong.")
    said.append(
        f"{count(found.unlabelled, 'image')} without a label, {found.none_of_these:,} of no class."
    )
    said.append(f"By events 1 to {found.event:,}, {found.head[:16]}.")
    return said


def _agreement(reader: str, repeated: int, same: int) -> str:
    if not repeated:
        return f"{reader} was shown no image twice."
    return f"{reader} said the same of {same} of {count(repeated, 'image')} shown twice, blind."
