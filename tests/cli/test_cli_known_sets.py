"""`sslapp import --list`, and names that are none."""

import tiny_sets


def test_the_sets_are_listed_with_those_that_are_here(tmp_path, command, ask, refusal):
    root = tmp_path / "workspace"
    command(root, "init", "Clothes")
    tiny_sets.mnist(root / "data", "FashionMNIST")
    rows = {each["set"]: each for each in ask(root, "import", "--list")}
    assert rows["fashion-mnist"]["here"] == str(root / "data" / "FashionMNIST" / "raw")
    assert rows["fashion-mnist"]["licence"] == "MIT"
    assert (rows["digits"]["here"], rows["cifar100"]["here"]) == ("yes", None)
    assert rows["cifar100"]["download"] == "169 MB"
    assert "retinamnist_224" in command(root, "import", "--list").stdout
    assert "Say what to import" in refusal(root, "import")
    assert "14 findings" in refusal(root, "import", "chestmnist")
