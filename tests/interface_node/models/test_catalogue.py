"""Adding a model is adding a manifest."""

from pathlib import Path

import pytest

from interface_node.errors import ModelInvalid, UnknownModel
from interface_node.models import catalogue

MANIFEST = """
id = "{id}"
aliases = [{aliases}]
title = "A model of my own"
licence = "MIT"
commercial = true
[source]
kind = "file"
path = "weights.onnx"
sha256 = "{sha256}"
[interface.input]
name = "image"
width = 320
height = 320
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
[interface.output]
name = "mask"
activation = "sigmoid"
"""


def add(cache: Path, id_: str, aliases: str = "", text: str = MANIFEST) -> Path:
    path = cache / "models" / f"{id_}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.format(id=id_, aliases=aliases, sha256="0" * 64), encoding="utf-8")
    return path


def test_the_default_model_comes_at_three_sizes_from_one_file(tmp_path: Path) -> None:
    square, wide, tall = (catalogue.find(tmp_path, name) for name in ("selfie", "selfie-wide", "selfie-tall"))
    assert [m.interface.input.size for m in (square, wide, tall)] == [(256, 256), (512, 288), (288, 512)]
    assert square.source == wide.source == tall.source
    assert (square.licence, square.commercial) == ("Apache-2.0", True)


def test_an_alias_finds_its_model(tmp_path: Path) -> None:
    assert catalogue.find(tmp_path, "selfie-512").id == "selfie-wide"


def test_a_manifest_in_the_cache_is_known_beside_the_built_in_ones(tmp_path: Path) -> None:
    path = add(tmp_path, "mine")
    manifest = catalogue.find(tmp_path, "mine")
    assert manifest.interface.output.activation == "sigmoid"
    assert manifest.source.model_dump()["path"] == path.parent / "weights.onnx"
    assert "selfie" in catalogue.known(tmp_path)


def test_a_manifest_in_the_cache_replaces_a_built_in_one_of_its_name(tmp_path: Path) -> None:
    add(tmp_path, "selfie")
    assert catalogue.find(tmp_path, "selfie").licence == "MIT"


def test_an_unknown_name_is_an_error_that_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="selfie, selfie-tall, selfie-wide"):
        catalogue.find(tmp_path, "nothing")


def test_two_models_may_not_claim_one_name(tmp_path: Path) -> None:
    add(tmp_path, "mine", '"selfie"')
    with pytest.raises(ModelInvalid, match=r"both claim the name selfie"):
        catalogue.known(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("width = 320", "width = 3", r"interface\.input\.width"),
        ("std = [0.5, 0.5, 0.5]", "std = [0.5, 0, 0.5]", "std must be above zero"),
        ('licence = "MIT"', 'license = "MIT"', "licence"),
        ('kind = "file"', 'kind = "ftp"', "source"),
        ("[source]", "[source", "Expected"),
        ('activation = "sigmoid"', 'activation = "softmax"', r"interface\.output\.activation"),
        ('activation = "sigmoid"', '[[interface.states]]\ninput = "a"\noutput = "b"', "states needs warmup_frames"),
        (
            'kind = "file"\npath = "weights.onnx"\nsha256 = "{sha256}"',
            'kind = "url"\nurl = "http://a/b"',
            "must be https",
        ),
    ],
)
def test_a_wrong_manifest_is_an_error_that_names_the_place(tmp_path: Path, old: str, new: str, place: str) -> None:
    add(tmp_path, "mine", text=MANIFEST.replace(old, new))
    with pytest.raises(ModelInvalid, match=place):
        catalogue.known(tmp_path)
