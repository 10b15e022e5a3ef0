"""`sslapp project rename`: a project that was named wrongly gets its right name."""


def test_a_project_is_renamed_with_all_that_is_decided(project, ask, refusal) -> None:
    root = project.workspace.root
    before = ask(root, "status")
    assert ask(root, "project", "rename", "Numerals") == {"name": "Numerals", "changed": True}
    after = ask(root, "status", "-p", "Numerals")
    assert after["counts"] == before["counts"]
    assert ask(root, "verify")["ok"]
    assert "no project" in refusal(root, "status", "-p", before["project"])
    assert "1 to 200 characters" in refusal(root, "project", "rename", " ")
