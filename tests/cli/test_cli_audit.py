"""`sslapp audit` and `sslapp certify`: what the Audit page does, on the command line."""

import small_project

from sslapp.usecases.auditing.certificate import certify
from sslapp.usecases.auditing.wording import statement


def test_an_audit_is_opened_answered_and_certified(reviewed, ask, command, refusal) -> None:
    root = reviewed.workspace.root
    truth = small_project.true_columns(reviewed)
    weighed = ask(root, "audit", "weigh", "--threshold", 0.5, "--target", 0.8)
    assert weighed["now"] >= weighed["named"] + weighed["after"] > 0
    words = command(root, "audit", "weigh", "--threshold", 0.5, "--target", 0.8).stdout
    assert words.startswith(f"Checking them now is expected to take {weighed['now']} look")
    assert "Nothing is known" in refusal(root, "accept", "--threshold", 0)
    assert ask(root, "accept", "--threshold", 0, "--unproven")["accepted"] == 80
    opened = ask(root, "audit", "open", "--target", 0.8)
    assert (opened["audit"], opened["images"], opened["about"]) == (1, 80, "labels")
    for _ in range(12):
        (look,) = ask(root, "audit", "next")
        position = look["position"]
        command(root, "audit", "answer", position, str(truth[position]))
    found = ask(root, "audit", "status")
    assert found["thresholds"][0]["looks"] == 12
    words = command(root, "audit", "status").stdout
    assert words.startswith("Audit 1 of 80 labels: 12 looks")
    assert "Proven at least" in words
    (look,) = ask(root, "audit", "next")
    answered = command(root, "audit", "answer", look["position"], "none of these").stdout
    assert f"Image {look['position']}: none of these" in answered
    stated = certify(reviewed, None)
    assert ask(root, "certify")["precision"] == stated.precision
    assert command(root, "certify").stdout.startswith(statement(stated))
    path = root.parent / "certificate.zip"
    assert "Wrote" in command(root, "certificate", path).stdout
    assert command(root, "certificate", path, "--verify").stdout.startswith("Verified. Of 119")


def test_candidates_are_checked_from_a_threshold_on(reviewed, ask, refusal) -> None:
    root = reviewed.workspace.root
    opened = ask(root, "audit", "open", "--threshold", 0.2)
    assert opened["about"] == "candidates"
    assert opened["thresholds"][0]["threshold"] == 0.2
    assert "no candidate at 0.9999" in refusal(root, "audit", "open", "--threshold", 0.9999)
    assert "There is no audit 4" in refusal(root, "audit", "status", "--audit", 4)
