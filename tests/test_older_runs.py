"""A recording outlives the code that made it: it still replays, or says exactly why not."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pytest
from homes import ops

from pitchey_ops.evidence.manifest import CODE, code_digest

pytestmark = pytest.mark.slow
OLDER = Path(__file__).with_name("older_run.zip")
"""What replay needs of a triage of the sandbox, as archived by the code of an early day (commit be2c202)."""


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The folder of the older run, in an archive of its own."""
    with zipfile.ZipFile(OLDER) as packed:
        packed.extractall(tmp_path / "outputs")
    return next((tmp_path / "outputs").glob("INC-*/RUN-*"))


def test_an_older_recording_replays_and_what_made_it_is_told(older: Path) -> None:
    """Rules have changed since: the report may, and then it is said which code, and what of the verdict first."""
    env = {"PITCHEY_OPS_ARCHIVE": str(older.parents[1])}
    same = ops("replay", older.name, "--json", env=env)
    (told,) = json.loads(same.stdout)
    assert (told["ending"], same.returncode) == ("completed", 0 if told["identical"] else 1), same.stdout + same.stderr
    if not told["identical"]:
        assert "made by other code" in told["because"]
        assert f"this is 0.1.0, {code_digest()}" in told["because"]
        groups = [text.split(".")[0].split("[")[0] for text in told["differences"]]
        assert groups == sorted(groups, key=lambda g: {"verdict": 0, "findings": 1, "steps": 2}.get(g, 3))

    today = ops("replay", older.name, "--with", "current", env=env)
    assert today.returncode == 0, today.stdout + today.stderr
    assert len(today.stdout.splitlines()) <= 43
    assert (
        "identical" in today.stdout or "differs with today's rules\n  the record was made by other code" in today.stdout
    )


def test_a_format_that_is_not_read_is_named(older: Path) -> None:
    """ "Damaged" would send people looking for the wrong thing."""
    path = older / "evidence.har.gz"
    har = json.loads(gzip.decompress(path.read_bytes()))
    har["log"]["_pitchey"]["format"] = "pitchey-evidence/9"
    path.write_bytes(gzip.compress(json.dumps(har).encode()))
    done = ops("replay", older.name, env={"PITCHEY_OPS_ARCHIVE": str(older.parents[1])})

    assert done.returncode == 1
    assert "format 'pitchey-evidence/9'; this version reads 'pitchey-evidence/1'" in done.stderr + done.stdout


def test_the_code_is_told_apart_where_the_version_is_not(older: Path) -> None:
    """One version number stands for much code while it is developed."""
    assert CODE not in json.loads((older / "manifest.json").read_bytes())["versions"]
    assert len(code_digest()) == 16
