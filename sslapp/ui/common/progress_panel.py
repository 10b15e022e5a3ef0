"""Live work: what runs, how far it is, and how to stop it. Drawn again whenever it moves."""

import streamlit as st

from sslapp.ui.common import faults, plain, progress_watch, round_figures
from sslapp.usecases.access import Access
from sslapp.usecases.jobs import cancel_job
from sslapp.usecases.training.own_encoder import NEAREST, neighbours_sheet, neighbours_so_far
from sslapp.usecases.training.pictures import shown_views
from sslapp.usecases.training.progress import LiveJob, LiveJobs, live_jobs, log_tail
from sslapp.usecases.training.rounds import resume_round
from sslapp.vocabulary import FailureKind, JobKind, JobState
from sslapp.words import count, remaining, size

NO_WORKER = "Waits for a worker. The app starts one; on another machine: `sslapp worker`."

PANEL = "progress"

TITLES = {
    JobKind.LOOK: "Looking at images to import",
    JobKind.IMPORT: "Importing images",
    JobKind.SIBLING: "Taking the images of another project",
    JobKind.PIXELS: "Making the training store again",
    JobKind.EMBED: "Embedding images",
    JobKind.TRIAL: "Comparing methods on your labels",
    JobKind.EXPORT: "Exporting",
    JobKind.WEIGHTS: "Fetching an encoder's weights",
    JobKind.FINDING: "Looking for what is wrong or odd",
    JobKind.MAP: "Making a round's map",
    JobKind.REMOVAL: "Deleting what nothing needs any more",
}

_SHEET = "learned-neighbours"
TEACHING = "Training an encoder on the images"


def show(access: Access, project_id: int, seen: LiveJobs, titles: dict[str, str]) -> None:
    """Draw the active jobs, and redraw the whole page when one starts or ends.

    Args:
        seen: the progress that the rest of the page was drawn from.
        titles: method name -> what pages call it.
    """

    def panel() -> None:
        now = live_jobs(access, project_id)
        if now.signature != seen.signature:
            st.rerun()
        for work in now.active:
            _job(access, work, titles, now.worker_alive)
        if now.active:
            progress_watch.watch(access, project_id, now.stamp, f"{PANEL}-watch")

    faults.fragment(panel, key=PANEL)


