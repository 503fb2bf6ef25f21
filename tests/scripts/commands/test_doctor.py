"""`segfleet doctor` in environments that are broken on purpose, each in a process of its own."""

import http.server
import importlib.metadata
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.commands import doctor_machine
from scripts.commands.doctor import Finding, examine
from tests import clips
from tests.scripts.shell import ROOT, segfleet
from tests.small_disk import small_disk


def doctor(folder: Path, **keys: str) -> tuple[int, list[tuple[str, str, str]]]:
    """Exit code, and the findings as (level, line, mending)."""
    quiet = {"API_PORT": str(free_port()), "NODE_PORT": str(free_port()), "NODE_DEVICE": "cpu"}
    quiet["COORDINATOR_URL"] = f"http://127.0.0.1:{free_port()}"
    done = segfleet(folder, "doctor", **{**quiet, **keys})
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, re.findall(r"^(ok|warn|fail) +(.*)(?:\n +-> (.*))?", done.stdout, re.MULTILINE)


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def package(folder: Path, name: str, code: str) -> dict[str, str]:
    """An environment in which `import NAME` runs `code` instead of the real thing."""
    (folder / "broken").mkdir(exist_ok=True)
    (folder / "broken" / f"{name}.py").write_text(code)
    return {"PYTHONPATH": f"{folder / 'broken'}:{ROOT}"}


def wrong(found: list[tuple[str, str, str]], level: str = "fail") -> list[tuple[str, str]]:
    """What is not well, with its mending."""
    return [(line, mend) for found_level, line, mend in found if found_level == level]


def test_a_machine_that_passes_the_tests_is_well(tmp_path: Path) -> None:
    code, found = doctor(tmp_path)
    assert (code, wrong(found)) == (0, [])
    said = {line.partition(":")[0] for _, line, _ in found}
    assert said == {
        "python", "packages", "onnxruntime", "library", "codecs", "device", "memory", "settings", "secrets", "database",
        "models", "disk", "ports",
    }  # fmt: skip


PYAV_WITHOUT_H264 = """
class codec:
    @staticmethod
    def Codec(name, mode):
        if name == 'libx264':
            raise ValueError(name)
"""


def test_a_missing_libgl_is_named_with_the_package_that_has_it(tmp_path: Path) -> None:
    broken = "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')"
    code, found = doctor(tmp_path, **package(tmp_path, "cv2", broken))
    assert code == 1
    ((line, mend),) = wrong(found)
    assert line.startswith("library: cv2 cannot be loaded: ")
    assert "libGL.so.1" in line
    assert mend == doctor_machine.LIBRARIES["libGL.so.1"]


def test_a_missing_codec_is_named_with_its_mending(tmp_path: Path) -> None:
    code, found = doctor(tmp_path, **package(tmp_path, "av", PYAV_WITHOUT_H264))
    assert code == 1
    assert wrong(found) == [("codecs: PyAV here has no encoder libx264", "install PyAV's own wheel: make setup")]


def test_onnxruntime_beside_onnxruntime_gpu_is_named_with_its_mending(tmp_path: Path) -> None:
    keys = package(tmp_path, "unused", "")
    for name in ("onnxruntime", "onnxruntime-gpu"):
        if not doctor_machine.installed(name):
            info = tmp_path / "broken" / f"{name.replace('-', '_')}-1.0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    code, found = doctor(tmp_path, **keys)
    assert code == 1
    ((line, mend),) = wrong(found)
    assert line == "onnxruntime: onnxruntime lies beside onnxruntime-gpu and hides its CUDA"
    assert mend == "run: pip uninstall -y onnxruntime onnxruntime-gpu, then make setup"


def test_a_library_that_ends_its_process_does_not_end_the_doctor(tmp_path: Path) -> None:
    code, found = doctor(tmp_path, **package(tmp_path, "cv2", "import os; os.abort()"))
    assert code == 1
    assert [line for line, _ in wrong(found)] == ["library: cv2 cannot be loaded: the process was ended by signal 6"]


@pytest.mark.skipif(doctor_machine.NVIDIA.exists(), reason="this machine has an NVIDIA driver")
def test_a_wish_for_cuda_names_the_library_that_is_missing(tmp_path: Path) -> None:
    code, found = doctor(tmp_path, NODE_DEVICE="cuda")
    assert code == 1
    ((line, mend),) = wrong(found)
    assert line == "device: cuda:0 cannot be used: libcuda.so.1 is missing (install the NVIDIA driver)"
    assert "make setup" in mend


@pytest.mark.skipif(doctor_machine.NVIDIA.exists(), reason="this machine has an NVIDIA driver")
def test_a_machine_without_cuda_is_well_and_told_what_a_card_needs(tmp_path: Path) -> None:
    code, found = doctor(tmp_path, NODE_DEVICE="auto")
    assert (code, wrong(found)) == (0, [])
    ((line, mend),) = [(line, mend) for _, line, mend in found if line.startswith("device: ")]
    assert line == "device: models run on the CPU (no NVIDIA driver)"
    assert "driver" in mend
    assert "GPU=yes make setup" in mend


@pytest.mark.skipif(doctor_machine.NVIDIA.exists(), reason="this machine has an NVIDIA driver")
@pytest.mark.parametrize("command", ["node", "process"])
def test_cuda_that_is_not_there_is_refused_in_one_sentence(tmp_path: Path, command: str) -> None:
    words = {
        "node": ("node", "--device", "cuda", "--port", "0"),
        "process": (
            "process",
            clips.write(tmp_path / "a.mp4"),
            "-b",
            "color:#00c800",
            "-o",
            "b.mp4",
            "--device",
            "cuda",
        ),
    }
    done = segfleet(tmp_path, *words[command])
    assert done.returncode == {"node": 2, "process": 1}[command]
    said = (done.stdout + done.stderr).strip().splitlines()
    assert len(said) == 1, said
    assert "CUDA cannot be used: " in said[0]
    assert "libcuda.so.1 is missing (install the NVIDIA driver)" in said[0] or "install onnxruntime-gpu" in said[0]
    assert not (tmp_path / "b.mp4").exists()


