"""A model file is kept only when its bytes are those that the manifest promises."""

import hashlib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto

from interface_node.errors import DownloadFailed, ModelInvalid, UnknownModel
from interface_node.models import catalogue, seal, store
from interface_node.models.manifest import FileSource, UrlSource, WheelSource
from interface_node.models.wheel import fetch_member
from tests.interface_node.models.small_models import kept, local, manifest, onnx_bytes


def test_a_model_that_was_not_pulled_is_an_error_that_says_how_to_pull_it(tmp_path: Path) -> None:
    wanted = catalogue.find(tmp_path, "selfie")
    assert not store.is_ready(tmp_path, wanted)
    with pytest.raises(UnknownModel, match="segfleet models pull selfie"):
        store.onnx_path(tmp_path, wanted)


def test_a_local_onnx_file_is_checked_and_kept(tmp_path: Path) -> None:
    wanted = manifest(local(tmp_path, onnx_bytes()))
    path = store.pull(tmp_path / "cache", wanted)
    assert path == store.onnx_path(tmp_path / "cache", wanted)
    assert path.read_bytes() == onnx_bytes()


def test_a_file_with_another_hash_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"weights\.onnx has sha256"):
        store.pull(tmp_path / "cache", manifest(local(tmp_path, onnx_bytes(), "0" * 64)))
    assert kept(tmp_path / "cache") == []


def test_a_file_whose_outputs_are_not_the_manifests_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match=r"outputs \['mask'\]; the manifest of mine names image and alpha"):
        store.pull(tmp_path / "cache", manifest(local(tmp_path, onnx_bytes()), output="alpha"))


def test_a_file_that_is_neither_onnx_nor_tflite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="neither ONNX nor TFLite"):
        store.pull(tmp_path / "cache", manifest(local(tmp_path, b"\xff" * 100)))
    assert kept(tmp_path / "cache") == []


def test_a_file_whose_weights_lie_elsewhere_is_refused(tmp_path: Path) -> None:
    whole = onnx.load_model_from_string(onnx_bytes())
    weights = whole.graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=[1])
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../etc/passwd")
    with pytest.raises(ModelInvalid, match="keeps its weights in other files"):
        store.pull(tmp_path / "cache", manifest(local(tmp_path, whole.SerializeToString())))
    assert kept(tmp_path / "cache") == []


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    source = FileSource(path=tmp_path / "nowhere.onnx", sha256="0" * 64)
    with pytest.raises(DownloadFailed, match=r"nowhere\.onnx cannot be read"):
        store.pull(tmp_path, manifest(source))


def test_a_kept_file_that_was_changed_is_refused_until_it_is_fetched_again(tmp_path: Path) -> None:
    wanted = manifest(local(tmp_path, onnx_bytes()))
    path = store.pull(tmp_path / "cache", wanted)
    path.write_bytes(onnx_bytes() + b"\0")
    with pytest.raises(ModelInvalid, match=r"was changed: it has sha256 .* run: segfleet models pull mine"):
        store.onnx_path(tmp_path / "cache", wanted)
    assert store.pull(tmp_path / "cache", wanted) == path
    assert path.read_bytes() == onnx_bytes()


def test_a_file_that_was_put_into_the_cache_by_hand_is_hashed_and_sealed(tmp_path: Path) -> None:
    wanted = manifest(local(tmp_path, onnx_bytes()))
    path = store.pull(tmp_path / "cache", wanted)
    seal.path_of(path).unlink()
    assert store.onnx_path(tmp_path / "cache", wanted) == path
    assert seal.read(path) == seal.Seal(
        sha256=str(wanted.source.sha256), size=path.stat().st_size, changed_ns=path.stat().st_mtime_ns
    )


def test_a_converted_file_that_was_changed_is_refused(tmp_path: Path, tflite_file: Path) -> None:
    wanted = catalogue.find(tmp_path, "selfie")
    path = store.pull(tmp_path, wanted, tflite_file)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelInvalid, match="was changed"):
        store.onnx_path(tmp_path, wanted)


def test_a_file_without_a_hash_is_not_fetched_unless_somebody_says_so(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"has no sha256.*segfleet models pull mine --trust-on-first-use"):
        store.pull(tmp_path, manifest(UrlSource(url="https://127.0.0.1:9/m.onnx")))
    assert kept(tmp_path) == []


