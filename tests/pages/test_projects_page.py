"""The Projects page on real workspaces: what it shows and what its buttons do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import small_project
import tiny_clip
from streamlit.testing.v1 import AppTest

from sslapp.embedding.weights.folders import folder_of
from sslapp.store.database import writing
from sslapp.store.label_classes import ClassRow
from sslapp.store.people import readers
from sslapp.ui.common import plain
from sslapp.usecases.access import enter
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.maps import Projection, projection_of
from sslapp.usecases.images.prompts import prompts
from sslapp.usecases.jobs import job_status
from sslapp.usecases.people.members import grant, members
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.usecases.training.rounds import round_status
from sslapp.vocabulary import Aspect, EventKind, Intensities, JobKind, JobState, Role
from sslapp.workspace import Workspace


@pytest.fixture
def empty(tmp_path: Path):
    """Access to a workspace without a project."""
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    yield access
    access.engine.dispose()


def figures(page: AppTest) -> dict[str, str]:
    return {each.label: each.value for each in page.metric}


def texts(page: AppTest) -> str:
    kinds = ("caption", "error", "subheader", "markdown")
    return "\n".join(each.value for kind in kinds for each in page.get(kind))


def labels(page: AppTest) -> set[str]:
    """What the folded parts of the page are called."""
    return {each.label for each in page.expander}


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception, page.exception
    return page


def field(page: AppTest, kind: str, start: str):
    """The one widget of a kind whose key begins so."""
    (found,) = [each for each in page.get(kind) if (each.key or "").startswith(start)]
    return found


def classes(access, project_id: int = 1) -> dict[str, ClassRow]:
    return {each.name: each for each in status(access, project_id).classes}


def test_a_reader_without_a_project_is_offered_the_demo(empty, open_app) -> None:
    page = open_app(empty.workspace.root)
    assert page.title[0].value == "No project yet"
    press(page, "demo")
    assert page.title[0].value == "Projects"
    assert "The images are on their way" in texts(page)
    # nothing has run yet: both jobs wait and say for what
    assert "Importing images" in texts(page)
    assert "Waits for a worker" in texts(page)


def test_a_stranger_sees_no_project(project, open_app) -> None:
    page = open_app(project.workspace.root, reader="Eve")
    assert page.title[0].value == "No project yet"
    assert small_project.NAME not in texts(page)


def test_the_counts_are_those_of_the_record(project, open_app) -> None:
    page = open_app(project.workspace.root)
    counts = status(project).counts
    shown = figures(page)
    assert shown["Images"] == f"{counts['images']:,}"
    assert shown["Expert labels"] == str(counts["expert"]) == str(small_project.LABELLED)
    assert shown["Holdout"] == f"{counts['holdout_labelled']} / {counts['holdout']}"
    assert shown["Pool"] == str(counts["pool"])
    assert f"{small_project.LABELLED} of 160 images labelled" in texts(page)


@pytest.mark.slow
def test_a_new_label_changes_the_figures(project, open_app) -> None:
    page = open_app(project.workspace.root)
    small_project.decisions.label(project, None, 100, "3")
    page.run()
    assert figures(page)["Expert labels"] == str(small_project.LABELLED + 1)


def test_the_next_step_leads_to_its_page(project, reviewed, open_app) -> None:
    page = open_app(project.workspace.root)
    assert "Train a first round" in texts(page)
    press(page, "go-to-train")
    assert page.title[0].value == "Train"
    page = open_app(reviewed.workspace.root)
    sure = round_status(reviewed, None)["metrics"]["sure"]
    assert sure > 1
    assert f"review the {sure} images it was sure of" in texts(page)
    assert page.button(key="go-to-review")


def test_a_failure_tells_its_reason_and_the_way_on(empty, tmp_path: Path, open_app) -> None:
    project_id = create_project(empty, "Broken", ["a", "b"])
    (tmp_path / "nothing_here.npz").write_bytes(b"no archive")
    small_project.import_images(empty, project_id, str(tmp_path / "nothing_here.npz"))
    small_project.run_jobs(empty)
    page = open_app(empty.workspace.root)
    assert page.error[0].value.startswith("Importing images failed. ")
    assert "nothing\\_here\\.npz" in page.error[0].value
    assert "Import images first." in texts(page)


def test_names_are_shown_as_the_text_they_are(empty, open_app) -> None:
    name = "**x** [a](http://b) :red[c] <i>"
    create_project(empty, name, ['<b>cat</b><a href="x">', "dog"])
    page = open_app(empty.workspace.root)
    shown = plain.markdown(name)
    assert shown in [each.value for each in page.subheader]
    assert f"**{shown}**" in [each.value for each in page.markdown]
    (chart,) = page.get("plotly_chart")
    labels = json.loads(chart.proto.spec)["layout"]["yaxis"]["ticktext"]
    assert labels[0].startswith("&lt;b&gt;cat")


def test_another_project_is_opened_from_the_list(project, open_app) -> None:
    other = create_project(project, "Another")
    page = open_app(project.workspace.root)
    assert page.subheader[0].value == "Another"
    assert page.button(key=f"projects-open-{other}").disabled
    press(page, "projects-open-1")
    assert page.subheader[0].value == small_project.NAME
    assert page.query_params["project"] in ("1", ["1"])


def test_a_known_set_shows_what_it_is_and_whether_it_is_here(empty, open_app) -> None:
    (empty.workspace.data / "cifar-10-batches-py").mkdir(parents=True)
    page = open_app(empty.workspace.root)

    def shown() -> str:
        return texts(page).replace("\\", "")

    assert "It comes with the program" in shown()
    page.selectbox(key="projects-new-set").select("flowers102").run()
    assert "102 classes" in shown() and "to be downloaded: 345 MB" in shown()
    page.selectbox(key="projects-new-set").select("cifar10").run()
    assert f"It lies in {empty.workspace.data / 'cifar-10-batches-py'}." in shown()
    page.text_input(key="projects-new-name").set_value("Small photographs")
    press(page, "projects-create")
    (job,) = status(empty, "Small photographs").jobs
    assert (job["kind"], job["params"]["source"]) == (JobKind.LOOK, "cifar10")


def test_a_known_set_has_a_plan_that_says_what_is_downloaded_first(empty, open_app) -> None:
    create_project(empty, "Dishes", ["a"])
    page = open_app(empty.workspace.root)
    page.button_group(key="projects-add-1-kind").set_value("named").run()
    page.selectbox(key="projects-add-1-set").select("pets").run()
    press(page, "projects-import")
    small_project.run_jobs(empty)
    page.run()
    (look,) = status(empty).jobs
    figures = {each.label: each.value for each in page.metric}
    assert (figures["Images"], figures["Classes"], figures["Test"]) == ("7,349", "37", "3,669")
    shown = texts(page).replace("\\", "")
    assert "Licence: CC BY-SA 4.0. It is not here; to be downloaded: 811 MB." in shown
    assert "All this is its authors' account." in shown
    button = page.button(key=f"plan-{look['id']}-import")
    assert button.label == "Download (811 MB) and import 7,349 images"
    button.click().run()
    newest = status(empty).jobs[0]
    assert (newest["kind"], newest["params"]["source"]) == (JobKind.IMPORT, "pets")
    assert newest["params"]["download"]


@pytest.mark.slow
def test_a_project_is_created_with_its_images(empty, open_app) -> None:
    page = open_app(empty.workspace.root)
    page.text_input(key="projects-new-name").set_value("Mine")
    page.selectbox(key="projects-new-size").select(32)
    page.checkbox(key="projects-new-flip").check()
    press(page, "projects-create")
    assert page.subheader[0].value == "Mine"
    found = status(empty, "Mine")
    assert (found.settings.image_size, found.settings.flip) == (32, True)
    assert [each["kind"] for each in reversed(found.jobs)] == [JobKind.IMPORT, JobKind.EMBED]
    small_project.run_jobs(empty)
    page.run()
    assert figures(page)["Images"] == "1,797"


def test_what_is_wrong_is_told_at_its_field_and_what_was_typed_stays(project, open_app) -> None:
    page = open_app(project.workspace.root)
    press(page, "new-project")
    page.text_input(key="projects-new-name").set_value(small_project.NAME)
    page.button_group(key="projects-new-kind").set_value("server").run()
    page.text_input(key="projects-new-path").set_value("/etc")
    page.text_area(key="projects-new-classes").set_value("cat, cat")
    press(page, "projects-create")
    faults = [each.value for each in page.caption if each.value.startswith(":red[")]
    assert [each.split(maxsplit=3)[:3] for each in faults] == [
        [":red[There", "is", "a"],
        [":red[This", "path", "is"],
        [":red[The", "class", "cat"],
    ]
    assert page.text_input(key="projects-new-path").value == "/etc"
    press(page, "projects-new-cancel")
    assert page.subheader[0].value == small_project.NAME


def test_an_import_tells_what_was_refused_grouped_by_reason(empty, tmp_path, open_app) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "good.pgm").write_bytes(b"P5 1 1 255\n\x00")
    for name in ("a_[x](y).txt", "b.txt", "bad.png"):
        (folder / name).write_bytes(b"no")
    project_id = create_project(empty, "Partly")
    small_project.import_images(empty, project_id, str(folder))
    small_project.run_jobs(empty)
    page = open_app(empty.workspace.root)
    assert [each.label for each in page.expander if "refused" in each.label] == ["3 files refused"]
    assert r"\.txt is not a picture type that is read (2)" in texts(page)
    assert r"a\_\[x\]\(y\)\.txt, b\.txt" in texts(page)


def test_more_images_are_imported_into_an_open_project(empty, open_app) -> None:
    create_project(empty, "Waiting")
    page = open_app(empty.workspace.root)
    press(page, "projects-import")
    assert "Upload a file first" in texts(page)
    page.button_group(key="projects-add-1-kind").set_value("named").run()
    press(page, "projects-import")
    assert [each["params"]["source"] for each in status(empty).jobs] == ["digits"]
    assert "Upload a file first" not in texts(page)


def test_images_are_embedded_with_the_chosen_encoder(project, open_app) -> None:
    page = open_app(project.workspace.root)
    assert r"**Pixels \(PCA\)**" in texts(page)
    page.selectbox(key="projects-encoder-1").select("efficientnet-lite0")
    press(page, "projects-embed")
    newest = status(project).jobs[0]
    assert (newest["kind"], newest["params"]["encoder"]) == (JobKind.EMBED, "efficientnet-lite0")
    assert not any(each.key == "projects-embed" for each in page.button)
    press(page, f"cancel-{newest['id']}")
    assert job_status(project, newest["id"])["state"] == JobState.CANCELLED


def test_weights_are_fetched_from_the_list_after_terms_were_accepted(project, open_app) -> None:
    page = open_app(project.workspace.root)
    assert "More encoders" in labels(page)
    name = "timm:vit_small_patch16_dinov3.lvd1689m"
    key = f"projects-weights-fetch-{name}"
    assert page.button(key=key).disabled
    assert "[DINOv3 licence](https://ai.meta.com" in texts(page)
    page.checkbox(key=f"projects-weights-accept-{name}").check().run()
    press(page, key)
    newest = status(project).jobs[0]
    assert (newest["kind"], newest["params"]["name"]) == (JobKind.WEIGHTS, name)
    assert newest["params"]["licence"] == "dinov3-license"
    assert "being fetched" in texts(page)
    assert page.button(key=f"cancel-{newest['id']}").label == "Pause"
    press(page, f"cancel-{newest['id']}")
    assert job_status(project, newest["id"])["state"] == JobState.CANCELLED
    assert page.button(key=key).label == "Fetch"


def test_weights_that_are_here_are_removed_with_a_button(project, open_app) -> None:
    folder = folder_of("timm:resnet18.a1_in1k", project.workspace.weights)
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(bytes(2_000_000))
    page = open_app(project.workspace.root)
    assert "resnet18" in texts(page)
    press(page, "projects-weights-remove-timm:resnet18.a1_in1k")
    assert not folder.exists()
    assert "resnet18" not in texts(page)


def test_the_words_for_the_classes_are_kept(project, open_app) -> None:
    assert "Words for the classes" not in labels(open_app(project.workspace.root))
    # what the embedding was made with is the encoder's name; its weights are there
    tiny_clip.write(project.workspace.weights, tiny_clip.build())
    embed(project, None, "open_clip")
    small_project.run_jobs(project)
    page = open_app(project.workspace.root)
    assert "Words for the classes" in labels(page)
    first = next(iter(prompts(project, None)))
    field(page, "text_input", "projects-prompt-1-0-").set_value("a scan of a zero")
    press(page, "projects-prompts-keep")
    assert prompts(project, None)[first] == "a scan of a zero"
    assert field(page, "text_input", "projects-prompt-1-0-").value == "a scan of a zero"


def test_views_are_encoded_after_their_cost_was_said(project, open_app) -> None:
    page = open_app(project.workspace.root)
    assert "No views are encoded yet" in texts(page)
    page.number_input(key="projects-strong-1").set_value(1).run()
    assert "3 views of 160 images" in texts(page)
    press(page, "projects-encode-views")
    small_project.run_jobs(project)
    page.run()
    assert "**2 weak views and 1 strong view**" in texts(page)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_umap")
def test_the_map_is_made_by_umap_and_goes_back_to_principal_components(project, open_app) -> None:
    page = open_app(project.workspace.root)
    assert page.button(key="projects-map").label == "UMAP map"
    press(page, "projects-map")
    assert "projects-map" not in {each.key for each in page.button}, "while it is made"
    small_project.run_jobs(project)
    page.run()
    assert "Map by UMAP" in texts(page)
    assert page.button(key="projects-map").label == "PCA map"
    press(page, "projects-map")
    assert projection_of(project, 1) is Projection.PCA
    assert page.button(key="projects-map").label == "UMAP map"


def test_a_class_is_renamed_recoloured_and_given_another_key(project, open_app) -> None:
    page = open_app(project.workspace.root)
    three = classes(project)["3"]
    field(page, "selectbox", "projects-class-1-").select(three.id).run()
    field(page, "text_input", "projects-class-name").set_value("three <3>")
    field(page, "color_picker", "projects-class-colour").pick("#112233")
    field(page, "selectbox", "projects-class-key").select("t")
    press(page, "projects-class-save")
    found = classes(project)["three <3>"]
    assert (found.id, found.colour, found.key) == (three.id, "#112233", "t")
    assert small_project.log(project)[-1].kind is EventKind.EDIT_CLASS


def test_a_class_that_would_be_confused_is_refused_in_one_sentence(project, open_app) -> None:
    page = open_app(project.workspace.root)
    field(page, "selectbox", "projects-class-1-").select(classes(project)["3"].id).run()
    # a key that another class has is not offered at all
    assert "4" not in field(page, "selectbox", "projects-class-key").options
    field(page, "text_input", "projects-class-name").set_value("7")
    press(page, "projects-class-save")
    assert r":red[There is a class 7 already\. Choose another name\.]" in texts(page)
    assert "3" in classes(project)


@pytest.mark.slow
def test_a_class_is_added_and_retired(project, open_app) -> None:
    page = open_app(project.workspace.root)
    field(page, "selectbox", "projects-class-1-").select(-1).run()
    field(page, "text_input", "projects-class-name").set_value("none of them")
    press(page, "projects-class-save")
    made = classes(project)["none of them"]
    field(page, "selectbox", "projects-class-1-").select(made.id).run()
    assert "This cannot be undone" in texts(page)
    press(page, f"projects-retire-yes-{made.id}")
    assert "none of them" not in classes(project)


def test_settings_change_with_a_switch(project, open_app) -> None:
    page = open_app(project.workspace.root)
    page.text_input(key="projects-name-1-Digits").set_value("Numerals").run()
    assert status(project).name == "Numerals"
    page.text_input(key="projects-name-1-Numerals").set_value(" ").run()
    assert "1 to 200 characters" in texts(page)
    page.toggle(key="projects-flip-1-False").set_value(True).run()
    page.toggle(key="projects-single_reads-1-True").set_value(False).run()
    assert not page.exception
    settings = status(project).settings
    assert (settings.flip, settings.single_reads) == (True, False)
    kinds = [each.kind for each in small_project.log(project)][-2:]
    assert kinds == [EventKind.SETTINGS, EventKind.SETTINGS]


def test_the_training_store_is_made_again_as_the_form_says(project, open_app) -> None:
    page = open_app(project.workspace.root)
    assert "**8 x 8 grey pixels**" in texts(page)
    field(page, "selectbox", "projects-pixels-size-").set_value(32)
    field(page, "selectbox", "projects-pixels-aspect-").set_value(Aspect.CROP)
    field(page, "selectbox", "projects-pixels-intensities-").set_value(Intensities.SET)
    press(page, "projects-pixels-make")
    assert not [each for each in page.button if each.key == "projects-pixels-make"]
    small_project.run_jobs(project)
    page.run()
    assert "**32 x 32 grey pixels**, images the centre" in texts(page)
    settings = status(project).settings
    assert (settings.aspect, settings.intensities) == (Aspect.CROP, Intensities.SET)


def test_what_must_be_proven_is_set_in_per_cent(project, open_app) -> None:
    page = open_app(project.workspace.root)
    page.number_input(key="projects-precision-1-95").set_value(98.5).run()
    page.number_input(key="projects-certainty-1-95").set_value(90).run()
    assert not page.exception
    settings = status(project).settings
    assert (settings.precision, settings.certainty) == (0.985, 0.9)
    assert page.number_input(key="projects-precision-1-98.5").value == 98.5


def test_members_are_shown_when_there_are_several_and_changed_by_admins(project, open_app) -> None:
    page = open_app(project.workspace.root)
    assert "Members" not in texts(page)
    grant(project, 1, "Ben", Role.READER)
    page.run()
    assert "Members" in texts(page)
    ben = next(each for each in members(project, 1) if each.name == "Ben")
    page.selectbox(key=f"projects-role-1-{ben.reader_id}-reader").select(Role.ADJUDICATOR).run()
    assert {each.name: each.role for each in members(project, 1)}["Ben"] is Role.ADJUDICATOR
    ann = f"projects-role-1-{project.reader_id}-admin"
    page.selectbox(key=ann).select(Role.READER).run()
    assert "last admin stays" in texts(page)
    assert page.selectbox(key=ann).value == Role.ADMIN
    press(page, f"projects-remove-1-{ben.reader_id}")
    assert [each.name for each in members(project, 1)] == ["Ann"]


def test_a_name_that_is_refused_stays_in_its_field_until_it_is_taken(project, open_app) -> None:
    grant(project, 1, "Ben", Role.READER)
    page = open_app(project.workspace.root)

    def give(name: str) -> str:
        """Grant the first role to a reader; return what their field holds then."""
        next(each for each in page.text_input if each.label == "Reader").input(name)
        next(each for each in page.button if each.label == "Grant").click().run()
        return next(each.value for each in page.text_input if each.label == "Reader")

    assert give("Ann") == "Ann"
    assert "last admin stays" in texts(page)
    assert give("Cleo") == ""
    assert {each.name for each in members(project, 1)} == {"Ann", "Ben", "Cleo"}


@pytest.mark.slow
def test_server_admins_set_readers_inactive_and_active_again(project, open_app) -> None:
    page = open_app(project.workspace.root)
    assert "Readers of this server" not in labels(page)
    grant(project, 1, "Ben", Role.READER)
    page.run()
    assert "Readers of this server · 2" in labels(page)
    ben = next(each for each in members(project, 1) if each.name == "Ben").reader_id
    keys = {each.key for each in page.button}
    assert f"projects-reader-{project.reader_id}-True" not in keys, "nobody locks themselves out"
    press(page, f"projects-reader-{ben}-True")
    assert {each.name: each.active for each in members(project, 1)} == {"Ann": True, "Ben": False}
    assert "inactive · 1 project" in texts(page)
    assert "No access" in {
        each.value for each in open_app(project.workspace.root, reader="Ben").title
    }
    page = open_app(project.workspace.root)
    press(page, f"projects-reader-{ben}-False")
    assert all(each.active for each in members(project, 1))


def test_a_plain_reader_sees_the_project_and_changes_nothing_of_it(project, open_app) -> None:
    with writing(project.engine) as conn:
        readers.grant(conn, 1, readers.ensure_reader(conn, "Ben"), Role.READER)
    page = open_app(project.workspace.root, reader="Ben")
    keys = {each.key for each in page.button}
    assert not keys & {"projects-import", "projects-class-save"}
    assert "Import labels" in labels(page), "any reader labels, by a list too"
    assert page.toggle(key="projects-flip-1-False").disabled


@pytest.mark.slow
def test_the_application_never_imports_torch(project) -> None:
    script = """
import sys
from streamlit.testing.v1 import AppTest
import app
page = AppTest.from_file("sslapp/main.py", default_timeout=30).run()
page.button(key="projects-embed").click().run()
assert not page.exception, page.exception
page.button(key="new-project").click().run()
assert not page.exception, page.exception
print(sorted({"torch", "sklearn"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-"],
        input=script.replace('"sslapp/main.py"', repr(str(Path.cwd() / "sslapp/main.py"))),
        cwd=Path(__file__).parents[2],
        env={**os.environ, "SSLAPP_WORKSPACE": str(project.workspace.root), "LOGNAME": "Ann"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert status(project).jobs[0]["kind"] == JobKind.EMBED