def _job(access: Access, work: LiveJob, titles: dict[str, str], worker_alive: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        waits = work.state == JobState.QUEUED
        st.subheader(_title(work, titles), anchor=False, width="content" if waits else "stretch")
        if waits:
            st.caption(_waits(work, worker_alive), width="stretch")
        if work.controllable:
            st.button(
                "Cancelling …" if work.cancelling else _stop(work),
                key=f"cancel-{work.id}",
                disabled=work.cancelling,
                on_click=_cancel,
                args=(access, work.id),
            )
    if waits:
        return
    st.progress(min(work.step / work.total, 1.0) if work.total else 0.0, text=_pace(work))
    if work.metrics:
        round_figures.live(work)
        seen = shown_views(access, work.id)
        if seen is not None:
            round_figures.views(seen)
    if work.teaches:
        neighbours(access, work.project_id)
    if work.kind == JobKind.ROUND:
        facts = _facts(work)
        if facts:
            st.caption(facts)
        _log(access, work)


def neighbours(access: Access, project_id: int) -> None:
    """Draw some images with those that the encoder holds for nearest, once it has shown any."""
    found = neighbours_so_far(access, project_id)
    if found is None:
        return
    about = (access.workspace_id, project_id, found)
    if st.session_state.get(_SHEET, (None,))[0] != about:  # it moves ten times in a training
        st.session_state[_SHEET] = about, neighbours_sheet(access, project_id, found)
    st.image(st.session_state[_SHEET][1])
    st.caption(
        f"A row each: an image, and the {NEAREST} that are nearest to it after {found.step:,} of "
        f"{found.total:,} steps. They should show the same thing more and more."
    )


def _stop(work: LiveJob) -> str:
    return "Pause" if work.kind == JobKind.WEIGHTS else "Cancel"  # what came is gone on with


def _cancel(access: Access, job_id: int) -> None:
    faults.told(lambda: cancel_job(access, job_id))


def _waits(work: LiveJob, worker_alive: bool) -> str:
    if not worker_alive:
        return NO_WORKER
    if not work.ahead:
        return "Starts in a moment."
    return f"Waits for its turn: {count(work.ahead, 'job')} before it."


def _title(work: LiveJob, titles: dict[str, str]) -> str:
    if work.round_number is None:
        return TEACHING if work.teaches else TITLES[work.kind]
    name = titles.get(work.method or "", work.method or "")
    return f"Round {work.round_number} · {plain.markdown(name)}"


def _pace(work: LiveJob) -> str:
    parts = [plain.markdown(work.message) or "starting"]
    if work.total:
        told = size if work.kind == JobKind.WEIGHTS else "{:,}".format
        parts.append(f"{told(work.step)} of {told(work.total)}")
        parts.append(f"{100 * work.step / work.total:.0f} %")
    if work.cancelling:
        parts.append("stops at its next step")
    elif work.eta is not None:
        parts.append(remaining(work.eta))
    if work.attempt > 1:
        parts.append(f"attempt {work.attempt}")
    return " · ".join(parts)


def _facts(work: LiveJob) -> str:
    """Speed and memory in a line."""
    facts = []
    if work.rate is not None:
        facts.append(f"{work.rate:,.{0 if work.rate >= 10 else 2}f} steps/s")
    if work.images_per_second is not None:
        facts.append(f"{work.images_per_second:,.0f} images/s")
    if work.memory is not None:
        now, most = work.memory
        facts.append(f"worker {size(now)}, at most {size(most)}")
    if work.gpu_memory is not None:
        facts.append(f"GPU at most {size(work.gpu_memory)}")
    return " · ".join(facts)


def show_failures(access: Access, seen: LiveJobs) -> None:
    """Draw why the newest jobs failed and what mends it, if they did."""
    for failed in seen.failed:
        what = TITLES.get(failed.kind, f"Round {failed.round_number}")
        st.error(f"{what} failed. {plain.markdown(failed.error or '')}", icon=":material/error:")
    for failed in seen.failed:
        if failed.round_number is not None and failed.controllable:
            inexact = failed.failure is FailureKind.INEXACT
            resume(access, failed.project_id, failed.round_number, inexact=inexact)
    if seen.failed:
        _log(access, seen.failed[0])


def resume(access: Access, project_id: int, round_number: int, *, inexact: bool) -> None:
    """Draw the buttons that go on with a failed or cancelled round from its last checkpoint.

    Args:
        inexact: also offer to accept other rounding, because without that it was refused.
    """
    with st.container(horizontal=True, width="content"):
        st.button(
            f"Resume round {round_number}",
            key=f"resume-{round_number}",
            help="Goes on from its last checkpoint and ends as if it had not stopped.",
            on_click=_resume,
            args=(access, project_id, round_number, False),
        )
        if inexact:
            st.button(
                "Resume inexactly",
                key=f"resume-inexact-{round_number}",
                help="Accepts another thread count, processor or version; the round then ends "
                "with slightly other numbers, and its plan records why.",
                on_click=_resume,
                args=(access, project_id, round_number, True),
            )


def _resume(access: Access, project_id: int, round_number: int, inexact: bool) -> None:
    faults.told(lambda: resume_round(access, project_id, round_number, inexact=inexact))


def _log(access: Access, work: LiveJob) -> None:
    log = st.expander("Log", key=f"log-{work.id}", on_change="rerun")
    if log.open:
        log.code(log_tail(access, work.id) or "Nothing logged yet.", language=None, height=220)