def test_the_first_file_is_held_to_its_hash_also_when_it_was_deleted(tmp_path: Path) -> None:
    wanted = manifest(UrlSource(url="https://127.0.0.1:9/m.onnx"))
    origin = local(tmp_path, onnx_bytes()).path
    path = store.pull(tmp_path, wanted, origin, trust=True)
    assert store.onnx_path(tmp_path, wanted) == store.pull(tmp_path, wanted) == path
    found = seal.read(path)
    assert found is not None
    assert (found.sha256, found.first_use) == (hashlib.sha256(onnx_bytes()).hexdigest(), True)
    path.unlink()
    assert store.pull(tmp_path, wanted, origin) == path
    origin.write_bytes(onnx_bytes() + b"\x3a\x00")
    with pytest.raises(DownloadFailed, match=r"when it was first used.*if that is meant, delete .*\.seal"):
        store.pull(tmp_path, wanted, origin, trust=True)
    assert path.read_bytes() == onnx_bytes()


def test_a_first_file_that_lost_its_seal_is_refused(tmp_path: Path) -> None:
    wanted = manifest(UrlSource(url="https://127.0.0.1:9/m.onnx"))
    path = store.pull(tmp_path, wanted, local(tmp_path, onnx_bytes()).path, trust=True)
    seal.path_of(path).write_text("{}", encoding="utf-8")
    with pytest.raises(ModelInvalid, match="nothing says which hash"):
        store.onnx_path(tmp_path, wanted)
    with pytest.raises(DownloadFailed, match="nobody vouches"):
        store.pull(tmp_path, wanted)


def test_the_default_model_can_be_pulled_from_its_own_file(
    tmp_path: Path, tflite_file: Path, selfie_path: Path
) -> None:
    path = store.pull(tmp_path, catalogue.find(tmp_path, "selfie"), tflite_file)
    assert path.read_bytes() == selfie_path.read_bytes()


def test_the_default_model_can_be_pulled_from_a_wheel_on_disk(tmp_path: Path, tflite_file: Path) -> None:
    wanted = catalogue.find(tmp_path, "selfie")
    assert isinstance(wanted.source, WheelSource)
    wheel = tmp_path / "mediapipe-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(tflite_file, wanted.source.member)
    assert onnx.load(str(store.pull(tmp_path, wanted, wheel))).producer_name == "segfleet"


def test_a_converted_file_is_taken_as_it_is(tmp_path: Path, selfie_path: Path) -> None:
    path = store.pull(tmp_path, catalogue.find(tmp_path, "selfie"), selfie_path)
    assert path.read_bytes() == selfie_path.read_bytes()


def test_a_wheel_without_the_file_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "mediapipe-later.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("mediapipe/__init__.py", "")
    with pytest.raises(DownloadFailed, match=r"mediapipe-later\.whl has no mediapipe/modules"):
        store.pull(tmp_path, catalogue.find(tmp_path, "selfie"), wheel)


def test_a_wheel_with_a_changed_file_is_refused(tmp_path: Path) -> None:
    wanted = catalogue.find(tmp_path, "selfie")
    assert isinstance(wanted.source, WheelSource)
    wheel = tmp_path / "mediapipe-other.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(wanted.source.member, b"something else")
    with pytest.raises(DownloadFailed, match="expected 9ee168ec"):
        store.pull(tmp_path, wanted, wheel)


def test_a_package_whose_hash_is_not_the_pinned_one_is_refused_by_pip(tmp_path: Path) -> None:
    source = WheelSource(package="six", version="1.17.0", wheel_sha256="0" * 64, member="six.py", sha256="0" * 64)
    with pytest.raises(DownloadFailed, match=r"six 1\.17\.0 could not be downloaded"):
        fetch_member(source)


def test_a_cache_that_cannot_be_written_is_named_with_the_setting_that_moves_it(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(DownloadFailed, match=r"cache/models/files cannot be written \(.+\); set SEGFLEET_CACHE"):
        store.pull(tmp_path / "cache", manifest(local(tmp_path, onnx_bytes())))


def test_a_file_may_be_sealed_by_several_at_once(tmp_path: Path) -> None:
    path = local(tmp_path, onnx_bytes()).path
    sha256 = seal.sha256_of(path)
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(seal.write, path, sha256) for _ in range(400)]:
            done.result()
    assert seal.read(path) is not None
    assert {file.name for file in tmp_path.iterdir()} == {"weights.onnx", "weights.onnx.seal"}


def test_a_model_that_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    wanted = manifest(local(tmp_path, onnx_bytes()))
    first = store.pull(tmp_path / "cache", wanted)
    (tmp_path / "weights.onnx").unlink()
    assert store.pull(tmp_path / "cache", wanted) == first
