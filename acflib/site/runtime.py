"""onnxruntime-web, which runs the networks in the browser: one version, brought in by npm while the site is built."""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from acflib.errors import ConfigError

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
# Name in the package -> name in the site, and the checksum of the pinned version.
FILES = {
    "ort.wasm.bundle.min.mjs": ("ort.js", "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90"),
    "ort-wasm-simd-threaded.wasm": ("ort.wasm", "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"),
}
SECONDS = 600
BY_HAND = (
    f"without npm: unpack {PACKAGE} {VERSION} elsewhere and pass its folder dist with --runtime "
    f"(needed: {' and '.join(FILES)})"
)


def bring_runtime(out: Path, folder: str | Path | None = None) -> None:
    """Put the runtime into ``out`` as ort.js and ort.wasm.

    Args:
        out: folder, made if missing.
        folder: where the files of the package lie already; None fetches them by npm.

    Raises:
        ConfigError: npm is missing or fails, a file is missing, or it is not that of the pinned version.
    """
    if folder is not None:
        _copy(Path(folder), out)
        return
    npm = shutil.which("npm")
    if npm is None:
        raise ConfigError(
            f"the page runs on {PACKAGE}, which npm brings, and there is no npm: install Node.js (nodejs.org); or, "
            f"{BY_HAND}"
        )
    with tempfile.TemporaryDirectory(prefix="acflib-npm-") as name:
        _fetch(npm, Path(name))
        _copy(Path(name) / "package" / "dist", out)


def _fetch(npm: str, folder: Path) -> None:
    """Unpack the package into ``folder``/package. Nothing of it is run."""
    command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--silent"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"npm could not bring {PACKAGE} {VERSION} ({error}); {BY_HAND}") from error
    archives = list(folder.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        said = next((line for line in lines if "code" not in line), f"status {done.returncode}")
        raise ConfigError(f"npm could not bring {PACKAGE} {VERSION} ({said}); is there a network? {BY_HAND}")
    with tarfile.open(archives[0]) as archive:
        for name in FILES:
            archive.extract(f"package/dist/{name}", folder, filter="data")


def _copy(folder: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, (new_name, sha256) in FILES.items():
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise ConfigError(f"{folder / name}: cannot be read ({error.strerror}); {BY_HAND}") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ConfigError(f"{folder / name}: not the file of {PACKAGE} {VERSION}, or damaged; {BY_HAND}")
        # A browser's tools would ask for the map that this line names, and it is not here.
        content = content.replace(b"//# sourceMappingURL=ort.wasm.bundle.min.mjs.map", b"")
        (out / new_name).write_bytes(content)
