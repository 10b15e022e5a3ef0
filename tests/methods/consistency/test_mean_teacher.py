"""Mean Teacher: its loss in the paper's and USB's terms, who moves, and that killed runs go on."""

from dataclasses import replace

import pytest
import torch
from objectives import batch_of, step_of
from resuming import ends_the_same
from usb import close, entry, play_images

from models.small_cnn import SmallCNN
from sslapp.methods.consistency.mean_teacher.config import MeanTeacherConfig
from sslapp.methods.consistency.mean_teacher.method import MeanTeacher, MeanTeacherObjective
from sslapp.training.objective import LABELLED
from sslapp.training.passes import NetworkPasses

VIEWS = {"weak": "teacher", "strong": "student"}


def step(teacher, student, forbidden=None):
    logits = {LABELLED: torch.zeros(1, len(student[0])), "teacher": teacher, "student": student}
    return step_of(logits, batch_of(logits, forbidden=forbidden))


def taken(given, **options):
    return MeanTeacherObjective(MeanTeacherConfig(**{"ramp": 0.0, **options})).losses(given)


def test_what_usb_computes_once_its_fault_is_mended():
    objective = MeanTeacherObjective(MeanTeacherConfig(variant="usb"))
    for losses, _, expected in play_images(objective, "meanteacher-corrected", names=VIEWS):
        close(losses.metrics["labelled loss"], expected["supervised"])
        close(losses.metrics["unlabelled loss"], expected["unsupervised"])


def test_the_student_is_not_the_teacher():
    """As USB stands its consistency loss is exactly 0 and the method supervised training."""
    found = entry("meanteacher")
    assert found["expected"][0]["unsupervised"] == 0
    assert found["inputs"] == entry("meanteacher-corrected")["inputs"]
    objective = MeanTeacherObjective(MeanTeacherConfig(variant="usb"))
    with pytest.raises(AssertionError, match="Mismatched elements"):
        list(play_images(objective, "meanteacher", names=VIEWS))


def test_the_sigmoid_ramp_is_the_papers():
    objective = MeanTeacherObjective(MeanTeacherConfig(ramp=0.5))
    assert objective.ramp(0, 100) == pytest.approx(0.0067379, abs=1e-7)
    assert objective.ramp(25, 100) == pytest.approx(0.2865048, abs=1e-7)
    assert objective.ramp(50, 100) == 1


def images(count, seed=0):
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return SmallCNN(3, 1, 8, widths=(4, 4, 4, 4))


def test_the_students_view_moves_the_student_and_nothing_the_teacher(network):
    averaged = {k: v.clone() for k, v in network.state_dict().items()}
    views = {LABELLED: images(4), "teacher": images(6, 1), "student": images(6, 2)}
    batch = batch_of(views, classes=3)
    objective = MeanTeacherObjective(MeanTeacherConfig(ramp=0.0))
    outputs = objective.forward(NetworkPasses(network, averaged=lambda: averaged), batch)
    outputs["student"].retain_grad()
    losses = objective.losses(step_of(outputs, batch))
    losses.total.backward()
    assert losses.metrics["unlabelled loss"] > 0
    assert outputs["student"].grad.any()
    assert not outputs["teacher"].requires_grad
    assert all(value.grad is None for value in averaged.values())


def test_an_equal_teacher_on_an_equal_view_says_the_same(network):
    views = {LABELLED: images(4), "teacher": images(6, 1), "student": images(6, 1)}
    batch = batch_of(views, classes=3)
    objective = MeanTeacherObjective(MeanTeacherConfig())
    passes = NetworkPasses(network, averaged=network.state_dict)
    found = objective.losses(step_of(objective.forward(passes, batch), batch))
    assert found.metrics["unlabelled loss"] < 1e-12


def test_targets_are_probabilities_and_not_logits():
    """TorchSSL's published figures are of a softmax held against raw logits."""
    teacher, student = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.5]])
    plain = taken(step(teacher, student)).total.item()
    assert taken(step(teacher + 7, student)).total.item() == pytest.approx(plain, rel=1e-6)


def test_half_against_one_is_a_quarter():
    found = taken(step(torch.tensor([[99.0, -99.0]]), torch.zeros(1, 2)))
    assert found.metrics["unlabelled loss"].item() == pytest.approx(0.25)


def test_images_are_taken_for_what_the_teacher_says_and_a_reader_allows():
    teacher = torch.tensor([[3.0, 2.0, 0.0], [3.0, 2.0, 0.0]])
    forbidden = torch.tensor([[False, False, False], [True, False, False]])
    found = taken(step(teacher, torch.zeros(2, 3), forbidden))
    assert found.guesses.classes.tolist() == [0, 1]
    assert found.guesses.weight.tolist() == [1, 1]
    assert found.metrics["pseudo_labels"].tolist() == [1, 1, 0]


def test_a_class_that_was_ruled_out_is_no_target():
    student = torch.zeros(1, 3, requires_grad=True)
    forbidden = torch.tensor([[True, False, False]])
    taken(step(torch.tensor([[9.0, 0.0, 0.0]]), student, forbidden), lambda_c=0).total.backward()
    assert student.grad[0, 0] > 0, "the probability falls"
    assert student.grad[0, 1] == student.grad[0, 2] < 0


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_bits(digits, tmp_path):
    task, _ = digits(40)
    task = replace(task, pool=task.pool[:40])
    method = MeanTeacher(MeanTeacherConfig(steps=8, batch_size=4, unlabelled_ratio=1))
    assert ends_the_same(method, task, tmp_path, after=5)
