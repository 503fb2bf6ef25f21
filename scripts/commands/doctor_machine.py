"""What the doctor sees of the machine: Python, packages, libraries, codecs, devices, memory.

Native libraries are tried in a process of their own: a broken one may end the process that loads it.
"""

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.commands.doctor import Check, Finding, Level

TIMEOUT_S = 120
LOW_MEMORY_MB = 1500
NVIDIA = Path("/proc/driver/nvidia/version")
LIBRARIES = {
    "libGL.so.1": "apt-get install libgl1 (Fedora: dnf install mesa-libGL)",
    "libgthread-2.0.so.0": "apt-get install libglib2.0-0 (Fedora: dnf install glib2)",
    "libglib-2.0.so.0": "apt-get install libglib2.0-0 (Fedora: dnf install glib2)",
    "libgomp.so.1": "apt-get install libgomp1 (Fedora: dnf install libgomp)",
    "libstdc++.so.6": "apt-get install libstdc++6 (Fedora: dnf install libstdc++)",
}
MUST_ENCODE = ("libx264", "libvpx-vp9")
MUST_DECODE = ("h264", "vp9", "libvpx-vp9")
MAY_ENCODE = ("libx265", "prores_ks", "libsvtav1")
MAY_DECODE = ("hevc", "libdav1d", "mpeg4", "prores")
CODECS = """
import av, sys
for mode, names in (("w", sys.argv[1]), ("r", sys.argv[2])):
    for name in names.split(","):
        try:
            av.codec.Codec(name, mode)
        except Exception:
            print({"w": "encoder", "r": "decoder"}[mode], name)
"""
DEVICE = """
import sys
from interface_node.engine import providers
print(providers.why_not_cuda(int(sys.argv[1])))
"""


def python_version() -> Iterator[Finding]:
    """3.11 to 3.14."""
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 14):
        yield Finding("ok", "python", f"{version} ({sys.executable})")
    else:
        yield Finding(
            "fail", "python", version, "install Python 3.11 to 3.14 and run: make setup PYTHON=/path/to/python3"
        )


def packages() -> Iterator[Finding]:
    """Everything that the coordinator needs is installed, and what a node needs, too, or nothing of it."""
    base, node = required("segfleet", None), required("segfleet", "node")
    missing = [name for name in base if not installed(name)]
    if missing:
        yield Finding("fail", "packages", f"{', '.join(missing)} missing", "run: make setup")
    else:
        yield Finding("ok", "packages", f"all {len(base)} of the coordinator")
    absent = [name for name in node if not installed(name)]
    if not absent:
        yield Finding("ok", "packages", f"all {len(node)} of a node")
    else:
        mend = "to run a node here: pip install 'segfleet[node]', or [gpu] beside an NVIDIA driver"
        yield Finding("warn", "packages", f"no node can run here without {', '.join(absent)}", mend)


def one_onnxruntime() -> Iterator[Finding]:
    """Two packages with the same files: the one without CUDA wins, without a word."""
    both = [name for name in ("onnxruntime", "onnxruntime-gpu") if installed(name)]
    if len(both) == 2 and sys.platform != "darwin":
        mend = "run: pip uninstall -y onnxruntime onnxruntime-gpu, then make setup"
        yield Finding("fail", "onnxruntime", "onnxruntime lies beside onnxruntime-gpu and hides its CUDA", mend)
    elif both:
        yield Finding("ok", "onnxruntime", f"{both[0]} {importlib.metadata.version(both[0])}")


def libraries() -> Iterator[Finding]:
    """What Python packages load from the system."""
    for module in ("cv2", "av", "onnxruntime"):
        if importlib.metadata.packages_distributions().get(module) is None and not _findable(module):
            continue
        code, said = tried(f"import {module}; print(getattr({module}, '__version__', ''))")
        if code == 0:
            yield Finding("ok", "library", f"{module} {said}")
            continue
        found = re.search(r"(lib[\w.+-]+\.so[.\d]*)", said)
        name = found.group(1) if found else ""
        mend = LIBRARIES.get(name, f"install the system package that has {name}" if name else "run: make setup")
        yield Finding("fail", "library", f"{module} cannot be loaded: {said}", mend)