def test_a_full_disk_is_named_with_its_mending(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    with small_disk(place) as disk:
        (disk / "filler").write_bytes(bytes((1 << 20) - 4096 * 4))
        code, found = doctor(tmp_path, SEGFLEET_HOME=str(disk), DISK_FREE_MIN_MB="1")
    assert code == 1
    ((line, mend),) = [one for one in wrong(found) if one[0].startswith("disk: ")]
    assert line == f"disk: 0 MB free in {disk}: uploads are refused"
    assert mend.startswith("remove what is not needed, move SEGFLEET_HOME, or lower DISK_FREE_MIN_MB")


def test_a_disk_whose_numbers_are_well_and_that_takes_no_byte_is_found(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    with small_disk(place) as disk:
        (disk / "filler").write_bytes(bytes(1 << 20))
        code, found = doctor(tmp_path, SEGFLEET_HOME=str(disk), DISK_FREE_MIN_MB="0")
    assert code == 1
    ((line, mend),) = [one for one in wrong(found) if one[0].startswith("disk: ")]
    assert line == f"disk: nothing can be written to {disk}: No space left on device"
    assert "SEGFLEET_HOME" in mend


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        (
            {"LEASE_S": "soon", "COORDINATOR_URL": "http://10.255.255.1:1"},
            ["settings: LEASE_S 'soon' is not valid", "address: the coordinator http://10.255.255.1:1 does not answer"],
        ),
        ({"API_HOST": "0.0.0.0"}, ["settings: JWT_SECRET is the documented default"]),
        (
            {
                "NODE_SLOTS": "0",
                "DEFAULT_MODEL": "none",
                "DISK_FREE_MIN_MB": "999999999",
                "DATABASE_URL": "postgresql://nobody:hidden@127.0.0.1:1/x",
            },
            [
                "settings: for a node: NODE_SLOTS '0' is not valid",
                "database: postgresql+psycopg://nobody:***@127.0.0.1:1/x does not answer",
                "models: there is no model 'none'",
                "disk: ",
            ],
        ),
    ],
)
def test_what_is_set_wrong_is_said_with_its_mending(tmp_path: Path, keys: dict[str, str], lines: list[str]) -> None:
    code, found = doctor(tmp_path, **keys)
    assert code == 1
    assert [line for line in lines if not any(seen.startswith(line) for seen, _ in wrong(found))] == []
    assert all(mend for _, mend in wrong(found))
    assert "hidden" not in str(found)


def test_a_home_that_cannot_be_written_to_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    code, found = doctor(tmp_path, SEGFLEET_HOME=str(tmp_path / "file" / "home"))
    assert code == 1
    assert any(line.startswith("disk: ") and "cannot be written to" in line for line, _ in wrong(found))


def test_a_port_of_a_stranger_is_found_and_one_of_ours_is_well(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        taken = str(stranger.getsockname()[1])
        code, found = doctor(tmp_path, API_PORT=taken)
    assert code == 1
    assert wrong(found)[0][0].startswith(f"ports: Port {taken} is taken by another program")


class _Late(http.server.BaseHTTPRequestHandler):
    """A coordinator whose clock stands in the year 2020."""

    def do_GET(self) -> None:
        body = b'{"status": "ok"}'
        self.send_response_only(200)
        self.send_header("Date", "Wed, 01 Jan 2020 00:00:00 GMT")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class gave it
        """Quiet."""


@pytest.fixture
def late() -> Iterator[str]:
    """Where it listens."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Late) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield str(server.server_port)
        server.shutdown()
        thread.join()


def test_a_clock_that_is_far_away_is_a_warning(tmp_path: Path, late: str) -> None:
    code, found = doctor(tmp_path, API_PORT=late, COORDINATOR_URL=f"http://127.0.0.1:{late}")
    assert code == 0
    assert ("ok", f"ports: {late}: a coordinator of ours listens there", "") in found
    assert any(line.startswith("clock: ") for line, _ in wrong(found, "warn"))


def test_production_secrets_that_others_can_read_are_a_warning(tmp_path: Path) -> None:
    printed = segfleet(tmp_path, "secrets").stdout
    file = tmp_path / ".env.production"
    file.write_text(f"{printed}INTERFACE_APPROVAL=auto\n")
    file.chmod(0o644)
    code, found = doctor(tmp_path, NODE_ENV="production")
    assert code == 0
    warned = dict(wrong(found, "warn"))
    assert warned["secrets: .env.production can be read by other users"] == "run: chmod 600 .env.production"
    assert "settings: every machine that knows INTERFACE_IDENTIFICATION may work" in warned


def test_a_check_that_breaks_is_a_finding_and_the_others_go_on() -> None:
    def broken_check() -> list[Finding]:
        raise RuntimeError("boom")

    def good_check() -> list[Finding]:
        return [Finding("ok", "good", "yes")]

    first, second = examine((broken_check, good_check))
    assert (first.level, first.what, first.seen) == ("fail", "broken check", "RuntimeError: boom")
    assert second.seen == "yes"


def test_every_requirement_of_the_package_is_looked_for() -> None:
    base, node = (doctor_machine.required("segfleet", extra) for extra in (None, "node"))
    assert {"fastapi", "uvicorn", "httpx", "sqlmodel"} <= set(base)
    assert "opencv-python" in node
    listed = importlib.metadata.requires("segfleet") or []
    assert len(base) == len([line for line in listed if "extra ==" not in line])
