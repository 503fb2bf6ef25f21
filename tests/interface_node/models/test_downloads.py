"""What comes over the network, out of a wheel or from the disk is hashed as it comes and never held whole."""

import hashlib
import threading
import tracemalloc
import zipfile
from http.server import HTTPServer
from pathlib import Path

import pytest

from interface_node.errors import DiskFull, DownloadFailed
from interface_node.models import seal, store
from interface_node.models.manifest import FileSource, Source, UrlSource, WheelSource
from tests.interface_node.models.small_models import QuietHandler, heavy, kept, local, manifest, onnx_bytes, served
from tests.small_disk import small_disk


@pytest.mark.parametrize("right", [True, False])
def test_a_download_is_kept_only_with_the_right_hash_and_leaves_nothing_beside(tmp_path: Path, right: bool) -> None:
    sha256 = hashlib.sha256(onnx_bytes()).hexdigest() if right else "0" * 64
    with served(tmp_path / "served", onnx_bytes()) as url:
        wanted = manifest(UrlSource(url=url, sha256=sha256))
        if right:
            assert store.pull(tmp_path, wanted).read_bytes() == onnx_bytes()
        else:
            with pytest.raises(DownloadFailed, match=r"m\.onnx has sha256 .*, expected 0000"):
                store.pull(tmp_path, wanted)
    names = {path.name for path in (tmp_path / "models" / "files").iterdir()}
    assert names == ({f"{sha256}.onnx", f"{sha256}.onnx.seal"} if right else set())


@pytest.mark.parametrize("how", ["url", "file", "wheel"])
def test_a_large_model_is_never_in_memory_as_a_whole_and_its_bytes_are_counted(tmp_path: Path, how: str) -> None:
    data = heavy(24_000_000)
    sha256, told = hashlib.sha256(data).hexdigest(), list[tuple[int, int]]()
    with served(tmp_path / "served", data) as url:
        total = len(data)
        del data
        path, origin = tmp_path / "served" / "m.onnx", None
        source: Source = UrlSource(url=url, sha256=sha256) if how == "url" else FileSource(path=path, sha256=sha256)
        if how == "wheel":
            source = WheelSource(package="m", version="1", wheel_sha256="0" * 64, member="m.onnx", sha256=sha256)
            origin = tmp_path / "m.whl"
            with zipfile.ZipFile(origin, "w") as archive:
                archive.write(path, "m.onnx")
        tracemalloc.start()
        try:
            kept_at = store.pull(tmp_path, manifest(source), origin, told=lambda done, all_: told.append((done, all_)))
            assert tracemalloc.get_traced_memory()[1] < total / 3
        finally:
            tracemalloc.stop()
    assert seal.sha256_of(kept_at) == sha256
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_a_download_that_breaks_off_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    class Cut(QuietHandler):
        """Says more than it sends."""

        def do_GET(self) -> None:  # noqa: N802 the base class calls it so
            """Half of it."""
            self.send_response(200)
            self.send_header("Content-Length", str(2 * len(onnx_bytes())))
            self.end_headers()
            self.wfile.write(onnx_bytes())

    with HTTPServer(("127.0.0.1", 0), Cut) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = UrlSource(url=f"http://127.0.0.1:{server.server_port}/m.onnx", sha256="0" * 64)
        with pytest.raises(DownloadFailed, match="could not be downloaded"):
            store.pull(tmp_path, manifest(source))
        server.shutdown()
    assert kept(tmp_path) == []


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    weights = local(tmp_path, heavy(3_000_000))
    place = tmp_path / "small"
    place.mkdir()
    with small_disk(place) as cache:
        with pytest.raises(DiskFull, match="no room"):
            store.pull(cache, manifest(weights))
        assert kept(cache) == []


def test_an_address_that_does_not_answer_is_an_error_that_names_it(tmp_path: Path) -> None:
    source = UrlSource(url="http://127.0.0.1:9/model.onnx", sha256="0" * 64)
    with pytest.raises(DownloadFailed, match=r"http://127\.0\.0\.1:9/model\.onnx could not be downloaded"):
        store.pull(tmp_path, manifest(source))