def codecs() -> Iterator[Finding]:
    """FFmpeg inside PyAV can read and write what the product reads and writes."""
    must, may = ([",".join(names) for names in pair] for pair in ((MUST_ENCODE, MUST_DECODE), (MAY_ENCODE, MAY_DECODE)))
    for level, names in (("fail", must), ("warn", may)):
        code, said = tried(CODECS, *names, last_line=False)
        if code:
            yield Finding("fail", "codecs", said, "run: make setup")
            return
        if said:
            seen = f"PyAV here has no {', no '.join(said.splitlines())}"
            yield Finding("fail" if level == "fail" else "warn", "codecs", seen, "install PyAV's own wheel: make setup")
    yield Finding("ok", "codecs", "H.264 and VP9 can be read and written")


def devices() -> Iterator[Finding]:
    """CUDA is used where there is a card; otherwise the missing library is named."""
    from interface_node.settings import SettingsError, from_environment

    try:
        wanted = from_environment().node_device
    except SettingsError:
        wanted = "auto"  # the check of the settings says what is wrong
    if not installed("onnxruntime-gpu") and not installed("onnxruntime"):
        return
    if wanted == "cpu" or (wanted == "auto" and not NVIDIA.exists()):
        why = "NODE_DEVICE=cpu" if wanted == "cpu" else "no NVIDIA driver"
        mend = "" if wanted == "cpu" else "where there is a card: install NVIDIA's driver, then run: GPU=yes make setup"
        yield Finding("ok", "device", f"models run on the CPU ({why})", mend)
        return
    for card in (wanted.partition(":")[2] or "0").split(","):
        code, said = tried(DEVICE, card)
        if code == 0 and not said:
            yield Finding("ok", "device", f"models run on cuda:{card}")
            continue
        mend = "GPU=yes make setup installs CUDA 13 and cuDNN 9, the system the driver; or set NODE_DEVICE=cpu"
        level: Level = "fail" if wanted.startswith("cuda") else "warn"
        yield Finding(level, "device", f"cuda:{card} cannot be used: {said.removesuffix('.')}", mend)


def memory() -> Iterator[Finding]:
    """Frames, models and hashes of passwords need room."""
    import psutil

    free = psutil.virtual_memory().available // (1 << 20)
    if free < LOW_MEMORY_MB:
        mend = "end other programs, lower NODE_SLOTS and MAX_WORKERS, or run the node elsewhere"
        yield Finding("warn", "memory", f"only {free} MB are free", mend)
    else:
        yield Finding("ok", "memory", f"{free} MB free")


def required(package: str, extra: str | None) -> list[str]:
    """Names of the packages that `package` needs here, for its base or for one extra."""
    found = []
    for line in importlib.metadata.requires(package) or ():
        name, _, marker = line.partition(";")
        of_extra = re.search(r"extra == ['\"]([\w-]+)['\"]", marker)
        if (of_extra.group(1) if of_extra else None) != extra or not _applies(marker):
            continue
        found.append(re.split(r"[\s\[<>=!~(]", name.strip())[0])
    return found


def _applies(marker: str) -> bool:
    """Only the platform is ever asked for in our own list."""
    asked = re.search(r"sys_platform\s*(==|!=)\s*['\"](\w+)['\"]", marker)
    return asked is None or (sys.platform == asked.group(2)) == (asked.group(1) == "==")


def installed(name: str) -> bool:
    """Whether this environment has a distribution of that name."""
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _findable(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def tried(code: str, *arguments: str, last_line: bool = True) -> tuple[int, str]:
    """Run Python code in a process of its own: its exit code, and what it printed or the end of what it complained."""
    command = [sys.executable, "-c", code, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return 1, f"no end within {TIMEOUT_S} s"
    if done.returncode < 0:
        return done.returncode, f"the process was ended by signal {-done.returncode}"
    said = (done.stderr if done.returncode else done.stdout).strip()
    return done.returncode, said.splitlines()[-1] if said and last_line else said


CHECKS: tuple[Check, ...] = (python_version, packages, one_onnxruntime, libraries, codecs, devices, memory)
