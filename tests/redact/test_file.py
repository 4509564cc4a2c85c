"""A file is redacted in place: in one step, private, across every border, in little memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine import redact
from ampsm_engine.errors import Failed
from ampsm_engine.redact import Redactor
from tests.redact.samples import GIVEN, LETTERS, TOKENS, pem, run

redactor = Redactor({"A_SECRET": "velvet-Quartz-19"})


def test_a_file_without_secrets_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "amp.ndjson"
    path.write_bytes(b'{"a": 1}\n\xff\xfe\n' * 1000)
    path.chmod(0o644)
    before = path.stat()
    assert redactor.file(path) == 0
    assert (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_mode) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_mode,
    )
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_with_secrets_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "amp.ndjson"
    lines = [json.dumps({"n": number, "text": f"é {secret}"}) for number, secret in enumerate(TOKENS.values())]
    path.write_text("\n".join(lines), encoding="utf-8")
    path.chmod(0o644)
    os.utime(path, (1_000_000, 1_000_000))
    assert redactor.file(path) == len(TOKENS)
    assert redactor.file(path) == 0
    content = path.read_text(encoding="utf-8")
    assert [json.loads(line)["n"] for line in content.splitlines()] == list(range(len(TOKENS)))
    assert not [secret for secret in TOKENS.values() if secret in content]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_mtime == 1_000_000
    assert list(tmp_path.iterdir()) == [path]


def test_no_border_hides_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ampsm_engine.redact.redactor.WINDOW", 1024)
    monkeypatch.setattr("ampsm_engine.redact.window.BEFORE", 200)
    path = tmp_path / "file"
    secrets = [TOKENS["npm"], TOKENS["azure devops"], "velvet-Quartz-19"]
    for shift in range(0, 1100, 37):
        text = "ä" * shift + "\n" + "\n".join(f"{secret} {'.' * 333}" for secret in secrets * 12)
        path.write_text(text, encoding="utf-8")
        monkeypatch.setattr(redactor, "_widest", 400)
        assert redactor.file(path) == len(secrets) * 12
        assert path.read_text(encoding="utf-8") == redactor.text(text)


pieces = st.sampled_from(
    [*TOKENS.values(), *("".join(pair) for pair in GIVEN.values()), "velvet-Quartz-19", "\n", '"', "\\"]
)


@given(
    st.lists(pieces | st.text(max_size=30) | st.integers(0, 300).map("x ".__mul__), min_size=5, max_size=60),
    st.integers(64, 900),
)
def test_windows_find_what_the_whole_text_shows(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], window: int
) -> None:
    text = "\n".join(parts)
    path = tmp_path_factory.mktemp("windows") / "file"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ampsm_engine.redact.redactor.WINDOW", window)
        patch.setattr("ampsm_engine.redact.window.BEFORE", 100)
        patch.setattr(redactor, "_widest", 1500)
        redactor.file(path)
    assert path.read_bytes() == redactor.bytes_(text.encode("utf-8", "surrogatepass"))


def test_a_private_key_over_many_lines_goes(tmp_path: Path) -> None:
    path = tmp_path / "script.log"
    around = "x y\n" * 70_000
    path.write_text(f"{around}{pem('RSA PRIVATE KEY', 50)}\n{around}")
    assert redactor.file(path) == 1
    assert path.read_text() == f"{around}[redacted:private-key]\n{around}"


def test_a_line_of_many_megabytes_fits_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "amp.ndjson"
    filler = (run(LETTERS, 77) + " ") * 10_000
    with path.open("w") as file:
        file.write('{"a":"')
        for _ in range(12):
            file.write(filler + TOKENS["npm"] + " ")
        file.write('"}\n')
    program = (
        "import resource, sys; from pathlib import Path; from ampsm_engine.redact import Redactor\n"
        "r = Redactor({}); r.text('warm ' + 'up ' * 400_000)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(r.file(Path(sys.argv[1])), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    count, grown = map(int, done.stdout.split())
    assert count == 12
    assert grown < 6 * 1024
    assert path.stat().st_size > 9_000_000
    with path.open() as file:
        assert len(json.load(file)["a"].split(" [redacted:")) == 13


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert redactor.file(tmp_path / "missing") == 0
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "elsewhere").write_text(TOKENS["npm"])
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("pipe", "link", "."):
        with pytest.raises(Failed):
            redactor.file(tmp_path / name)
    assert (tmp_path / "elsewhere").read_text() == TOKENS["npm"]


def test_secrets_that_never_stop_overlapping_are_borne(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ampsm_engine.redact.redactor.WINDOW", 4096)
    monkeypatch.setattr(redactor, "_widest", 3000)
    path = tmp_path / "file"
    path.write_text("SECRET=a1" * 8_000)
    assert redactor.file(path)
    assert path.stat().st_size < 40_000
    assert redact.file(path) in {0, 1}
