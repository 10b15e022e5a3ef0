"""A sample of headers tells what a source holds before it is imported."""

from sslapp.datasets.header_sample import sample
from sslapp.datasets.look import list_source


def test_headers_of_some_images_are_read_spread_over_the_source(tree, picture):
    files = {f"{n}.png": picture(n, 4 + n // 30, 8, 3 if n < 6 else 1) for n in range(60)}
    listing = list_source(tree({**files, "broken.png": b"no"}))
    found = sample(listing)
    assert (found.looked, found.images) == (61, 61)
    assert found.sizes == {"8 x 4": 30, "8 x 5": 30}
    assert found.kinds == {"grey, 8 bits": 54, "colour, 8 bits": 6}
    assert (found.smallest, found.largest) == ((8, 4), (8, 5))
    assert [name for name, _ in found.unreadable] == ["broken.png"]
    some = sample(listing, count=10, seed=3)
    assert (some.looked, some.images) == (10, 61)
    assert some == sample(listing, count=10, seed=3)
    assert set(some.sizes) == {"8 x 4", "8 x 5"}


def test_images_of_arrays_and_lists_are_sampled_too(medmnist, tree, picture):
    found = sample(list_source(medmnist()))
    assert (found.looked, found.images, found.sizes) == (10, 10, {"6 x 6": 10})
    assert found.kinds == {"grey, 8 bits": 10}
    root = tree({"a.png": picture(1), "b.png": picture(2)})
    (root / "list.csv").write_text("path,class,split\na.png,cat,train\nb.png,,test\nc.png,,\n")
    assert sample(list_source(root / "list.csv")).sizes == {"8 x 8": 2}
