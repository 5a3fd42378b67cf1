"""What the site needs from npm, and what is said where that is missing."""

import hashlib
import os
import sys

import pytest

from acflib.acfnet import ModelConfig, build_model
from acflib.cli import parser as cli
from acflib.errors import ConfigError
from acflib.site import runtime

NAMES = list(runtime.FILES)


def fake_package(folder, monkeypatch):
    """Small files in place of the package's, with their checksums."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, (new_name, _) in runtime.FILES.items():
        content = f"content of {name}\n//# sourceMappingURL=ort.wasm.bundle.min.mjs.map".encode()
        (folder / name).write_bytes(content)
        files[name] = (new_name, hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(runtime, "FILES", files)


def fake_npm(folder, monkeypatch, program):
    """An npm that is this Python program, and nothing else on the path."""
    folder.mkdir()
    npm = folder / "npm"
    npm.write_text(f"#!{sys.executable}\n{program}")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_files_of_a_folder(tmp_path, monkeypatch):
    fake_package(tmp_path / "dist", monkeypatch)
    runtime.bring_runtime(tmp_path / "out", tmp_path / "dist")
    assert sorted(os.listdir(tmp_path / "out")) == ["ort.js", "ort.wasm"]
    assert (tmp_path / "out" / "ort.js").read_text() == f"content of {NAMES[0]}\n"  # no map is asked for


def test_another_version_is_refused(tmp_path, monkeypatch):
    fake_package(tmp_path / "dist", monkeypatch)
    (tmp_path / "dist" / NAMES[1]).write_bytes(b"another")
    with pytest.raises(ConfigError, match=f"{NAMES[1]}: not the file of onnxruntime-web 1.30.0, or damaged"):
        runtime.bring_runtime(tmp_path / "out", tmp_path / "dist")
    (tmp_path / "dist" / NAMES[1]).unlink()
    with pytest.raises(ConfigError, match=f"{NAMES[1]}: cannot be read .*--runtime"):
        runtime.bring_runtime(tmp_path / "out", tmp_path / "dist")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for npm is a script of a Unix shell")
def test_npm_brings_the_package(tmp_path, monkeypatch):
    fake_package(tmp_path / "package" / "dist", monkeypatch)
    program = f"""
import sys, tarfile
assert sys.argv[1:] == ["pack", "onnxruntime-web@1.30.0", "--silent"]
with tarfile.open("onnxruntime-web-1.30.0.tgz", "w:gz") as archive:
    archive.add({str(tmp_path / "package")!r}, "package")
"""
    fake_npm(tmp_path / "bin", monkeypatch, program)
    runtime.bring_runtime(tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == ["ort.js", "ort.wasm"]


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for npm is a script of a Unix shell")
def test_npm_fails(tmp_path, monkeypatch):
    fake_npm(tmp_path / "bin", monkeypatch, "raise SystemExit('npm error network unreachable')")
    with pytest.raises(ConfigError, match=r"\(npm error network unreachable\); is there a network\? without npm: "):
        runtime.bring_runtime(tmp_path / "out")


def test_without_npm_the_command_says_what_is_missing(tmp_path, monkeypatch, capsys):
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("PATH", str(tmp_path))
    model = build_model(ModelConfig("tiny", channels=8, align_corners=False, weights=None))
    monkeypatch.setattr("acflib.site.build.load_pretrained", lambda name: model)
    assert cli.main(["site", "--out", str(tmp_path / "out"), "--no-lessons"]) == 2
    said = capsys.readouterr().err
    assert "there is no npm: install Node.js" in said and "--runtime" in said
    assert not (tmp_path / "out").exists()
